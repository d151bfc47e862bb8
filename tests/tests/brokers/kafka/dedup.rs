//! ch04-kafka-dedup: an answer that is lost on its way, and what is stored then.

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{FutureProducer, Producer};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wire::{Act, ApiKey, Proxy, kafka};

use super::topic::{LONG, Settings, Topic, report, shared, stored};

/// A topic, and a proxy that its producers go through.
struct Way {
    topic: Topic,
    wire: Proxy,
}

impl Way {
    async fn new() -> Way {
        let topic = Topic::new(shared().await, &[]).await;
        let wire = Proxy::kafka(shared().await).await.unwrap();
        Way { topic, wire }
    }

    fn producer(&self, settings: Settings<'_>) -> FutureProducer {
        let mut config = self.topic.config(settings);
        config.set("bootstrap.servers", self.wire.url());
        config.create().unwrap()
    }

    async fn struck(&self, count: u64) {
        let struck = timeout(LONG, self.wire.struck(count)).await;
        struck.unwrap().unwrap();
    }

    /// What is in the topic. The proxy has had no trouble.
    async fn bodies(self) -> Vec<String> {
        self.wire.stop().await.unwrap();
        self.topic.bodies().await
    }
}

/// Stores o-1 over a connection that breaks before the answer. Gives what the report says, an offset
/// or an error, and how often the order is stored.
async fn broken(settings: Settings<'_>) -> (Result<i64, RDKafkaErrorCode>, usize) {
    let way = Way::new().await;
    way.wire.on(kafka::PRODUCED, 1, Act::Cut);
    let producer = way.producer(settings);
    let told = report(way.topic.send(&producer, "o-1", "o-1")).await;
    way.struck(1).await;
    let told = told.map(|report| report.offset);
    let told = told.map_err(|error| error.rdkafka_error_code().unwrap());
    (told, way.bodies().await.len())
}

/// claim: kafka.retry.silent
#[tokio::test(flavor = "multi_thread")]
async fn the_client_repeats_by_itself_and_the_report_is_good() {
    // It tells the place of the second copy.
    assert_eq!(broken(&[]).await, (Ok(1), 2));
    assert_eq!(broken(&[("max.in.flight", "1")]).await, (Ok(1), 2));
}

/// claim: kafka.retry.silent
#[tokio::test(flavor = "multi_thread")]
async fn the_client_repeats_by_itself_contrast() {
    let (told, copies) = broken(&[("retries", "0")]).await;
    assert!(told.is_err(), "{told:?}");
    assert_eq!(copies, 1);
}

/// claim: kafka.retry.off
#[tokio::test(flavor = "multi_thread")]
async fn without_retries_a_stored_record_is_reported_as_failed() {
    let (told, copies) = broken(&[("message.send.max.retries", "0")]).await;
    assert!(told.is_err(), "{told:?}");
    assert_eq!(copies, 1);
}

/// claim: kafka.retry.off
#[tokio::test(flavor = "multi_thread")]
async fn without_retries_a_stored_record_is_reported_as_failed_contrast() {
    let (told, _) = broken(&[("message.send.max.retries", "1000")]).await;
    assert_eq!(told, Ok(1));
}

/// claim: kafka.idempotence.place
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_with_the_place_of_the_first() {
    assert_eq!(broken(&[("enable.idempotence", "true")]).await, (Ok(0), 1));
}

/// claim: kafka.idempotence.place
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_with_the_place_of_the_first_contrast() {
    let (told, _) = broken(&[("enable.idempotence", "false")]).await;
    assert_eq!(told, Ok(1));
}

/// Stores o-1 with an idempotent producer that does not hear of it, and then again.
async fn stored_again(restart: bool) -> Vec<String> {
    let way = Way::new().await;
    let settings = [("enable.idempotence", "true")];
    let lost = match restart {
        true => Act::Drop,
        false => Act::Cut,
    };
    way.wire.on(kafka::PRODUCED, 1, lost);
    let producer = way.producer(&settings);
    let first = way.topic.send(&producer, "o-1", "o-1");
    way.struck(1).await;
    if restart {
        spawn_blocking(move || drop(producer)).await.unwrap();
        assert!(report(first).await.is_err());
        stored(way.topic.send(&way.producer(&settings), "o-1", "o-1")).await;
    } else {
        stored(first).await;
    }
    way.bodies().await
}

