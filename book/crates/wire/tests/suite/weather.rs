//! What the proxy does to all that passes, before a small server that says everything back.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use wire::{Proxy, Way, nats};

use crate::LONG;

const PING: &[u8] = b"PING\r\n";

/// A proxy before a server that echoes, and a client.
async fn scene() -> (Proxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                // It may end with a reset.
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    let wire = Proxy::nats(&format!("nats://{address}")).await.unwrap();
    let client = connect(&wire).await;
    (wire, client)
}

async fn connect(wire: &Proxy) -> TcpStream {
    let place = wire.url().strip_prefix("nats://").unwrap();
    TcpStream::connect(place).await.unwrap()
}

/// Sends a word, and waits until it is back.
async fn echo(client: &mut TcpStream) {
    client.write_all(PING).await.unwrap();
    heard(client).await;
}

async fn heard(client: &mut TcpStream) {
    let mut word = [0; PING.len()];
    let read = timeout(LONG, client.read_exact(&mut word)).await;
    read.unwrap().unwrap();
    assert_eq!(word, PING);
}

/// A read that ends with the connection: 0 where that was quiet, else an error.
async fn end(client: &mut TcpStream) -> std::io::Result<usize> {
    timeout(LONG, client.read(&mut [0; 16])).await.unwrap()
}

