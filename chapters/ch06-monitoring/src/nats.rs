//! NATS JetStream: the server's account of a consumer.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, ensure};
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, AckKind, Context, Message};
use brokers::Broker;
use futures_util::{StreamExt, TryStreamExt};
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::site::{PATIENCE, Scrape, Site, order_of};

pub struct Shop {
    nats: Broker,
    context: Context,
    stream: String,
    subject: String,
    inventory: PullConsumer,
    held: BTreeMap<u32, Message>,
    metrics: Metrics,
}

/// Under the names of prometheus-nats-exporter.
struct Metrics {
    registry: Registry,
    pending: Gauge,
    ack_pending: Gauge,
    redelivered: Gauge,
    ack_floor: Gauge,
}

impl Metrics {
    // ANCHOR: metrics
    fn new(stream: &str) -> Metrics {
        let labels = [("stream_name", stream), ("consumer_name", "inventory")];
        let labels = labels.map(|(name, value)| (name.into(), value.to_owned().into()));
        let mut registry = Registry::with_labels(labels.into_iter());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(format!("jetstream_consumer_{name}"), help, gauge.clone());
            gauge
        };
        Metrics {
            pending: gauge("num_pending", "Never delivered yet"),
            ack_pending: gauge("num_ack_pending", "Delivered, not acknowledged"),
            redelivered: gauge("num_redelivered", "Delivered again, not acknowledged"),
            ack_floor: gauge("ack_floor_stream_seq", "Acknowledged up to here"),
            registry,
        }
    }
    // ANCHOR_END: metrics
}

impl Shop {
    pub async fn open() -> Result<Shop> {
        let nats = brokers::nats().await?;
        let client = async_nats::connect(nats.url()).await;
        let context = jetstream::new(client.context("cannot connect to NATS")?);
        // A stream's name has no dots.
        let stream = nats.name("SHOP").replace('.', "-");
        let streams = context.stream_names().try_collect::<Vec<_>>().await;
        let streams = streams.context("does the server have JetStream?")?;
        let taken = streams.contains(&stream);
        ensure!(!taken, "there is a stream {stream} already: delete it");
        let subject = nats.name("order.created");
        let made = context.create_stream(Config {
            name: stream.clone(),
            subjects: vec![subject.clone()],
            ..Default::default()
        });
        let made = made.await.context("cannot make the stream")?;
        let inventory = made.create_consumer(pull::Config {
            durable_name: Some("inventory".into()),
            ..Default::default()
        });
        let inventory = match inventory.await {
            Ok(inventory) => inventory,
            Err(error) => {
                context.delete_stream(&stream).await?;
                return Err(error).context("cannot make the consumer");
            }
        };
        Ok(Shop {
            inventory,
            metrics: Metrics::new(&stream),
            held: BTreeMap::new(),
            nats,
            context,
            stream,
            subject,
        })
    }
}

impl Site for Shop {
    const LANE: &'static str = "nats";

    async fn store(&mut self, order: u32) -> Result<()> {
        let body = format!("o-{order}");
        let sent = self
            .context
            .publish(self.subject.clone(), body.into())
            .await?;
        sent.await
            .with_context(|| format!("o-{order} is not stored"))?;
        Ok(())
    }

    async fn take(&mut self, count: usize) -> Result<Vec<u32>> {
        let batch = self.inventory.batch().max_messages(count).expires(PATIENCE);
        let mut messages = batch.messages().await?;
        let mut orders = Vec::new();
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| anyhow!(error))?;
            let order = order_of(&message.payload)?;
            self.held.insert(order, message);
            orders.push(order);
        }
        ensure!(orders.len() == count, "got {orders:?}, not {count} orders");
        Ok(orders)
    }

    async fn done(&mut self, order: u32) -> Result<()> {
        let message = self.held.remove(&order).context("nothing to acknowledge")?;
        // Double: it waits for the server, so that the next scrape sees it.
        let acknowledged = message.double_ack().await;
        acknowledged.map_err(|error| anyhow!(error))
    }

    async fn again(&mut self, order: u32) -> Result<Vec<u32>> {
        let message = self.held.remove(&order).context("nothing to hand back")?;
        // Double again: without the server's answer the next order could come before this one.
        let handed_back = message.double_ack_with(AckKind::Nak(None)).await;
        handed_back.map_err(|error| anyhow!(error))?;
        self.take(1).await
    }

    // ANCHOR: scrape
    async fn scrape(&mut self) -> Result<Scrape> {
        // A request to the server, which anybody may ask who may connect.
        let info = self.inventory.info().await?;
        let (depth, held) = (info.num_pending as i64, info.num_ack_pending as i64);
        let finished = info.ack_floor.stream_sequence as i64;
        self.metrics.pending.set(depth);
        self.metrics.ack_pending.set(held);
        self.metrics.redelivered.set(info.num_redelivered as i64);
        self.metrics.ack_floor.set(finished);
        let mut text = String::new();
        encode(&mut text, &self.metrics.registry)?;
        Ok(Scrape {
            text,
            depth,
            held,
            finished,
        })
    }
    // ANCHOR_END: scrape

    async fn close(self) -> Result<()> {
        self.context.delete_stream(&self.stream).await?;
        self.nats.stop().await?;
        Ok(())
    }
}
