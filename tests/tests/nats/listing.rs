//! The listing on a server that is not its own.

use std::process::Command;

use book_tests::programs::programs;
use tokio::task::spawn_blocking;

use crate::shop::{connect, here, publish, round_trip, server, subscribed};

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_keeps_to_subjects_of_its_own() {
    let nats = server().await;
    let client = connect(&nats).await;
    // A service of the reader's, which must not take the listing's orders for real ones.
    let mut email = subscribed(&client, "order.*").await;
    publish(&client, &["order.shipped"]).await;
    let mut listing = Command::new(programs().path("ch02-nats-pub-sub").unwrap());
    listing.env("NATS_URL", nats.url());
    let output = spawn_blocking(move || listing.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("fate  4 done\n"), "{said}");
    round_trip(&client).await;
    assert_eq!(here(&mut email), ["order.shipped"], "the reader's own");
}
