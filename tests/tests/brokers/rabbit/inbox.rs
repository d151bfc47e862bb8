//! ch06-inbox: a message that comes twice, an effect that happens once, and the transactions in
//! between.

use std::path::Path;

use lapin::message::Delivery;
use lapin::options::*;
use lapin::{BasicProperties, Channel};
use rusqlite::Connection;
use tempfile::TempDir;

use super::shop::{connect, consume, filled, next, url};

async fn publish_with_id(channel: &Channel, queue: &str, id: &str) {
    let properties = BasicProperties::default().with_message_id(id.into());
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, b"o-3", properties);
    assert!(sent.await.unwrap().await.unwrap().is_ack());
}

fn id_of(delivery: &Delivery) -> Option<&str> {
    delivery
        .properties
        .message_id()
        .as_ref()
        .map(|id| id.as_str())
}

/// The first order of the queue, on a connection of its own, which then ends like a crash.
async fn delivered(queue: &str, acknowledge: bool, with: impl FnOnce(&Delivery)) {
    let (consumer, channel) = connect(url().await).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(1, options).await.unwrap();
    let mut orders = consume(&channel, queue, false).await;
    let delivery = next(&mut orders).await;
    // So that the acknowledgement makes room for no other message here.
    let cancel = BasicCancelOptions::default();
    channel.basic_cancel(orders.tag(), cancel).await.unwrap();
    with(&delivery);
    if acknowledge {
        assert!(delivery.ack(BasicAckOptions::default()).await.unwrap());
    }
    consumer.close(200, "the end".into()).await.unwrap();
}

/// claim: rabbit.message-id.kept
#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_message_has_the_id_that_its_publisher_gave_it() {
    let (_shop, channel) = filled("inbox.id", 0).await;
    publish_with_id(&channel, "inbox.id", "charge-o-3").await;
    for redelivered in [false, true] {
        delivered("inbox.id", false, |order| {
            assert_eq!(order.redelivered, redelivered);
            assert_eq!(id_of(order), Some("charge-o-3"));
        })
        .await;
    }
}

/// claim: rabbit.message-id.kept
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_gives_no_id_where_the_publisher_gave_none_contrast() {
    let (_shop, _) = filled("inbox.no-id", 1).await;
    delivered("inbox.no-id", true, |order| assert_eq!(id_of(order), None)).await;
}

/// claim: rabbit.redelivered.not-of-publisher
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_published_twice_is_not_marked() {
    let (_shop, channel) = filled("inbox.twice", 0).await;
    for _ in 0..2 {
        publish_with_id(&channel, "inbox.twice", "charge-o-3").await;
    }
    for _ in 0..2 {
        delivered("inbox.twice", true, |order| {
            assert!(!order.redelivered);
            assert_eq!(id_of(order), Some("charge-o-3"));
        })
        .await;
    }
}

/// claim: rabbit.redelivered.not-of-publisher
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_back_to_its_queue_is_marked_contrast() {
    let (_shop, channel) = filled("inbox.back", 0).await;
    publish_with_id(&channel, "inbox.back", "charge-o-3").await;
    delivered("inbox.back", false, |order| assert!(!order.redelivered)).await;
    delivered("inbox.back", true, |order| assert!(order.redelivered)).await;
}

/// Where payments keeps the ids.
#[derive(Clone, Copy, PartialEq)]
enum Inbox {
    Same,
    None,
    IdFirst,
    ChargeFirst,
}

fn open(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    let tables = "CREATE TABLE IF NOT EXISTS charges (id TEXT);
                  CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY);";
    database.execute_batch(tables).unwrap();
    database
}

fn write(database: &Connection, table: &str, id: &str) -> bool {
    let sql = format!("INSERT INTO {table} (id) VALUES (?1) ON CONFLICT DO NOTHING");
    database.execute(&sql, [id]).unwrap() == 1
}

