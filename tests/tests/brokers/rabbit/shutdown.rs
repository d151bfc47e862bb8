//! ch06-shutdown: a worker that is asked to end while it holds orders.

use std::process::Command;

use book_tests::programs::programs;
use lapin::options::*;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;

use super::shop::{connect, consume, filled, next, publish, ready, shared, url};

/// The last line of the listing: what became of its eight orders. Each way to end is run once.
async fn fates(exit: &'static str) -> &'static str {
    static RUNS: [OnceCell<String>; 3] = [const { OnceCell::const_new() }; 3];
    let ways = ["orderly", "at-once", "close-first"];
    let way = ways.iter().position(|way| *way == exit).unwrap();
    RUNS[way].get_or_init(|| last_line(exit)).await
}

async fn last_line(exit: &'static str) -> String {
    // The listing's queue has one name, so one of them runs at a time.
    static ONE: Mutex<()> = Mutex::const_new(());
    let _one = ONE.lock().await;
    let mut listing = Command::new(programs().path("ch06-shutdown").unwrap());
    listing.args(["--exit", exit]).env("AMQP_URL", url().await);
    let output = spawn_blocking(move || listing.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().last().unwrap().to_owned()
}

/// claim: rabbit.shutdown.orderly
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_leaves_in_order_loses_and_repeats_nothing() {
    assert_eq!(fates("orderly").await, "fate  8 done");
}

/// claim: rabbit.shutdown.orderly
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_closes_before_it_finishes_repeats_what_it_finishes_contrast() {
    let fates = fates("close-first").await;
    assert_eq!(fates, "fate  7 done, 1 duplicate");
}

/// claim: rabbit.shutdown.at-once
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_at_the_signal_repeats_what_it_was_at() {
    let fates = fates("at-once").await;
    assert_eq!(fates, "fate  7 done, 1 duplicate");
}

/// claim: rabbit.shutdown.at-once
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_handles_the_signal_repeats_nothing_contrast() {
    assert_eq!(fates("orderly").await, "fate  8 done");
}

/// A worker has o-1, and o-2 waits in its client, when it stops; another order comes after that.
/// It acknowledges o-1 at the end. Which order is the first for the next worker?
async fn first_after_a_stop(queue: &str, close_first: bool) -> Vec<u8> {
    let (_shop, channel) = filled(queue, 2).await;
    let (old, worker) = connect(url().await).await;
    let mut orders = consume(&worker, queue, false).await;
    let in_work = next(&mut orders).await;
    let _waits = next(&mut orders).await;
    if close_first {
        old.close(200, "close first".into()).await.unwrap();
    } else {
        let cancel = BasicCancelOptions::default();
        worker.basic_cancel(orders.tag(), cancel).await.unwrap();
    }
    publish(&channel, queue, "o-3").await;
    let acknowledged = in_work.ack(BasicAckOptions::default()).await;
    assert_eq!(acknowledged.unwrap_or_default(), !close_first);
    if !close_first {
        assert_eq!(ready(&channel, queue).await, 1, "o-3 did not come");
        old.close(200, "close last".into()).await.unwrap();
    }
    let (_new, worker) = connect(url().await).await;
    let mut orders = consume(&worker, queue, false).await;
    next(&mut orders).await.data
}

/// claim: rabbit.cancel.still-acks
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_cancels_gets_no_more_and_may_acknowledge_what_it_has() {
    assert_eq!(first_after_a_stop("stop.cancel", false).await, b"o-2");
}

/// claim: rabbit.cancel.still-acks
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_has_closed_may_acknowledge_nothing_contrast() {
    assert_eq!(first_after_a_stop("stop.close", true).await, b"o-1");
}

/// A worker has o-1 and gives it back, by a nack or by the orderly end of its connection. How many
/// failed deliveries does the next worker see?
async fn failures_after_giving_back(queue: &str, nack: bool) -> Option<i64> {
    let (_shop, _) = filled(queue, 1).await;
    let (old, worker) = connect(url().await).await;
    let mut orders = consume(&worker, queue, false).await;
    let order = next(&mut orders).await;
    let cancel = BasicCancelOptions::default();
    worker.basic_cancel(orders.tag(), cancel).await.unwrap();
    if nack {
        let requeue = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        assert!(order.nack(requeue).await.unwrap());
    }
    old.close(200, "the end".into()).await.unwrap();
    let (_new, worker) = connect(url().await).await;
    let order = next(&mut consume(&worker, queue, false).await).await;
    assert!(order.redelivered);
    let headers = order.properties.headers().as_ref()?;
    headers.inner().get("x-delivery-count")?.as_long_long_int()
}

/// claim: rabbit.close.counted
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_goes_back_with_its_connection_counts_as_failed() {
    let failures = failures_after_giving_back("back.by.close", false).await;
    assert_eq!(failures, Some(1));
}

/// claim: rabbit.close.counted
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_given_back_by_a_nack_does_not_contrast() {
    if !book_tests::since(shared().await, "4.3.0") {
        return;
    }
    let failures = failures_after_giving_back("back.by.nack", true).await;
    assert_eq!(failures, None);
}
