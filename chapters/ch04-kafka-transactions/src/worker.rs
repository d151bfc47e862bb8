//! A worker of the payments service: it takes an order and writes its payment.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::args::{Args, Mode};
use crate::records::order_of;
use crate::{PATIENCE, Topics};

/// A worker, which takes the orders of partition 0.
pub struct Worker {
    lane: String,
    mode: Mode,
    topics: Topics,
    consumer: StreamConsumer,
    producer: FutureProducer,
}

/// An order in hand, whose payment is written and not committed.
pub struct Paid {
    /// The order's number.
    pub order: u32,
    /// The offset of the next order.
    next: i64,
}

impl Worker {
    /// Starts the worker of this number, in the place of whoever was there before.
    pub fn start(args: &Args, kafka: &Broker, topics: &Topics, number: u32) -> Result<Worker> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        // ANCHOR: producer
        if args.mode == Mode::Transaction {
            // Who takes the orders of partition 0, whatever process that is today.
            config.set("transactional.id", kafka.name("payments-0"));
            // Kafka aborts a transaction that takes longer. The default is 60 s.
            config.set("transaction.timeout.ms", "4000");
        }
        config.set("enable.idempotence", "true");
        let producer: FutureProducer = config.create()?;
        if args.mode == Mode::Transaction {
            // From here on Kafka refuses any other producer of this id, and what that one has left
            // open is aborted. It waits for Kafka, so the runtime is told.
            block_in_place(|| producer.init_transactions(PATIENCE))?;
        }
        // ANCHOR_END: producer
        // ANCHOR: consumer
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        config.set("group.id", kafka.name("payments"));
        config.set("auto.offset.reset", "earliest");
        // The offset is a part of the transaction. The client must not commit it by itself.
        config.set("enable.auto.commit", "false");
        let consumer: StreamConsumer = config.create()?;
        let mut partition = TopicPartitionList::new();
        // Without an offset: the one that the group has committed.
        partition.add_partition(&topics.orders, 0);
        consumer.assign(&partition)?;
        // ANCHOR_END: consumer
        Ok(Worker {
            lane: format!("worker {number}"),
            mode: args.mode,
            topics: topics.clone(),
            consumer,
            producer,
        })
    }

    /// Deals with this many orders.
    pub async fn work(&self, orders: usize, log: &mut Log) -> Result<()> {
        for _ in 0..orders {
            let paid = self.pay(log).await?;
            self.commit(&paid)?;
            log.remark(&self.lane, &format!("has committed o-{}", paid.order));
        }
        Ok(())
    }

    // ANCHOR: pay
    /// Takes the next order and writes its payment.
    pub async fn pay(&self, log: &mut Log) -> Result<Paid> {
        let record = timeout(PATIENCE, self.consumer.recv()).await;
        let record = record.context("Kafka sends no order")??;
        let order = order_of(record.payload())?;
        log.event(Event::new(&self.lane, Verb::Got, order));
        if self.mode == Mode::Transaction {
            self.producer.begin_transaction()?;
        }
        let (key, body) = (format!("o-{order}"), format!("payment.processed o-{order}"));
        let payment = FutureRecord::to(&self.topics.payments)
            .key(&key)
            .payload(&body);
        let delivered = self.producer.send(payment, PATIENCE).await;
        delivered.map_err(|(error, _)| anyhow!("the payment is not stored: {error}"))?;
        let next = record.offset() + 1;
        Ok(Paid { order, next })
    }
    // ANCHOR_END: pay

    // ANCHOR: commit
    /// Says that the order is read and its payment is good.
    pub fn commit(&self, paid: &Paid) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&self.topics.orders, 0, Offset::Offset(paid.next))?;
        if self.mode == Mode::Plain {
            return block_in_place(|| self.consumer.commit(&offsets, CommitMode::Sync));
        }
        // With `subscribe`, Kafka checks by this that we are still in the group and know its last
        // change. With `assign`, as here, it has nothing to check: the transactional id alone keeps
        // others out.
        let group = self.consumer.group_metadata();
        let group = group.ok_or(KafkaError::Canceled)?;
        block_in_place(|| {
            self.producer
                .send_offsets_to_transaction(&offsets, &group, PATIENCE)?;
            self.producer.commit_transaction(PATIENCE)
        })
    }
    // ANCHOR_END: commit

    /// Commits, tells how that went, and whether it went well.
    pub fn finish(&self, paid: &Paid, log: &mut Log) -> bool {
        let committed = self.commit(paid);
        let order = paid.order;
        match &committed {
            Ok(()) => log.remark(&self.lane, &format!("has committed o-{order}")),
            Err(error) => log.remark(&self.lane, &format!("cannot commit o-{order}: {error}")),
        }
        committed.is_ok()
    }
}
