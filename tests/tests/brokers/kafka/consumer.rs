//! ch04-kafka-consumer: where a group begins, what it commits, and how long it waits for a consumer.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

use super::group::{
    PARTITION, body, commit, committed, fill, leave, member, reader, receive, settings,
    until_committed,
};
use super::topic::{LONG, Settings, Topic, shared, stored};

/// A topic with these three orders in one partition.
async fn orders() -> Topic {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    topic
}

/// The first order that another consumer of the group gets, after one that has got o-1 and o-2 and
/// committed this. The first consumer is still there and does nothing: no goodbye, as if killed.
async fn next_after(next: Option<i64>) -> Option<String> {
    let topic = orders().await;
    let first = reader(&topic, &[]);
    assert_eq!(body(&first).await.as_deref(), Some("o-1"));
    assert_eq!(body(&first).await.as_deref(), Some("o-2"));
    if let Some(next) = next {
        commit(&first, &topic, next).await.unwrap();
    }
    body(&reader(&topic, &[])).await
}

/// claim: kafka.commit.next
#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_at_what_it_committed() {
    assert_eq!(next_after(Some(1)).await.as_deref(), Some("o-2"));
}

/// claim: kafka.commit.next
#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_at_what_it_committed_contrast() {
    assert_eq!(next_after(None).await.as_deref(), Some("o-1"));
}

/// claim: kafka.commit.before-work
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_before_the_work_is_passed_over() {
    assert_eq!(next_after(Some(2)).await.as_deref(), Some("o-3"));
}

/// claim: kafka.commit.before-work
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_before_the_work_is_passed_over_contrast() {
    assert_eq!(next_after(Some(1)).await.as_deref(), Some("o-2"));
}

/// Auto-commit, often.
const AUTO: [(&str, &str); 2] = [
    ("enable.auto.commit", "true"),
    ("auto.commit.interval.ms", "20"),
];
const STORE: (&str, &str) = ("enable.auto.offset.store", "false");

/// claim: kafka.auto-commit.hand-over
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_counts_what_it_has_handed_over() {
    let topic = orders().await;
    let consumer = reader(&topic, &AUTO);
    for _ in 0..3 {
        assert!(body(&consumer).await.is_some());
    }
    // o-3 is in work, and the group is at the end.
    until_committed(&topic, 3).await;
    assert_eq!(body(&reader(&topic, &[])).await, None);
}

/// claim: kafka.auto-commit.hand-over
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_counts_what_it_has_handed_over_contrast() {
    stores_after_work().await;
}

/// claim: kafka.auto-commit.stored
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_counts_what_was_stored() {
    stores_after_work().await;
}

/// claim: kafka.auto-commit.stored
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_counts_what_was_stored_contrast() {
    let topic = orders().await;
    let consumer = reader(&topic, &[AUTO[0], AUTO[1], STORE]);
    for _ in 0..3 {
        assert!(body(&consumer).await.is_some());
    }
    // Nothing is stored, so there is nothing to commit, not even at the goodbye.
    leave(consumer).await;
    assert_eq!(committed(&topic).await, None);
}

async fn stores_after_work() {
    let topic = orders().await;
    let consumer = reader(&topic, &[AUTO[0], AUTO[1], STORE]);
    for _ in 0..3 {
        let order = receive(&consumer).await.unwrap();
        if order.offset() < 2 {
            let stored = consumer.store_offset(&topic.name, order.partition(), order.offset());
            stored.unwrap();
        }
    }
    // o-1 and o-2 are done, o-3 is in work.
    until_committed(&topic, 2).await;
    assert_eq!(body(&reader(&topic, &[])).await.as_deref(), Some("o-3"));
}

/// What is committed after a consumer has got o-1, has stored it where that is up to the consumer,
/// and has said goodbye. The other orders lie in the client's queue.
async fn committed_at_goodbye(settings: Settings<'_>) -> Option<i64> {
    let topic = orders().await;
    let mut all = vec![("auto.commit.interval.ms", "3600000")];
    all.extend_from_slice(settings);
    let consumer = reader(&topic, &all);
    let order = receive(&consumer).await.unwrap();
    if settings.contains(&STORE) {
        let stored = consumer.store_offset(&topic.name, order.partition(), order.offset());
        stored.unwrap();
    }
    leave(consumer).await;
    committed(&topic).await
}

