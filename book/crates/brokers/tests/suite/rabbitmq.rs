//! Faults on a RabbitMQ that the test owns, and what other programs see of it.

use std::time::Duration;

use brokers::{Broker, Error, Kind, Options};
use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

async fn private() -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(Kind::RabbitMq, options).await.unwrap()
}

async fn connect(broker: &Broker) -> (Connection, Channel) {
    let connection = Connection::connect(broker.url(), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    (connection, channel)
}

async fn declare_quorum(channel: &Channel) {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel
        .queue_declare("orders".into(), QueueDeclareOptions::durable(), arguments)
        .await
        .unwrap();
}

async fn publish(channel: &Channel, body: &str) {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let confirm = channel.basic_publish(
        "".into(),
        "orders".into(),
        options,
        body.as_bytes(),
        properties,
    );
    assert!(confirm.await.unwrap().await.unwrap().is_ack());
}

/// The next order in the queue, acknowledged.
async fn take(channel: &Channel) -> Vec<u8> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut orders = channel
        .basic_consume("orders".into(), "test".into(), options, none)
        .await
        .unwrap();
    let order = timeout(PATIENCE, orders.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(order.ack(BasicAckOptions::default()).await.unwrap());
    channel
        .basic_cancel("test".into(), BasicCancelOptions::default())
        .await
        .unwrap();
    order.data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_comes_back_with_its_data_on_the_same_port() {
    let mut broker = private().await;
    let url = broker.url().to_owned();
    let (_connection, channel) = connect(&broker).await;
    declare_quorum(&channel).await;
    publish(&channel, "o-1").await;
    let before = broker.pid().unwrap();
    broker.restart().await.unwrap();
    assert_ne!(broker.pid().unwrap(), before, "another process");
    assert_eq!(broker.url(), url);
    let (_connection, channel) = connect(&broker).await;
    assert_eq!(take(&channel).await, b"o-1");

    // The restart has also put the queue's registration on disk, which a node
    // writes up to 3 s late. A kill before that would lose the queue's confirmed messages.
    publish(&channel, "o-2").await;
    broker.kill().await.unwrap();
    assert_eq!(broker.pid(), None);
    let refused = Connection::connect(&url, ConnectionProperties::default()).await;
    assert!(refused.is_err(), "nothing listens after a kill");
    broker.restart().await.unwrap();
    let (_connection, channel) = connect(&broker).await;
    assert_eq!(take(&channel).await, b"o-2");
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_broker_confirms_nothing_until_it_is_resumed() {
    let mut broker = private().await;
    let (_connection, channel) = connect(&broker).await;
    declare_quorum(&channel).await;
    let pid = broker.pid().unwrap();

    broker.pause().await.unwrap();
    // Field 3 of the process's state: T is stopped by a signal.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(
        state.rsplit_once(')').unwrap().1.starts_with(" T"),
        "{state}"
    );
    let options = BasicPublishOptions::default();
    let properties = BasicProperties::default().with_delivery_mode(2);
    let confirm = channel.basic_publish("".into(), "orders".into(), options, b"o-1", properties);
    let mut confirm = std::pin::pin!(confirm.await.unwrap());
    // A bound that the fault itself gives: a stopped process cannot answer.
    assert!(
        timeout(Duration::from_millis(300), &mut confirm)
            .await
            .is_err()
    );

    broker.resume().await.unwrap();
    let confirm = timeout(PATIENCE, confirm).await.unwrap().unwrap();
    assert!(confirm.is_ack());
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_broker_is_not_touched() {
    let mut owned = private().await;
    let (_connection, channel) = connect(&owned).await;
    declare_quorum(&channel).await;
    // What a listing gets whose AMQP_URL names this broker.
    let external = brokers::external(Kind::RabbitMq, owned.url())
        .await
        .unwrap();
    assert_eq!(external.version(), owned.version());
    assert!(!external.is_ours());
    let taken = external.claim_queue("orders").await;
    assert!(matches!(taken, Err(Error::NameTaken { .. })), "{taken:?}");
    external.claim_queue("another").await.unwrap();
    let kind = lapin::ExchangeKind::Topic;
    let (options, arguments) = (Default::default(), Default::default());
    let declared = channel.exchange_declare("shop".into(), kind, options, arguments);
    declared.await.unwrap();
    let taken = external.claim_exchange("shop").await;
    assert!(matches!(taken, Err(Error::NameTaken { .. })), "{taken:?}");
    external.claim_exchange("another").await.unwrap();
    let mut external = external;
    for refused in [
        external.kill().await,
        external.pause().await,
        external.restart().await,
    ] {
        assert!(
            matches!(refused, Err(Error::NotOwned { .. })),
            "{refused:?}"
        );
    }
    external.stop().await.unwrap();
    let queues = owned
        .control(&["-q", "list_queues", "name", "type"])
        .await
        .unwrap();
    assert!(queues.contains("orders\tquorum"), "{queues}");
    owned.stop().await.unwrap();
}
