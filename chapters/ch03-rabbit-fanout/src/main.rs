//! Fanout: every service has a queue of its own, and each queue gets every order.
//!
//! ```console
//! cargo run -p ch03-rabbit-fanout
//! cargo run -p ch03-rabbit-fanout -- --inventory exclusive
//! ```

mod args;
mod service;
mod watch;

use anyhow::{Context, Result, anyhow, bail};
use args::{Args, Queue};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb, strip};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use service::{Service, queue_of};
use tokio::sync::mpsc;
use watch::{hear, judged, kept};

const EXCHANGE: &str = "order.created";
/// The services whose queues are there whether they run or not.
const SERVICES: [&str; 3] = ["email", "inventory", "analytics"];

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_exchange(EXCHANGE).await?;
    for service in SERVICES {
        rabbit.claim_queue(&queue_of(service)).await?;
    }
    let connection = connect(rabbit.url(), "orders").await?;
    let channel = connection.create_channel().await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &rabbit, &connection, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    for service in SERVICES {
        let delete = QueueDeleteOptions::default();
        channel
            .queue_delete(queue_of(service).into(), delete)
            .await?;
    }
    let delete = ExchangeDeleteOptions::default();
    channel.exchange_delete(EXCHANGE.into(), delete).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    // Each service has its own copies, so the strip judges one of them: did inventory hear of it?
    let events: Vec<Event> = log.events().iter().filter_map(judged).collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn trade(
    args: &Args,
    rabbit: &Broker,
    connection: &Connection,
    channel: &Channel,
    log: &mut Log,
) -> Result<()> {
    declare(channel).await?;
    let (said, mut heard) = mpsc::channel(16);
    let start = |name, queue| Service::start(rabbit.url(), name, queue, said.clone());
    // ANCHOR: day
    let email = start("email", Queue::Durable).await?;
    let inventory = start("inventory", args.inventory).await?;
    publish(channel, 1, log).await?;
    hear(&mut heard, log, 2).await?;
    let queue = inventory.stop().await?;
    log.remark("inventory", "stops for an update");
    for order in 2..=3 {
        publish(channel, order, log).await?;
        hear(&mut heard, log, 1).await?;
    }
    let waiting = kept(connection, &queue).await?;
    log.remark("rabbit", &format!("keeps {waiting} orders for inventory"));
    let inventory = start("inventory", args.inventory).await?;
    hear(&mut heard, log, waiting).await?;
    let analytics = start("analytics", Queue::Durable).await?;
    log.remark("analytics", "is new");
    let accounting = start("accounting", Queue::Exclusive).await?;
    log.remark("accounting", "looks in");
    publish(channel, 4, log).await?;
    hear(&mut heard, log, 4).await?;
    accounting.stop().await?;
    log.remark("accounting", "has seen enough");
    publish(channel, 5, log).await?;
    hear(&mut heard, log, 3).await?;
    // ANCHOR_END: day
    for service in [email, inventory, analytics] {
        service.stop().await?;
    }
    Ok(())
}

// ANCHOR: declare
async fn declare(channel: &Channel) -> Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let kind = ExchangeKind::Fanout;
    let declared = channel.exchange_declare(EXCHANGE.into(), kind, options, FieldTable::default());
    declared.await.context("cannot declare the exchange")?;
    channel.confirm_select(Default::default()).await?;
    Ok(())
}
// ANCHOR_END: declare

// ANCHOR: publish
async fn publish(channel: &Channel, order: u32, log: &mut Log) -> Result<()> {
    let body = format!("o-{order}");
    let properties = BasicProperties::default().with_delivery_mode(2);
    let (key, options) = ("".into(), BasicPublishOptions::default());
    let sent = channel.basic_publish(EXCHANGE.into(), key, options, body.as_bytes(), properties);
    match sent.await?.await? {
        // Each queue that is bound at this moment has its copy. It says nothing of others.
        Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
        refused => bail!("o-{order} is not stored: {refused:?}"),
    }
    Ok(())
}
// ANCHOR_END: publish
