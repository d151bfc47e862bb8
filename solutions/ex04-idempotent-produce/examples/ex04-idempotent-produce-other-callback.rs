//! Right, and unlike the solution: no async code, one callback for all reports, and a transaction.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps what a report says of a failure.
#[derive(Default)]
struct Failures(Mutex<Vec<String>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut failures)) = (report, self.0.lock()) {
            failures.push(error.to_string());
        }
    }
}

fn main() -> Result<()> {
    let ask = "run `cargo test -p sol04-idempotent-produce`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let topic = std::env::var("ORDERS_TOPIC").context(ask)?;
    let producer: ThreadedProducer<Failures> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("transactional.id", &topic)
        .create_with_context(Failures::default())?;
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    for order in std::io::stdin().lines() {
        let order = order?;
        let body = format!("order.created {order}");
        let record = BaseRecord::to(&topic).key(&order).payload(&body);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.commit_transaction(PATIENCE)?;
    match producer.context().0.lock() {
        Ok(failures) if failures.is_empty() => Ok(()),
        Ok(failures) => bail!("{}", failures.join(", ")),
        Err(_) => bail!("a callback has panicked"),
    }
}
