//! Connection, channel, queue: what an error closes, and what that costs.
//!
//! ```console
//! cargo run -p ch03-rabbit-topology
//! cargo run -p ch03-rabbit-topology -- --declare shared
//! cargo run -p ch03-rabbit-topology -- --declare shared --ack all
//! ```

mod args;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use args::Args;
use clap::Parser;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind};

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 5;
/// How long to wait for RabbitMQ before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_queue(QUEUE).await?;
    // ANCHOR: connect
    // The address ends with the virtual host. It is chosen here, once for the whole connection.
    let properties = ConnectionProperties::default().with_connection_name("payments".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    // A channel is a number on each frame of the connection, and state on both sides: confirms,
    // prefetch, consumers, unacknowledged messages. Each use has its own.
    let publishing = connection.create_channel().await?;
    // ANCHOR_END: connect
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &connection, &publishing, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // ANCHOR: shutdown
    // On a channel of its own: an error may have closed any other one.
    let removing = connection.create_channel().await?;
    // To delete what is not there is no error.
    let left = removing
        .queue_delete(QUEUE.into(), Default::default())
        .await?;
    connection.close(200, "the shop closes".into()).await?;
    // ANCHOR_END: shutdown
    rabbit.stop().await?;
    outcome?;
    ensure!(left == 0, "{left} orders are left in the queue");
    log.finish(&[])?;
    Ok(())
}

async fn trade(
    args: &Args,
    connection: &Connection,
    publishing: &Channel,
    log: &mut Log,
) -> Result<()> {
    declare(publishing, None).await?;
    publish(publishing, log).await?;
    let mut again = true;
    // One turn for each channel that the consumer needs.
    loop {
        let channel = connection.create_channel().await?;
        if worker::work(args, connection, &channel, &mut again, log).await? {
            channel.close(200, "the work is done".into()).await?;
            return Ok(());
        }
        log.remark("payments", "opens another channel");
    }
}

// ANCHOR: declare
/// Declares the queue, perhaps with a limit of so many orders.
async fn declare(channel: &Channel, limit: Option<i32>) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    if let Some(limit) = limit {
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(limit));
    }
    let options = QueueDeclareOptions::durable();
    channel
        .queue_declare(QUEUE.into(), options, arguments)
        .await?;
    Ok(())
}
// ANCHOR_END: declare

// ANCHOR: again
/// The service was updated, and its new version wants a limit.
async fn declare_again(channel: &Channel, log: &mut Log) -> Result<()> {
    declare(channel, None).await?;
    log.remark("payments", "declares its queue again: nothing happens");
    let Err(error) = declare(channel, Some(1000)).await else {
        bail!("RabbitMQ has changed the queue");
    };
    let ErrorKind::ProtocolError(why) = error.kind() else {
        return Err(error.into());
    };
    // After the name of the argument it tells the queue, the virtual host, and both values.
    let (code, text) = (why.get_id(), why.get_message().to_string());
    let text = text.split(" for queue").next().unwrap_or_default();
    log.remark(
        "payments",
        &format!("declares it with a limit: {code} {text}"),
    );
    Ok(())
}
// ANCHOR_END: again

async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        let confirm = publish.await?.await?;
        ensure!(confirm.is_ack(), "{body} is not stored: {confirm:?}");
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
    }
    Ok(())
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
