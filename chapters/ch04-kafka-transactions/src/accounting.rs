//! Accounting: it reads the payments.

use anyhow::Result;
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message, TopicPartitionList};
use tokio::time::timeout;

use crate::args::Args;
use crate::records::order_of;
use crate::{OTHER, PATIENCE};

/// A reader of the payments.
pub struct Accounting {
    consumer: StreamConsumer,
}

impl Accounting {
    /// A reader that begins with the first payment.
    pub fn start(args: &Args, kafka: &Broker, payments: &str) -> Result<Accounting> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        config.set("group.id", kafka.name("accounting"));
        config.set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest");
        // ANCHOR: isolation
        // `read_committed` is librdkafka's default. Java's is `read_uncommitted`.
        config.set("isolation.level", args.isolation.value());
        // ANCHOR_END: isolation
        // Tells us when nothing more is to be had, and soon: by default Kafka thinks for 500 ms.
        config.set("enable.partition.eof", "true");
        config.set("fetch.wait.max.ms", "100");
        let consumer: StreamConsumer = config.create()?;
        let mut partition = TopicPartitionList::new();
        partition.add_partition(payments, 0);
        consumer.assign(&partition)?;
        Ok(Accounting { consumer })
    }

    /// Reads what there is, and gives how many payments of other orders were among it.
    pub async fn read(&self, log: &mut Log) -> Result<usize> {
        let mut others = 0;
        loop {
            match timeout(PATIENCE, self.consumer.recv()).await? {
                Ok(payment) if payment.payload() == Some(OTHER.as_bytes()) => others += 1,
                Ok(payment) => {
                    let order = order_of(payment.payload())?;
                    let place = format!("at offset {}", payment.offset());
                    log.event(Event::new("accounting", Verb::Done, order).text(place));
                }
                Err(KafkaError::PartitionEOF(_)) => return Ok(others),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads until the payment of this order has come. Kafka says that a transaction is committed when
    /// that is decided, and writes the marker a moment later. Until then readers may not get the payment.
    pub async fn read_to(&self, order: u32, log: &mut Log) -> Result<()> {
        let is_paid = |event: &Event| event.verb == Verb::Done && event.message == order;
        while !log.events().iter().any(is_paid) {
            self.read(log).await?;
        }
        Ok(())
    }

    /// Waits until this many payments of other orders have come.
    pub async fn wait_for(&self, others: usize, log: &mut Log) -> Result<usize> {
        let mut seen = 0;
        while seen < others {
            seen += self.read(log).await?;
        }
        Ok(seen)
    }
}
