//! A log again, here a stream of NATS JetStream: it keeps an account of single messages for each
//! reader.

use anyhow::{Context as _, Result, anyhow, ensure};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use crate::{AFTERNOON, Day, MORNING, PATIENCE, or_interrupted, order_of};

/// The day, on a stream that is deleted at its end.
pub async fn day(day: &mut Day) -> Result<()> {
    let nats = brokers::nats().await?;
    let client = async_nats::connect(nats.url())
        .await
        .context("cannot connect to NATS")?;
    let context = jetstream::new(client);
    // A stream's name has no dots.
    let name = nats.name("SHOP").replace('.', "-");
    let streams = context.stream_names().try_collect::<Vec<_>>().await;
    let streams = streams.context("does the server have JetStream?")?;
    ensure!(
        !streams.contains(&name),
        "{} has a stream {name} already; delete it yourself",
        nats.url()
    );
    let subject = nats.name("order.created");
    let config = Config {
        name: name.clone(),
        subjects: vec![subject.clone()],
        ..Default::default()
    };
    let mut stream = context
        .create_stream(config)
        .await
        .context("cannot make the stream")?;
    let outcome = or_interrupted(trade(&context, &mut stream, &subject, day)).await;
    let deleted = context.delete_stream(&name).await;
    let stopped = nats.stop().await;
    // First what went wrong in the day: the cleaning up can have failed because of it.
    outcome?;
    deleted?;
    stopped?;
    Ok(())
}

async fn trade(context: &Context, stream: &mut Stream, subject: &str, day: &mut Day) -> Result<()> {
    let mut inventory = read(stream, "inventory").await?;
    publish(context, subject, &MORNING, day).await?;
    for order in to_the_end(stream, &mut inventory).await? {
        day.got("inventory", order);
    }
    let mut analytics = read(stream, "analytics").await?;
    day.says("analytics", "reads from the beginning");
    publish(context, subject, &AFTERNOON, day).await?;
    for order in to_the_end(stream, &mut inventory).await? {
        day.got("inventory", order);
    }
    for order in to_the_end(stream, &mut analytics).await? {
        day.got("analytics", order);
    }
    let mut accounting = read(stream, "accounting").await?;
    let again = to_the_end(stream, &mut accounting).await?.len();
    let keeps = stream.info().await?.state.messages;
    day.ends("nats", keeps, again);
    Ok(())
}

/// A reader with a place of its own: the consumer. The server keeps it, as it has a name. One without is
/// deleted when nobody has asked for 5 s, and its place with it.
async fn read(stream: &Stream, service: &str) -> Result<pull::Stream> {
    let config = pull::Config {
        durable_name: Some(service.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ..Default::default()
    };
    Ok(stream.create_consumer(config).await?.messages().await?)
}

async fn publish(context: &Context, subject: &str, orders: &[u32], day: &mut Day) -> Result<()> {
    for order in orders {
        let stored = context
            .publish(subject.to_owned(), format!("o-{order}").into())
            .await?;
        // The first `await` hands it to the client. The second is the server's word: stored.
        stored
            .await
            .with_context(|| format!("o-{order} is not stored"))?;
        day.sent(*order);
    }
    Ok(())
}

/// What this reader has not read yet.
async fn to_the_end(stream: &mut Stream, messages: &mut pull::Stream) -> Result<Vec<u32>> {
    let end = stream.info().await?.state.last_sequence;
    let mut orders = Vec::new();
    loop {
        let message = timeout(PATIENCE, messages.next())
            .await
            .context("no message comes")?;
        // A worker that runs for days goes on after some of the errors that come here: see the page on
        // JetStream.
        let message = message.context("NATS has ended the consumer")??;
        // ANCHOR: ack
        orders.push(order_of(&message.payload)?);
        // Each message by itself: this one is done, which says nothing about those before it.
        message.ack().await.map_err(|error| anyhow!(error))?;
        // Each has its number in the stream.
        let read = message.info().map_err(|error| anyhow!(error))?;
        if read.stream_sequence == end {
            return Ok(orders);
        }
        // ANCHOR_END: ack
    }
}
