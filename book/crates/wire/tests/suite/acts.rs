//! The proxy before a small server that answers each request with its own bytes.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{MetadataResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::{Act, ApiKey, Error, Fate, Proxy, UNREAD, Way, kafka};

use crate::LONG;

/// A version of Metadata whose answer is known, and one that does not exist.
const METADATA: i16 = 9;
const UNKNOWN: i16 = 99;

/// A request: kind, version and number, and a body.
fn request(api: ApiKey, version: i16, number: i32) -> Vec<u8> {
    let mut frame = (api as i16).to_be_bytes().to_vec();
    frame.extend(version.to_be_bytes());
    frame.extend(number.to_be_bytes());
    frame.extend(b"order");
    frame
}

async fn read(from: &mut TcpStream) -> Option<Vec<u8>> {
    let length = timeout(LONG, from.read_i32()).await.unwrap().ok()?;
    // As a broker does, it ends the connection where this is no length.
    let length = usize::try_from(length).ok().filter(|it| *it <= 100 << 20)?;
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

async fn write(to: &mut TcpStream, frame: &[u8]) {
    let length = i32::try_from(frame.len()).unwrap();
    to.write_i32(length).await.unwrap();
    to.write_all(frame).await.unwrap();
}

/// The answer: the request's number, and for Metadata where two brokers are.
fn answer(request: &[u8]) -> Vec<u8> {
    let mut answer = BytesMut::from(&request[4..8]);
    if request[..2] != (ApiKey::Metadata as i16).to_be_bytes() {
        answer.extend_from_slice(b"stored");
        return answer.to_vec();
    }
    let broker = |host: &'static str, port| {
        MetadataResponseBroker::default()
            .with_host(StrBytes::from_static_str(host))
            .with_port(port)
    };
    let brokers = vec![broker("kafka-1.shop", 9092), broker("kafka-2.shop", 9092)];
    let body = MetadataResponse::default().with_brokers(brokers);
    answer.extend_from_slice(&[0]);
    body.encode(&mut answer, METADATA).unwrap();
    answer.to_vec()
}

/// Serves connections, and tells each request's number.
async fn server() -> (String, mpsc::UnboundedReceiver<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                while let Some(request) = read(&mut client).await {
                    tell.send(request[7]).unwrap();
                    write(&mut client, &answer(&request)).await;
                }
            });
        }
    });
    (address, told)
}

struct Scene {
    wire: Proxy,
    client: TcpStream,
    told: mpsc::UnboundedReceiver<u8>,
}

async fn scene() -> Scene {
    let (address, told) = server().await;
    let wire = Proxy::kafka(&address).await.unwrap();
    let client = TcpStream::connect(wire.url()).await.unwrap();
    Scene { wire, client, told }
}

impl Scene {
    async fn connect(&mut self) {
        self.client = TcpStream::connect(self.wire.url()).await.unwrap();
    }

    async fn ask(&mut self, api: ApiKey, number: i32) {
        write(&mut self.client, &request(api, 9, number)).await;
    }

    /// The number that the next answer has.
    async fn answered(&mut self) -> Option<u8> {
        read(&mut self.client).await.map(|answer| answer[3])
    }

    async fn end(self) -> Vec<u8> {
        timeout(LONG, self.wire.stop()).await.unwrap().unwrap();
        let mut told = self.told;
        let mut all = Vec::new();
        while let Ok(number) = told.try_recv() {
            all.push(number);
        }
        all
    }
}

