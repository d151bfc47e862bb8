//! A channel: whoever listens gets a copy, and nothing is kept. Here a subject of core NATS.

use anyhow::{Context, Result, bail};
use async_nats::{Client, RequestErrorKind, Subscriber};
use brokers::Broker;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{AFTERNOON, Day, MORNING, PATIENCE, or_interrupted, order_of};

/// The day, on a server that is stopped at its end.
pub async fn day(day: &mut Day) -> Result<()> {
    let nats = brokers::nats().await?;
    let client = async_nats::connect(nats.url())
        .await
        .context("cannot connect to NATS")?;
    let outcome = or_interrupted(trade(&nats, &client, day)).await;
    nats.stop().await?;
    outcome
}

async fn trade(nats: &Broker, client: &Client, day: &mut Day) -> Result<()> {
    let (created, shipped) = (nats.name("order.created"), nats.name("order.shipped"));
    let all = nats.name("order.*");
    // ANCHOR: channel
    let mut inventory = listen(client, &all).await?;
    publish(client, &created, &MORNING, day).await?;
    let mut analytics = listen(client, &all).await?;
    day.says("analytics", "subscribes");
    publish(client, &created, &AFTERNOON, day).await?;
    // The last event of the day. Who has got this one has got all that came before it for him.
    let mut accounting = listen(client, &all).await?;
    client.publish(shipped.clone(), "o-6".into()).await?;
    // ANCHOR_END: channel
    for order in until(&mut inventory, &shipped).await? {
        day.got("inventory", order);
    }
    for order in until(&mut analytics, &shipped).await? {
        day.got("analytics", order);
    }
    let again = until(&mut accounting, &shipped).await?.len();
    // A server without a stream has no place where a message could be.
    day.ends("nats", 0, again);
    Ok(())
}

/// A subscription that the server knows of.
async fn listen(client: &Client, subject: &str) -> Result<Subscriber> {
    let subscriber = client.subscribe(subject.to_owned()).await?;
    // Nobody listens to a new inbox. The server says so after it has seen the subscription.
    let asked = timeout(PATIENCE, client.request(client.new_inbox(), "".into()));
    match asked.await.context("NATS does not answer")? {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(subscriber),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}

async fn publish(client: &Client, subject: &str, orders: &[u32], day: &mut Day) -> Result<()> {
    for order in orders {
        let body = format!("o-{order}");
        client.publish(subject.to_owned(), body.into()).await?;
        day.sent(*order);
    }
    Ok(())
}

/// The orders that come before the last event.
async fn until(messages: &mut Subscriber, last: &str) -> Result<Vec<u32>> {
    let mut orders = Vec::new();
    loop {
        let message = timeout(PATIENCE, messages.next())
            .await
            .context("no message comes")?;
        let message = message.context("NATS has closed the connection")?;
        if message.subject.as_str() == last {
            return Ok(orders);
        }
        orders.push(order_of(&message.payload)?);
    }
}
