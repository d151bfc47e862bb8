//! The proxy before a real RabbitMQ, with lapin.

use brokers::{Broker, Kind, Options};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, BasicRejectOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use wire::{Act, Fate, Frame, Proxy, Way, amqp};

use crate::LONG;

/// A RabbitMQ starts slowly, so all tests here use one; it ends with this program.
async fn broker() -> &'static str {
    static BROKER: OnceCell<Broker> = OnceCell::const_new();
    let start = async || {
        let broker = brokers::start(Kind::RabbitMq, Options::default()).await;
        broker.unwrap()
    };
    BROKER.get_or_init(start).await.url()
}

/// A proxy, a client of it, and a queue of its own.
struct Scene {
    wire: Proxy,
    connection: Connection,
    channel: Channel,
    queue: String,
}

impl Scene {
    async fn new() -> Scene {
        let wire = Proxy::amqp(broker().await).await.unwrap();
        let connect = Connection::connect(wire.url(), ConnectionProperties::default());
        let connection = connect.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let declare = channel.queue_declare("".into(), options, FieldTable::default());
        let queue = declare.await.unwrap().name().to_string();
        Scene {
            wire,
            connection,
            channel,
            queue,
        }
    }

    async fn confirms(&self) {
        let options = ConfirmSelectOptions::default();
        self.channel.confirm_select(options).await.unwrap();
    }

    async fn publish(&self, body: &[u8]) -> lapin::Result<Confirmation> {
        let properties = BasicProperties::default()
            .with_message_id("o-1".into())
            .with_correlation_id("c-1".into())
            .with_delivery_mode(2)
            .with_headers(headers());
        let (queue, options) = (self.queue.as_str().into(), BasicPublishOptions::default());
        let sent = self
            .channel
            .basic_publish("".into(), queue, options, body, properties);
        sent.await?.await
    }

    async fn consume(&self, tag: &str) -> Consumer {
        let queue = self.queue.as_str().into();
        let options = BasicConsumeOptions::default();
        let consume = self
            .channel
            .basic_consume(queue, tag.into(), options, FieldTable::default());
        consume.await.unwrap()
    }

    fn of(&self, kind: wire::Kind) -> Vec<Frame> {
        let mut frames = self.wire.frames();
        frames.retain(|frame| frame.kind == kind);
        frames
    }

    async fn end(self) {
        self.connection.close(200, "".into()).await.unwrap();
        timeout(LONG, self.wire.closed()).await.unwrap().unwrap();
        self.wire.stop().await.unwrap();
    }
}

async fn consume(channel: &Channel, queue: &str, tag: &str) -> Consumer {
    let options = BasicConsumeOptions::default();
    let consume = channel.basic_consume(queue.into(), tag.into(), options, FieldTable::default());
    consume.await.unwrap()
}

fn headers() -> FieldTable {
    let mut inner = FieldTable::default();
    inner.insert("deep".into(), AMQPValue::Boolean(true));
    let mut headers = FieldTable::default();
    headers.insert("attempt".into(), AMQPValue::LongLongInt(3));
    headers.insert("inner".into(), AMQPValue::FieldTable(inner));
    headers.insert("shop".into(), AMQPValue::LongString("Berlin".into()));
    headers
}

