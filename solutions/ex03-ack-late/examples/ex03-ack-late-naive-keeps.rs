//! Naive: a charge whose result is refused is not acknowledged, so that it comes again.

use std::env::var;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::BasicAckOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-ack-late`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (from, to) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    // What comes and what goes have connections of their own: RabbitMQ may hold up who publishes.
    let outgoing = Connection::connect(&url, ConnectionProperties::default()).await?;
    let results = outgoing.create_channel().await?;
    results.confirm_select(Default::default()).await?;
    let payments = connection.create_channel().await?;
    payments.basic_qos(10, Default::default()).await?;
    let consumer = payments.basic_consume(
        from.as_str().into(),
        "payments".into(),
        Default::default(),
        Default::default(),
    );
    let mut charges = consumer.await?;
    while let Some(charge) = charges.next().await {
        let charge = charge?;
        if let Err(error) = process(&results, &to, &charge.data).await {
            eprintln!("not processed: {error:#}");
            // RabbitMQ has it still, and will give it to somebody.
            continue;
        }
        charge.ack(BasicAckOptions::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The work on a charge. It is done when RabbitMQ has what came of it.
async fn process(results: &Channel, to: &str, order: &[u8]) -> Result<()> {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let sent = results.basic_publish("".into(), to.into(), Default::default(), order, persistent);
    match sent.await?.await? {
        Confirmation::Ack(_) => Ok(()),
        other => bail!("RabbitMQ does not take the result: {other:?}"),
    }
}
