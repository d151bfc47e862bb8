//! ch06-outbox: an order in a database, an event at the broker, and a process that ends in between.

use std::path::Path;

use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel, Connection as Rabbit, ConnectionProperties};
use rusqlite::Connection;
use tempfile::TempDir;

use super::shop::{
    connect, consume, declare, filled, left_without_consumers, next, publish, ready, text, url,
};

/// How an order is saved and its event published.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Outbox,
    MarkFirst,
    SaveFirst,
    PublishFirst,
}

/// The step before which the process ends.
#[derive(Clone, Copy, PartialEq)]
enum Crash {
    Commit,
    Publish,
    Mark,
    Never,
}

fn open(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    let tables = "CREATE TABLE IF NOT EXISTS orders (number INTEGER);
                  CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, sent INTEGER);";
    database.execute_batch(tables).unwrap();
    database
}

fn save(database: &Connection) {
    let sql = "INSERT INTO orders (number) VALUES (3)";
    database.execute(sql, []).unwrap();
}

fn save_with_event(path: &Path, crash: Crash) {
    let mut database = open(path);
    let transaction = database.transaction().unwrap();
    save(&transaction);
    let sql = "INSERT INTO outbox (sent) VALUES (FALSE)";
    transaction.execute(sql, []).unwrap();
    if crash != Crash::Commit {
        transaction.commit().unwrap();
    }
}

fn mark(database: &Connection) {
    let sql = "UPDATE outbox SET sent = TRUE";
    database.execute(sql, []).unwrap();
}

fn count(database: &Connection, rows: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {rows}");
    database.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// Publishes what waits in the outbox; in these tests that is one event at most.
async fn relay(path: &Path, channel: &Channel, queue: &str, way: Way, crash: Crash) {
    let database = open(path);
    if count(&database, "outbox WHERE NOT sent") == 0 {
        return;
    }
    if way == Way::MarkFirst {
        mark(&database);
    }
    if crash == Crash::Publish {
        return;
    }
    assert!(publish(channel, queue, "o-3").await.is_ack());
    if crash != Crash::Mark {
        mark(&database);
    }
}

/// An order is taken by a process that ends at `crash`, and another process starts after it. How
/// often is the order in the database, and its event in the queue?
async fn saved_and_published(queue: &str, way: Way, crash: Crash) -> (u32, u32) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("orders.db");
    let (_orders, channel) = filled(queue, 0).await;
    match way {
        Way::Outbox | Way::MarkFirst => {
            save_with_event(&path, crash);
            relay(&path, &channel, queue, way, crash).await;
            relay(&path, &channel, queue, way, Crash::Never).await;
        }
        Way::SaveFirst => {
            save(&open(&path));
            if crash != Crash::Publish {
                assert!(publish(&channel, queue, "o-3").await.is_ack());
            }
        }
        Way::PublishFirst => {
            assert!(publish(&channel, queue, "o-3").await.is_ack());
            if crash != Crash::Commit {
                save(&open(&path));
            }
        }
    }
    let saved = count(&open(&path), "orders");
    (saved, ready(&channel, queue).await)
}

/// claim: rabbit.outbox.at-least-once
#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_ends_a_saved_order_has_its_event_and_no_other_has_one() {
    let (way, queue) = (Way::Outbox, "outbox.commit");
    let told = saved_and_published(queue, way, Crash::Commit).await;
    assert_eq!(told, (0, 0));
    let told = saved_and_published("outbox.publish", way, Crash::Publish).await;
    assert_eq!(told, (1, 1));
    let (saved, published) = saved_and_published("outbox.mark.1", way, Crash::Mark).await;
    assert!(saved == 1 && published >= 1);
}

/// claim: rabbit.outbox.at-least-once
#[tokio::test(flavor = "multi_thread")]
async fn saved_first_and_published_after_it_the_event_can_be_missing_contrast() {
    let told = saved_and_published("save.1", Way::SaveFirst, Crash::Never).await;
    assert_eq!(told, (1, 1), "no crash, no harm");
    let told = saved_and_published("save.2", Way::SaveFirst, Crash::Publish).await;
    assert_eq!(told, (1, 0));
}

/// claim: rabbit.outbox.save-first
#[tokio::test(flavor = "multi_thread")]
async fn an_order_saved_before_its_event_stays_without_it_after_a_crash() {
    let told = saved_and_published("save.3", Way::SaveFirst, Crash::Publish).await;
    assert_eq!(told, (1, 0));
}

/// claim: rabbit.outbox.publish-first
#[tokio::test(flavor = "multi_thread")]
async fn an_event_published_before_its_order_is_about_nothing_after_a_crash() {
    let told = saved_and_published("phantom.1", Way::PublishFirst, Crash::Commit).await;
    assert_eq!(told, (0, 1));
}

