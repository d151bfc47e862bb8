//! The test as a reader would write it, on a server that is a process of the test's own.

use std::time::Instant;

use anyhow::Result;
use brokers::{Broker, Kind, Options};
use ch06_testing::{Fault, Publisher, Story, play};

// ANCHOR: start
/// A server of this test's own, on a free port, which ends with the test however that ends.
async fn server() -> Result<Broker> {
    let begun = Instant::now();
    let private = Options {
        private: true,
        ..Options::default()
    };
    let nats = brokers::start(Kind::Nats, private).await?;
    println!(
        "{}: ready in {} ms",
        nats.source(),
        begun.elapsed().as_millis()
    );
    Ok(nats)
}
// ANCHOR_END: start

async fn stored(publisher: Publisher, fault: Fault) -> Result<Vec<u32>> {
    let mut nats = server().await?;
    let stored = play(&mut nats, publisher, fault, &Story::untold()).await;
    nats.stop().await?;
    stored
}

#[tokio::test]
async fn every_order_is_stored() -> Result<()> {
    let orders = stored(Publisher::Careful, Fault::None).await?;
    assert_eq!(orders, [1, 2, 3, 4, 5, 6]);
    Ok(())
}

// ANCHOR: tests
#[tokio::test]
async fn every_order_is_stored_though_the_server_dies() -> Result<()> {
    let orders = stored(Publisher::Careful, Fault::Kill).await?;
    assert_eq!(orders, [1, 2, 3, 4, 5, 6]);
    Ok(())
}

/// The test of the test: code that is known to be wrong has to fail it.
#[tokio::test]
async fn the_test_above_would_see_the_mistake() -> Result<()> {
    let orders = stored(Publisher::Hopeful, Fault::Kill).await?;
    assert_eq!(orders, [1, 2, 3]);
    Ok(())
}
// ANCHOR_END: tests

#[tokio::test]
async fn without_the_fault_the_mistake_is_not_seen() -> Result<()> {
    let orders = stored(Publisher::Hopeful, Fault::None).await?;
    assert_eq!(orders, [1, 2, 3, 4, 5, 6]);
    Ok(())
}
