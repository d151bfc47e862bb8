//! ch01-queue-or-log: what an acknowledgement says to a consumer of JetStream.

use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;

use super::shop::{LONG, connect, server};
use super::store::{ask, shop, store};

/// A reader takes o-1 and o-2 and acknowledges o-2. What comes again after the ack wait.
async fn again_after_the_second(ack_policy: AckPolicy) -> Vec<String> {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, config| {
        config.ack_policy = ack_policy;
        config.ack_wait = Duration::from_secs(1);
    })
    .await;
    store(&jetstream, 2).await;
    let taken = ask(&inventory, 2, LONG).await;
    taken[1].double_ack().await.unwrap();
    let mut again = Vec::new();
    // What must come may take its time.
    let mut wait = match ack_policy {
        AckPolicy::Explicit => LONG,
        _ => Duration::from_secs(3),
    };
    while let Some(message) = ask(&inventory, 1, wait).await.pop() {
        again.push(String::from_utf8(message.payload.to_vec()).unwrap());
        message.double_ack().await.unwrap();
        wait = Duration::from_millis(300);
    }
    again
}

/// claim: nats.ack.one-by-one
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_counts_for_its_own_message() {
    assert_eq!(again_after_the_second(AckPolicy::Explicit).await, ["o-1"]);
}

/// claim: nats.ack.one-by-one
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_counts_for_its_own_message_contrast() {
    let all = again_after_the_second(AckPolicy::All).await;
    assert_eq!(all, [""; 0], "one acknowledgement covers those before it");
}