/// claim: kafka.idempotence.session
#[tokio::test(flavor = "multi_thread")]
async fn another_producer_stores_the_order_again() {
    assert_eq!(stored_again(true).await, ["o-1", "o-1"]);
}

/// claim: kafka.idempotence.session
#[tokio::test(flavor = "multi_thread")]
async fn another_producer_stores_the_order_again_contrast() {
    assert_eq!(stored_again(false).await, ["o-1"]);
}

/// claim: kafka.idempotence.resend
#[tokio::test(flavor = "multi_thread")]
async fn a_second_send_of_the_same_producer_is_a_record_of_its_own() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[("enable.idempotence", "true")]);
    topic.store(&producer, &["o-1"]).await;
    topic.store(&producer, &["o-1"]).await;
    assert_eq!(topic.bodies().await, ["o-1", "o-1"]);
}

/// claim: kafka.idempotence.resend
#[tokio::test(flavor = "multi_thread")]
async fn a_second_send_of_the_same_producer_contrast() {
    let (_, copies) = broken(&[("enable.idempotence", "true")]).await;
    assert_eq!(copies, 1, "a repeat of the client's own");
}

fn in_flight(count: &str) -> Result<FutureProducer, String> {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:1");
    config.set("enable.idempotence", "true");
    config.set("max.in.flight", count);
    config.create().map_err(|error| error.to_string())
}

/// claim: kafka.idempotence.in-flight
#[tokio::test(flavor = "multi_thread")]
async fn idempotence_takes_five_requests_in_flight() {
    let refused = in_flight("6").err().unwrap();
    assert!(refused.contains("max.in.flight"), "{refused}");
}

/// claim: kafka.idempotence.in-flight
#[tokio::test(flavor = "multi_thread")]
async fn idempotence_takes_five_requests_in_flight_contrast() {
    assert!(in_flight("5").is_ok());
}

/// Sends o-1 and o-2 in a batch each. That of o-1 is lost on its way there, and the client hears of
/// that when the connection ends.
async fn overtaken(idempotence: &str) -> Vec<String> {
    let way = Way::new().await;
    let producer = way.producer(&[
        ("enable.idempotence", idempotence),
        ("batch.num.messages", "1"),
    ]);
    // The connection to the leader stands after this one.
    stored(way.topic.send(&producer, "o-1", "o-0")).await;
    way.wire.on(kafka::PRODUCE, 1, Act::Drop);
    way.wire.on(kafka::answer(ApiKey::ListOffsets), 1, Act::Cut);
    let first = way.topic.send(&producer, "o-1", "o-1");
    let second = way.topic.send(&producer, "o-1", "o-2");
    way.struck(1).await;
    if idempotence == "true" {
        // Its report comes after that of o-1.
        end_connection(&way, &producer).await;
        stored(second).await;
    } else {
        stored(second).await;
        end_connection(&way, &producer).await;
    }
    stored(first).await;
    way.struck(2).await;
    way.bodies().await
}

/// Asks the leader something over the same connection, which ends with the answer.
async fn end_connection(way: &Way, producer: &FutureProducer) {
    let (producer, name) = (producer.clone(), way.topic.name.clone());
    let ask = move || producer.client().fetch_watermarks(&name, 1, LONG);
    // The client may ask again on its next connection, or give up. Either will do.
    drop(spawn_blocking(ask).await.unwrap());
}

/// claim: kafka.retry.overtaken
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_batch_comes_behind_a_later_one() {
    assert_eq!(overtaken("false").await, ["o-0", "o-2", "o-1"]);
}

/// claim: kafka.retry.overtaken
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_batch_comes_behind_a_later_one_contrast() {
    assert_eq!(overtaken("true").await, ["o-0", "o-1", "o-2"]);
}