/// claim: kafka.auto-commit.goodbye
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_commits_at_the_goodbye() {
    let next = committed_at_goodbye(&[AUTO[0], STORE]).await;
    assert_eq!(next, Some(1));
}

/// claim: kafka.auto-commit.goodbye
#[tokio::test(flavor = "multi_thread")]
async fn auto_commit_commits_at_the_goodbye_contrast() {
    let next = committed_at_goodbye(&[("enable.auto.commit", "false"), STORE]).await;
    assert_eq!(next, None);
}

/// What a consumer is called back with.
enum Told {
    Commit(KafkaResult<()>),
    Log(String),
}

struct Callbacks(mpsc::UnboundedSender<Told>);

impl ClientContext for Callbacks {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        let _ = self.0.send(Told::Log(format!("{facility} {message}")));
    }
}

impl ConsumerContext for Callbacks {
    fn commit_callback(&self, said: KafkaResult<()>, _: &TopicPartitionList) {
        let _ = self.0.send(Told::Commit(said));
    }
}

/// What Kafka says to so many commits that the client makes by itself, and what the client logs
/// meanwhile. Where the group is in use, Kafka refuses them, as this consumer is no member.
async fn own_commits(in_use: bool, count: usize) -> (Vec<KafkaResult<()>>, Vec<String>) {
    let topic = orders().await;
    let member = in_use.then(|| member(&topic, &[]));
    if let Some(member) = &member {
        order(member).await;
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut config = settings(&topic, &AUTO);
    config.set_log_level(RDKafkaLogLevel::Warning);
    let consumer: StreamConsumer<Callbacks> = config.create_with_context(Callbacks(tell)).unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition(&topic.name, PARTITION);
    consumer.assign(&place).unwrap();
    let (mut said, mut log) = (Vec::new(), Vec::new());
    let hears = async {
        while said.len() < count {
            tokio::select! {
                told = told.recv() => match told.unwrap() {
                    Told::Commit(answer) => said.push(answer),
                    Told::Log(line) => log.push(line),
                },
                // Whoever asks for orders does not hear of it.
                record = consumer.recv() => match record {
                    Ok(_) | Err(KafkaError::PartitionEOF(_)) => {}
                    Err(error) => panic!("{error}"),
                },
            }
        }
    };
    timeout(LONG, hears).await.unwrap();
    (said, log)
}

/// claim: kafka.auto-commit.told
#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_says_to_the_clients_own_commits_comes_to_the_callback() {
    // The second one shows that the log has had its time.
    let (said, log) = own_commits(true, 2).await;
    let refused = KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId);
    assert_eq!(said, [Err(refused.clone()), Err(refused)]);
    let logged = log.iter().any(|line| line.starts_with("COMMITFAIL"));
    assert!(!logged, "{log:?}");
}

/// claim: kafka.auto-commit.told
#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_says_to_the_clients_own_commits_comes_to_the_callback_contrast() {
    let (said, _) = own_commits(false, 1).await;
    assert_eq!(said, [Ok(())]);
}

/// A commit of ours that Kafka refuses, as this consumer is no member of the group: what the call says,
/// and what the client tells first of all about commits otherwise, where the call says nothing of it.
async fn refused(mode: CommitMode) -> (KafkaResult<()>, Option<Told>) {
    let topic = orders().await;
    let member = member(&topic, &[]);
    order(&member).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut config = settings(&topic, &[]);
    config.set_log_level(RDKafkaLogLevel::Warning);
    let consumer: StreamConsumer<Callbacks> = config.create_with_context(Callbacks(tell)).unwrap();
    let (mut place, next) = (TopicPartitionList::new(), Offset::Offset(1));
    place
        .add_partition_offset(&topic.name, PARTITION, next)
        .unwrap();
    consumer.assign(&place).unwrap();
    let called = block_in_place(|| consumer.commit(&place, mode));
    let tells = async {
        loop {
            tokio::select! {
                told = told.recv() => match told.unwrap() {
                    Told::Log(line) if !line.starts_with("COMMITFAIL") => {}
                    told => break told,
                },
                _ = consumer.recv() => {}
            }
        }
    };
    let told = match called {
        Ok(()) => Some(timeout(LONG, tells).await.unwrap()),
        Err(_) => None,
    };
    (called, told)
}