/// claim: rabbit.outbox.publish-first
#[tokio::test(flavor = "multi_thread")]
async fn an_event_published_before_its_order_is_right_without_a_crash_contrast() {
    let told = saved_and_published("phantom.2", Way::PublishFirst, Crash::Never).await;
    assert_eq!(told, (1, 1));
}

/// claim: rabbit.outbox.twice
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_ends_between_confirm_and_mark_publishes_twice() {
    let told = saved_and_published("outbox.mark.2", Way::Outbox, Crash::Mark).await;
    assert_eq!(told, (1, 2));
}

/// claim: rabbit.outbox.twice
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lives_publishes_once_contrast() {
    let told = saved_and_published("outbox.never", Way::Outbox, Crash::Never).await;
    assert_eq!(told, (1, 1));
}

/// claim: rabbit.outbox.mark-first
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_marks_first_can_leave_an_event_unsent() {
    let told = saved_and_published("mark-first.1", Way::MarkFirst, Crash::Publish).await;
    assert_eq!(told, (1, 0));
}

/// claim: rabbit.outbox.mark-first
/// claim: rabbit.outbox.save-first
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_marks_after_the_confirm_leaves_none_unsent_contrast() {
    let told = saved_and_published("mark-after.1", Way::Outbox, Crash::Publish).await;
    assert_eq!(told, (1, 1));
}

/// A connection to an address where no broker listens, as when it is down.
async fn connect_to_a_broker_that_is_down() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let properties = ConnectionProperties::default();
    let refused = Rabbit::connect(&format!("amqp://{address}/%2f"), properties).await;
    assert!(refused.is_err());
}

/// An order is taken while the broker is down; then the broker is back, and gets another event.
/// Which event is the first in the queue?
async fn first_after_an_outage(queue: &str, way: Way) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("orders.db");
    match way {
        Way::Outbox => save_with_event(&path, Crash::Never),
        _ => save(&open(&path)),
    }
    connect_to_a_broker_that_is_down().await;
    assert_eq!(count(&open(&path), "orders"), 1, "the order is taken");
    let (_orders, channel) = filled(queue, 0).await;
    relay(&path, &channel, queue, way, Crash::Never).await;
    publish(&channel, queue, "o-4").await;
    let (_inventory, channel) = connect(url().await).await;
    next(&mut consume(&channel, queue, false).await).await.data
}

/// claim: rabbit.outbox.broker-down
#[tokio::test(flavor = "multi_thread")]
async fn an_order_taken_while_the_broker_is_down_has_its_event_afterwards() {
    let first = first_after_an_outage("outage.outbox", Way::Outbox).await;
    assert_eq!(first, b"o-3");
}

/// claim: rabbit.outbox.broker-down
#[tokio::test(flavor = "multi_thread")]
async fn without_an_outbox_an_order_taken_while_the_broker_is_down_has_none_contrast() {
    let first = first_after_an_outage("outage.save", Way::SaveFirst).await;
    assert_eq!(first, b"o-4");
}

/// A worker publishes the result of a charge to a queue that refuses everything, and acknowledges the
/// charge in the same transaction or in one behind it. How many charges are there when it is gone?
async fn left_by_a_refused_transaction(names: [&str; 2], is_one: bool) -> u32 {
    let [charges, results] = names;
    let (_shop, shop) = filled(charges, 1).await;
    let none = [
        ("x-max-length", AMQPValue::LongInt(0)),
        ("x-overflow", text("reject-publish")),
    ];
    declare(&shop, results, "classic", &none).await;
    let (_worker, channel) = connect(url().await).await;
    channel.tx_select().await.unwrap();
    // The client cancels a consumer that is dropped, and a broker that is sent any command while it
    // commits closes the connection: this one is kept to the end.
    let mut consumer = consume(&channel, charges, false).await;
    let charge = next(&mut consumer).await;
    let (options, plain) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish("".into(), results.into(), options, b"o-1", plain);
    sent.await.unwrap();
    if is_one {
        charge.ack(BasicAckOptions::default()).await.unwrap();
    }
    let refused = channel.tx_commit().await.unwrap_err();
    assert!(
        refused.to_string().contains("partial tx completion"),
        "{refused}"
    );
    let left = left_without_consumers(&shop, charges).await;
    drop(consumer);
    left
}

/// claim: rabbit.tx.not-atomic
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transaction_has_acknowledged_all_the_same() {
    let names = ["outbox.tx.one", "outbox.tx.one.full"];
    assert_eq!(left_by_a_refused_transaction(names, true).await, 0);
}

/// claim: rabbit.tx.not-atomic
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transaction_without_the_acknowledgement_loses_nothing_contrast() {
    let names = ["outbox.tx.two", "outbox.tx.two.full"];
    assert_eq!(left_by_a_refused_transaction(names, false).await, 1);
}