#[tokio::test]
async fn without_a_rule_all_passes() {
    let mut scene = scene().await;
    for number in 1..=3 {
        scene.ask(ApiKey::Produce, number).await;
    }
    for number in 1..=3 {
        assert_eq!(scene.answered().await, Some(number));
    }
    assert_eq!(scene.end().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_frame_that_is_not_known_passes_unchanged() {
    let mut scene = scene().await;
    let frame = [0x7f, 0xff, 0, 0, 0, 0, 0, 7];
    write(&mut scene.client, &frame).await;
    assert_eq!(scene.answered().await, Some(7));
    let kinds: Vec<String> = scene
        .wire
        .frames()
        .iter()
        .map(|it| it.kind.to_string())
        .collect();
    assert_eq!(kinds, ["request 32767", "answer 32767"]);
    // Too short for a request.
    write(&mut scene.client, b"").await;
    scene.wire.seen(UNREAD, 1).await.unwrap();
    assert_eq!(scene.end().await, [7]);
}

#[tokio::test]
async fn the_named_request_is_lost_and_no_other() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCE, 2, Act::Drop);
    scene.ask(ApiKey::Produce, 1).await;
    scene.ask(ApiKey::Heartbeat, 2).await;
    scene.ask(ApiKey::Produce, 3).await;
    scene.ask(ApiKey::Produce, 4).await;
    for number in [1, 2, 4] {
        assert_eq!(scene.answered().await, Some(number));
    }
    scene.wire.struck(1).await.unwrap();
    assert_eq!(scene.end().await, [1, 2, 4]);
}

#[tokio::test]
async fn an_answer_is_lost_after_the_server_had_the_request() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCED, 1, Act::Drop);
    scene.ask(ApiKey::Produce, 1).await;
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, Some(2));
    scene.wire.struck(1).await.unwrap();
    assert_eq!(scene.end().await, [1, 2]);
}

#[tokio::test]
async fn a_connection_ends_where_the_answer_would_come() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCED, 2, Act::Cut);
    scene.ask(ApiKey::Produce, 1).await;
    assert_eq!(scene.answered().await, Some(1));
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, None);
    // The next connection is as good as new.
    scene.connect().await;
    scene.ask(ApiKey::Produce, 3).await;
    assert_eq!(scene.answered().await, Some(3));
    assert_eq!(scene.wire.connected(), 2);
    let [first, second] = scene.wire.sessions()[..] else {
        panic!("{:?}", scene.wire.sessions());
    };
    assert_eq!((first.connection, second.connection), (1, 2));
    assert!(
        first.closed.unwrap() <= second.opened,
        "{first:?} {second:?}"
    );
    assert_eq!(second.closed, None);
    assert_eq!(scene.end().await, [1, 2, 3]);
}

#[tokio::test]
async fn a_connection_ends_after_the_frame_has_arrived() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCE, 2, Act::CutAfter);
    for number in 1..=3 {
        scene.ask(ApiKey::Produce, number).await;
    }
    // The answer to the first may or may not have been on its way already.
    while scene.answered().await.is_some() {}
    scene.wire.struck(1).await.unwrap();
    assert_eq!(scene.wire.strikes()[0].fate, Fate::CutAfter);
    assert_eq!(scene.told.recv().await, Some(1));
    assert_eq!(scene.told.recv().await, Some(2));
    let more = scene.end().await;
    assert!(more.is_empty(), "what follows the frame: {more:?}");
}

#[tokio::test]
async fn a_frame_that_is_late_keeps_its_place() {
    let mut scene = scene().await;
    let late = Duration::from_millis(200);
    scene.wire.on(kafka::PRODUCE, 1, Act::Delay(late));
    let begun = Instant::now();
    for number in 1..=2 {
        scene.ask(ApiKey::Produce, number).await;
    }
    for number in 1..=2 {
        assert_eq!(scene.answered().await, Some(number));
    }
    assert!(begun.elapsed() >= late);
    assert_eq!(scene.wire.strikes()[0].fate, Fate::Delayed(late));
    assert_eq!(scene.end().await, [1, 2]);
}

