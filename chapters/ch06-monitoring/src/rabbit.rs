//! RabbitMQ: its own plugin writes Prometheus text.

use std::collections::BTreeMap;
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use brokers::{Broker, Kind, Options};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::args::Takes;
use crate::site::{PATIENCE, Scrape, Site, order_of};

const QUEUE: &str = "inventory.order.created";
const READY: &str = "rabbitmq_detailed_queue_messages_ready";
const UNACKED: &str = "rabbitmq_detailed_queue_messages_unacked";
const CONSUMERS: &str = "rabbitmq_detailed_queue_consumers";
const REDELIVERED: &str = "rabbitmq_detailed_queue_messages_redelivered_total";
const ACKED: &str = "rabbitmq_detailed_queue_messages_acked_total";
/// The metrics of a queue that this page is about; the plugin has more.
const NAMES: [&str; 5] = [READY, UNACKED, CONSUMERS, REDELIVERED, ACKED];

pub struct Shop {
    rabbit: Broker,
    plugin: u16,
    connection: Connection,
    orders: Channel,
    inventory: Consumer,
    held: BTreeMap<u32, Delivery>,
    /// What we have done to the queue.
    stored: i64,
    acknowledged: i64,
    handed_back: i64,
}

impl Shop {
    pub async fn open(takes: Takes) -> Result<Shop> {
        // Its own: we enable a plugin in it.
        let options = Options {
            private: true,
            ..Options::default()
        };
        let mut rabbit = brokers::start(Kind::RabbitMq, options).await?;
        let plugin = enable(&mut rabbit).await?;
        let properties = ConnectionProperties::default().with_connection_name("shop".into());
        let connection = Connection::connect(rabbit.url(), properties).await;
        let connection = connection.context("cannot connect to RabbitMQ")?;
        let orders = connection.create_channel().await?;
        orders.confirm_select(Default::default()).await?;
        let mut arguments = FieldTable::default();
        let quorum = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), quorum);
        let durable = QueueDeclareOptions::durable();
        orders
            .queue_declare(QUEUE.into(), durable, arguments)
            .await?;
        let channel = connection.create_channel().await?;
        let prefetch = if takes == Takes::All { 10 } else { 1 };
        channel.basic_qos(prefetch, Default::default()).await?;
        let (tag, none) = ("inventory".into(), FieldTable::default());
        let inventory = channel.basic_consume(QUEUE.into(), tag, Default::default(), none);
        Ok(Shop {
            inventory: inventory.await?,
            rabbit,
            plugin,
            connection,
            orders,
            held: BTreeMap::new(),
            stored: 0,
            acknowledged: 0,
            handed_back: 0,
        })
    }

    /// Whether these numbers have all that has happened.
    async fn is_current(&self, text: &str) -> Result<bool> {
        // A queue that is new has told some of its numbers only.
        let told = |name: &str| {
            text.lines()
                .any(|line| line.starts_with(&format!("{name}{{")))
        };
        if !NAMES.into_iter().all(told) {
            return Ok(false);
        }
        let (ready, unacked) = (value(text, READY)?, value(text, UNACKED)?);
        Ok(ready == self.ready().await?
            && ready + unacked == self.stored - self.acknowledged
            && value(text, ACKED)? == self.acknowledged
            && value(text, REDELIVERED)? == self.handed_back
            && value(text, CONSUMERS)? == 1)
    }

    /// How many messages are ready, by AMQP itself: a declaration that declares nothing.
    async fn ready(&self) -> Result<i64> {
        let (passive, none) = (
            QueueDeclareOptions::default().passive(),
            FieldTable::default(),
        );
        let queue = self.orders.queue_declare(QUEUE.into(), passive, none);
        Ok(queue.await?.message_count().into())
    }
}

