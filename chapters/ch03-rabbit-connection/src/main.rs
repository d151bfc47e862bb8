//! The life of a connection: cut, restarted, cancelled, blocked. What goes on by itself, and what
//! only the program can decide.
//!
//! ```console
//! cargo run -p ch03-rabbit-connection
//! cargo run -p ch03-rabbit-connection -- --recover no
//! cargo run -p ch03-rabbit-connection -- --fault restart
//! cargo run -p ch03-rabbit-connection -- --fault cancel
//! cargo run -p ch03-rabbit-connection -- --fault alarm
//! ```

mod alarm;
mod args;
mod cancel;
mod fault;
mod network;
mod shop;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use args::{Args, Fault, Recover};
use clap::Parser;
use fault::Site;
use history::{Event, Log, Verb};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm,
};
use shop::{QUEUE, consume, count, declare, finish, receive, work};
use tokio::time::timeout;

/// How long the first connection may take.
const FIRST: Duration = Duration::from_secs(10);
/// The longest outage that the orders service sits out.
const OUTAGE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut site = Site::open(args.fault).await?;
    let mut log = Log::new();
    let day = async {
        match args.fault {
            Fault::Cut | Fault::Restart => outage(&args, &mut site, &mut log).await,
            Fault::Cancel => cancel::scene(&args, &site, &mut log).await,
            Fault::Alarm => alarm::scene(&args, &mut site, &mut log).await,
        }
    };
    let outcome = tokio::select! {
        outcome = day => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    let left = site.close().await?;
    outcome?;
    log.finish(&left)?;
    Ok(())
}

// ANCHOR: connect
async fn connect(args: &Args, url: &str, name: &str) -> Result<Connection> {
    let mut properties = ConnectionProperties::default().with_connection_name(name.into());
    if args.recover == Recover::Yes {
        // The first try after 0.1 s, then 0.2 s and so on up to 1 s. Jitter adds up to as much
        // again, so that not all clients come at once. There is no last try, since lapin would tell
        // nobody of it. Its own schedule begins at 1 s, ends at 60 s, and has 16 tries.
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        properties = properties.enable_auto_recover().configure_backoff(|tries| {
            let tries = tries.with_min_delay(first).with_max_delay(longest);
            tries.without_max_times().with_jitter()
        });
    }
    // The schedule holds for the first connection as well. Without a limit of its own a wrong
    // address would never be an error.
    let connection = timeout(FIRST, Connection::connect(url, properties)).await;
    let connection = connection.context("nobody answers at RabbitMQ's address")?;
    connection.context("cannot connect to RabbitMQ")
}
// ANCHOR_END: connect

async fn outage(args: &Args, site: &mut Site, log: &mut Log) -> Result<()> {
    let connection = connect(args, &site.url, "shop").await?;
    let orders = connection.create_channel().await?;
    let payments = connection.create_channel().await?;
    declare(&orders).await?;
    orders.confirm_select(Default::default()).await?;
    let mut charges = consume(&payments).await?;
    // ANCHOR: outage
    for order in 1..=3 {
        let sent = send(&orders, order, log).await?;
        settle(&orders, order, sent, log).await?;
    }
    work(&mut charges, log).await?;
    let charge = receive(&mut charges, log).await?;
    // Payments works on o-2, orders sends o-4, and it happens.
    site.strike(&orders).await?;
    let sent = send(&orders, 4, log).await?;
    log.remark("rabbit", site.heal().await?);
    settle(&orders, 4, sent, log).await?;
    finish(charge, log).await?;
    // Each order that was sent comes once, and o-2 once more.
    while count(log, Verb::Done) <= count(log, Verb::Sent) && work(&mut charges, log).await? {}
    // ANCHOR_END: outage
    if args.recover == Recover::Yes {
        connection.close(200, "the shop closes".into()).await?;
    }
    Ok(())
}

// ANCHOR: send
type Sent = lapin::Result<PublisherConfirm>;

async fn send(channel: &Channel, order: u32, log: &mut Log) -> Result<Sent> {
    let (body, key, options) = (format!("o-{order}"), QUEUE.into(), Default::default());
    let properties = BasicProperties::default().with_delivery_mode(2);
    let sent = channel.basic_publish("".into(), key, options, body.as_bytes(), properties);
    // Without a connection this fails at once. While an alarm blocks the connection, it waits.
    let sent = timeout(OUTAGE, sent).await;
    let sent = sent.context("RabbitMQ takes no orders for too long")?;
    if sent.is_ok() {
        log.event(Event::new("orders", Verb::Sent, order));
    }
    Ok(sent)
}
// ANCHOR_END: send

// ANCHOR: settle
async fn settle(channel: &Channel, order: u32, mut sent: Sent, log: &mut Log) -> Result<()> {
    loop {
        // With recovery on, a lost answer becomes an error only when there is a new connection.
        let answer = timeout(OUTAGE, async { sent?.await }).await;
        let error = match answer.context("RabbitMQ is away for too long")? {
            Ok(Confirmation::Ack(_)) => break,
            Ok(refused) => bail!("o-{order} is not stored: {refused:?}"),
            // RabbitMQ has closed this channel, and says why. No recovery opens it again.
            Err(error) if error.is_amqp_soft_error() => return Err(error.into()),
            Err(error) => error,
        };
        let unknown = format!("does not know whether o-{order} is stored");
        log.remark("orders", &unknown);
        let recovered = timeout(OUTAGE, channel.wait_for_recovery(error)).await;
        if recovered.context("RabbitMQ is away for too long")?.is_err() {
            log.remark("orders", "has no connection any more");
            return Ok(());
        }
        log.remark("orders", "is connected again");
        sent = send(channel, order, log).await?;
    }
    log.event(Event::new("rabbit", Verb::Stored, order));
    Ok(())
}
// ANCHOR_END: settle
