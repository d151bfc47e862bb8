//! ch03-rabbit-replay: streams, which are read and not emptied.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, Consumer, PublisherConfirm};
use tokio::time::timeout;

use super::shop::{
    PATIENCE, confirming, connect, consume, declare, filled, next, ready, text, url,
};
use super::topology::code;

/// A stream in which each order fills a segment where `limit` is given: an argument that limits it.
async fn stream(name: &str, limit: Option<(&str, AMQPValue)>) -> (Connection, Channel) {
    let (shop, channel) = confirming(url().await).await;
    let size = "x-stream-max-segment-size-bytes";
    let segment = limit
        .is_some()
        .then_some((size, AMQPValue::LongLongInt(5_000)));
    let arguments: Vec<_> = limit.into_iter().chain(segment).collect();
    declare(&channel, name, "stream", &arguments).await;
    (shop, channel)
}

/// Orders of 6 kB, all on their way before the first is confirmed.
async fn publish(channel: &Channel, stream: &str, orders: std::ops::RangeInclusive<u32>) {
    let mut confirms = Vec::new();
    for order in orders {
        let body = format!("o-{order} {}", "item ".repeat(1_200));
        confirms.push(send(channel, stream, &body).await);
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
}

async fn publish_small(channel: &Channel, stream: &str, order: u32) {
    let confirm = send(channel, stream, &format!("o-{order} item")).await;
    assert!(confirm.await.unwrap().is_ack());
}

async fn send(channel: &Channel, stream: &str, body: &str) -> PublisherConfirm {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let (exchange, key) = ("".into(), stream.into());
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
    sent.await.unwrap()
}

async fn reader(
    channel: &Channel,
    stream: &str,
    from: Option<AMQPValue>,
    prefetch: u16,
) -> lapin::Result<Consumer> {
    let options = BasicQosOptions::default();
    channel.basic_qos(prefetch, options).await?;
    let mut place = FieldTable::default();
    if let Some(from) = from {
        place.insert("x-stream-offset".into(), from);
    }
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(stream.into(), "".into(), options, place);
    consumer.await
}

fn order_of(delivery: &Delivery) -> u32 {
    let body = std::str::from_utf8(&delivery.data).unwrap();
    let number = body.strip_prefix("o-").unwrap().split(' ').next();
    number.unwrap().parse().unwrap()
}

fn offset_of(delivery: &Delivery) -> i64 {
    let headers = delivery.properties.headers().as_ref().unwrap();
    let offset = headers.inner().get("x-stream-offset").unwrap();
    offset.as_long_long_int().unwrap()
}

/// What a new reader gets that begins here, up to this order; each order with its offset.
async fn read(stream: &str, from: Option<AMQPValue>, last: u32) -> Vec<(u32, i64)> {
    loop {
        match look(stream, from.clone(), last).await {
            Ok(read) => return read,
            // So it turns away a reader that comes at the moment at which it cuts the stream.
            Err(error) => assert!(error.to_string().contains("INTERNAL_ERROR"), "{error}"),
        }
    }
}

async fn look(stream: &str, from: Option<AMQPValue>, last: u32) -> lapin::Result<Vec<(u32, i64)>> {
    let (_reader, channel) = connect(url().await).await;
    let mut orders = reader(&channel, stream, from, 100).await?;
    let mut read = Vec::new();
    loop {
        let order = timeout(PATIENCE, orders.next()).await.unwrap().unwrap()?;
        assert!(order.ack(BasicAckOptions::default()).await?);
        read.push((order_of(&order), offset_of(&order)));
        if order_of(&order) == last {
            return Ok(read);
        }
    }
}

fn orders(read: &[(u32, i64)]) -> Vec<u32> {
    read.iter().map(|(order, _)| *order).collect()
}

/// claim: rabbit.stream.read-again
#[tokio::test(flavor = "multi_thread")]
async fn what_one_reader_has_acknowledged_another_one_gets() {
    let (_shop, shop) = stream("replay.read.again", None).await;
    publish(&shop, "replay.read.again", 1..=3).await;
    for _reader in 0..2 {
        let read = read("replay.read.again", Some(text("first")), 3).await;
        assert_eq!(orders(&read), [1, 2, 3]);
    }
}

/// claim: rabbit.stream.read-again
#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_has_acknowledged_is_gone_from_a_queue_contrast() {
    let (_shop, channel) = filled("replay.read.once", 3).await;
    let mut orders = consume(&channel, "replay.read.once", false).await;
    for _ in 0..3 {
        let order = next(&mut orders).await;
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
    }
    assert_eq!(ready(&channel, "replay.read.once").await, 0);
}

