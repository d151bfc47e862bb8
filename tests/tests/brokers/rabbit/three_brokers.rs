//! ch01-pub-sub: each subscriber's copy is its own.

use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, ExchangeKind};

use super::shop::{bind, bodies, confirming, declare_quorum, ready, url};

/// An event is published to a topic exchange with two queues, and all that email's queue holds is
/// taken from it. How many events has email had, and how many has inventory?
async fn after_email(name: &str, inventorys: &str) -> (usize, u32) {
    let (_shop, shop) = confirming(url().await).await;
    let (kind, options) = (ExchangeKind::Topic, ExchangeDeclareOptions::default());
    let declared = shop.exchange_declare(name.into(), kind, options, FieldTable::default());
    declared.await.unwrap();
    let queues = ["email", "inventory"].map(|service| format!("{service}.{name}"));
    for (queue, pattern) in queues.iter().zip(["order.*", inventorys]) {
        declare_quorum(&shop, queue).await;
        bind(&shop, queue, name, pattern).await;
    }
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let key = "order.created".into();
    let sent = shop.basic_publish(name.into(), key, options, b"o-1", properties);
    assert!(sent.await.unwrap().await.unwrap().is_ack());
    let email = bodies(&shop, &queues[0]).await.len();
    (email, ready(&shop, &queues[1]).await)
}

/// claim: rabbit.topic.copy-each
#[tokio::test(flavor = "multi_thread")]
async fn each_queue_that_matches_holds_a_copy_of_its_own() {
    let had = after_email("three_brokers.both", "order.created").await;
    assert_eq!(had, (1, 1));
}

/// claim: rabbit.topic.copy-each
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_does_not_match_holds_none_contrast() {
    let had = after_email("three_brokers.one", "order.shipped").await;
    assert_eq!(had, (1, 0));
}