// ANCHOR: enable
/// As an operator does it: `rabbitmq-plugins enable rabbitmq_prometheus`. Returns its port.
async fn enable(rabbit: &mut Broker) -> Result<u16> {
    // Not its usual port, 15692, where your own RabbitMQ may have it.
    let free = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    // A quorum queue tells its numbers at each tick. That is every 5 s, and here 0.1 s, since this
    // scene is short.
    let settings = format!(
        "application:set_env(rabbit, quorum_tick_interval, 100),
         application:set_env(rabbitmq_prometheus, tcp_config,
             [{{ip, \"127.0.0.1\"}}, {{port, {free}}}], [{{persistent, true}}])."
    );
    rabbit.control(&["eval", &settings]).await?;
    let plugins = ["--script-name", "rabbitmq-plugins"];
    let enable = [plugins, ["enable", "rabbitmq_prometheus"]].concat();
    rabbit.control(&enable).await?;
    Ok(free)
}
// ANCHOR_END: enable

// ANCHOR: get
/// What the plugin says about this queue.
async fn get(port: u16) -> Result<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let mut plugin = stream.context("the plugin does not answer; is RabbitMQ in a container?")?;
    // `/metrics` has sums over all queues. For each queue there is this, by families.
    let families = "family=queue_coarse_metrics&family=queue_consumer_count\
                    &family=queue_delivery_metrics";
    let request = format!("GET /metrics/detailed?{families} HTTP/1.0\r\n\r\n");
    plugin.write_all(request.as_bytes()).await?;
    let mut told = String::new();
    plugin.read_to_string(&mut told).await?;
    let ours = format!("queue=\"{QUEUE}\"");
    let lines = NAMES.iter().filter_map(|name| {
        let of_it = |line: &&str| line.starts_with(&format!("{name}{{")) && line.contains(&ours);
        told.lines().find(of_it)
    });
    Ok(lines.map(|line| format!("{line}\n")).collect())
}
// ANCHOR_END: get

/// The value of a metric. A counter that has counted nothing is not there.
fn value(text: &str, name: &str) -> Result<i64> {
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")));
    let value = line.and_then(|line| line.rsplit(' ').next());
    Ok(value.unwrap_or("0").parse()?)
}

impl Site for Shop {
    const LANE: &'static str = "rabbit";

    async fn store(&mut self, order: u32) -> Result<()> {
        let (body, options) = (format!("o-{order}"), BasicPublishOptions::default());
        let properties = BasicProperties::default().with_delivery_mode(2);
        let (exchange, key) = ("".into(), QUEUE.into());
        let sent = self
            .orders
            .basic_publish(exchange, key, options, body.as_bytes(), properties);
        ensure!(sent.await?.await?.is_ack(), "o-{order} is not stored");
        self.stored += 1;
        Ok(())
    }

    async fn take(&mut self, count: usize) -> Result<Vec<u32>> {
        let mut orders = Vec::new();
        for _ in 0..count {
            let delivery = timeout(PATIENCE, self.inventory.next()).await;
            let delivery = delivery.context("no order comes")?;
            let delivery = delivery.context("the broker cancelled the consumer")??;
            let order = order_of(&delivery.data)?;
            self.held.insert(order, delivery);
            orders.push(order);
        }
        Ok(orders)
    }

    async fn done(&mut self, order: u32) -> Result<()> {
        let delivery = self.held.remove(&order).context("nothing to acknowledge")?;
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        self.acknowledged += 1;
        Ok(())
    }

    async fn again(&mut self, order: u32) -> Result<Vec<u32>> {
        let delivery = self.held.remove(&order).context("nothing to hand back")?;
        let requeue = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        let sent = delivery.nack(requeue).await?;
        ensure!(sent, "the channel closed before the order was handed back");
        self.handed_back += 1;
        self.take(1).await
    }

    // ANCHOR: scrape
    async fn scrape(&mut self) -> Result<Scrape> {
        let told = async {
            loop {
                // Your Prometheus takes what it gets. This scene asks until the queue has told all
                // that we have done to it, so that you see numbers of now.
                let text = get(self.plugin).await?;
                if self.is_current(&text).await? {
                    return anyhow::Ok(text);
                }
            }
        };
        let text = timeout(PATIENCE, told).await;
        let text = text.context("the plugin's numbers stay old")??;
        Ok(Scrape {
            depth: value(&text, READY)?,
            held: value(&text, UNACKED)?,
            finished: value(&text, ACKED)?,
            text,
        })
    }
    // ANCHOR_END: scrape

    async fn close(self) -> Result<()> {
        let goodbye = self.connection.close(200, "the shop closes".into());
        goodbye.await?;
        self.rabbit.stop().await?;
        Ok(())
    }
}