/// claim: rabbit.stream.offset
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_begins_at_the_offset_that_it_names() {
    let (_shop, shop) = stream("replay.offset", None).await;
    publish(&shop, "replay.offset", 1..=5).await;
    let read = read("replay.offset", Some(AMQPValue::LongLongInt(2)), 5).await;
    assert_eq!(read, [(3, 2), (4, 3), (5, 4)]);
}

/// claim: rabbit.stream.offset
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_from_the_first_begins_at_the_first_contrast() {
    let (_shop, shop) = stream("replay.offset.first", None).await;
    publish(&shop, "replay.offset.first", 1..=5).await;
    let read = read("replay.offset.first", Some(text("first")), 5).await;
    assert_eq!(read[0], (1, 0));
}

/// Two orders are published before a reader attaches that begins here, and one after. What it gets.
async fn read_across(name: &str, from: Option<AMQPValue>) -> Vec<u32> {
    let (_shop, shop) = stream(name, None).await;
    publish(&shop, name, 1..=2).await;
    let (_reader, channel) = connect(url().await).await;
    let mut stream = reader(&channel, name, from, 100).await.unwrap();
    publish(&shop, name, 3..=3).await;
    let mut read = Vec::new();
    while read.last() != Some(&3) {
        read.push(order_of(&next(&mut stream).await));
    }
    read
}

/// claim: rabbit.stream.next-by-default
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_names_no_place_gets_what_comes_next() {
    assert_eq!(read_across("replay.no.place", None).await, [3]);
    assert_eq!(
        read_across("replay.next.place", Some(text("next"))).await,
        [3]
    );
}

