//! The day on RabbitMQ: one topic exchange, and a queue for each subscriber, in which its copies wait.

use anyhow::{Context, Result, anyhow, ensure};
use brokers::Broker;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::time::timeout;

use crate::{PATIENCE, Received, Step, order_of};

const EXCHANGE: &str = "shop";

/// The day, on an exchange and queues that are deleted at its end.
pub async fn day(day: &[Step], log: &mut Log) -> Result<Vec<Received>> {
    let rabbit = brokers::rabbitmq().await?;
    claim(day, &rabbit).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let outcome = tokio::select! {
        outcome = trade(day, &channel, log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    remove(day, &connection).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome
}

async fn trade(day: &[Step], channel: &Channel, log: &mut Log) -> Result<Vec<Received>> {
    let (kind, mut options) = (ExchangeKind::Topic, ExchangeDeclareOptions::default());
    options.durable = true;
    let declared = channel.exchange_declare(EXCHANGE.into(), kind, options, FieldTable::default());
    declared.await.context("cannot declare the exchange")?;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await?;
    let mut queues = Vec::new();
    for step in day {
        match *step {
            Step::Subscribes(service, pattern) => {
                let queue = queue(service, pattern);
                log.remark(service, &format!("binds its queue by {pattern}"));
                subscribe(channel, &queue, pattern).await?;
                queues.push((service, pattern, queue));
            }
            Step::Publishes(service, event, order) => {
                log.event(Event::new(service, Verb::Sent, order).text(event));
                publish(channel, event, order).await?;
                log.event(Event::new("rabbit", Verb::Stored, order).text(event));
            }
        }
    }
    let (mut received, mut copies) = (Vec::new(), 0);
    for (service, pattern, queue) in &queues {
        let count = waiting(channel, queue).await?;
        copies += count;
        received.push(Received {
            service,
            pattern,
            events: consume(channel, queue, count).await?,
        });
    }
    log.remark(
        "rabbit",
        &format!("kept {copies} copies in {} queues", queues.len()),
    );
    Ok(received)
}

// ANCHOR: subscribe
async fn subscribe(channel: &Channel, queue: &str, pattern: &str) -> Result<()> {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(queue.into(), options, arguments);
    declared.await.context("cannot declare a queue")?;
    // From now on the queue gets a copy of each event that the pattern matches, whether its service
    // runs or not.
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(queue.into(), EXCHANGE.into(), pattern.into(), options, none);
    bound.await.context("cannot bind a queue")
}
// ANCHOR_END: subscribe

// ANCHOR: publish
async fn publish(channel: &Channel, event: &str, order: u32) -> Result<()> {
    let (options, body) = (BasicPublishOptions::default(), format!("o-{order}"));
    let properties = BasicProperties::default().with_delivery_mode(2);
    // The routing key is the type of the event.
    let (exchange, key) = (EXCHANGE.into(), event.into());
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
    // The broker confirms that it has done what the bindings say.
    ensure!(sent.await?.await?.is_ack(), "o-{order} is not stored");
    Ok(())
}
// ANCHOR_END: publish

/// How many events wait in the queue.
async fn waiting(channel: &Channel, queue: &str) -> Result<u32> {
    let passive = QueueDeclareOptions::default().passive();
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(declared.await?.message_count())
}

/// Takes this many events from the queue. Each is gone from it with its acknowledgement.
async fn consume(channel: &Channel, queue: &str, count: u32) -> Result<Vec<(String, u32)>> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.into(), queue.into(), options, none);
    let (mut consumer, mut events) = (consumer.await?, Vec::new());
    for _ in 0..count {
        let delivery = timeout(PATIENCE, consumer.next()).await;
        let delivery = delivery.context("no event comes")?;
        let delivery =
            delivery.context("the broker cancelled the consumer: is the queue gone?")??;
        events.push((delivery.routing_key.to_string(), order_of(&delivery.data)?));
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
    }
    Ok(events)
}

/// Each subscriber's own queue: `email.order.*`.
fn queue(service: &str, pattern: &str) -> String {
    format!("{service}.{pattern}")
}

/// All queues of the day.
fn queues(day: &[Step]) -> impl Iterator<Item = String> {
    day.iter().filter_map(|step| match step {
        Step::Subscribes(service, pattern) => Some(queue(service, pattern)),
        Step::Publishes(..) => None,
    })
}

/// Makes sure that exchange and queues are nobody else's.
async fn claim(day: &[Step], rabbit: &Broker) -> Result<()> {
    rabbit.claim_exchange(EXCHANGE).await?;
    for queue in queues(day) {
        rabbit.claim_queue(&queue).await?;
    }
    Ok(())
}

/// Deletes what the day has made; what is not there is no error. On a channel of its own: after an
/// error the other one is closed.
async fn remove(day: &[Step], connection: &Connection) -> Result<()> {
    let channel = connection.create_channel().await?;
    for queue in queues(day) {
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), options).await?;
    }
    let options = ExchangeDeleteOptions::default();
    channel.exchange_delete(EXCHANGE.into(), options).await?;
    Ok(channel.close(200, "all is deleted".into()).await?)
}
