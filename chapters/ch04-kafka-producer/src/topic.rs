//! The topic of this run.

use rdkafka::admin::{NewTopic, TopicReplication};

/// How many logs the topic consists of. Order is kept inside a partition only.
pub const PARTITIONS: i32 = 3;

/// What it is like.
pub fn topology(name: &str) -> NewTopic<'_> {
    // ANCHOR: topology
    // -1: as many replicas as the cluster's default says. On a real cluster that should be 3.
    NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(-1))
        // Kafka refuses a batch that is larger than 2 KiB, compressed. The default is 1 MiB.
        .set("max.message.bytes", "2048")
    // ANCHOR_END: topology
}
