//! A consumer of the inventory service, and what it hears of its group.

use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Statistics, TopicPartitionList};
use tokio::task::block_in_place;

use crate::PATIENCE;
use crate::args::{Args, Name, Protocol, word};

/// What a consumer says as soon as it is in its group. The listing waits for it and does not show it.
pub const IN_THE_GROUP: &str = "is in the group";

/// A member of the group, as the client calls it back.
struct Member {
    lane: String,
    log: Mutex<Log>,
    is_in: AtomicBool,
}

// ANCHOR: callbacks
impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            // Nobody else gets them before this returns, so finish what you hold of them, and commit.
            // But if `assignment_lost()` of the first argument says so, somebody has them already.
            self.tell("gives up", partitions);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            self.tell("gets", partitions);
            self.joined();
        }
    }
}
// ANCHOR_END: callbacks

impl ClientContext for Member {
    fn stats(&self, statistics: Statistics) {
        // No callback tells a member that has no partition from the start that it is a member. The
        // answers that are more than the requests counted here are to its heartbeats.
        for broker in statistics.brokers.values() {
            let counted: i64 = broker.req.values().sum();
            if i64::try_from(broker.rx).is_ok_and(|answers| answers > counted) {
                self.joined();
            }
        }
    }
}

impl Member {
    fn joined(&self) {
        if !self.is_in.swap(true, Ordering::Relaxed) {
            self.remark(IN_THE_GROUP);
        }
    }

    fn remark(&self, text: &str) {
        if let Ok(mut log) = self.log.lock() {
            log.remark(&self.lane, text);
        }
    }

    fn event(&self, verb: Verb, order: u32, text: String) {
        if let Ok(mut log) = self.log.lock() {
            log.event(Event::new(&self.lane, verb, order).text(text));
        }
    }

    fn tell(&self, what: &str, partitions: &TopicPartitionList) {
        let partitions = partitions.elements();
        let mut numbers: Vec<i32> = partitions.iter().map(|it| it.partition()).collect();
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(i32::to_string).collect();
        if !numbers.is_empty() {
            self.remark(&format!("{what} {}", numbers.join(" ")));
        }
    }
}

/// Packs orders until the shop closes this process's standard input.
pub async fn work(args: &Args, number: u32, topic: &str, group: &str) -> Result<()> {
    let lane = format!("consumer {number}");
    let member = Member {
        lane: lane.clone(),
        log: Mutex::new(Log::new()),
        is_in: AtomicBool::new(false),
    };
    let config = settings(args, number, group)?;
    let consumer: StreamConsumer<Member> = config.create_with_context(member)?;
    consumer.subscribe(&[topic])?;
    let mut parent_gone = pin!(brokers::parent_gone());
    loop {
        let record = tokio::select! {
            biased;
            () = &mut parent_gone => break,
            record = consumer.recv() => record,
        };
        match record {
            Ok(record) => {
                let order = crate::order_of(record.payload().context("an order is empty")?)?;
                let place = format!("of partition {}", record.partition());
                // Committed before it is told: the shop may kill this process once it has heard it.
                block_in_place(|| commit(&consumer, &record))?;
                consumer.context().event(Verb::Done, order, place);
            }
            // After an error of this kind the client does nothing any more.
            Err(KafkaError::MessageConsumptionFatal(why)) => {
                consumer.context().remark(&format!("ends: {why}"));
                break;
            }
            // Other errors are news: it goes on trying by itself. `AutoOffsetReset` would be another
            // end, but it comes with `auto.offset.reset=error` alone.
            Err(error) => eprintln!("{lane}: {error}"),
        }
    }
    // The consumer leaves its group. That waits for Kafka, so the runtime is told.
    block_in_place(|| drop(consumer));
    Ok(())
}

/// Commits and waits for Kafka. With the newer protocol each change of the group gives its members a
/// new epoch. Kafka 4.0 to 4.2 refuses a commit with the one before, also where the partition is still
/// ours, and from 4.3 on only where it is not. The client hears of the new epoch with its next
/// heartbeat, which it sends soon after this error. It does not repeat the commit by itself.
fn commit(consumer: &StreamConsumer<Member>, record: &BorrowedMessage<'_>) -> KafkaResult<()> {
    let begun = Instant::now();
    loop {
        match consumer.commit_message(record, CommitMode::Sync) {
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::StaleMemberEpoch))
                if begun.elapsed() < PATIENCE => {}
            answer => return answer,
        }
    }
}

fn settings(args: &Args, number: u32, group: &str) -> Result<ClientConfig> {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context("the shop starts consumers")?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    // ANCHOR: settings
    config.set("group.id", group);
    config.set("group.protocol", word(&args.protocol));
    if args.protocol == Protocol::Classic {
        // How often a member asks whether something changes. The default is 3 s. In the newer
        // protocol it is Kafka that says how often.
        config.set("heartbeat.interval.ms", "100");
    }
    if args.name == Name::Fixed {
        // A static member: known by this name, also after a restart.
        config.set("group.instance.id", format!("inventory-{number}"));
    }
    // ANCHOR_END: settings
    // The client makes it a part of its member's id, by which the classic protocol sorts.
    config.set("client.id", format!("consumer-{number}"));
    config.set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    config.set("statistics.interval.ms", "50");
    Ok(config)
}
