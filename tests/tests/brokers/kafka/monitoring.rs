//! ch06-monitoring: what a group's numbers say about a record that is read again.

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::group::{PARTITION, body, commit, committed, fill, reader};
use super::topic::{LONG, Topic, shared};

/// A consumer reads three records, commits the first, and goes back to the second by a seek or to
/// the first by a commit. What the group has committed then.
async fn goes_back(by_seek: bool) -> Option<i64> {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = reader(&topic, &[]);
    for order in ["o-1", "o-2", "o-3"] {
        assert_eq!(body(&consumer).await.unwrap(), order);
    }
    commit(&consumer, &topic, 1).await.unwrap();
    if by_seek {
        let mut place = TopicPartitionList::new();
        let second = Offset::Offset(1);
        place
            .add_partition_offset(&topic.name, PARTITION, second)
            .unwrap();
        let seeker = consumer.clone();
        spawn_blocking(move || seeker.seek_partitions(place, LONG).unwrap())
            .await
            .unwrap();
        while body(&consumer).await.as_deref() != Some("o-2") {}
        assert_eq!(body(&consumer).await.unwrap(), "o-3");
    } else {
        commit(&consumer, &topic, 0).await.unwrap();
    }
    committed(&topic).await
}

/// claim: kafka.metrics.read-again
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_read_again_changes_no_number() {
    assert_eq!(goes_back(true).await, Some(1));
}

/// claim: kafka.metrics.read-again
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_read_again_changes_no_number_contrast() {
    assert_eq!(goes_back(false).await, Some(0));
}
