//! ch04-kafka-groups: who has which partition, and what becomes of it when somebody comes or goes.

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::process::Child;
use tokio::time::timeout;

use super::group::{body, fill, member, receive};
use super::members::{Apart, Member, Told, WHILE, killed, process, sent_home};
use super::topic::{LONG, Settings, Topic, shared, stored};

/// A session that no test outlives.
const SESSION: (&str, &str) = ("session.timeout.ms", "300000");
const CLASSIC: Settings<'static> = &[
    ("group.protocol", "classic"),
    ("heartbeat.interval.ms", "100"),
    SESSION,
];
const CONSUMER: Settings<'static> = &[("group.protocol", "consumer")];
const STICKY: (&str, &str) = ("partition.assignment.strategy", "cooperative-sticky");
/// The shortest session that Kafka takes by default.
const SHORTEST: (&str, &str) = ("session.timeout.ms", "6000");
const NAME: (&str, &str) = ("group.instance.id", "inventory-1");

fn all<'a>(protocol: Settings<'a>, more: Settings<'a>) -> Vec<(&'a str, &'a str)> {
    [protocol, more].concat()
}

async fn topic() -> Topic {
    Topic::new(shared().await, &[]).await
}

/// claim: kafka.group.one-owner
#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_one_owner_in_a_group() {
    let topic = topic().await;
    let mut first = Member::join(&topic, CONSUMER);
    first.until(3).await;
    let mut second = Member::join(&topic, CONSUMER);
    while second.has.is_empty() {
        second.next().await;
    }
    first.until(3 - second.has.len()).await;
    assert!(first.has.is_disjoint(&second.has), "{:?}", second.has);
}

/// claim: kafka.group.one-owner
#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_one_owner_in_a_group_contrast() {
    let topic = topic().await;
    let mut members = Vec::new();
    for group in ["inventory", "email"] {
        let name = format!("{group}.{}", topic.name);
        let mut member = Member::join(&topic, &[CONSUMER[0], ("group.id", name.as_str())]);
        member.until(3).await;
        members.push(member);
    }
    for mut member in members {
        assert_eq!(member.after_a_while().await, 3);
    }
}

/// How many partitions each of so many members has.
async fn shares(members: usize) -> Vec<usize> {
    let topic = topic().await;
    let mut all = Vec::new();
    for _ in 0..members {
        all.push(Member::join(&topic, CLASSIC));
        // In this protocol each is told with each change what it has. Before the next one comes:
        for member in &mut all {
            while !matches!(member.next().await, Told::Gets(_)) {}
        }
    }
    all.iter().map(|member| member.has.len()).collect()
}

/// claim: kafka.group.idle
#[tokio::test(flavor = "multi_thread")]
async fn a_member_more_than_partitions_is_idle() {
    let mut shares = shares(4).await;
    shares.sort_unstable();
    assert_eq!(shares, [0, 1, 1, 1]);
}

/// claim: kafka.group.idle
#[tokio::test(flavor = "multi_thread")]
async fn a_member_more_than_partitions_is_idle_contrast() {
    assert_eq!(shares(3).await, [1, 1, 1]);
}

/// What a member that has everything gives up when another one comes.
async fn given_up(settings: Settings<'_>) -> usize {
    let topic = topic().await;
    let mut first = Member::join(&topic, settings);
    first.until(3).await;
    let mut second = Member::join(&topic, settings);
    let given_up = first.gives_up().await.len();
    while second.has.is_empty() {
        second.next().await;
    }
    given_up
}

/// claim: kafka.rebalance.incremental
#[tokio::test(flavor = "multi_thread")]
async fn only_what_moves_is_given_up() {
    assert!(given_up(CONSUMER).await < 3);
}

/// claim: kafka.rebalance.incremental
/// claim: kafka.rebalance.cooperative
#[tokio::test(flavor = "multi_thread")]
async fn only_what_moves_is_given_up_contrast() {
    assert_eq!(given_up(CLASSIC).await, 3);
}

/// claim: kafka.rebalance.cooperative
#[tokio::test(flavor = "multi_thread")]
async fn the_classic_protocol_can_do_it_too() {
    let settings = all(CLASSIC, &[STICKY]);
    assert!(given_up(&settings).await < 3);
}

/// claim: kafka.rebalance.busy-holds
#[tokio::test(flavor = "multi_thread")]
async fn a_member_at_work_holds_the_change_up() {
    for protocol in [CLASSIC, CONSUMER] {
        let topic = topic().await;
        fill(&topic, &["o-1"]).await;
        let first = Apart::new(member(&topic, protocol));
        while body(&first).await.is_none() {}
        // The first works on o-1 and does not ask for the next record.
        let mut second = Member::join(&topic, protocol);
        assert_eq!(second.after_a_while().await, 0);
        // Now it asks.
        let asks = tokio::spawn(async move { while receive(&first).await.is_err() {} });
        while second.has.is_empty() {
            second.next().await;
        }
        asks.abort();
    }
}

/// claim: kafka.rebalance.busy-holds
#[tokio::test(flavor = "multi_thread")]
async fn a_member_at_work_holds_the_change_up_contrast() {
    for protocol in [CLASSIC, CONSUMER] {
        let topic = topic().await;
        let mut first = Member::join(&topic, protocol);
        first.until(3).await;
        let mut second = Member::join(&topic, protocol);
        while second.has.is_empty() {
            second.next().await;
        }
    }
}

/// Two members that have all partitions between them; the first one's process and what the second
/// has.
async fn pair(topic: &Topic, settings: Settings<'_>, name: Settings<'_>) -> (Child, Member) {
    let first = process(topic, &[settings, name].concat()).await;
    let mut second = Member::join(topic, settings);
    while second.has.is_empty() {
        second.next().await;
    }
    (first, second)
}

