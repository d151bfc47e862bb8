//! The payments worker: it processes each charge that the queue has for it, until it is ended. Its
//! first argument says how many charges it asks for, and when it acknowledges them.

use std::env::var;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::stream::select_all;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo book grade ex03-fair-prefetch`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (from, to) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let variant = std::env::args().nth(1).context(ask)?;
    let variant = variant.as_str();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let results = connection.create_channel().await?;
    results.confirm_select(Default::default()).await?;
    let payments = connection.create_channel().await?;
    let each = BasicQosOptions { global: false };
    let channel = BasicQosOptions { global: true };
    let mut consumers = Vec::new();
    match variant {
        "one" => {
            payments.basic_qos(1, each).await?;
            consumers.push(consume(&payments, &from, "payments", false).await?);
        }
        "ten" | "early" => {
            payments.basic_qos(10, each).await?;
            consumers.push(consume(&payments, &from, "payments", false).await?);
        }
        "auto" => {
            payments.basic_qos(10, each).await?;
            consumers.push(consume(&payments, &from, "payments", true).await?);
        }
        "none" => consumers.push(consume(&payments, &from, "payments", false).await?),
        "after" => {
            consumers.push(consume(&payments, &from, "payments", false).await?);
            payments.basic_qos(10, each).await?;
        }
        "two" | "global" => {
            let whose = if variant == "two" { each } else { channel };
            payments.basic_qos(10, whose).await?;
            consumers.push(consume(&payments, &from, "payments-a", false).await?);
            consumers.push(consume(&payments, &from, "payments-b", false).await?);
        }
        _ => bail!("there is no variant `{variant}`; {ask}"),
    }
    let mut charges = select_all(consumers);
    while let Some(charge) = charges.next().await {
        let charge = charge?;
        if variant == "early" {
            charge.ack(Default::default()).await?;
        }
        process(&results, &to, &charge.data).await?;
        if !["early", "auto"].contains(&variant) {
            charge.ack(Default::default()).await?;
        }
    }
    Ok(())
}

async fn consume(channel: &Channel, from: &str, tag: &str, no_ack: bool) -> Result<Consumer> {
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    let consumer = channel.basic_consume(from.into(), tag.into(), options, Default::default());
    Ok(consumer.await?)
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
