//! Right, and unlike the solution: no async code, and a result and its commit are one transaction.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let ask = "run `cargo test -p sol04-commit-after-work`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("transactional.id", "inventory-1")
        .create()?;
    // Whatever a dead instance has begun is aborted here.
    producer.init_transactions(PATIENCE)?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("group.id", "inventory")
        .set("group.instance.id", "inventory-1")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&["orders"])?;
    for record in &consumer {
        let record = match record {
            Ok(record) => record,
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
            // Other errors are news: the client goes on trying by itself. `AutoOffsetReset` would be
            // another end, but it comes with `auto.offset.reset=error` alone.
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        let order = String::from_utf8(record.key().context("no key")?.to_vec())?;
        let body = format!("stock.reserved {order}");
        producer.begin_transaction()?;
        let result = BaseRecord::to("stock").key(&order).payload(&body);
        producer.send(result).map_err(|(error, _)| error)?;
        let mut done = TopicPartitionList::new();
        let next = Offset::Offset(record.offset() + 1);
        done.add_partition_offset(record.topic(), record.partition(), next)?;
        let group = consumer
            .group_metadata()
            .context("the consumer is in no group")?;
        producer.send_offsets_to_transaction(&done, &group, PATIENCE)?;
        producer.commit_transaction(PATIENCE)?;
    }
    Ok(())
}