fn count(database: &Connection, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    database.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// Handles a message; with `crash` only the first of its two writes happens.
fn handle(path: &Path, inbox: Inbox, id: &str, crash: bool) {
    let mut database = open(path);
    match inbox {
        Inbox::Same => {
            let transaction = database.transaction().unwrap();
            let is_new = write(&transaction, "inbox", id);
            if crash {
                // Nothing is committed: what the end of a process does to a transaction.
                return;
            }
            if is_new {
                write(&transaction, "charges", id);
            }
            transaction.commit().unwrap();
        }
        Inbox::None => {
            write(&database, "charges", id);
        }
        Inbox::IdFirst => {
            if write(&database, "inbox", id) && !crash {
                write(&database, "charges", id);
            }
        }
        Inbox::ChargeFirst => {
            if count(&database, "inbox") == 0 {
                write(&database, "charges", id);
            }
            if !crash {
                write(&database, "inbox", id);
            }
        }
    }
}

/// o-3 is delivered, handled, perhaps not to the end, and not acknowledged, so that it comes again
/// and is handled to the end. How often was it charged?
async fn charges(queue: &str, inbox: Inbox, crash: bool) -> u32 {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("payments.db");
    let (_shop, channel) = filled(queue, 0).await;
    publish_with_id(&channel, queue, "charge-o-3").await;
    for (crash, last) in [(crash, false), (false, true)] {
        delivered(queue, last, |order| {
            handle(&path, inbox, id_of(order).unwrap(), crash);
        })
        .await;
    }
    count(&open(&path), "charges")
}

/// claim: rabbit.inbox.once
#[tokio::test(flavor = "multi_thread")]
async fn with_id_and_charge_in_one_transaction_a_redelivered_order_is_charged_once() {
    assert_eq!(charges("inbox.same.1", Inbox::Same, false).await, 1);
    assert_eq!(charges("inbox.same.2", Inbox::Same, true).await, 1);
}

/// claim: rabbit.inbox.once
#[tokio::test(flavor = "multi_thread")]
async fn without_an_inbox_a_redelivered_order_is_charged_twice_contrast() {
    assert_eq!(charges("inbox.none", Inbox::None, false).await, 2);
}

/// claim: rabbit.inbox.id-first
#[tokio::test(flavor = "multi_thread")]
async fn with_the_id_first_a_crash_in_between_leaves_the_order_uncharged() {
    assert_eq!(charges("inbox.id-first.1", Inbox::IdFirst, true).await, 0);
}

/// claim: rabbit.inbox.id-first
#[tokio::test(flavor = "multi_thread")]
async fn with_the_id_first_and_no_crash_in_between_all_is_well_contrast() {
    assert_eq!(charges("inbox.id-first.2", Inbox::IdFirst, false).await, 1);
}

/// claim: rabbit.inbox.charge-first
#[tokio::test(flavor = "multi_thread")]
async fn with_the_charge_first_a_crash_in_between_charges_twice() {
    let charges = charges("inbox.charge-first.1", Inbox::ChargeFirst, true).await;
    assert_eq!(charges, 2);
}

/// claim: rabbit.inbox.charge-first
#[tokio::test(flavor = "multi_thread")]
async fn with_the_charge_first_and_no_crash_in_between_all_is_well_contrast() {
    let charges = charges("inbox.charge-first.2", Inbox::ChargeFirst, false).await;
    assert_eq!(charges, 1);
}

/// An order is charged, its id is kept or thrown away, and its publisher publishes it once more.
async fn charges_with_a_late_duplicate(queue: &str, keep: bool) -> u32 {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("payments.db");
    let (_shop, channel) = filled(queue, 0).await;
    for late in [false, true] {
        if late && !keep {
            open(&path).execute("DELETE FROM inbox", []).unwrap();
        }
        publish_with_id(&channel, queue, "charge-o-3").await;
        delivered(queue, true, |order| {
            handle(&path, Inbox::Same, id_of(order).unwrap(), false);
        })
        .await;
    }
    count(&open(&path), "charges")
}

/// claim: rabbit.inbox.pruned
#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_that_is_later_than_the_inbox_remembers_is_charged() {
    let charges = charges_with_a_late_duplicate("inbox.pruned", false).await;
    assert_eq!(charges, 2);
}

/// claim: rabbit.inbox.pruned
#[tokio::test(flavor = "multi_thread")]
async fn a_late_duplicate_that_the_inbox_remembers_is_not_charged_contrast() {
    let charges = charges_with_a_late_duplicate("inbox.kept", true).await;
    assert_eq!(charges, 1);
}
