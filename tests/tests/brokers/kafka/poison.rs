//! ch06-poison: what Kafka knows of a record that fails, and where a dead letter gets lost.

use rdkafka::Message;
use rdkafka::message::OwnedMessage;

use super::group::{body, commit, fill, leave, reader, receive};
use super::topic::{Topic, shared, stored};

async fn orders() -> Topic {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    topic
}

/// Everything that a record says besides its body and place.
fn told(record: &OwnedMessage) -> (bool, Vec<u8>) {
    let key = record.key().unwrap_or_default().to_vec();
    (record.headers().is_some(), key)
}

/// A consumer takes the first record, commits it or does not, and ends, so often. The record that
/// the next one of the group gets first.
async fn first_after(times: u32, committed: bool) -> OwnedMessage {
    let topic = orders().await;
    for _ in 0..times {
        let consumer = reader(&topic, &[]);
        receive(&consumer).await.unwrap();
        if committed {
            commit(&consumer, &topic, 1).await.unwrap();
        }
        leave(consumer).await;
    }
    receive(&reader(&topic, &[])).await.unwrap()
}

/// claim: kafka.redelivery.uncounted
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_not_committed_comes_again_and_nothing_tells_how_often() {
    let fresh = first_after(0, false).await;
    let again = first_after(3, false).await;
    assert_eq!(again.payload().unwrap(), b"o-1");
    assert_eq!(told(&again), told(&fresh));
    assert!(again.headers().is_none());
}

/// claim: kafka.redelivery.uncounted
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_committed_does_not_come_again_contrast() {
    let next = first_after(1, true).await;
    assert_eq!(next.payload().unwrap(), b"o-2");
}

/// The group commits the first record, which nobody has worked on, or the two before the last.
async fn after_a_commit_of(next: i64) -> Option<String> {
    let topic = orders().await;
    let consumer = reader(&topic, &[]);
    commit(&consumer, &topic, next).await.unwrap();
    leave(consumer).await;
    body(&reader(&topic, &[])).await
}

/// claim: kafka.commit.all-before
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_covers_all_records_before_it() {
    assert_eq!(after_a_commit_of(2).await.as_deref(), Some("o-3"));
}

/// claim: kafka.commit.all-before
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_covers_nothing_after_it_contrast() {
    assert_eq!(after_a_commit_of(1).await.as_deref(), Some("o-2"));
}

/// A consumer puts its first record aside and dies between the two steps; the next one does both.
/// What is in the topic of dead letters, and what the next one of the group would get.
async fn put_aside(copy_first: bool) -> (Vec<String>, Option<String>) {
    let (topic, dead) = (orders().await, Topic::new(shared().await, &[]).await);
    let producer = dead.producer(&[]);
    for life in 0..2 {
        let consumer = reader(&topic, &[]);
        let record = receive(&consumer).await.unwrap();
        if record.payload().unwrap() != b"o-1" {
            break;
        }
        let copies = copy_first || life == 1;
        let commits = !copy_first || life == 1;
        if copies {
            stored(dead.send(&producer, "o-1", "o-1")).await;
        }
        if commits {
            commit(&consumer, &topic, 1).await.unwrap();
        }
        leave(consumer).await;
    }
    (dead.bodies().await, body(&reader(&topic, &[])).await)
}

/// claim: kafka.dead-letter.copy-first
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_copy_and_commit_makes_two_dead_letters() {
    let (dead, next) = put_aside(true).await;
    assert_eq!(dead, ["o-1", "o-1"]);
    assert_eq!(next.as_deref(), Some("o-2"));
}

/// claim: kafka.dead-letter.copy-first
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_copy_loses_the_dead_letter_contrast() {
    let (dead, next) = put_aside(false).await;
    assert_eq!(dead, [""; 0]);
    assert_eq!(next.as_deref(), Some("o-2"));
}

/// The offsets of two records, between which the topic may be deleted and made again.
async fn numbered(anew: bool) -> [i64; 2] {
    let servers = shared().await;
    let mut topic = Topic::new(servers, &[]).await;
    let first = stored(topic.send(&topic.producer(&[]), "o-1", "o-1")).await;
    if anew {
        topic = topic.made_again().await;
    }
    let second = stored(topic.send(&topic.producer(&[]), "o-1", "o-2")).await;
    [first.offset, second.offset]
}

/// claim: kafka.topic.counts-anew
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_again_gives_its_offsets_out_again() {
    assert_eq!(numbered(true).await, [0, 0]);
}

/// claim: kafka.topic.counts-anew
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_stays_counts_on_contrast() {
    assert_eq!(numbered(false).await, [0, 1]);
}
