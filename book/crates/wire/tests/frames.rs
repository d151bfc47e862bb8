//! The proxy before a small server that answers each request with its own bytes.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{MetadataResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::{ApiKey, Error, Loss, Proxy};

const LONG: Duration = Duration::from_secs(60);
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
    let mut frame = vec![0; usize::try_from(length).unwrap()];
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
    assert_eq!(scene.end().await, [7]);
}

#[tokio::test]
async fn the_named_request_is_lost_and_no_other() {
    let mut scene = scene().await;
    scene.wire.lose(ApiKey::Produce, 2, Loss::Request);
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
    scene.wire.lose(ApiKey::Produce, 1, Loss::Answer);
    scene.ask(ApiKey::Produce, 1).await;
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, Some(2));
    scene.wire.struck(1).await.unwrap();
    assert_eq!(scene.end().await, [1, 2]);
}

#[tokio::test]
async fn a_connection_ends_where_the_answer_would_come() {
    let mut scene = scene().await;
    scene.wire.lose(ApiKey::Produce, 2, Loss::Connection);
    scene.ask(ApiKey::Produce, 1).await;
    assert_eq!(scene.answered().await, Some(1));
    scene.ask(ApiKey::Produce, 2).await;
    assert_eq!(scene.answered().await, None);
    // The next connection is as good as new.
    scene.client = TcpStream::connect(scene.wire.url()).await.unwrap();
    scene.ask(ApiKey::Produce, 3).await;
    assert_eq!(scene.answered().await, Some(3));
    assert_eq!(scene.end().await, [1, 2, 3]);
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
async fn a_frame_without_end_is_told() {
    let mut scene = scene().await;
    scene.client.write_i32(i32::MAX).await.unwrap();
    assert_eq!(scene.answered().await, None);
    let told = timeout(LONG, scene.wire.struck(1)).await.unwrap();
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
