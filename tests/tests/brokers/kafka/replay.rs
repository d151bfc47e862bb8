//! ch04-kafka-replay: what reading leaves behind, where a time is in the log, and moving back.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::group::{
    PARTITION, body, commit, committed, fill, leave, member, now, receive, store_at,
};
use super::topic::{LONG, PARTITIONS, Settings, Topic, shared};

const HOUR: i64 = 3_600_000;

/// A topic with these orders in one partition.
async fn orders(bodies: &[&str]) -> Topic {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, bodies).await;
    topic
}

/// Reads on to the end of the partition.
async fn rest(consumer: &StreamConsumer) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(body) = body(consumer).await {
        bodies.push(body);
    }
    bodies
}

/// A member that has been given the partition and has read to its end. The topic has other
/// partitions, which are empty and have ends as well.
async fn read_by(topic: &Topic, group: &str) -> (Arc<StreamConsumer>, Vec<String>) {
    let consumer = member(topic, &[("group.id", group)]);
    let (mut bodies, mut ends) = (Vec::new(), 0);
    while ends < PARTITIONS {
        match body(&consumer).await {
            Some(body) => bodies.push(body),
            None => ends += 1,
        }
    }
    (consumer, bodies)
}

/// What a group of this topic gets after the group `email.TOPIC` has read and committed everything.
async fn second_reader(group: &str) -> Vec<String> {
    let topic = orders(&["o-1", "o-2", "o-3"]).await;
    let name = |group: &str| format!("{group}.{}", topic.name);
    let (first, bodies) = read_by(&topic, &name("email")).await;
    assert_eq!(bodies, ["o-1", "o-2", "o-3"]);
    commit(&first, &topic, 3).await.unwrap();
    leave(first).await;
    read_by(&topic, &name(group)).await.1
}

/// claim: kafka.group.own-position
#[tokio::test(flavor = "multi_thread")]
async fn each_group_reads_everything() {
    assert_eq!(second_reader("analytics").await, ["o-1", "o-2", "o-3"]);
}

/// claim: kafka.group.own-position
#[tokio::test(flavor = "multi_thread")]
async fn each_group_reads_everything_contrast() {
    assert_eq!(second_reader("email").await, [""; 0]);
}

/// A topic with one order for each of these hours before now, and now. The topic keeps them
/// whatever their time.
async fn timed(hours: &[i64], settings: Settings<'_>) -> (Topic, i64) {
    let topic = Topic::new(shared().await, settings).await;
    let now = now();
    for hour in hours {
        store_at(&topic, &format!("{hour} hours ago"), now - hour * HOUR).await;
    }
    (topic, now)
}

/// What Kafka says to this time, for each partition.
async fn at(topic: &Topic, time: i64) -> Vec<Offset> {
    let (config, name) = (
        topic.config(&[("group.id", "inventory")]),
        topic.name.clone(),
    );
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let mut asked = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let time = Offset::Offset(time);
            asked.add_partition_offset(&name, partition, time).unwrap();
        }
        let told = client.offsets_for_times(asked, LONG).unwrap();
        let offset = |partition| told.find_partition(&name, partition).unwrap().offset();
        (0..PARTITIONS).map(offset).collect()
    };
    spawn_blocking(ask).await.unwrap()
}

/// claim: kafka.times.first-at-or-after
/// claim: kafka.times.per-partition
#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_the_first_record_then_or_later() {
    let (topic, now) = timed(&[5, 4, 3, 2], &[]).await;
    for time in [now - 3 * HOUR, now - 4 * HOUR + 1] {
        // The other partitions are empty: each has its own answer.
        let expected = [Offset::Offset(2), Offset::End, Offset::End];
        assert_eq!(at(&topic, time).await, expected);
    }
}

/// claim: kafka.times.first-at-or-after
#[tokio::test(flavor = "multi_thread")]
async fn a_time_after_the_last_record_is_the_end_contrast() {
    let (topic, now) = timed(&[5, 4, 3, 2], &[]).await;
    assert_eq!(at(&topic, now - HOUR).await[0], Offset::End);
}

/// claim: kafka.times.per-partition
#[tokio::test(flavor = "multi_thread")]
async fn a_time_before_all_records_is_offset_0_where_there_is_one_contrast() {
    let (topic, now) = timed(&[5], &[]).await;
    fill(&topic, &["o-1"]).await;
    assert_eq!(at(&topic, now - 6 * HOUR).await[0], Offset::Offset(0));
}

/// The group's positions in two partitions after a commit of this in the second one, and then of this
/// beside offset 2 in the first one.
async fn committed_with(second: Offset) -> [Offset; 2] {
    let topic = orders(&["o-1", "o-2"]).await;
    let (config, name) = (super::group::settings(&topic, &[]), topic.name.clone());
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&name, 1, second).unwrap();
        // Alone, what is no number is an error.
        let alone = client.commit(&place, CommitMode::Sync);
        let no_offset = KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset);
        assert_eq!(alone.err(), (second == Offset::End).then_some(no_offset));
        let first = Offset::Offset(2);
        place.add_partition_offset(&name, 0, first).unwrap();
        client.commit(&place, CommitMode::Sync).unwrap();
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&name, 0, 1);
        let told = client.committed_offsets(asked, LONG).unwrap();
        [0, 1].map(|partition| told.find_partition(&name, partition).unwrap().offset())
    };
    spawn_blocking(ask).await.unwrap()
}

