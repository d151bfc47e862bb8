//! How the topic gets rid of its oldest records.

use std::time::Instant;

use anyhow::{Result, ensure};
use history::Log;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use crate::PATIENCE;
use crate::args::Limit;

type Admin = AdminClient<DefaultClientContext>;

/// Somebody finds the topic too large.
pub async fn set(limit: Limit, admin: &Admin, topic: &str, log: &mut Log) -> Result<()> {
    // ANCHOR: limit
    let settings = AlterConfig::new(ResourceSpecifier::Topic(topic));
    // What is not named here goes back to its default, so the segment's settings are named again.
    let settings = settings
        .set("segment.ms", "86400000")
        .set("segment.bytes", "1048576");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    match limit {
        Limit::Time => {
            let settings = settings.set("retention.ms", "172800000");
            admin.alter_configs([&settings], &options).await?;
            log.remark("orders", "keeps two days from now on");
        }
        Limit::Size => {
            let settings = settings.set("retention.bytes", "1500000");
            admin.alter_configs([&settings], &options).await?;
            log.remark("orders", "keeps 1.5 MB from now on");
        }
        Limit::ByHand => {
            let mut before = TopicPartitionList::new();
            before.add_partition_offset(topic, 0, Offset::Offset(4))?;
            admin.delete_records(&before, &options).await?;
            log.remark("orders", "has what is before offset 4 deleted");
        }
    }
    // ANCHOR_END: limit
    Ok(())
}

/// Waits until the log begins at this offset, and tells. Blocks its thread.
pub fn wait_for_start(offset: i64, admin: &Admin, topic: &str, log: &mut Log) -> Result<()> {
    let begun = Instant::now();
    loop {
        // Kafka answers each time, so this waits for Kafka.
        let (start, end) = admin.inner().fetch_watermarks(topic, 0, PATIENCE)?;
        if start == offset {
            log.remark(
                "kafka",
                &format!("the log begins at {start} and ends at {end}"),
            );
            return Ok(());
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "nothing is deleted yet: this Kafka looks every `log.retention.check.interval.ms`, which \
             is 5 minutes by default; take --limit by-hand there"
        );
    }
}