#[tokio::test]
async fn a_held_frame_waits_and_what_follows_waits_behind_it() {
    let mut scene = scene().await;
    let mut held = scene.wire.hold(kafka::PRODUCE, 2);
    for number in 1..=3 {
        scene.ask(ApiKey::Produce, number).await;
    }
    let frame = timeout(LONG, held.reached()).await.unwrap().unwrap();
    assert_eq!((frame.kind, frame.way), (kafka::PRODUCE, Way::ToBroker));
    assert_eq!(frame.kafka().unwrap().correlation, 2);
    assert_eq!(scene.answered().await, Some(1));
    assert_eq!(scene.told.recv().await, Some(1));
    assert!(scene.told.try_recv().is_err(), "the held one has passed");
    held.pass();
    for number in 2..=3 {
        assert_eq!(scene.answered().await, Some(number));
    }
    assert_eq!(scene.wire.strikes()[0].fate, Fate::Held);
    assert_eq!(scene.end().await, [2, 3]);
}

#[tokio::test]
async fn a_held_frame_is_discarded() {
    let mut scene = scene().await;
    let mut held = scene.wire.hold(kafka::PRODUCED, 1);
    scene.ask(ApiKey::Produce, 1).await;
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    held.discard();
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, Some(2));
    assert_eq!(scene.wire.strikes()[0].fate, Fate::Dropped);
    assert_eq!(scene.end().await, [1, 2]);
}

#[tokio::test]
async fn a_held_frame_is_cut() {
    let mut scene = scene().await;
    let mut held = scene.wire.hold(kafka::PRODUCED, 1);
    scene.ask(ApiKey::Produce, 1).await;
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    held.cut();
    assert_eq!(scene.answered().await, None);
    assert_eq!(scene.wire.strikes()[0].fate, Fate::Cut);
    assert_eq!(scene.end().await, [1]);
}

#[tokio::test]
async fn a_frame_outlives_its_sender_and_its_holder() {
    let mut scene = scene().await;
    let mut held = scene.wire.hold(kafka::PRODUCE, 1);
    scene.ask(ApiKey::Produce, 1).await;
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    // Closed with a reset, as by a process that was killed while something was unread.
    scene.client.set_zero_linger().unwrap();
    scene.connect().await;
    drop(held);
    assert_eq!(scene.told.recv().await, Some(1));
    scene.end().await;
}

#[tokio::test]
async fn a_frame_that_does_not_come_any_more_is_told() {
    let scene = scene().await;
    let mut held = scene.wire.hold(kafka::PRODUCE, 1);
    scene.end().await;
    let told = timeout(LONG, held.reached()).await.unwrap().unwrap_err();
    assert!(matches!(&*told, Error::Unreached), "{told}");
}

#[tokio::test]
async fn two_rules_take_two_frames() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCED, 1, Act::Drop);
    scene.wire.on(kafka::PRODUCED, 1, Act::Drop);
    for number in 1..=3 {
        scene.ask(ApiKey::Produce, number).await;
    }
    assert_eq!(scene.answered().await, Some(3));
    scene.wire.struck(2).await.unwrap();
    assert_eq!(scene.end().await, [1, 2, 3]);
}