/// claim: kafka.commit.async-log
#[tokio::test(flavor = "multi_thread")]
async fn of_an_async_commit_that_fails_the_log_alone_tells() {
    let (called, told) = refused(CommitMode::Async).await;
    assert_eq!(called, Ok(()));
    assert!(matches!(told, Some(Told::Log(_))));
}

/// claim: kafka.commit.async-log
#[tokio::test(flavor = "multi_thread")]
async fn of_an_async_commit_that_fails_the_log_alone_tells_contrast() {
    let (called, _) = refused(CommitMode::Sync).await;
    let refused = KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId);
    assert_eq!(called, Err(refused));
}

/// While rdkafka 0.39 closes a consumer, it goes on taking orders out of the client's queue, until
/// the client has given up its partitions. How many it takes is a race.
///
/// claim: kafka.auto-commit.drop
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_consumer_can_commit_what_nobody_got() {
    let drops = async {
        loop {
            let next = committed_at_goodbye(&[AUTO[0]]).await;
            // At 1 it has taken none this time. With nothing committed, its goodbye has failed.
            if next > Some(1) {
                break;
            }
        }
    };
    timeout(LONG, drops).await.unwrap();
}

/// claim: kafka.auto-commit.drop
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_consumer_can_commit_what_nobody_got_contrast() {
    for _ in 0..5 {
        let next = committed_at_goodbye(&[AUTO[0], STORE]).await;
        assert_eq!(next, Some(1));
    }
}

/// claim: kafka.reset.latest
#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_new_group_passes_over_what_is_there() {
    let topic = orders().await;
    let mut config = settings(&topic, &[]);
    config.remove("auto.offset.reset");
    let consumer: StreamConsumer = config.create().unwrap();
    consumer.subscribe(&[&topic.name]).unwrap();
    // One end for each partition.
    for _ in 0..3 {
        assert_eq!(body(&consumer).await, None);
    }
    fill(&topic, &["o-4"]).await;
    assert_eq!(body(&consumer).await.as_deref(), Some("o-4"));
}

/// claim: kafka.reset.latest
#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_new_group_passes_over_what_is_there_contrast() {
    let topic = orders().await;
    let consumer = reader(&topic, &[("auto.offset.reset", "earliest")]);
    assert_eq!(body(&consumer).await.as_deref(), Some("o-1"));
}

const LATEST: [(&str, &str); 1] = [("auto.offset.reset", "latest")];

/// claim: kafka.reset.committed
#[tokio::test(flavor = "multi_thread")]
async fn reset_is_not_asked_where_something_is_committed() {
    let topic = orders().await;
    commit(&reader(&topic, &LATEST), &topic, 1).await.unwrap();
    assert_eq!(body(&reader(&topic, &LATEST)).await.as_deref(), Some("o-2"));
}

/// claim: kafka.reset.committed
#[tokio::test(flavor = "multi_thread")]
async fn reset_is_not_asked_where_something_is_committed_contrast() {
    let topic = orders().await;
    assert_eq!(body(&reader(&topic, &LATEST)).await, None);
}

/// The group has committed the end of one partition, and nothing in another one, which has an order.
/// What a reader of both gets.
async fn from_another_partition(more: Settings<'_>) -> Vec<String> {
    let topic = orders().await;
    commit(&reader(&topic, &[]), &topic, 3).await.unwrap();
    stored(topic.send_to(&topic.producer(&[]), 1, "o-4")).await;
    let consumer: StreamConsumer = settings(&topic, more).create().unwrap();
    let mut both = TopicPartitionList::new();
    both.add_partition_range(&topic.name, 0, 1);
    consumer.assign(&both).unwrap();
    let (mut got, mut ends) = (Vec::new(), 0);
    while ends < 2 {
        match body(&consumer).await {
            Some(order) => got.push(order),
            None => ends += 1,
        }
    }
    got
}