/// claim: kafka.commit.numbers-only
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_leaves_out_what_is_no_number() {
    let positions = [Offset::Offset(2), Offset::Invalid];
    assert_eq!(committed_with(Offset::End).await, positions);
}

/// claim: kafka.commit.numbers-only
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_leaves_out_what_is_no_number_contrast() {
    let positions = [Offset::Offset(2), Offset::Offset(0)];
    assert_eq!(committed_with(Offset::Offset(0)).await, positions);
}

/// claim: kafka.times.whose-clock
#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_the_producers() {
    // The record behind it is older, and a reader that begins here gets it as well.
    let (topic, now) = timed(&[5, 2, 4, 1], &[]).await;
    assert_eq!(at(&topic, now - 3 * HOUR).await[0], Offset::Offset(1));
}

/// claim: kafka.times.whose-clock
#[tokio::test(flavor = "multi_thread")]
async fn the_time_is_the_producers_contrast() {
    let appended = [("message.timestamp.type", "LogAppendTime")];
    let (topic, now) = timed(&[5, 2, 4, 1], &appended).await;
    // All of them were stored just now.
    assert_eq!(at(&topic, now - HOUR / 2).await[0], Offset::Offset(0));
}

/// What is committed after a member at the end has gone back to o-2 and has read it, and what the
/// next member reads.
async fn sought(commits: bool) -> (Option<i64>, Vec<String>) {
    let topic = orders(&["o-1", "o-2", "o-3"]).await;
    let group = format!("inventory.{}", topic.name);
    let (consumer, _) = read_by(&topic, &group).await;
    commit(&consumer, &topic, 3).await.unwrap();
    let (seeker, name) = (consumer.clone(), topic.name.clone());
    let seek = move || seeker.seek(&name, PARTITION, Offset::Offset(1), LONG);
    spawn_blocking(seek).await.unwrap().unwrap();
    assert_eq!(body(&consumer).await.as_deref(), Some("o-2"));
    if commits {
        commit(&consumer, &topic, 2).await.unwrap();
    }
    let committed = committed(&topic).await;
    leave(consumer).await;
    (committed, read_by(&topic, &group).await.1)
}

/// claim: kafka.seek.not-committed
#[tokio::test(flavor = "multi_thread")]
async fn a_seek_moves_the_reader_and_not_the_group() {
    assert_eq!(sought(false).await, (Some(3), vec![]));
}

/// claim: kafka.seek.not-committed
#[tokio::test(flavor = "multi_thread")]
async fn a_seek_moves_the_reader_and_not_the_group_contrast() {
    assert_eq!(sought(true).await, (Some(2), vec!["o-3".to_owned()]));
}

/// A reset of the group by somebody who is no member, while a member is there or after it has left.
async fn reset(member_is_there: bool) -> (Result<(), KafkaError>, Option<i64>) {
    let topic = orders(&["o-1", "o-2", "o-3"]).await;
    let (consumer, _) = read_by(&topic, &format!("inventory.{}", topic.name)).await;
    commit(&consumer, &topic, 3).await.unwrap();
    let _there = match member_is_there {
        true => Some(consumer),
        false => {
            leave(consumer).await;
            None
        }
    };
    let operator = super::group::settings(&topic, &[]);
    let operator: StreamConsumer = operator.create().unwrap();
    let outcome = commit(&Arc::new(operator), &topic, 1).await;
    (outcome, committed(&topic).await)
}

/// claim: kafka.reset.no-members
#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_use_is_not_reset() {
    let (outcome, committed) = reset(true).await;
    let code = outcome.unwrap_err().rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::UnknownMemberId));
    assert_eq!(committed, Some(3));
}

/// claim: kafka.reset.no-members
#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_use_is_not_reset_contrast() {
    assert_eq!(reset(false).await, (Ok(()), Some(1)));
}

/// All that a record says of itself.
fn all_of(record: &OwnedMessage) -> String {
    format!("{record:?}")
}

/// claim: kafka.replay.same-record
#[tokio::test(flavor = "multi_thread")]
async fn a_record_read_again_is_the_same() {
    let topic = orders(&["o-1"]).await;
    let consumer = super::group::reader(&topic, &[]);
    let first = receive(&consumer).await.unwrap();
    assert_eq!(rest(&consumer).await, [""; 0]);
    let (seeker, name) = (consumer.clone(), topic.name.clone());
    let seek = move || seeker.seek(&name, PARTITION, Offset::Beginning, LONG);
    spawn_blocking(seek).await.unwrap().unwrap();
    let second = receive(&consumer).await.unwrap();
    // Place, time, key, body and headers: nothing tells a reader that it reads it again.
    assert_eq!(all_of(&first), all_of(&second));
}

/// claim: kafka.replay.same-record
#[tokio::test(flavor = "multi_thread")]
async fn a_record_published_again_has_another_place_contrast() {
    let topic = orders(&["o-1", "o-1"]).await;
    let consumer = super::group::reader(&topic, &[]);
    let first = receive(&consumer).await.unwrap();
    let second = receive(&consumer).await.unwrap();
    assert_eq!(first.payload(), second.payload());
    assert_eq!([first.offset(), second.offset()], [0, 1]);
}
