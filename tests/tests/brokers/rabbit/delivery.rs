//! ch01-delivery: what a crash between work and acknowledgement does, in both orders of the two.

use std::fs::OpenOptions;

use lapin::options::*;
use lapin::types::FieldTable;
use tempfile::TempDir;

use super::shop::{connect, consume, filled, next, url};

/// In which order a worker does its work and acknowledges.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Work,
    Ack,
}

/// A charge in a world outside of the broker. One with a name is made once.
fn charge(world: &TempDir, name: &str) -> bool {
    let file = world.path().join(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).open(file).is_ok()
}

/// Two workers, one after the other, take what the queue has. The first dies between its two steps
/// on o-1. How many charges were made for that order?
async fn charges(queue: &str, first: First, named: bool) -> usize {
    let (_shop, channel) = filled(queue, 1).await;
    let world = tempfile::tempdir().unwrap();
    for attempt in 1..=2 {
        let (worker, its_channel) = connect(url().await).await;
        if attempt == 2 {
            // Something that must come, so that what does not come is known to be gone.
            let (exchange, key) = ("".into(), queue.into());
            let (options, properties) = Default::default();
            let sent = channel.basic_publish(exchange, key, options, b"o-2", properties);
            assert!(sent.await.unwrap().await.unwrap().is_ack());
        }
        let mut orders = consume(&its_channel, queue, false).await;
        let order = next(&mut orders).await;
        if order.data != b"o-1" {
            break;
        }
        if first == First::Ack {
            assert!(order.ack(BasicAckOptions::default()).await.unwrap());
            // The broker answers this after the acknowledgement.
            let passive = QueueDeclareOptions::default().passive();
            let asked = its_channel.queue_declare(queue.into(), passive, FieldTable::default());
            asked.await.unwrap();
        } else {
            let name = if named {
                "o-1".to_owned()
            } else {
                format!("o-1.{attempt}")
            };
            charge(&world, &name);
        }
        worker.close(200, "crash".into()).await.unwrap();
    }
    std::fs::read_dir(world.path()).unwrap().count()
}

/// claim: rabbit.ack-first.lost
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_before_the_work_an_order_is_lost_in_a_crash() {
    assert_eq!(charges("delivery.most", First::Ack, false).await, 0);
}

/// claim: rabbit.ack-first.lost
/// claim: rabbit.work-first.repeated
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_after_the_work_and_named_it_is_done_once_contrast() {
    assert_eq!(charges("delivery.least", First::Work, true).await, 1);
}

/// claim: rabbit.work-first.repeated
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_after_the_work_it_is_done_twice_in_a_crash() {
    assert_eq!(charges("delivery.twice", First::Work, false).await, 2);
}

/// claim: rabbit.named-effect.once
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_with_a_name_happens_once_though_the_order_comes_twice() {
    assert_eq!(charges("delivery.once", First::Work, true).await, 1);
}

/// claim: rabbit.named-effect.once
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_without_a_name_happens_twice_contrast() {
    assert_eq!(charges("delivery.nameless", First::Work, false).await, 2);
}

/// The redelivered flag of the second order, when the first consumer died with both. `prefetch` says
/// whether the broker had given it the second one.
async fn flag_of_the_second(queue: &str, prefetch: u16) -> bool {
    let (_shop, _) = filled(queue, 2).await;
    let (worker, channel) = connect(url().await).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(prefetch, options).await.unwrap();
    let mut orders = consume(&channel, queue, false).await;
    // It looks at the first order alone. With a prefetch of two the second is here as well.
    assert_eq!(next(&mut orders).await.data, b"o-1");
    worker.close(200, "crash".into()).await.unwrap();
    let (_next, channel) = connect(url().await).await;
    let mut orders = consume(&channel, queue, false).await;
    assert!(next(&mut orders).await.redelivered);
    next(&mut orders).await.redelivered
}

/// claim: rabbit.redelivered.unseen
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_unseen_in_a_dead_worker_is_marked_as_well() {
    assert!(flag_of_the_second("delivery.unseen", 2).await);
}

/// claim: rabbit.redelivered.unseen
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_never_sent_to_a_worker_is_not_marked_contrast() {
    assert!(!flag_of_the_second("delivery.unsent", 1).await);
}
