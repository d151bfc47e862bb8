//! NATS's part of a story: a stream with work in it, and what came of that.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context};

use crate::number;

/// How long NATS waits for an acknowledgement, so that what a dead worker had comes again soon.
const ACK_WAIT: Duration = Duration::from_secs(1);
/// How long a worker may take for the result of a message that it has acknowledged.
const LATE: Duration = Duration::from_secs(2);
/// How often the stream is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The stream `SHOP`, on a NATS that is this run's alone.
pub struct Shop {
    /// As a client publishes to it.
    pub jetstream: Context,
    /// The stream.
    pub stream: Stream,
}

impl Shop {
    /// Makes the stream, for these subjects.
    ///
    /// # Errors
    /// When NATS refuses or does not answer; so for all that follows.
    pub async fn open(url: &str, subjects: &[&str]) -> Result<Shop> {
        let client = async_nats::connect(url).await;
        let jetstream = jetstream::new(client.context("cannot connect to NATS")?);
        let stream = jetstream.create_stream(Config {
            name: "SHOP".to_owned(),
            subjects: subjects
                .iter()
                .map(|subject| (*subject).to_owned())
                .collect(),
            ..Config::default()
        });
        let stream = stream.await?;
        Ok(Shop { jetstream, stream })
    }

    /// Makes a durable pull consumer of the messages with this subject. What is not acknowledged
    /// within a second comes again.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn consumer(&self, name: &str, subject: &str) -> Result<PullConsumer> {
        let consumer = self.stream.create_consumer(pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: subject.to_owned(),
            ack_wait: ACK_WAIT,
            ..pull::Config::default()
        });
        Ok(consumer.await?)
    }

    /// Stores a message for each of the orders.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn publish(&self, subject: &str, orders: RangeInclusive<u32>) -> Result<()> {
        for order in orders {
            let body = format!("o-{order}");
            let sent = self
                .jetstream
                .publish(subject.to_owned(), body.into())
                .await?;
            sent.await?;
        }
        Ok(())
    }

    /// From now on the stream refuses what is published, for it is full; or it takes it again.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn refuse_results(&self, refuses: bool) -> Result<()> {
        let info = self.stream.get_info().await?;
        let stored = info.state.messages;
        ensure!(stored > 0, "NATS takes a limit of 0 messages for none");
        let most = match refuses {
            true => i64::try_from(stored)?,
            false => -1,
        };
        let config = Config {
            max_messages: most,
            discard: DiscardPolicy::New,
            ..info.config
        };
        self.jetstream.update_stream(config).await?;
        Ok(())
    }

    /// Whether the stream has as many messages as it may have.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn is_full(&self) -> Result<bool> {
        let info = self.stream.get_info().await?;
        let most = u64::try_from(info.config.max_messages);
        Ok(most.is_ok_and(|most| info.state.messages >= most))
    }

    /// The orders for which the stream has a message with this subject, each with its place. A body
    /// that is no order is left out.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn stored(&self, subject: &str) -> Result<Vec<(u32, String)>> {
        let mut found = Vec::new();
        let mut next = 1;
        loop {
            let message = self.stream.get_first_raw_message_by_subject(subject, next);
            let message = match message.await {
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                    return Ok(found);
                }
                message => message?,
            };
            let body = String::from_utf8_lossy(&message.payload);
            if let Some(order) = number(&body) {
                found.push((order, format!("sequence {}", message.sequence)));
            }
            next = message.sequence + 1;
        }
    }

    /// Returns when each order has a result with this subject and the consumer has nothing left; or
    /// when it has nothing left and no result comes any more.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn worked(
        &self,
        consumer: &mut PullConsumer,
        subject: &str,
        orders: RangeInclusive<u32>,
    ) -> Result<()> {
        let mut quiet = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            if left(consumer).await? > 0 {
                quiet = None;
                continue;
            }
            let found = self.stored(subject).await?;
            let has = |order| found.iter().any(|(it, _)| *it == order);
            let since: &Instant = quiet.get_or_insert_with(Instant::now);
            if orders.clone().all(has) || since.elapsed() > LATE {
                return Ok(());
            }
        }
    }
}

/// Returns when the consumer has no message that is not acknowledged.
///
/// # Errors
/// See [`left`].
pub async fn settled(consumer: &mut PullConsumer) -> Result<()> {
    let mut look = tokio::time::interval(LOOK);
    while left(consumer).await? > 0 {
        look.tick().await;
    }
    Ok(())
}

/// How many messages the consumer has not acknowledged, delivered or not.
///
/// # Errors
/// When NATS does not answer.
pub async fn left(consumer: &mut PullConsumer) -> Result<u64> {
    let info = consumer.info().await?;
    Ok(info.num_ack_pending as u64 + info.num_pending)
}
