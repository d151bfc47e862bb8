//! ch03-rabbit-topology: flags that the protocol has and RabbitMQ does not.

use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind, PublisherConfirm};
use tokio::time::timeout;

use super::relay::Relay;
use super::shop::{PATIENCE, bind, confirming, connect, consume, declare_quorum, next, url};
use super::topology::code;

async fn send(
    channel: &Channel,
    (exchange, key): (&str, &str),
    order: &str,
    immediate: bool,
) -> PublisherConfirm {
    let options = BasicPublishOptions {
        immediate,
        ..Default::default()
    };
    let (exchange, key) = (exchange.into(), key.into());
    let properties = BasicProperties::default();
    let sent = channel.basic_publish(exchange, key, options, order.as_bytes(), properties);
    sent.await.expect("publish itself is Ok")
}

/// An order is published with `immediate` or without to a queue that has a consumer, as the flag
/// demands. What RabbitMQ says to a question behind it, whether the connection stands, and whether
/// the order is acknowledged.
async fn after_an_order(queue: &str, immediate: bool) -> (u16, bool, bool) {
    let (_worker, worker) = connect(url().await).await;
    declare_quorum(&worker, queue).await;
    let _orders = consume(&worker, queue, false).await;
    let relay = Relay::before(url().await).await;
    let (shop, channel) = confirming(&relay.url).await;
    // The question is on its way before RabbitMQ has the order, so that the error is its answer.
    relay.hold_questions();
    let confirm = send(&channel, ("", queue), "o-1", immediate).await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let asked = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let (answer, ()) = tokio::join!(asked, async { relay.release_questions() });
    let told = timeout(PATIENCE, confirm).await.unwrap();
    let is_ack = told.is_ok_and(|told| told.is_ack());
    (code(answer), shop.status().connected(), is_ack)
}

/// claim: rabbit.publish.immediate
#[tokio::test(flavor = "multi_thread")]
async fn to_publish_with_immediate_closes_the_connection() {
    let told = after_an_order("flags.immediate", true).await;
    assert_eq!(told, (540, false, false));
}

/// claim: rabbit.publish.immediate
#[tokio::test(flavor = "multi_thread")]
async fn to_publish_without_it_does_not_contrast() {
    let told = after_an_order("flags.none", false).await;
    assert_eq!(told, (200, true, true));
}

/// A service consumes with `no_local` from a queue with this binding. On the same connection it
/// publishes o-1, with its name in the key; then another service publishes o-2, with its own. Which
/// order does it get first?
async fn first_with_no_local(name: &str, binding: &str) -> Vec<u8> {
    let (_service, channel) = confirming(url().await).await;
    let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let topic = ExchangeKind::Topic;
    let declared = channel.exchange_declare(name.into(), topic, options, none.clone());
    declared.await.unwrap();
    declare_quorum(&channel, name).await;
    bind(&channel, name, name, binding).await;
    let options = BasicConsumeOptions {
        no_local: true,
        ..Default::default()
    };
    let consumer = channel.basic_consume(name.into(), "".into(), options, none);
    let mut orders = consumer.await.unwrap();
    let own = send(&channel, (name, "order.email"), "o-1", false).await;
    assert!(own.await.unwrap().is_ack());
    let (_other, other) = confirming(url().await).await;
    let others = send(&other, (name, "order.payments"), "o-2", false).await;
    assert!(others.await.unwrap().is_ack());
    next(&mut orders).await.data
}

/// claim: rabbit.consume.no-local
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_no_local_gets_what_its_own_connection_publishes() {
    assert_eq!(
        first_with_no_local("flags.no-local", "order.*").await,
        b"o-1"
    );
}

/// claim: rabbit.consume.no-local
#[tokio::test(flavor = "multi_thread")]
async fn a_binding_to_the_others_keys_keeps_it_away_contrast() {
    let first = first_with_no_local("flags.binding", "order.payments").await;
    assert_eq!(first, b"o-2");
}
