//! What a grader needs for a consumer: a topic with orders, and one with what came of them.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use crate::{NewTopic, PATIENCE, Topic, TopicReplication};

/// The group that reads the orders.
const GROUP: &str = "inventory";
/// How long a consumer may take for the result of an order that it has committed.
const LATE: Duration = Duration::from_secs(2);
/// How many bytes a batch may have where no result is taken. A result has 89 at least with what is
/// around it; what Kafka writes at the end of a transaction has 78, and must get through.
const NO_RESULT: &str = "84";
/// How many it may have otherwise: Kafka's default.
const ANY_RESULT: &str = "1048588";
/// How long a Kafka that has just started may answer with errors. It makes what it keeps offsets in
/// when somebody first asks for one, and a client that knows no topic yet says that there is none.
const STARTING: Duration = Duration::from_secs(30);
/// How often the broker is asked.
const LOOK: Duration = Duration::from_millis(50);

/// The topics `orders` and `stock`, of one partition each, on a Kafka that is this run's alone. The
/// group `inventory` reads the first and writes into the second.
pub struct Shop {
    orders: Topic,
    stock: Topic,
    /// It stores the orders.
    producer: FutureProducer,
    /// It only asks what the group has committed, and never joins.
    group: Arc<BaseConsumer>,
}

impl Shop {
    /// Makes both topics.
    ///
    /// # Errors
    /// When Kafka refuses or does not answer in time; so for all that follows.
    pub async fn open(servers: &str) -> Result<Shop> {
        let group = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", GROUP)
            .create()?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            .create()?;
        let (orders, stock) = tokio::try_join!(topic(servers, "orders"), topic(servers, "stock"))?;
        let shop = Shop {
            orders,
            stock,
            producer,
            group: Arc::new(group),
        };
        // A consumer that joins while Kafka still looks for the group's coordinator may wait for long.
        shop.left().await?;
        Ok(shop)
    }

    /// Stores an event for each of the orders: key `o-1`, value `order.created o-1`.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn order(&self, orders: RangeInclusive<u32>) -> Result<()> {
        let mut reports = Vec::new();
        for order in orders {
            let (key, value) = (format!("o-{order}"), format!("order.created o-{order}"));
            let record = FutureRecord::to(&self.orders.name)
                .key(&key)
                .payload(&value);
            let sent = self.producer.send_result(record);
            reports.push(sent.map_err(|(error, _)| error)?);
        }
        for report in reports {
            report.await?.map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// From now on Kafka refuses every result, or takes them again.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn refuse_results(&self, refuses: bool) -> Result<()> {
        let most = if refuses { NO_RESULT } else { ANY_RESULT };
        self.stock.set("max.message.bytes", most).await?;
        // The broker hears of a setting when it is stored, and does by it a moment later.
        let since = Instant::now();
        let mut look = interval(LOOK);
        while self.takes().await? == refuses {
            ensure!(
                since.elapsed() < PATIENCE,
                "Kafka does not do by the topic's new setting"
            );
            look.tick().await;
        }
        Ok(())
    }

    /// Whether Kafka takes a record into the topic of the results. This one is the result of no order.
    async fn takes(&self) -> Result<bool> {
        let record = FutureRecord::to(&self.stock.name)
            .key("o-0")
            .payload("stock.checked o-0");
        match self.producer.send(record, PATIENCE).await {
            Ok(_) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                Ok(false)
            }
            Err((error, _)) => Err(error.into()),
        }
    }

    /// The orders that are reserved, each with its place: key `o-1`, value `stock.reserved o-1`.
    /// Anything else in the topic is left out.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn reserved(&self) -> Result<Vec<(u32, String)>> {
        let mut found = Vec::new();
        for record in patiently(|| self.stock.so_far()).await? {
            let Ok(order) = history::number(&record.key) else {
                continue;
            };
            if record.value == format!("stock.reserved o-{order}") {
                found.push((order, format!("offset {}", record.offset)));
            }
        }
        Ok(found)
    }

    /// Returns when each of these orders is reserved; or when the group has committed all that is in
    /// the topic, and no result comes any more.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn worked(&self, orders: RangeInclusive<u32>) -> Result<()> {
        let (mut seen, mut since) = (0, Instant::now());
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            let left = self.left().await?;
            let found = self.reserved().await?;
            let has = |order| found.iter().any(|(it, _)| *it == order);
            if orders.clone().all(has) {
                return Ok(());
            }
            if left > 0 || found.len() != seen {
                (seen, since) = (found.len(), Instant::now());
            } else if since.elapsed() > LATE {
                return Ok(());
            }
        }
    }

    /// Returns when the group has committed all that is in the topic.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn committed(&self) -> Result<()> {
        let mut look = interval(LOOK);
        while self.left().await? > 0 {
            look.tick().await;
        }
        Ok(())
    }

    /// How many orders the group has not committed.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn left(&self) -> Result<i64> {
        patiently(|| self.ask()).await
    }

    async fn ask(&self) -> Result<i64> {
        let (group, orders) = (self.group.clone(), self.orders.name.clone());
        let ask = move || {
            let (_, end) = group.fetch_watermarks(&orders, 0, PATIENCE)?;
            let mut places = TopicPartitionList::new();
            places.add_partition(&orders, 0);
            let places = group.committed_offsets(places, PATIENCE)?;
            let mut committed = 0;
            for place in places.elements() {
                place.error()?;
                if let Offset::Offset(offset) = place.offset() {
                    committed = offset;
                }
            }
            Ok(end - committed)
        };
        spawn_blocking(ask).await?
    }
}

async fn topic(servers: &str, name: &str) -> Result<Topic> {
    let shape = NewTopic::new(name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(servers, shape).await?;
    topic.ready().await?;
    Ok(topic)
}

/// Asks until there is an answer, or Kafka should know it by now.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        match ask().await {
            Err(_) if begun.elapsed() < STARTING => {}
            answer => return answer,
        }
    }
}
