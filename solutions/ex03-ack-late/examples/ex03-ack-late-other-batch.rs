//! Right, and unlike the solution: what is there is processed at the same time, and acknowledged
//! with one frame when all of it is done.

use std::env::var;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-ack-late`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (from, to) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let results = connection.create_channel().await?;
    results.confirm_select(Default::default()).await?;
    let payments = connection.create_channel().await?;
    payments.basic_qos(10, Default::default()).await?;
    let consumer = payments.basic_consume(
        from.as_str().into(),
        "payments".into(),
        Default::default(),
        Default::default(),
    );
    let mut batches = consumer.await?.ready_chunks(4);
    while let Some(batch) = batches.next().await {
        let batch: Vec<Delivery> = batch.into_iter().collect::<Result<_, _>>()?;
        let work = batch
            .iter()
            .map(|charge| process(&results, &to, &charge.data));
        try_join_all(work).await?;
        // The last one came last: on this channel nothing before it is undone.
        if let Some(last) = batch.last() {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
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
