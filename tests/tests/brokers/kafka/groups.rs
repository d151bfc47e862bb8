//! ch04-kafka-groups: who has which partition, and what becomes of it when somebody comes or goes.

use std::collections::BTreeSet;
use std::env;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, TopicPartitionList};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::group::{body, fill, member, receive, settings};
use super::topic::{LONG, Settings, Topic, shared, stored};

/// Long enough for a group whose members are alive to share its partitions anew.
const WHILE: Duration = Duration::from_millis(1500);
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

/// What happens to a member.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Gets(BTreeSet<i32>),
    GivesUp(BTreeSet<i32>),
    Order(String),
    Fatal(RDKafkaErrorCode),
}

struct Callbacks(mpsc::UnboundedSender<Told>);

fn numbers(partitions: &TopicPartitionList) -> BTreeSet<i32> {
    let partitions = partitions.elements();
    partitions.iter().map(|it| it.partition()).collect()
}

impl ClientContext for Callbacks {}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let _ = self.0.send(Told::GivesUp(numbers(partitions)));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            let _ = self.0.send(Told::Gets(numbers(partitions)));
        }
    }
}

/// A member of the topic's group in this process, and what it has.
struct Member {
    told: mpsc::UnboundedReceiver<Told>,
    has: BTreeSet<i32>,
    leave: mpsc::Sender<()>,
    work: JoinHandle<()>,
}

fn all<'a>(protocol: Settings<'a>, more: Settings<'a>) -> Vec<(&'a str, &'a str)> {
    [protocol, more].concat()
}

impl Member {
    fn join(topic: &Topic, settings: Settings<'_>) -> Member {
        Member::of(&super::group::settings(topic, settings), &topic.name)
    }

    fn of(config: &ClientConfig, topic: &str) -> Member {
        let (tell, told) = mpsc::unbounded_channel();
        let (leave, mut leaves) = mpsc::channel(1);
        let callbacks = Callbacks(tell.clone());
        let consumer: StreamConsumer<Callbacks> = config.create_with_context(callbacks).unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let work = tokio::spawn(async move {
            loop {
                let record = tokio::select! {
                    _ = leaves.recv() => break,
                    record = consumer.recv() => record,
                };
                let told = match record {
                    Ok(record) => {
                        let body = record.payload().unwrap().to_vec();
                        Told::Order(String::from_utf8(body).unwrap())
                    }
                    Err(KafkaError::MessageConsumptionFatal(why)) => Told::Fatal(why),
                    // The end of a partition, or news.
                    Err(_) => continue,
                };
                let _ = tell.send(told);
            }
            spawn_blocking(move || drop(consumer)).await.unwrap();
        });
        let has = BTreeSet::new();
        Member {
            told,
            has,
            leave,
            work,
        }
    }

    /// The next thing that it is told.
    async fn next(&mut self) -> Told {
        let told = timeout(LONG, self.told.recv()).await.unwrap().unwrap();
        match &told {
            Told::Gets(more) => self.has.extend(more),
            Told::GivesUp(less) => self.has.retain(|it| !less.contains(it)),
            Told::Order(_) | Told::Fatal(_) => {}
        }
        told
    }

    /// Returns when it has so many partitions.
    async fn until(&mut self, count: usize) {
        while self.has.len() != count {
            self.next().await;
        }
    }

    /// What it has, once nobody has told it anything for a while.
    async fn after_a_while(&mut self) -> usize {
        while timeout(WHILE, self.next()).await.is_ok() {}
        self.has.len()
    }

    /// What it gives up next.
    async fn gives_up(&mut self) -> BTreeSet<i32> {
        loop {
            if let Told::GivesUp(partitions) = self.next().await {
                return partitions;
            }
        }
    }

    async fn goes(self) {
        self.leave.send(()).await.unwrap();
        self.work.await.unwrap();
    }
}

/// How long a member in a process of its own may take to leave.
const GOODBYE: Duration = Duration::from_secs(30);

/// The variable in which another process of this program finds what it is to be.
const MEMBER: &str = "BOOK_TESTS_MEMBER";

/// A member in a process of its own, which can be killed, once it has partitions.
async fn process(topic: &Topic, more: Settings<'_>) -> Child {
    let config = settings(topic, more);
    let config = config.config_map();
    let lines: Vec<String> = config
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "kafka::groups::another_process"])
        .env(MEMBER, format!("{}\n{}", topic.name, lines.join("\n")))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stderr.take().unwrap()).lines();
    let has = async { while output.next_line().await.unwrap().unwrap() != "it has partitions" {} };
    timeout(LONG, has).await.unwrap();
    child
}

/// No test, but what such a process does.
#[tokio::test(flavor = "multi_thread")]
async fn another_process() {
    let Ok(what) = env::var(MEMBER) else { return };
    let (topic, lines) = what.split_once('\n').unwrap();
    let mut config = ClientConfig::new();
    for (key, value) in lines.lines().map(|line| line.split_once('=').unwrap()) {
        config.set(key, value);
    }
    let mut member = Member::of(&config, topic);
    while member.has.is_empty() {
        member.next().await;
    }
    eprintln!("it has partitions");
    // It leaves when its standard input is closed.
    let wait = || std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    spawn_blocking(wait).await.unwrap();
    // A rebalance that comes while a consumer closes asks librdkafka for the group's protocol, and it has
    // been seen to wait for ever for the answer of a group that it had left already.
    let _ = timeout(GOODBYE, member.goes()).await;
    // Whoever waits there is not waited for.
    std::process::exit(0);
}

async fn killed(mut process: Child) {
    process.kill().await.unwrap();
}

async fn sent_home(mut process: Child) {
    drop(process.stdin.take());
    assert!(process.wait().await.unwrap().success());
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
    let topic = topic().await;
    fill(&topic, &["o-1"]).await;
    for protocol in [CLASSIC, CONSUMER] {
        let first = member(&topic, protocol);
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
        // Both leave before the other protocol's turn.
        let _ = asks.await;
        second.goes().await;
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
    second.after_a_while().await;
    let producer = topic.producer(&[]);
    let record = rdkafka::producer::FutureRecord::<str, str>::to(&topic.name);
    let sent = producer.send_result(record.payload("o-1").partition(partition));
    stored(sent.map_err(|(error, _)| error).unwrap()).await;
    timeout(WHILE, second.next()).await.ok() == Some(Told::Order("o-1".to_owned()))
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
