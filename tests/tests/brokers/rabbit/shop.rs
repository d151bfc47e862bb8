//! A RabbitMQ for the tests, and the steps that most of them take.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use brokers::{Broker, Kind, Options};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Longer than anything here takes; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn private() -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(Kind::RabbitMq, options).await.unwrap()
}

/// One broker for all tests that leave it alone; it ends with the test program. All modules share its
/// virtual host, so a queue is of the module that declares it first: see [`take`].
pub async fn shared() -> &'static Broker {
    static BROKER: OnceCell<Broker> = OnceCell::const_new();
    BROKER.get_or_init(private).await
}

pub async fn url() -> &'static str {
    shared().await.url()
}

pub async fn connect(url: &str) -> (Connection, Channel) {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(url, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// A channel in confirm mode.
pub async fn confirming(url: &str) -> (Connection, Channel) {
    let (connection, channel) = connect(url).await;
    let options = ConfirmSelectOptions::default();
    channel.confirm_select(options).await.unwrap();
    (connection, channel)
}

#[track_caller]
pub fn declare_quorum(channel: &Channel, queue: &str) -> impl Future<Output = ()> {
    declare(channel, queue, "quorum", &[])
}

/// A text as the value of an argument.
pub fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// A durable queue of this type, with more arguments.
#[track_caller]
pub fn declare(
    channel: &Channel,
    queue: &str,
    kind: &str,
    more: &[(&str, AMQPValue)],
) -> impl Future<Output = ()> {
    take(queue, Location::caller().file());
    declare_taken(channel, queue, kind, more)
}

async fn declare_taken(channel: &Channel, queue: &str, kind: &str, more: &[(&str, AMQPValue)]) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text(kind));
    for (name, value) in more {
        arguments.insert((*name).into(), value.clone());
    }
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(queue.into(), options, arguments);
    declared.await.unwrap();
}

/// Fails when another module has a queue of this name, in every run and not only in one where both
/// use it at the same time.
fn take(queue: &str, module: &'static str) {
    static TAKEN: Mutex<BTreeMap<String, &str>> = Mutex::new(BTreeMap::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = *taken.entry(queue.to_owned()).or_insert(module);
    drop(taken);
    assert_eq!(
        owner, module,
        "queue `{queue}` is another module's: begin its name with this module's"
    );
}

pub async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none);
    bound.await.unwrap();
}

pub async fn publish(channel: &Channel, queue: &str, body: &str) -> Confirmation {
    let options = BasicPublishOptions::default();
    let properties = BasicProperties::default().with_delivery_mode(2);
    let (exchange, body) = ("".into(), body.as_bytes());
    let sent = channel.basic_publish(exchange, queue.into(), options, body, properties);
    sent.await.unwrap().await.unwrap()
}

/// A quorum queue that holds `orders` confirmed messages.
#[track_caller]
pub fn filled(queue: &str, orders: u32) -> impl Future<Output = (Connection, Channel)> {
    take(queue, Location::caller().file());
    async move {
        let (connection, channel) = confirming(url().await).await;
        declare_taken(&channel, queue, "quorum", &[]).await;
        for order in 1..=orders {
            let confirmed = publish(&channel, queue, &format!("o-{order}")).await;
            assert!(confirmed.is_ack());
        }
        (connection, channel)
    }
}

pub async fn consume(channel: &Channel, queue: &str, no_ack: bool) -> Consumer {
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    let tag = "".into();
    let consumer = channel.basic_consume(queue.into(), tag, options, FieldTable::default());
    consumer.await.unwrap()
}

pub async fn next(orders: &mut Consumer) -> Delivery {
    let order = timeout(PATIENCE, orders.next()).await;
    order.unwrap().unwrap().unwrap()
}

/// How many messages of the queue are with no consumer.
pub async fn ready(channel: &Channel, queue: &str) -> u32 {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default());
    declared.await.unwrap().message_count()
}

/// How many messages a quorum queue has when its last consumer is gone. Where a connection ends, the
/// queue removes its consumers and takes back what they held in one step, a little later than the client
/// hears of the end. The `Consumer` must live till then: one that is dropped is cancelled, and what it
/// held comes back in another step.
pub async fn left_without_consumers(channel: &Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let gone = async {
        loop {
            let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
            let queue = declared.await.unwrap();
            if queue.consumer_count() == 0 {
                return queue.message_count();
            }
        }
    };
    timeout(PATIENCE, gone).await.unwrap()
}

/// What the queue holds; it is empty afterwards.
pub async fn bodies(channel: &Channel, queue: &str) -> Vec<String> {
    let (mut found, get) = (Vec::new(), BasicGetOptions { no_ack: true });
    while let Some(message) = channel.basic_get(queue.into(), get).await.unwrap() {
        found.push(String::from_utf8(message.delivery.data).unwrap());
    }
    found
}
