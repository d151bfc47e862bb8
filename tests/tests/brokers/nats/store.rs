//! A stream and a consumer on it, as most tests of JetStream want them.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, Context, Message, stream};
use futures_util::StreamExt;

use super::shop::LONG;

/// The stream SHOP with the consumer `inventory`, as `change` wants them.
pub async fn shop(
    client: &Client,
    change: impl FnOnce(&mut stream::Config, &mut pull::Config),
) -> (Context, PullConsumer) {
    let mut jetstream = jetstream::new(client.clone());
    jetstream.set_timeout(LONG);
    let mut stream = stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.>".into()],
        ..Default::default()
    };
    let mut inventory = pull::Config {
        durable_name: Some("inventory".into()),
        ..Default::default()
    };
    change(&mut stream, &mut inventory);
    let stream = jetstream.create_stream(stream).await.unwrap();
    let inventory = stream.create_consumer(inventory).await.unwrap();
    (jetstream, inventory)
}

/// Stores so many orders.
pub async fn store(jetstream: &Context, orders: usize) {
    for order in 1..=orders {
        let body = format!("o-{order}");
        let sent = jetstream.publish("order.created", body.into()).await;
        sent.unwrap().await.unwrap();
    }
}

/// All that a worker gets that asks for so many messages and waits no longer than this.
pub async fn ask(consumer: &PullConsumer, count: usize, wait: Duration) -> Vec<Message> {
    let request = consumer.batch().max_messages(count).expires(wait);
    let messages = request.messages().await.unwrap();
    messages.map(|message| message.unwrap()).collect().await
}

/// The message that a worker gets, if it is there within this time.
pub async fn ask_one(consumer: &PullConsumer, wait: Duration) -> Option<Message> {
    ask(consumer, 1, wait).await.pop()
}

/// How often the message has been delivered.
pub fn deliveries(message: &Message) -> i64 {
    message.info().unwrap().delivered
}

/// How many messages the stream holds.
pub async fn held(jetstream: &Context) -> u64 {
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    stream.cached_info().state.messages
}