/// claim: kafka.reset.each-partition
#[tokio::test(flavor = "multi_thread")]
async fn reset_is_asked_in_a_partition_where_nothing_is_committed() {
    assert_eq!(from_another_partition(&LATEST).await, [""; 0]);
}

/// claim: kafka.reset.each-partition
#[tokio::test(flavor = "multi_thread")]
async fn with_earliest_the_group_gets_what_is_in_that_partition_contrast() {
    assert_eq!(from_another_partition(&[]).await, ["o-4"]);
}

/// The next order that a member gets; it has two empty partitions besides.
async fn order(consumer: &StreamConsumer) -> String {
    loop {
        if let Some(order) = body(consumer).await {
            break order;
        }
    }
}

async fn three(consumer: &StreamConsumer) -> [String; 3] {
    [
        order(consumer).await,
        order(consumer).await,
        order(consumer).await,
    ]
}

/// The limit of the next tests, in milliseconds. The client looks at it twice a second, and whoever
/// waits for an order is woken to ask again after each half of it.
const SHORT: Settings<'static> = &[
    ("group.protocol", "consumer"),
    ("max.poll.interval.ms", "3000"),
];

/// Returns when the topic's group has no member: before that Kafka refuses the commit of somebody who is
/// none. This one is of where the group begins anyway.
async fn until_empty(topic: &Topic) {
    let nobody: StreamConsumer = settings(topic, &[]).create().unwrap();
    let nobody = Arc::new(nobody);
    let empties = async { while commit(&nobody, topic, 0).await.is_err() {} };
    timeout(LONG, empties).await.unwrap();
}

/// claim: kafka.max-poll.leaves
/// claim: kafka.max-poll.refused
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_too_slow_is_out_of_its_group() {
    let topic = orders().await;
    let consumer = member(&topic, SHORT);
    let all = three(&consumer).await;
    // The fault: the work takes longer than the group waits.
    until_empty(&topic).await;
    let refused = commit(&consumer, &topic, 3).await.unwrap_err();
    let why = refused.rdkafka_error_code().unwrap();
    assert_eq!(why, RDKafkaErrorCode::UnknownMemberId, "{refused}");
    // The client tells it with the next call.
    loop {
        match receive(&consumer).await {
            Err(KafkaError::PartitionEOF(_)) => {}
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded)) => break,
            other => panic!("{other:?}"),
        }
    }
    // It joins again by itself, and begins where the group has committed.
    assert_eq!(three(&consumer).await, all);
}

/// claim: kafka.max-poll.leaves
/// claim: kafka.max-poll.refused
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_too_slow_is_out_of_its_group_contrast() {
    let topic = orders().await;
    let consumer = member(&topic, &SHORT[..1]);
    three(&consumer).await;
    // This sleep is the fault of the other test: it is longer than the limit there.
    sleep(Duration::from_secs(4)).await;
    commit(&consumer, &topic, 3).await.unwrap();
    fill(&topic, &["o-4"]).await;
    assert_eq!(order(&consumer).await, "o-4");
}

/// claim: kafka.max-poll.classic
#[tokio::test(flavor = "multi_thread")]
async fn the_classic_protocol_wants_a_limit_above_the_session() {
    let topic = Topic::new(shared().await, &[]).await;
    let config = settings(&topic, &SHORT[1..]);
    let refused = config.create::<StreamConsumer>().err().unwrap().to_string();
    assert!(
        refused.contains("must be >= `session.timeout.ms`"),
        "{refused}"
    );
}

/// claim: kafka.max-poll.classic
#[tokio::test(flavor = "multi_thread")]
async fn the_classic_protocol_wants_a_limit_above_the_session_contrast() {
    let topic = orders().await;
    assert_eq!(order(&member(&topic, SHORT)).await, "o-1");
}
