//! NATS JetStream: the server stops delivering the order, and says so once.

use anyhow::{Context, Error, Result, anyhow, ensure};
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::{self, RawMessageErrorKind, RetentionPolicy, Stream};
use async_nats::jetstream::{self, AckKind, Message};
use async_nats::{Client, ConnectOptions, HeaderMap};
use brokers::Broker;
use futures_util::{StreamExt, TryStreamExt};
use history::Log;
use serde_json::Value;

use crate::PATIENCE;
use crate::args::Handling;
use crate::desk::{ATTEMPTS, Desk, ORDERS, Outcome, body, order_of};

/// The server's word that a consumer gives up a message; stream and consumer follow.
const GIVEN_UP: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES";

pub async fn open_shop(handling: Handling, log: &mut Log) -> Result<Vec<u32>> {
    let nats = brokers::nats().await?;
    let client = ConnectOptions::new()
        .name("payments")
        .connect(nats.url())
        .await;
    let client = client.context("cannot connect to NATS")?;
    let shop = Shop::new(&nats, client.clone());
    let streams = shop.jetstream.stream_names().try_collect::<Vec<_>>().await;
    let streams = streams.context("does the server have JetStream?")?;
    for name in [&shop.name, &shop.dead] {
        let taken = streams.contains(name);
        ensure!(!taken, "the server has a stream {name}: delete it first");
    }
    let outcome = tokio::select! {
        outcome = shop.trade(handling, log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // A stream that is not there is no reason to leave the other one.
    let removed = shop.jetstream.delete_stream(&shop.name).await;
    let removed = shop.jetstream.delete_stream(&shop.dead).await.and(removed);
    client.drain().await?;
    nats.stop().await?;
    let left = outcome?;
    removed?;
    Ok(left)
}

/// The names of this run on this server. A stream's name has no dots.
struct Shop {
    jetstream: jetstream::Context,
    name: String,
    dead: String,
    charges: String,
    letters: String,
}

impl Shop {
    fn new(nats: &Broker, client: Client) -> Shop {
        let name = nats.name("SHOP").replace('.', "-");
        Shop {
            jetstream: jetstream::new(client),
            dead: format!("{name}-DEAD"),
            name,
            charges: nats.name("payment.charge"),
            letters: nats.name("dead.payment.charge"),
        }
    }

    async fn trade(&self, handling: Handling, log: &mut Log) -> Result<Vec<u32>> {
        let mut desk = Desk::new(log);
        let (shop, payments, dead) = self.create(handling).await?;
        for order in 1..=ORDERS {
            let (subject, body) = (self.charges.clone(), body(order));
            let sent = self.jetstream.publish(subject, body.into()).await?;
            sent.await.context("not stored: publish it again")?;
            desk.sent(order);
        }
        work(&payments, &mut desk).await?;
        if handling == Handling::Yes {
            self.accounting(&shop, &dead, &mut desk).await?;
        }
        let mut left = orders_in(shop, &self.charges).await?;
        left.extend(orders_in(dead, &self.letters).await?);
        Ok(left)
    }

    async fn create(&self, handling: Handling) -> Result<(Stream, PullConsumer, Stream)> {
        let given_up = format!("{GIVEN_UP}.{}.payments", self.name);
        let max_deliver = match handling {
            Handling::Yes => ATTEMPTS.into(),
            Handling::No => -1,
        };
        // ANCHOR: nats
        let shop = self.jetstream.create_stream(stream::Config {
            name: self.name.clone(),
            subjects: vec![self.charges.clone()],
            // A message is deleted when it is acknowledged. One that is given up stays.
            retention: RetentionPolicy::WorkQueue,
            ..Default::default()
        });
        let shop = shop.await.context("does the server have JetStream?")?;
        let dead = self.jetstream.create_stream(stream::Config {
            name: self.dead.clone(),
            // Dead letters, and the server's word that there is one. Without a stream that word is a
            // message of core NATS: who does not listen at that moment never hears of it.
            subjects: vec![self.letters.clone(), given_up],
            ..Default::default()
        });
        let payments = shop.create_consumer(pull::Config {
            durable_name: Some("payments".to_owned()),
            // Four deliveries, or without end: that is the default.
            max_deliver,
            ..Default::default()
        });
        // ANCHOR_END: nats
        let payments = payments.await?;
        Ok((shop, payments, dead.await?))
    }

    /// Moves the order that the server gave up to the dead letters.
    async fn accounting(&self, shop: &Stream, dead: &Stream, desk: &mut Desk<'_>) -> Result<()> {
        let given_up = dead.create_consumer(pull::Config {
            // By its name it goes on after a restart where it was.
            durable_name: Some("accounting".to_owned()),
            filter_subject: format!("{GIVEN_UP}.{}.payments", self.name),
            ..Default::default()
        });
        // ANCHOR: nats-move
        let word = next(&given_up.await?).await?;
        let told: Value = serde_json::from_slice(&word.payload)?;
        let sequence = told["stream_seq"].as_u64().context("no sequence")?;
        // The server tells where the order is, and leaves it there. Move it: first the copy, and
        // when that is stored, the original.
        let order = match shop.get_raw_message(sequence).await {
            // This service died after the deletion: it is moved, and only the word is left.
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                return word.double_ack().await.map_err(Error::from_boxed);
            }
            order => order?,
        };
        let (headers, body) = (own(&order.headers), order.payload.clone());
        let letter = self
            .jetstream
            .publish_with_headers(self.letters.clone(), headers, body);
        let stored = letter.await?.await.context("the letter is not stored")?;
        // A duplicate is not stored: a letter with this id is there, or was there a moment ago.
        if stored.duplicate {
            let there = dead.get_raw_message(stored.sequence).await;
            there.context("nobody has seen the letter, only its id: try again later")?;
        }
        shop.delete_message(sequence).await?;
        word.double_ack().await.map_err(Error::from_boxed)?;
        // ANCHOR_END: nats-move
        let (order, times) = (order_of(&order.payload)?, &told["deliveries"]);
        let text = format!("moves o-{order} to dead.payment.charge: {times} deliveries");
        desk.says("accounting", &text);
        Ok(())
    }
}

/// The order's own headers, and its id, by which an inbox knows it. What else begins with `Nats-` is
/// about the stream that the order was in, and most of it the server obeys.
fn own(headers: &HeaderMap) -> HeaderMap {
    let mut own = HeaderMap::new();
    for (name, values) in headers.iter() {
        let text: &str = name.as_ref();
        if text == "Nats-Msg-Id" || !text.starts_with("Nats-") {
            for value in values {
                own.append(name.clone(), value.clone());
            }
        }
    }
    own
}

async fn work(payments: &PullConsumer, desk: &mut Desk<'_>) -> Result<()> {
    loop {
        let message = next(payments).await?;
        let delivered = message.info().map_err(Error::from_boxed)?.delivered;
        let attempt = format!("attempt {delivered}, says NATS");
        desk.got(&message.payload)?;
        // ANCHOR: nats-work
        let outcome = desk.charge(&message.payload, &attempt)?;
        let answered = match outcome {
            Outcome::Done | Outcome::Last => message.double_ack().await,
            // Again, and before all that has not been delivered yet. Without the wait for the server's
            // answer the next request could overtake this.
            _ => message.double_ack_with(AckKind::Nak(None)).await,
        };
        // ANCHOR_END: nats-work
        answered.map_err(Error::from_boxed)?;
        if outcome == Outcome::Last || outcome == Outcome::Enough {
            return Ok(());
        }
    }
}

/// Asks for one message, and waits for it.
async fn next(consumer: &PullConsumer) -> Result<Message> {
    let request = consumer.batch().max_messages(1).expires(PATIENCE);
    let message = request.messages().await?.next().await;
    message
        .context("no message comes")?
        .map_err(Error::from_boxed)
}

/// The orders that a stream holds on this subject.
async fn orders_in(mut stream: Stream, subject: &str) -> Result<Vec<u32>> {
    let state = stream.info().await?.state.clone();
    let mut orders = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        // What is deleted is an error.
        if let Ok(message) = stream.get_raw_message(sequence).await
            && message.subject.as_str() == subject
        {
            orders.push(order_of(&message.payload)?);
        }
    }
    Ok(orders)
}