async fn next(consumer: &mut Consumer) -> Delivery {
    timeout(LONG, consumer.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_message_is_one_frame_and_read() {
    let scene = Scene::new().await;
    scene.confirms().await;
    // Three body frames: a frame has 128 KiB at most.
    let large = vec![b'x'; 300_000];
    for body in [&b"order"[..], &large, b""] {
        assert!(scene.publish(body).await.unwrap().is_ack());
    }
    // The broker chooses the consumer's tag.
    let mut consumer = scene.consume("").await;
    for body in [&b"order"[..], &large, b""] {
        assert_eq!(next(&mut consumer).await.data, body);
    }
    for (kind, way) in [
        (amqp::PUBLISH, Way::ToBroker),
        (amqp::DELIVER, Way::ToClient),
    ] {
        let frames = scene.of(kind);
        assert_eq!(frames.len(), 3);
        for ((frame, size), tag) in frames.iter().zip([5, 300_000, 0]).zip(1..) {
            let fields = frame.amqp().unwrap();
            assert_eq!((frame.way, fields.size), (way, size));
            assert_eq!(fields.payload.len(), size.min(4096));
            assert_eq!(fields.delivery_tag, Some(tag));
            assert_eq!(fields.exchange.as_deref(), Some(""));
            assert_eq!(fields.routing_key.as_deref(), Some(&*scene.queue));
            assert_eq!(fields.message_id.as_deref(), Some("o-1"));
            assert_eq!(fields.correlation_id.as_deref(), Some("c-1"));
            assert_eq!(fields.delivery_mode, Some(2));
            assert_eq!(fields.header("attempt"), Some("3"));
            assert_eq!(fields.header("inner"), Some(""));
            assert_eq!(fields.header("shop"), Some("Berlin"));
        }
        assert_eq!(&frames[0].amqp().unwrap().payload[..], b"order");
    }
    let confirms = scene.of(amqp::CONFIRM);
    let tags = confirms
        .iter()
        .map(|frame| frame.amqp().unwrap().delivery_tag);
    assert!(tags.eq([Some(1), Some(2), Some(3)]));
    let deliveries = scene.of(amqp::DELIVER);
    let queue = deliveries[0].amqp().unwrap().queue.as_deref();
    assert_eq!(queue, Some(&*scene.queue));
    assert_eq!(scene.wire.count(wire::UNREAD), 0);
    assert_eq!(scene.wire.count(amqp::OTHER), 0);
    scene.end().await;
}

#[tokio::test]
async fn a_delivery_tells_its_queue_and_whether_it_needs_an_acknowledgement() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.publish(b"order").await.unwrap();
    }
    let queue = || scene.queue.as_str().into();
    for no_ack in [false, true] {
        let get = BasicGetOptions { no_ack };
        let got = scene.channel.basic_get(queue(), get).await.unwrap();
        assert!(got.is_some());
    }
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let table = FieldTable::default();
    let consume = scene
        .channel
        .basic_consume(queue(), "".into(), options, table);
    next(&mut consume.await.unwrap()).await;
    let mut told = scene.of(amqp::GET_OK);
    told.extend(scene.of(amqp::DELIVER));
    let told: Vec<(Option<&str>, bool)> = told
        .iter()
        .filter_map(wire::Frame::amqp)
        .map(|fields| (fields.queue.as_deref(), fields.no_ack))
        .collect();
    let own = Some(scene.queue.as_str());
    assert_eq!(told, [(own, false), (own, true), (own, true)]);
    scene.end().await;
}

#[tokio::test]
async fn what_a_consumer_says_is_told_apart() {
    let scene = Scene::new().await;
    for _ in 0..4 {
        scene.publish(b"order").await.unwrap();
    }
    let qos = scene.channel.basic_qos(7, BasicQosOptions::default());
    qos.await.unwrap();
    let get = scene
        .channel
        .basic_get(scene.queue.as_str().into(), BasicGetOptions::default());
    let got = get.await.unwrap().unwrap();
    got.delivery
        .acker
        .ack(BasicAckOptions::default())
        .await
        .unwrap();
    let mut consumer = scene.consume("payments").await;
    let again = BasicRejectOptions { requeue: true };
    assert!(next(&mut consumer).await.acker.reject(again).await.unwrap());
    let options = BasicNackOptions {
        multiple: false,
        requeue: false,
    };
    assert!(next(&mut consumer).await.acker.nack(options).await.unwrap());
    next(&mut consumer).await;
    let last = next(&mut consumer).await;
    assert!(last.redelivered);
    let all = BasicAckOptions { multiple: true };
    assert!(last.acker.ack(all).await.unwrap());
    timeout(LONG, scene.wire.seen(amqp::ACK, 2))
        .await
        .unwrap()
        .unwrap();
    let told = |kind, place: usize| {
        let text = scene.of(kind)[place].to_string();
        let (_, told) = text.split_once(": ").unwrap();
        told.to_owned()
    };
    let queue = &scene.queue;
    assert_eq!(
        told(amqp::GET_OK, 0),
        format!(
            "basic.get-ok on channel 1, tag 1, key {queue}, queue {queue}, message id o-1, 5 bytes"
        )
    );
    assert_eq!(told(amqp::ACK, 0), "basic.ack on channel 1, tag 1");
    assert_eq!(
        told(amqp::REJECT, 0),
        "basic.reject on channel 1, tag 2, requeue"
    );
    assert_eq!(told(amqp::NACK, 0), "basic.nack on channel 1, tag 3");
    assert_eq!(
        told(amqp::ACK, 1),
        "basic.ack on channel 1, tag 5, multiple"
    );
    assert_eq!(
        told(amqp::DELIVER, 3),
        format!(
            "basic.deliver on channel 1, tag 5, redelivered, key {queue}, queue {queue}, message id o-1, 5 bytes"
        )
    );
    assert_eq!(scene.of(amqp::QOS)[0].amqp().unwrap().prefetch, Some(7));
    let open = scene.of(amqp::CONNECTION_OPEN);
    assert!(open[0].amqp().unwrap().vhost.is_some());
    scene.end().await;
}

