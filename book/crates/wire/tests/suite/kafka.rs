//! The proxy before a real Kafka.

use std::time::Instant;

use brokers::{Kind, Options};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode::{CoordinatorLoadInProgress, NotCoordinator};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use wire::Proxy;

use crate::LONG;

/// The ports at which a client finds the brokers, and that of its coordinator answers it, too.
async fn ports(servers: String) -> Vec<i32> {
    let ask = move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        config.set("group.id", "inventory");
        let client: BaseConsumer = config.create().unwrap();
        let metadata = client.fetch_metadata(None, LONG).unwrap();
        let mut place = TopicPartitionList::new();
        place.add_partition("orders", 0);
        let begun = Instant::now();
        let place = loop {
            match client.committed_offsets(place.clone(), LONG) {
                // A Kafka that has just started says for a moment: not yet.
                Err(KafkaError::MetadataFetch(NotCoordinator | CoordinatorLoadInProgress))
                    if begun.elapsed() < LONG => {}
                answer => break answer.unwrap(),
            }
        };
        assert_eq!(place.elements()[0].offset(), Offset::Invalid);
        metadata.brokers().iter().map(|it| it.port()).collect()
    };
    spawn_blocking(ask).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_hears_of_the_brokers_own_port() {
    let options = Options {
        private: true,
        ..Options::default()
    };
    let kafka = brokers::start(Kind::Kafka, options).await.unwrap();
    let wire = Proxy::kafka(kafka.url()).await.unwrap();
    let (_, own) = kafka.url().rsplit_once(':').unwrap();
    let own: i32 = own.parse().unwrap();
    assert_eq!(ports(kafka.url().to_owned()).await, [own]);
    let seen = ports(wire.url().to_owned()).await;
    assert_eq!(seen.len(), 1);
    assert_ne!(seen, [own]);
    wire.stop().await.unwrap();
    kafka.stop().await.unwrap();
}
