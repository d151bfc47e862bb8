//! Publisher confirms: six orders, and what tells the publisher where each of them is.
//!
//! ```console
//! cargo run -p ch03-rabbit-confirms
//! cargo run -p ch03-rabbit-confirms -- --mandatory no
//! cargo run -p ch03-rabbit-confirms -- --inventory full --confirms none
//! ```

mod args;
mod inventory;
mod publisher;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use args::{Args, Confirms, Inventory};
use clap::Parser;
use history::Log;
use inventory::{QUEUE, Service};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use publisher::publish;

const EXCHANGE: &str = "shop";
const TYPE: &str = "order.created";
/// How long to wait for RabbitMQ before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_exchange(EXCHANGE).await?;
    rabbit.claim_queue(QUEUE).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    declare(&channel, false).await?;
    if args.confirms != Confirms::None {
        // From here on the broker answers each message on this channel.
        channel.confirm_select(Default::default()).await?;
    }
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &connection, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // On a channel of its own: an error in the trade would have closed the other one. To delete
    // what is not there is no error.
    let channel = connection.create_channel().await?;
    channel
        .queue_delete(QUEUE.into(), Default::default())
        .await?;
    channel
        .exchange_delete(EXCHANGE.into(), Default::default())
        .await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

// ANCHOR: trade
async fn trade(args: &Args, shop: &Connection, channel: &Channel, log: &mut Log) -> Result<()> {
    let inventory = Service::new(shop, args.inventory).await?;
    if args.inventory != Inventory::Late {
        inventory.open(log).await?;
    }
    let mut kept = publish(args, channel, vec![1, 2, 3, 4], log).await?;
    if args.inventory == Inventory::Late {
        // A question that RabbitMQ answers after all that came before it on this channel.
        declare(channel, true).await?;
        inventory.open(log).await?;
    }
    // Without confirms nobody tells when RabbitMQ is through, so the listing looks into the queue.
    inventory.holds(args.inventory.of_four()).await?;
    kept.extend(publish(args, channel, vec![5, 6], log).await?);
    // RabbitMQ answers this after o-5 and o-6. So inventory makes room for neither of them before.
    declare(channel, true).await?;
    inventory.holds(args.inventory.of_six()).await?;
    inventory.work(log).await?;
    // Now there is a queue, and room in it.
    let kept = publish(args, channel, kept, log).await?;
    ensure!(kept.is_empty(), "in no queue yet: {kept:?}");
    inventory.work(log).await?;
    inventory.close().await
}
// ANCHOR_END: trade

/// Declares the exchange. Passive, it only asks whether it is there.
async fn declare(channel: &Channel, passive: bool) -> Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        passive,
        ..Default::default()
    };
    let (name, none) = (EXCHANGE.into(), FieldTable::default());
    let declared = channel.exchange_declare(name, ExchangeKind::Topic, options, none);
    declared.await.context("cannot declare the exchange")
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
