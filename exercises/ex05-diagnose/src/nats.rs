//! Services that work on what a stream has for them, until they are ended.

use anyhow::{Context as _, Error, Result};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Context, Message};
use futures_util::StreamExt;

/// Charges a card, and tells that it is charged.
pub async fn payments(url: String) -> Result<()> {
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let charges = jetstream.get_consumer_from_stream("payments", "SHOP");
    let charges = charges.await?;
    loop {
        let charge = next(&charges).await?;
        charge.ack().await.map_err(Error::from_boxed)?;
        tell(&jetstream, "payment.processed", &charge).await?;
    }
}

/// Reserves what was ordered, and tells that it is reserved.
pub async fn inventory(url: String) -> Result<()> {
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let orders = jetstream.get_consumer_from_stream("inventory", "SHOP");
    let orders = orders.await?;
    loop {
        let order = next(&orders).await?;
        tell(&jetstream, "stock.reserved", &order).await?;
        order.ack().await.map_err(Error::from_boxed)?;
    }
}

/// Books each payment, and goes on listening whether it fails after all.
pub async fn accounting(url: String) -> Result<()> {
    let jetstream = jetstream::new(async_nats::connect(&url).await?);
    let payments = jetstream.get_consumer_from_stream("accounting", "SHOP");
    let payments = payments.await?;
    loop {
        let payment = next(&payments).await?;
        let client = async_nats::connect(&url).await?;
        let mut failures = client.subscribe("payment.failed").await?;
        client.flush().await?;
        payment.double_ack().await.map_err(Error::from_boxed)?;
        tokio::spawn(async move {
            while let Some(failure) = failures.next().await {
                if failure.payload == payment.payload {
                    return;
                }
            }
        });
    }
}

/// The next message that the stream has.
async fn next(messages: &PullConsumer) -> Result<Message> {
    loop {
        let mut batch = messages.batch().max_messages(1).messages().await?;
        if let Some(message) = batch.next().await {
            return message.map_err(Error::from_boxed);
        }
    }
}

/// Stores what came of a message.
async fn tell(jetstream: &Context, subject: &'static str, of: &Message) -> Result<()> {
    let stored = jetstream.publish(subject, of.payload.clone()).await?;
    stored.await.context("the stream has not stored it")?;
    Ok(())
}