/// claim: kafka.group.goodbye
#[tokio::test(flavor = "multi_thread")]
async fn who_says_goodbye_is_gone_at_once() {
    let (first, mut second) = pair(&topic().await, CLASSIC, &[]).await;
    sent_home(first).await;
    second.until(3).await;
}

/// claim: kafka.group.goodbye
/// claim: kafka.group.session
#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_is_a_member_until_its_session_ends_contrast() {
    let (first, mut second) = pair(&topic().await, CLASSIC, &[]).await;
    killed(first).await;
    assert!(second.after_a_while().await < 3);
}

/// claim: kafka.group.session
#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_is_a_member_until_its_session_ends() {
    let settings = all(CLASSIC, &[SHORTEST]);
    let (first, mut second) = pair(&topic().await, &settings, &[]).await;
    killed(first).await;
    second.until(3).await;
}

/// Whether the second member still gets orders of its partition when the first one was killed and a
/// third one comes.
async fn works_on(settings: Settings<'_>) -> bool {
    let topic = topic().await;
    let (first, mut second) = pair(&topic, settings, &[]).await;
    // At rest: it has heard all of the last change.
    second.after_a_while().await;
    let partition = *second.has.first().unwrap();
    killed(first).await;
    let _third = Member::join(&topic, settings);
    let patience = if settings == CLASSIC {
        // The third one has joined when all have to join again.
        second.gives_up().await;
        WHILE
    } else {
        // Nothing tells that it has joined. The order is waited for until it comes.
        second.after_a_while().await;
        LONG
    };
    let producer = topic.producer(&[]);
    stored(topic.send_to(&producer, partition, "o-1")).await;
    let order = Told::Order("o-1".to_owned());
    while let Ok(told) = timeout(patience, second.next()).await {
        if told == order {
            return true;
        }
    }
    false
}

/// claim: kafka.rebalance.dead-stops-all
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_member_stops_a_classic_group_that_somebody_joins() {
    assert!(!works_on(CLASSIC).await);
}

/// claim: kafka.rebalance.dead-stops-all
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_member_stops_a_classic_group_that_somebody_joins_contrast() {
    assert!(works_on(CONSUMER).await);
}

/// claim: kafka.static.takes-over
#[tokio::test(flavor = "multi_thread")]
async fn a_named_process_takes_the_place_of_the_dead_one() {
    let topic = topic().await;
    killed(process(&topic, &all(CLASSIC, &[NAME])).await).await;
    Member::join(&topic, &all(CLASSIC, &[NAME])).until(3).await;
}

/// claim: kafka.static.takes-over
#[tokio::test(flavor = "multi_thread")]
async fn a_named_process_takes_the_place_of_the_dead_one_contrast() {
    let topic = topic().await;
    killed(process(&topic, CLASSIC).await).await;
    let mut second = Member::join(&topic, CLASSIC);
    assert_eq!(second.after_a_while().await, 0);
}

/// claim: kafka.static.unreleased
#[tokio::test(flavor = "multi_thread")]
async fn the_newer_protocol_refuses_the_name_of_a_dead_process() {
    let topic = topic().await;
    killed(process(&topic, &all(CONSUMER, &[NAME])).await).await;
    let told = Member::join(&topic, &all(CONSUMER, &[NAME])).next().await;
    assert_eq!(told, Told::Fatal(RDKafkaErrorCode::UnreleasedInstanceId));
}

/// claim: kafka.static.unreleased
#[tokio::test(flavor = "multi_thread")]
async fn the_newer_protocol_refuses_the_name_of_a_dead_process_contrast() {
    let topic = topic().await;
    sent_home(process(&topic, &all(CONSUMER, &[NAME])).await).await;
    let mut second = Member::join(&topic, &all(CONSUMER, &[NAME]));
    second.until(3).await;
}

/// claim: kafka.static.goodbye
#[tokio::test(flavor = "multi_thread")]
async fn a_named_member_keeps_its_partitions_after_its_goodbye() {
    for protocol in [CLASSIC, CONSUMER] {
        let (first, mut second) = pair(&topic().await, protocol, &[NAME]).await;
        sent_home(first).await;
        assert!(second.after_a_while().await < 3);
    }
}

/// claim: kafka.static.goodbye
#[tokio::test(flavor = "multi_thread")]
async fn a_named_member_keeps_its_partitions_after_its_goodbye_contrast() {
    for protocol in [CLASSIC, CONSUMER] {
        let (first, mut second) = pair(&topic().await, protocol, &[]).await;
        sent_home(first).await;
        second.until(3).await;
    }
}

/// What the client says to these strategies, side by side.
fn side_by_side(strategies: &str) -> Result<BaseConsumer, KafkaError> {
    let mut config = ClientConfig::new();
    config.set("group.id", "inventory");
    config.set("partition.assignment.strategy", strategies);
    config.create()
}

/// claim: kafka.rebalance.not-mixed
#[test]
fn a_member_offers_eager_strategies_or_cooperative_ones() {
    let refused = side_by_side("cooperative-sticky,range").err().unwrap();
    let why = refused.to_string();
    assert!(why.contains("must have the same protocol type"), "{why}");
}

/// claim: kafka.rebalance.not-mixed
#[test]
fn a_member_offers_eager_strategies_or_cooperative_ones_contrast() {
    assert!(side_by_side("range,roundrobin").is_ok());
    assert!(side_by_side("cooperative-sticky").is_ok());
}