#[tokio::test]
async fn a_delay_is_each_way_and_does_not_add_up() {
    let (wire, mut client) = scene().await;
    let delay = Duration::from_millis(150);
    wire.delay(delay);
    let begun = Instant::now();
    for _ in 0..100 {
        client.write_all(PING).await.unwrap();
    }
    for _ in 0..100 {
        heard(&mut client).await;
    }
    assert!(begun.elapsed() >= 2 * delay);
    // One after the other, they would have taken 100 times as long.
    let frames = wire.frames();
    let back = frames.iter().filter(|frame| frame.way == Way::ToClient);
    let back: Vec<Duration> = back.map(|frame| frame.at).collect();
    assert!(back[99] - back[0] < 100 * delay);
    wire.heal();
    echo(&mut client).await;
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn bandwidth_has_a_limit() {
    let (wire, mut client) = scene().await;
    wire.bandwidth(100_000);
    let begun = Instant::now();
    let words = PING.repeat(5_000);
    client.write_all(&words).await.unwrap();
    let mut back = vec![0; words.len()];
    let read = timeout(LONG, client.read_exact(&mut back)).await;
    read.unwrap().unwrap();
    assert_eq!(back, words);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_does_not_read_slows_its_sender_down() {
    // The kernel takes the connections; nobody reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wire = Proxy::nats(&format!("nats://{address}")).await.unwrap();
    let mut client = connect(&wire).await;
    let message = [b"PUB a 16384\r\n".as_slice(), &[b'x'; 16384], b"\r\n"].concat();
    let many = 8192;
    let mut all = pin!(async {
        for _ in 0..many {
            client.write_all(&message).await.unwrap();
        }
    });
    let in_time = timeout(Duration::from_secs(3), all.as_mut()).await;
    assert!(in_time.is_err(), "all of it is taken");
    // Four sockets' buffers and the proxy's 4 MiB.
    assert!(wire.count(nats::PUB) < many / 2);
    // Once it reads, the sender goes on. The first connection only asked if somebody is there.
    drop(listener.accept().await.unwrap());
    let (mut receiver, _) = listener.accept().await.unwrap();
    let wanted = message.len() as u64 * many;
    let read = async {
        let mut from = (&mut receiver).take(wanted);
        let read = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
        assert_eq!(read.unwrap(), wanted);
    };
    timeout(LONG, async { tokio::join!(all, read) })
        .await
        .unwrap();
    assert_eq!(wire.count(nats::PUB), many);
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn a_cut_does_not_wait_until_a_partition_heals() {
    let (wire, mut client) = scene().await;
    let mut held = wire.hold(nats::PING, 1);
    client.write_all(PING).await.unwrap();
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    wire.partition(Way::Both);
    held.cut();
    timeout(LONG, wire.closed()).await.unwrap().unwrap();
    assert_eq!(wire.strikes().len(), 1);
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn a_partition_keeps_what_is_sent_until_it_heals() {
    for way in [Way::ToBroker, Way::ToClient, Way::Both] {
        let (wire, mut client) = scene().await;
        echo(&mut client).await;
        wire.partition(way);
        assert_eq!(wire.withheld(), 0);
        client.write_all(PING).await.unwrap();
        wire.seen(nats::PING, if way == Way::ToClient { 4 } else { 3 })
            .await
            .unwrap();
        let mut late = connect(&wire).await;
        late.write_all(PING).await.unwrap();
        let many = if way == Way::ToClient { 6 } else { 4 };
        wire.seen(nats::PING, many).await.unwrap();
        assert!(client.try_read(&mut [0; 1]).is_err(), "something passes");
        wire.heal();
        heard(&mut client).await;
        heard(&mut late).await;
        assert_eq!(wire.withheld(), 2);
        assert_eq!(wire.connections(), 2);
        wire.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_ends_all_connections() {
    let (wire, mut client) = scene().await;
    let mut other = connect(&wire).await;
    echo(&mut client).await;
    echo(&mut other).await;
    assert_eq!(wire.connections(), 2);
    assert_eq!(wire.reset(), 2);
    assert!(end(&mut client).await.is_err());
    assert!(end(&mut other).await.is_err());
    timeout(LONG, wire.closed()).await.unwrap().unwrap();
    assert_eq!((wire.connections(), wire.connected()), (0, 2));
    echo(&mut connect(&wire).await).await;
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn new_connections_are_refused_and_old_ones_go_on() {
    let (wire, mut client) = scene().await;
    echo(&mut client).await;
    wire.refuse();
    assert!(end(&mut connect(&wire).await).await.is_err());
    echo(&mut client).await;
    assert_eq!(wire.connected(), 1);
    wire.heal();
    echo(&mut connect(&wire).await).await;
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn an_end_passes_as_an_end_and_a_connection_counts_until_then() {
    let (wire, mut client) = scene().await;
    client.write_all(PING).await.unwrap();
    client.shutdown().await.unwrap();
    heard(&mut client).await;
    assert_eq!(end(&mut client).await.unwrap(), 0);
    timeout(LONG, wire.closed()).await.unwrap().unwrap();
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_passes_unchanged() {
    let (wire, mut client) = scene().await;
    let mut said = b"PING\r\nJUMP high\r\n".to_vec();
    said.extend([0x16, 3, 1, 0, 5, b'\n', 0, 0xff]);
    client.write_all(&said).await.unwrap();
    let mut back = vec![0; said.len()];
    let read = timeout(LONG, client.read_exact(&mut back)).await;
    read.unwrap().unwrap();
    assert_eq!(back, said);
    assert_eq!(wire.count(nats::PING), 2);
    assert_eq!(wire.count(nats::OTHER), 2);
    assert!(wire.count(wire::UNREAD) >= 2);
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_longer_than_it_says_passes_unchanged() {
    let (wire, mut client) = scene().await;
    let said = b"PUB orders 1\r\ncreated\r\nPING\r\n";
    client.write_all(said).await.unwrap();
    let mut back = vec![0; said.len()];
    let read = timeout(LONG, client.read_exact(&mut back)).await;
    read.unwrap().unwrap();
    assert_eq!(back, said);
    assert_eq!(wire.count(nats::PUB), 0);
    wire.stop().await.unwrap();
}

#[tokio::test]
async fn half_a_frame_passes_when_its_sender_ends() {
    let (wire, mut client) = scene().await;
    client.write_all(b"PUB orders 100\r\nhalf").await.unwrap();
    client.shutdown().await.unwrap();
    let mut back = Vec::new();
    let read = timeout(LONG, client.read_to_end(&mut back)).await;
    read.unwrap().unwrap();
    assert_eq!(back, b"PUB orders 100\r\nhalf");
    wire.stop().await.unwrap();
}
