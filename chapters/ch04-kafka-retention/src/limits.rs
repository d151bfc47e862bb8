//! How the topic gets rid of its oldest records.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
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
    let settings = AlterConfig::new(ResourceSpecifier::Topic(topic))
        // What is not named here goes back to its default, so the segment's settings are named again.
        .set("segment.ms", "86400000")
        .set("segment.bytes", "1048576");
    let (settings, told) = match limit {
        Limit::Time => (
            settings.set("retention.ms", "172800000"),
            "keeps two days from now on",
        ),
        Limit::Size => (
            settings.set("retention.bytes", "1500000"),
            "keeps 1.5 MB from now on",
        ),
        Limit::ByHand => return delete_by_hand(admin, topic, log).await,
    };
    // `Ok` says that Kafka has answered. What it says to this topic, rdkafka 0.39 throws away.
    let options = AdminOptions::new();
    admin.alter_configs([&settings], &options).await?;
    wait_for_settings(&settings, admin).await?;
    // ANCHOR_END: limit
    log.remark("orders", told);
    Ok(())
}

/// An administrator has records deleted at once.
async fn delete_by_hand(admin: &Admin, topic: &str, log: &mut Log) -> Result<()> {
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic, 0, Offset::Offset(4))?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let deleted = admin.delete_records(&before, &options).await?;
    for partition in deleted.elements() {
        // Kafka answers for each partition.
        partition.error().context("Kafka does not delete them")?;
    }
    log.remark("orders", "has what is before offset 4 deleted");
    Ok(())
}

/// Waits until the topic has these settings.
async fn wait_for_settings(settings: &AlterConfig<'_>, admin: &Admin) -> Result<()> {
    let (begun, options) = (Instant::now(), AdminOptions::new());
    loop {
        // Kafka answers each time, so this waits for Kafka.
        let told = admin.describe_configs([&settings.specifier], &options);
        let topic = told.await?.into_iter().next();
        let topic = topic.context("Kafka has left it out")??;
        let has = |key: &str| topic.get(key).and_then(|entry| entry.value.as_deref());
        let mut wanted = settings.entries.iter();
        if wanted.all(|(&key, &value)| has(key) == Some(value)) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "Kafka refuses the settings");
    }
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