#[tokio::test]
async fn the_confirm_is_lost_and_the_message_is_there() {
    let scene = Scene::new().await;
    scene.confirms().await;
    scene.wire.on(amqp::CONFIRM, 1, Act::Cut);
    assert!(scene.publish(b"order").await.is_err());
    timeout(LONG, scene.wire.struck(1)).await.unwrap().unwrap();
    let strike = &scene.wire.strikes()[0];
    assert_eq!((strike.fate, strike.kind), (Fate::Cut, amqp::CONFIRM));
    assert_eq!(strike.frame.amqp().unwrap().delivery_tag, Some(1));
    // Its queue has ended with the connection, and the broker knew the message before.
    assert_eq!(scene.wire.count(amqp::PUBLISH), 1);
    scene.wire.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_message_is_dropped_whole() {
    let scene = Scene::new().await;
    scene.wire.on(amqp::PUBLISH, 1, Act::Drop);
    scene.publish(&vec![b'x'; 300_000]).await.unwrap();
    scene.publish(b"order").await.unwrap();
    let mut consumer = scene.consume("payments").await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.data, b"order");
    scene.end().await;
}

/// Whether the broker delivers the message again, where the connection ends in the place of its
/// acknowledgement or after that.
async fn delivered_again(acknowledged: bool) -> bool {
    let scene = Scene::new().await;
    let other = Connection::connect(broker().await, ConnectionProperties::default());
    let other = other.await.unwrap().create_channel().await.unwrap();
    let name = format!("held-{acknowledged}");
    let declare = QueueDeclareOptions::default();
    let declare = other.queue_declare(name.as_str().into(), declare, FieldTable::default());
    declare.await.unwrap();
    let scene = Scene {
        queue: name.clone(),
        ..scene
    };
    scene.publish(b"order").await.unwrap();
    let mut consumer = scene.consume("payments").await;
    let delivery = next(&mut consumer).await;
    let mut held = scene.wire.hold(amqp::ACK, 1);
    delivery
        .acker
        .ack(BasicAckOptions::default())
        .await
        .unwrap();
    let frame = timeout(LONG, held.reached()).await.unwrap().unwrap();
    assert_eq!(frame.amqp().unwrap().delivery_tag, Some(1));
    assert!(scene.wire.strikes().is_empty());
    match acknowledged {
        true => {
            held.pass();
            scene.connection.close(200, "".into()).await.unwrap();
        }
        false => held.cut(),
    }
    timeout(LONG, scene.wire.closed()).await.unwrap().unwrap();
    assert_eq!(scene.wire.strikes().len(), 1);
    let mut consumer = consume(&other, &name, "").await;
    if acknowledged {
        // The connection has closed in order, so whatever comes again comes before this.
        let (queue, options) = (name.as_str().into(), BasicPublishOptions::default());
        let mark = BasicProperties::default();
        let mark = other.basic_publish("".into(), queue, options, b"mark", mark);
        mark.await.unwrap();
    }
    let first = next(&mut consumer).await;
    let again = first.data == b"order" && first.redelivered;
    other
        .queue_delete(name.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    again
}

#[tokio::test]
async fn a_message_comes_again_where_its_acknowledgement_was_cut() {
    assert!(delivered_again(false).await);
}

#[tokio::test]
async fn a_message_does_not_come_again_where_its_acknowledgement_was_held_and_passed() {
    assert!(!delivered_again(true).await);
}