#[tokio::test]
async fn the_record_tells_what_came_and_went() {
    let mut scene = scene().await;
    scene.wire.on(kafka::PRODUCE, 2, Act::Drop);
    scene.ask(ApiKey::Produce, 1).await;
    assert_eq!(scene.answered().await, Some(1));
    scene.ask(ApiKey::Produce, 2).await;
    timeout(LONG, scene.wire.seen(kafka::PRODUCE, 2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(scene.wire.count(kafka::PRODUCE), 2);
    assert_eq!(scene.wire.count(kafka::PRODUCED), 1);
    let frames = scene.wire.frames();
    let told: Vec<String> = frames
        .iter()
        .map(|frame| frame.to_string().split_once("  ").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "connection 1, to the broker: Produce request 1",
            "connection 1, to the client: Produce answer 1",
            "connection 1, to the broker: Produce request 2",
        ]
    );
    assert!(frames.is_sorted_by_key(|frame| frame.at));
    assert_eq!(scene.wire.left_out(), 0);
    assert_eq!(scene.end().await, [1]);
}

#[tokio::test]
async fn the_record_has_an_end() {
    let mut scene = scene().await;
    let heartbeat = {
        let mut frame = 13_i32.to_be_bytes().to_vec();
        frame.extend(request(ApiKey::Heartbeat, 4, 1));
        frame
    };
    let many = heartbeat.repeat(6_000);
    let (mut from, mut to) = scene.client.split();
    let send = async { to.write_all(&many).await.unwrap() };
    let mut answers = vec![0; 6_000 * (4 + 10)];
    let receive = async { from.read_exact(&mut answers).await.unwrap() };
    timeout(LONG, async { tokio::join!(send, receive) })
        .await
        .unwrap();
    assert_eq!(scene.wire.count(kafka::HEARTBEAT), 6_000);
    assert_eq!(scene.wire.frames().len(), 10_000);
    assert_eq!(scene.wire.left_out(), 2_000);
    scene.end().await;
}

#[tokio::test]
async fn the_brokers_addresses_become_the_proxys_own() {
    let mut scene = scene().await;
    let mut ports = Vec::new();
    for number in 1..=2 {
        scene.ask(ApiKey::Metadata, number).await;
        let frame = read(&mut scene.client).await.unwrap();
        let mut frame = bytes::Bytes::from(frame);
        ResponseHeader::decode(&mut frame, 1).unwrap();
        let answer = MetadataResponse::decode(&mut frame, METADATA).unwrap();
        assert!(answer.brokers.iter().all(|it| &*it.host == "127.0.0.1"));
        ports.push(answer.brokers.iter().map(|it| it.port).collect::<Vec<_>>());
    }
    assert_eq!(ports[0], ports[1], "one port for a broker");
    assert_ne!(ports[0][0], ports[0][1]);
    assert_eq!(scene.end().await, [1, 2]);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_told_and_not_passed_on() {
    let mut scene = scene().await;
    write(&mut scene.client, &request(ApiKey::Metadata, UNKNOWN, 1)).await;
    assert_eq!(scene.answered().await, None);
    let told = timeout(LONG, scene.wire.struck(1)).await.unwrap();
    let told = told.unwrap_err().to_string();
    assert!(told.contains("Metadata, version 99"), "{told}");
    assert!(scene.wire.stop().await.is_err());
}

#[tokio::test]
async fn what_is_no_request_is_the_brokers_to_refuse() {
    let mut scene = scene().await;
    // TLS begins so.
    scene.client.write_all(b"\x16\x03\x01\x00").await.unwrap();
    assert_eq!(scene.answered().await, None);
    let kinds: Vec<_> = scene.wire.frames().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [UNREAD]);
    // The proxy goes on.
    scene.connect().await;
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, Some(2));
    assert_eq!(scene.end().await, [2]);
}

#[tokio::test]
async fn an_answer_to_what_is_no_request_is_told_and_not_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let wire = Proxy::kafka(&address).await.unwrap();
    let mut client = TcpStream::connect(wire.url()).await.unwrap();
    client.write_i32(i32::MAX).await.unwrap();
    // At its start the proxy looks if somebody is there.
    drop(timeout(LONG, listener.accept()).await.unwrap().unwrap());
    let (mut broker, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let length = timeout(LONG, broker.read_i32()).await.unwrap();
    assert_eq!(length.unwrap(), i32::MAX);
    write(&mut broker, b"answer").await;
    assert_eq!(read(&mut client).await, None);
    let told = timeout(LONG, wire.struck(1)).await.unwrap();
    assert!(matches!(&*told.unwrap_err(), Error::Size(i32::MAX)));
}

#[tokio::test]
async fn nothing_is_left_of_it() {
    let mut scene = scene().await;
    scene.ask(ApiKey::Produce, 1).await;
    assert_eq!(scene.answered().await, Some(1));
    let url = scene.wire.url().to_owned();
    scene.wire.stop().await.unwrap();
    assert_eq!(read(&mut scene.client).await, None, "its connection");
    assert!(TcpStream::connect(&url).await.is_err(), "its port");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let told = Proxy::kafka(&address).await.err().unwrap().to_string();
    assert!(
        told.contains(&format!("no broker answers at {address}")),
        "{told}"
    );
}
