//! The proxy before a real NATS, with async-nats.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, AckKind, stream};
use brokers::{Broker, Kind, Options};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wire::{Act, Fate, Frame, Proxy, Way, nats};

use crate::LONG;

/// A NATS, a proxy before it, and a client of that.
struct Scene {
    broker: Broker,
    wire: Proxy,
    client: async_nats::Client,
}

impl Scene {
    async fn new() -> Scene {
        let broker = brokers::start(Kind::Nats, Options::default())
            .await
            .unwrap();
        let wire = Proxy::nats(broker.url()).await.unwrap();
        let client = async_nats::connect(wire.url()).await.unwrap();
        Scene {
            broker,
            wire,
            client,
        }
    }

    /// A stream of orders.
    async fn orders(&self) -> (jetstream::Context, stream::Stream) {
        let context = jetstream::new(self.client.clone());
        let config = stream::Config {
            name: "ORDERS".to_owned(),
            subjects: vec!["orders.>".to_owned()],
            ..stream::Config::default()
        };
        let stream = context.create_stream(config).await.unwrap();
        (context, stream)
    }

    fn of(&self, kind: wire::Kind) -> Vec<Frame> {
        let mut frames = self.wire.frames();
        frames.retain(|frame| frame.kind == kind);
        frames
    }

