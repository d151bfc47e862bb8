//! Records as the shop writes and reads them.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::PATIENCE;

/// A producer without transactions.
pub fn producer(kafka: &Broker) -> Result<FutureProducer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("enable.idempotence", "true");
    Ok(config.create()?)
}

/// Stores records.
pub async fn write(producer: &FutureProducer, topic: &str, bodies: &[&str]) -> Result<()> {
    let records = bodies.iter().map(|body| {
        let record = FutureRecord::<str, str>::to(topic).payload(body);
        producer.send(record, PATIENCE)
    });
    for delivered in join_all(records).await {
        delivered.map_err(|(error, _)| anyhow!("a record is not stored: {error}"))?;
    }
    Ok(())
}

/// The number at the end of a body: `o-3` is order 3.
pub fn order_of(body: Option<&[u8]>) -> Result<u32> {
    let body = std::str::from_utf8(body.context("a record is empty")?)?;
    let (_, number) = body.rsplit_once("o-").context("not an order")?;
    Ok(number.parse()?)
}
