//! ch06-monitoring: what RabbitMQ's Prometheus plugin tells about a queue, and when.

use std::net::TcpListener;

use lapin::options::*;
use lapin::{Channel, Connection};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::shop::{PATIENCE, confirming, consume, declare_quorum, next, publish, ready};
use super::tuned::tuned;
use crate::http;

/// Milliseconds between the ticks of a queue, at each of which it tells its numbers.
const OFTEN: u32 = 100;
const NEVER: u32 = 3_600_000;
/// RabbitMQ's own.
const BY_DEFAULT: u32 = 5_000;

/// A queue with this interval and so many orders.
async fn queue(name: &str, tick: u32, orders: u32) -> (Connection, Channel) {
    // Before the channel: only one that comes after the plugin counts for it.
    plugin().await;
    // One queue at a time: the interval is the node's until the queue is there.
    let one = tuned().await.tick.lock().await;
    set_tick(tick).await;
    let (connection, channel) = confirming(&tuned().await.url).await;
    declare_quorum(&channel, name).await;
    set_tick(BY_DEFAULT).await;
    drop(one);
    for order in 1..=orders {
        assert!(
            publish(&channel, name, &format!("o-{order}"))
                .await
                .is_ack()
        );
    }
    (connection, channel)
}

async fn set_tick(interval: u32) {
    let set = format!("application:set_env(rabbit, quorum_tick_interval, {interval}).");
    tuned().await.control(&["eval", &set]).await;
}

/// The port of the plugin.
async fn plugin() -> u16 {
    static PLUGIN: OnceCell<u16> = OnceCell::const_new();
    let enable = || async {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let set = format!(
            "application:set_env(rabbitmq_prometheus, tcp_config, [{{port, {port}}}], \
             [{{persistent, true}}])."
        );
        tuned().await.control(&["eval", &set]).await;
        let plugins = ["--script-name", "rabbitmq-plugins"];
        let enable = [plugins, ["enable", "rabbitmq_prometheus"]].concat();
        tuned().await.control(&enable).await;
        port
    };
    *PLUGIN.get_or_init(enable).await
}

/// A metric of a queue; none where the plugin has none.
async fn metric(queue: &str, name: &str) -> Option<u32> {
    let families = "family=queue_coarse_metrics&family=queue_delivery_metrics";
    let path = format!("/metrics/detailed?{families}");
    let told = http::get(("127.0.0.1", plugin().await), &path).await;
    let name = format!("rabbitmq_detailed_queue_messages_{name}{{");
    let queue = format!("queue=\"{queue}\"");
    let mut lines = told.lines();
    let line = lines.find(|line| line.starts_with(&name) && line.contains(&queue))?;
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Returns when a metric of the queue is this.
async fn until(queue: &str, name: &str, value: u32) {
    let comes = async { while metric(queue, name).await != Some(value) {} };
    timeout(PATIENCE, comes).await.unwrap();
}

/// A worker with this prefetch holds what it gets of four orders. Returns when the plugin says that
/// so many are ready and so many are with it.
async fn held(name: &str, prefetch: u16, ready: u32, unacked: u32) {
    let (_shop, channel) = queue(name, OFTEN, 4).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(prefetch, options).await.unwrap();
    let mut orders = consume(&channel, name, false).await;
    for _ in 0..unacked {
        next(&mut orders).await;
    }
    until(name, "unacked", unacked).await;
    until(name, "ready", ready).await;
}

/// claim: rabbit.metrics.unacked
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_holds_is_not_ready() {
    held("monitoring.all", 10, 0, 4).await;
}

/// claim: rabbit.metrics.unacked
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_holds_is_not_ready_contrast() {
    held("monitoring.one", 1, 3, 1).await;
}

/// claim: rabbit.metrics.tick
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queues_numbers_are_those_of_its_last_tick() {
    let (_shop, channel) = queue("monitoring.old", NEVER, 3).await;
    assert_eq!(ready(&channel, "monitoring.old").await, 3, "AMQP knows");
    let plugin = metric("monitoring.old", "ready").await;
    assert_eq!(plugin.unwrap_or(0), 0);
    let list = ["-q", "list_queues", "name", "messages_ready"];
    let listed = tuned().await.control(&list).await;
    assert!(listed.contains("monitoring.old\t0\n"), "{listed}");
}

/// claim: rabbit.metrics.tick
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queues_numbers_are_those_of_its_last_tick_contrast() {
    let (_shop, _channel) = queue("monitoring.new", OFTEN, 3).await;
    until("monitoring.new", "ready", 3).await;
}

/// One order is acknowledged, after it was handed back or at once. Returns when the plugin says so
/// and that so many were redelivered.
async fn redelivered(name: &str, handed_back: bool) {
    let (_shop, channel) = queue(name, OFTEN, 1).await;
    let mut orders = consume(&channel, name, false).await;
    let mut order = next(&mut orders).await;
    if handed_back {
        let options = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        assert!(order.nack(options).await.unwrap());
        order = next(&mut orders).await;
    }
    assert!(order.ack(BasicAckOptions::default()).await.unwrap());
    until(name, "acked_total", 1).await;
    until(name, "redelivered_total", u32::from(handed_back)).await;
    until(name, "unacked", 0).await;
}

/// claim: rabbit.metrics.redelivered
#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_stays_counted() {
    redelivered("monitoring.again", true).await;
}

/// claim: rabbit.metrics.redelivered
#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_stays_counted_contrast() {
    redelivered("monitoring.once", false).await;
}