    async fn end(self) {
        self.wire.stop().await.unwrap();
        self.broker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn messages_of_core_nats_are_read() {
    let scene = Scene::new().await;
    let mut orders = scene.client.subscribe("orders.*").await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Shop", "Berlin");
    let large = Bytes::from(vec![b'x'; 10_000]);
    let subject = "orders.created";
    for payload in [Bytes::from("o-1"), large.clone()] {
        let sent = scene
            .client
            .publish_with_headers(subject, headers.clone(), payload);
        sent.await.unwrap();
    }
    assert_eq!(orders.next().await.unwrap().payload, "o-1");
    assert_eq!(orders.next().await.unwrap().payload, large);
    let nobody = scene.client.request("stock", "?".into()).await;
    assert!(nobody.is_err());

    for (kind, way) in [(nats::PUB, Way::ToBroker), (nats::MSG, Way::ToClient)] {
        let frames = scene.of(kind);
        assert!(frames.iter().all(|frame| frame.way == way));
        let first = frames[0].nats().unwrap();
        assert_eq!(
            (&*first.subject, &first.payload[..]),
            (subject, &b"o-1"[..])
        );
        assert_eq!(first.header("shop"), Some("Berlin"));
        let second = frames[1].nats().unwrap();
        assert_eq!((second.size, second.payload.len()), (10_000, 4096));
    }
    assert_eq!(scene.of(nats::SUB)[0].nats().unwrap().subject, "orders.*");
    assert_eq!(scene.of(nats::STATUS)[0].nats().unwrap().status, Some(503));
    assert!(scene.wire.count(nats::INFO) > 0);
    scene.end().await;
}

#[tokio::test]
async fn what_jetstream_says_is_told_apart() {
    let scene = Scene::new().await;
    let (context, stream) = scene.orders().await;
    for order in ["o-1", "o-2", "o-2"] {
        let message = jetstream::message::PublishMessage::build()
            .message_id(order)
            .payload(order.into());
        let sent = context.send_publish("orders.created", message).await;
        sent.unwrap().await.unwrap();
    }
    let wrong = jetstream::message::PublishMessage::build().expected_stream("OTHER");
    let refused = context.send_publish("orders.created", wrong).await.unwrap();
    assert!(refused.await.is_err());
    let acks: Vec<_> = scene.of(nats::PUB_ACK).iter().map(told).collect();
    let place = |sequence| (Some("ORDERS".to_owned()), Some(sequence));
    assert_eq!(acks[..3], [place(1), place(2), place(2)]);
    let acks = scene.of(nats::PUB_ACK);
    assert!(!acks[1].nats().unwrap().duplicate && acks[2].nats().unwrap().duplicate);
    let (code, _) = acks[3].nats().unwrap().error.clone().unwrap();
    assert_eq!((code, acks[3].nats().unwrap().sequence), (10060, None));

    let config = pull::Config {
        durable_name: Some("payments".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for kind in [
        None,
        Some(AckKind::Progress),
        Some(AckKind::Nak(None)),
        Some(AckKind::Term),
    ] {
        let message = messages.next().await.unwrap().unwrap();
        match kind {
            Some(AckKind::Progress) => {
                message.ack_with(AckKind::Progress).await.unwrap();
                message.double_ack_with(AckKind::Nak(None)).await.unwrap();
            }
            Some(AckKind::Nak(_)) => {
                let again = message.info().unwrap();
                assert_eq!((again.stream_sequence, again.delivered), (2, 2));
                message.double_ack_with(AckKind::Term).await.unwrap();
                break;
            }
            _ => message.double_ack().await.unwrap(),
        }
    }
    let delivered: Vec<_> = scene.of(nats::DELIVER).iter().map(told).collect();
    assert_eq!(delivered, [place(1), place(2), place(2)]);
    let last = scene.of(nats::DELIVER).pop().unwrap();
    assert_eq!(last.nats().unwrap().delivered, Some(2));
    assert_eq!(last.nats().unwrap().consumer.as_deref(), Some("payments"));
    for (kind, sequence) in [
        (nats::ACK, 1),
        (nats::PROGRESS, 2),
        (nats::NAK, 2),
        (nats::TERM, 2),
    ] {
        let told: Vec<_> = scene.of(kind).iter().map(told).collect();
        assert_eq!(told, [place(sequence)], "{kind}");
    }
    let pull = scene.of(nats::PULL).pop().unwrap();
    assert_eq!(pull.nats().unwrap().consumer.as_deref(), Some("payments"));
    assert_eq!(
        scene.wire.count(nats::API),
        scene.wire.count(nats::API_ANSWER)
    );
    scene.end().await;
}

fn told(frame: &Frame) -> (Option<String>, Option<u64>) {
    let fields = frame.nats().unwrap();
    (fields.stream.clone(), fields.sequence)
}

#[tokio::test]
async fn an_order_is_stored_and_its_puback_is_lost() {
    let scene = Scene::new().await;
    let (context, mut stream) = scene.orders().await;
    scene.wire.on(nats::PUB_ACK, 1, Act::Drop);
    let mut hasty = context.clone();
    hasty.set_timeout(Duration::from_millis(300));
    let sent = hasty.publish("orders.created", "o-1".into()).await;
    assert!(sent.unwrap().await.is_err());
    // The client may have given up before its order was stored.
    timeout(LONG, scene.wire.struck(1)).await.unwrap().unwrap();
    let strikes = scene.wire.strikes();
    assert_eq!((strikes.len(), strikes[0].fate), (1, Fate::Dropped));
    assert_eq!(strikes[0].kind, nats::PUB_ACK);
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
    let sent = context
        .publish("orders.created", "o-1".into())
        .await
        .unwrap();
    assert_eq!(sent.await.unwrap().sequence, 2);
    scene.end().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_comes_back_through_the_proxy() {
    let scene = Scene::new().await;
    let (context, mut stream) = scene.orders().await;
    scene.wire.on(nats::PUB, 1, Act::Cut);
    // What the client had given to the connection is lost with it.
    let lost = scene.client.publish("orders.created", "o-1".into());
    lost.await.unwrap();
    timeout(LONG, scene.wire.struck(1)).await.unwrap().unwrap();
    timeout(LONG, scene.wire.seen(nats::CONNECT, 2))
        .await
        .unwrap()
        .unwrap();
    let sent = context
        .publish("orders.created", "o-2".into())
        .await
        .unwrap();
    assert_eq!(sent.await.unwrap().sequence, 1);
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
    scene.end().await;
}

/// A server of INFO and PONG, which tells of another one. Counts the connections that it has had.
fn serve(listener: TcpListener, other: SocketAddr) -> (JoinHandle<()>, Arc<AtomicU32>) {
    let info = format!(
        "INFO {{\"server_id\":\"A\",\"max_payload\":1048576,\"headers\":true,\
         \"connect_urls\":[\"{other}\"],\"ws_connect_urls\":[\"{other}\"]}} \r\n"
    );
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let info = info.clone();
            tokio::spawn(async move {
                client.write_all(info.as_bytes()).await.unwrap();
                let (mut said, mut word) = (Vec::new(), [0; 1024]);
                while let Ok(count @ 1..) = client.read(&mut word).await {
                    said.extend_from_slice(&word[..count]);
                    if said.ends_with(b"PING\r\n") {
                        client.write_all(b"PONG\r\n").await.unwrap();
                    }
                }
            });
        }
    });
    (task, count)
}

#[tokio::test]
async fn no_client_goes_to_a_servers_own_address() {
    let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (first, second) = (listen().await, listen().await);
    let own = [first.local_addr().unwrap(), second.local_addr().unwrap()];
    let (server, at_first) = serve(first, own[1]);
    let (_, at_second) = serve(second, own[1]);
    let wire = Proxy::nats(&format!("nats://{}", own[0])).await.unwrap();
    let client = async_nats::connect(wire.url()).await.unwrap();
    let told = client.server_info().connect_urls;
    assert_eq!(told.len(), 1);
    assert_ne!(told[0], own[1].to_string());
    // The first server goes, and the client turns to the other one.
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    assert_eq!(wire.reset(), 1);
    timeout(LONG, wire.seen(nats::CONNECT, 2))
        .await
        .unwrap()
        .unwrap();
    client.flush().await.unwrap();
    let came = [&at_first, &at_second].map(|count| count.load(Ordering::SeqCst));
    // One more at the first server: at its start the proxy looks if that is there.
    assert_eq!((came, wire.connected()), ([2, 1], 2));
    wire.stop().await.unwrap();
}
