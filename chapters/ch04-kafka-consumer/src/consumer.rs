//! A consumer of the inventory service: it packs one order at a time.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::args::{Accident, Args, Commit};

/// The order at which consumer 1 is killed, and the one that takes long to pack.
const KILLED_AT: u32 = 3;
const SLOW: u32 = 7;

/// A consumer, as the client calls it back.
struct Packer {
    lane: String,
}

impl ClientContext for Packer {}

// ANCHOR: told
impl ConsumerContext for Packer {
    fn commit_callback(&self, said: KafkaResult<()>, _: &TopicPartitionList) {
        // What Kafka says to the commits that the client makes by itself. Nothing else tells it.
        if let Err(error) = said {
            eprintln!("{}: the client cannot commit: {error}", self.lane);
        }
    }
}
// ANCHOR_END: told

/// Packs orders until the shop closes this process's standard input.
pub async fn work(args: &Args, number: u32, topic: &str, group: &str) -> Result<()> {
    let lane = format!("consumer {number}");
    let packer = Packer { lane: lane.clone() };
    let config = settings(args, group)?;
    let consumer: StreamConsumer<Packer> = config.create_with_context(packer)?;
    consumer.subscribe(&[topic])?;
    let mut log = Log::new();
    let mut parent_gone = pin!(brokers::parent_gone());
    loop {
        let record = tokio::select! {
            biased;
            () = &mut parent_gone => break,
            record = consumer.recv() => record,
        };
        match record {
            Ok(record) => pack(args, &lane, &consumer, &record, &mut log).await?,
            Err(KafkaError::PartitionEOF(_)) => log.remark(&lane, "has read to the end"),
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded)) => {
                log.remark(&lane, "was too slow and is out of the group; joins again");
            }
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
            // Other errors are news: the client goes on trying by itself. `AutoOffsetReset` would be
            // another end, but it comes with `auto.offset.reset=error` alone.
            Err(error) => eprintln!("{lane}: {error}"),
        }
    }
    // The consumer says goodbye to its group, and commits once more if it is the client that
    // commits. That waits for Kafka, so the runtime is told.
    block_in_place(|| drop(consumer));
    Ok(())
}

fn settings(args: &Args, group: &str) -> Result<ClientConfig> {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context("the shop starts consumers")?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    // ANCHOR: settings
    config.set("group.id", group);
    // Where to begin while the group has committed nothing. The default is `latest`.
    config.set("auto.offset.reset", args.reset.value());
    // Who commits: the client by itself, at intervals, or we. The default is the client.
    let auto = matches!(args.commit, Commit::Auto | Commit::Stored);
    config.set("enable.auto.commit", auto.to_string());
    // So often that you need not wait for it. The default is 5 s.
    config.set("auto.commit.interval.ms", "100");
    // What the client commits: by default what it has handed over, else what we have stored.
    let handed_over = args.commit != Commit::Stored;
    config.set("enable.auto.offset.store", handed_over.to_string());
    // Tells us when nothing more is there: this listing has an end, a service has none.
    config.set("enable.partition.eof", "true");
    // ANCHOR_END: settings
    // ANCHOR: membership
    if args.accident == Accident::TooSlow {
        // The newer group protocol allows a limit as short as this. The older one refuses less than
        // `session.timeout.ms`.
        config.set("group.protocol", "consumer");
        config.set("max.poll.interval.ms", "700");
    } else {
        // A name: the process that is started after a kill takes the dead one's place at once.
        // Without a name it waits for the end of the dead one's session.
        config.set("group.instance.id", "inventory-1");
        config.set("session.timeout.ms", "6000");
    }
    // ANCHOR_END: membership
    Ok(config)
}

/// Waits for the kill, or for the end of the shop, which has nobody else to pack for.
async fn stands_still() -> Result<()> {
    brokers::parent_gone().await;
    Ok(())
}

async fn pack(
    args: &Args,
    lane: &str,
    consumer: &StreamConsumer<Packer>,
    record: &BorrowedMessage<'_>,
    log: &mut Log,
) -> Result<()> {
    let order = crate::order_of(record.payload().context("an order is empty")?)?;
    let dies = |accident| lane == "consumer 1" && order == KILLED_AT && accident == args.accident;
    // ANCHOR: pack
    log.event(Event::new(lane, Verb::Got, order));
    if args.commit == Commit::Before {
        // If this fails, somebody gets the order again, so this one must not work on it.
        commit(consumer, record).context("cannot commit before the work")?;
    }
    if dies(Accident::InWork) {
        return stands_still().await; // The shop kills this process here,
    }
    // This sleep is the work: somebody packs the order.
    sleep(pack_time(args, order)).await;
    log.event(Event::new(lane, Verb::Done, order));
    if dies(Accident::AfterWork) {
        return stands_still().await; // or here.
    }
    let committed = match args.commit {
        Commit::After => commit(consumer, record),
        Commit::Stored => consumer.store_offset_from_message(record),
        Commit::Before | Commit::Auto => Ok(()),
    };
    if let Err(error) = committed {
        // The order is done and may come again: here, or to whoever has the partition now.
        log.remark(lane, &format!("cannot commit o-{order}: {error}"));
    }
    // ANCHOR_END: pack
    Ok(())
}

// ANCHOR: commit
fn commit(consumer: &StreamConsumer<Packer>, record: &BorrowedMessage<'_>) -> KafkaResult<()> {
    // Commits the offset behind this record, the next one to read, and waits for Kafka's answer.
    // With `Async` it does not wait, and only the client's log tells you if it went wrong.
    block_in_place(|| consumer.commit_message(record, CommitMode::Sync))
}
// ANCHOR_END: commit

fn pack_time(args: &Args, order: u32) -> Duration {
    match args.accident == Accident::TooSlow && order == SLOW {
        true => Duration::from_millis(2200),
        false => Duration::from_millis(50),
    }
}
