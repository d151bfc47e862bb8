//! The listings on a server that is not their own.

use std::process::Command;

use book_tests::programs::programs;
use brokers::Broker;
use futures_util::TryStreamExt;
use tokio::task::spawn_blocking;

use super::shop::{connect, here, publish, round_trip, server, subscribed};
use super::store::{held, shop, store};

/// Runs a listing on the reader's own server, and says how it ends.
async fn run(program: &str, nats: &Broker) -> String {
    let mut listing = Command::new(programs().path(program).unwrap());
    listing.env("NATS_URL", nats.url());
    let output = spawn_blocking(move || listing.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().last().unwrap().to_owned()
}

/// A service of the reader's must not take a listing's messages for real ones.
async fn keeps_to_subjects_of_its_own(program: &str, fates: &str) {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut email = subscribed(&client, "order.*").await;
    let mut payments = subscribed(&client, "payment.*").await;
    publish(&client, &["order.shipped", "payment.failed"]).await;
    assert_eq!(run(program, &nats).await, fates);
    round_trip(&client).await;
    assert_eq!(here(&mut email), ["order.shipped"], "the reader's own");
    assert_eq!(here(&mut payments), ["payment.failed"], "the reader's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_on_three_brokers_keeps_to_itself() {
    keeps_to_subjects_of_its_own("ch01-pub-sub", "fate  2 done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_on_publish_and_subscribe_keeps_to_itself() {
    keeps_to_subjects_of_its_own("ch02-nats-pub-sub", "fate  4 done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_on_queue_groups_keeps_to_itself() {
    keeps_to_subjects_of_its_own("ch02-nats-queue-group", "fate  8 done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_on_jetstream_keeps_to_itself_and_leaves_nothing() {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 3).await;
    let fates = run("ch02-nats-jetstream", &nats).await;
    assert_eq!(fates, "fate  4 done");
    assert_eq!(held(&jetstream).await, 3, "the reader's own");
    let streams: Vec<String> = jetstream.stream_names().try_collect().await.unwrap();
    assert_eq!(streams, ["SHOP"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_on_request_and_reply_keeps_to_itself() {
    keeps_to_subjects_of_its_own("ch02-nats-request-reply", "fate  2 done").await;
}