/// claim: rabbit.stream.next-by-default
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_from_the_first_gets_what_was_before_contrast() {
    assert_eq!(
        read_across("replay.first.place", Some(text("first"))).await,
        [1, 2, 3]
    );
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Two orders, a change of the second, two orders. What a reader gets that begins at the later
/// second, or an hour before it.
async fn read_from_a_time(name: &str, earlier: u64) -> Vec<u32> {
    let (_shop, shop) = stream(name, None).await;
    publish(&shop, name, 1..=2).await;
    let second = now();
    while now() == second {
        // A poll: the clock tells nobody when a second is over.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let from = AMQPValue::Timestamp(now() - earlier);
    publish(&shop, name, 3..=4).await;
    orders(&read(name, Some(from), 4).await)
}

/// claim: rabbit.stream.timestamp
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_begins_at_the_time_that_it_names() {
    assert_eq!(read_from_a_time("replay.time", 0).await, [3, 4]);
}

/// claim: rabbit.stream.timestamp
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_from_an_earlier_time_gets_more_contrast() {
    assert_eq!(
        read_from_a_time("replay.time.earlier", 3_600).await,
        [1, 2, 3, 4]
    );
}

/// Why a stream refuses a reader, if it does.
async fn refused(name: &str, prefetch: Option<u16>, no_ack: bool) -> Option<String> {
    let (_shop, _) = stream(name, None).await;
    let (_reader, channel) = connect(url().await).await;
    if let Some(prefetch) = prefetch {
        let options = BasicQosOptions::default();
        channel.basic_qos(prefetch, options).await.unwrap();
    }
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    let consumer = channel.basic_consume(name.into(), "".into(), options, FieldTable::default());
    consumer.await.err().map(|error| error.to_string())
}

/// claim: rabbit.stream.needs-prefetch-and-ack
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_refuses_a_reader_without_prefetch_or_acknowledgements() {
    let why = refused("replay.no.prefetch", None, false).await.unwrap();
    assert!(why.contains("prefetch count is not set"), "{why}");
    let why = refused("replay.no.ack", Some(10), true).await.unwrap();
    assert!(
        why.contains("automatic acknowledgement not supported"),
        "{why}"
    );
}

/// claim: rabbit.stream.needs-prefetch-and-ack
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_takes_a_reader_with_both_contrast() {
    assert_eq!(refused("replay.with.both", Some(10), false).await, None);
}

/// A reader refuses its first order and asks for it again. The order that comes next.
async fn next_after_a_nack(channel: &Channel, mut orders: Consumer) -> Vec<u8> {
    let first = next(&mut orders).await;
    let options = BasicNackOptions {
        requeue: true,
        ..Default::default()
    };
    assert!(first.nack(options).await.unwrap());
    let second = next(&mut orders).await.data;
    channel.close(200, "seen".into()).await.unwrap();
    second
}

/// claim: rabbit.stream.no-requeue
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_does_not_bring_back_what_is_refused() {
    let (_shop, shop) = stream("replay.refused", None).await;
    publish(&shop, "replay.refused", 1..=2).await;
    let (_reader, channel) = connect(url().await).await;
    // One at a time, as from the queue: what comes next is decided after the refusal.
    let orders = reader(&channel, "replay.refused", Some(text("first")), 1)
        .await
        .unwrap();
    let second = next_after_a_nack(&channel, orders).await;
    assert!(second.starts_with(b"o-2 "));
}

/// claim: rabbit.stream.no-requeue
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_brings_back_what_is_refused_contrast() {
    let (_shop, channel) = filled("replay.refused.queue", 2).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let orders = consume(&channel, "replay.refused.queue", false).await;
    assert_eq!(next_after_a_nack(&channel, orders).await, b"o-1");
}

/// A stream whose orders may be one second old holds one that is older, which fills its segment or
/// leaves room in it. Another order is published. What the next reader begins with.
async fn first_of_old_orders(name: &str, fills: bool) -> u32 {
    let age = ("x-max-age", text("1s"));
    let (_shop, shop) = stream(name, Some(age)).await;
    if fills {
        publish(&shop, name, 1..=1).await;
    } else {
        publish_small(&shop, name, 1).await;
    }
    // No wait for the broker: time itself is the fault here, as it makes the order old.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // Small, so that the last segment has room: where it is full, the broker begins the next one also
    // when a reader attaches, and cuts then what the reader came for.
    publish_small(&shop, name, 2).await;
    let cut = async {
        loop {
            let first = read(name, Some(text("first")), 2).await[0].0;
            // It is cut in the background.
            if !fills || first > 1 {
                return first;
            }
        }
    };
    timeout(PATIENCE, cut).await.unwrap()
}

/// claim: rabbit.stream.cut-by-segment
#[tokio::test(flavor = "multi_thread")]
async fn an_old_order_stays_while_its_segment_is_written_to() {
    assert_eq!(first_of_old_orders("replay.old.stays", false).await, 1);
}

/// claim: rabbit.stream.cut-by-segment
#[tokio::test(flavor = "multi_thread")]
async fn an_old_order_goes_when_the_next_segment_begins_contrast() {
    assert_eq!(first_of_old_orders("replay.old.goes", true).await, 2);
}

/// A stream that may hold some 20 kB, or as much as it likes, gets ten orders of 6 kB. The first
/// order that a reader gets which begins at offset 0, and the steps between the offsets.
async fn first_at_zero(name: &str, limit: i64) -> (u32, Vec<i64>) {
    let size = ("x-max-length-bytes", AMQPValue::LongLongInt(limit));
    let (_shop, shop) = stream(name, Some(size)).await;
    for order in 1..=10 {
        publish(&shop, name, order..=order).await;
    }
    let looks = async {
        loop {
            let read = read(name, Some(AMQPValue::LongLongInt(0)), 10).await;
            let steps = read.windows(2).map(|pair| pair[1].1 - pair[0].1);
            // It is cut in the background.
            if limit > 100_000 || read[0].0 > 5 {
                return (read[0].0, steps.collect());
            }
        }
    };
    timeout(PATIENCE, looks).await.unwrap()
}

/// claim: rabbit.stream.begins-later
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_at_an_offset_that_is_cut_begins_with_what_is_left() {
    let (first, _) = first_at_zero("replay.begins.later", 20_000).await;
    assert!(first > 5, "{first}");
}

/// claim: rabbit.stream.begins-later
/// claim: rabbit.stream.gaps
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_at_an_offset_that_is_there_begins_with_it_contrast() {
    let (first, _) = first_at_zero("replay.begins.there", 1_000_000).await;
    assert_eq!(first, 1);
    // Orders of one segment have consecutive offsets.
    let (_shop, shop) = stream("replay.consecutive", None).await;
    publish(&shop, "replay.consecutive", 1..=5).await;
    let read = read("replay.consecutive", Some(text("first")), 5).await;
    assert!(read.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));
}

/// claim: rabbit.stream.gaps
#[tokio::test(flavor = "multi_thread")]
async fn a_new_segment_leaves_a_gap_in_the_offsets() {
    let (_, steps) = first_at_zero("replay.gaps", 1_000_000).await;
    assert_eq!(steps.len(), 9);
    assert!(steps.iter().any(|step| *step > 1), "{steps:?}");
}

/// A reader holds the first order while others come, and goes on then. Whether it gets all, and
/// whether the connection stands.
async fn slow_reader(name: &str, limit: i64) -> (bool, bool) {
    let size = ("x-max-length-bytes", AMQPValue::LongLongInt(limit));
    let (_shop, shop) = stream(name, Some(size)).await;
    publish(&shop, name, 1..=1).await;
    let (connection, channel) = connect(url().await).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut place = FieldTable::default();
    place.insert("x-stream-offset".into(), text("first"));
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(name.into(), "".into(), options, place);
    let mut stream = consumer.await.unwrap();
    let mut order = next(&mut stream).await;
    assert_eq!(order_of(&order), 1);
    for order in 2..=20 {
        publish(&shop, name, order..=order).await;
    }
    let cut =
        async { while limit < 100_000 && read(name, Some(text("first")), 20).await.len() > 5 {} };
    timeout(PATIENCE, cut).await.unwrap();
    let mut read = 1;
    while order_of(&order) < 20 {
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        order = next(&mut stream).await;
        read += 1;
    }
    (read == 20, connection.status().connected())
}

/// claim: rabbit.stream.overtaken
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_overtaken_jumps_and_is_not_told() {
    assert_eq!(slow_reader("replay.overtaken", 20_000).await, (false, true));
}

/// claim: rabbit.stream.overtaken
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_stream_that_is_not_cut_gets_all_contrast() {
    assert_eq!(
        slow_reader("replay.not.overtaken", 1_000_000).await,
        (true, true)
    );
}

/// What RabbitMQ says to `basic.get` from a queue of this type and to its purge, and whether the
/// connection of each stands after it.
async fn got_and_purged(queue: &str, kind: &str) -> [(u16, bool); 2] {
    let (purging, shop) = connect(url().await).await;
    declare(&shop, queue, kind, &[]).await;
    let (getting, channel) = connect(url().await).await;
    let got = channel.basic_get(queue.into(), BasicGetOptions::default());
    let got = code(got.await);
    let purged = shop.queue_purge(queue.into(), QueuePurgeOptions::default());
    let purged = code(purged.await);
    let (getting, purging) = (getting.status(), purging.status());
    [(got, getting.connected()), (purged, purging.connected())]
}

/// claim: rabbit.stream.get-refused
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_refuses_a_get_and_a_purge() {
    let refused = got_and_purged("replay.get", "stream").await;
    assert_eq!(refused, [(540, false); 2]);
}

/// claim: rabbit.stream.get-refused
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_takes_both_contrast() {
    let taken = got_and_purged("replay.got", "quorum").await;
    assert_eq!(taken, [(200, true); 2]);
}
