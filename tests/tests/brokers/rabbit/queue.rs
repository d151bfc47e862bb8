//! ch03-rabbit-queue: a work queue, acknowledgements, prefetch and confirms.

use book_tests::programs::programs;
use book_tests::since;
use lapin::Confirmation;
use lapin::options::*;
use lapin::types::FieldTable;
use tokio::io::AsyncBufReadExt;
use tokio::time::timeout;

use super::connection::send;
use super::shop::{
    PATIENCE, confirming, connect, consume, declare_quorum, filled, left_without_consumers, next,
    private, publish, ready, url,
};

/// A worker takes the first of two orders, works, acknowledges or does not, and loses its
/// connection. What does the next worker get first, and is it marked?
async fn first_after_a_crash(queue: &str, no_ack: bool, ack: bool) -> (Vec<u8>, bool) {
    let (_shop, _) = filled(queue, 2).await;
    let (worker, channel) = connect(url().await).await;
    if !no_ack {
        let options = BasicQosOptions::default();
        channel.basic_qos(1, options).await.unwrap();
    }
    let mut orders = consume(&channel, queue, no_ack).await;
    let order = next(&mut orders).await;
    assert_eq!(order.data, b"o-1");
    if ack {
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        // The second order arrives: the broker has seen the acknowledgement of the first.
        assert_eq!(next(&mut orders).await.data, b"o-2");
    }
    worker.close(200, "crash".into()).await.unwrap();
    let (_next, channel) = connect(url().await).await;
    if no_ack {
        // Something that must arrive, so that what does not arrive is known to be gone.
        publish(&channel, queue, "o-3").await;
    }
    let mut orders = consume(&channel, queue, false).await;
    let order = next(&mut orders).await;
    (order.data.clone(), order.redelivered)
}

/// claim: rabbit.auto-ack.forgotten
#[tokio::test(flavor = "multi_thread")]
async fn without_an_acknowledgement_the_order_comes_again_contrast() {
    let first = first_after_a_crash("unacked", false, false).await;
    assert_eq!(first, (b"o-1".to_vec(), true));
}

/// claim: rabbit.unacked.requeued
#[tokio::test(flavor = "multi_thread")]
async fn an_unacknowledged_order_goes_back_and_is_marked() {
    let first = first_after_a_crash("unacked.again", false, false).await;
    assert_eq!(first, (b"o-1".to_vec(), true));
}

/// claim: rabbit.unacked.requeued
/// claim: rabbit.ack.crash-after-work
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_order_does_not_come_again_contrast() {
    let first = first_after_a_crash("acked", false, true).await;
    assert_eq!(first, (b"o-2".to_vec(), true));
}

/// claim: rabbit.ack.crash-after-work
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_work_and_acknowledgement_repeats_the_work() {
    // The effect of the work is outside of the broker: a counter that each delivery raises.
    let (_shop, _) = filled("charges", 1).await;
    let mut charges = 0;
    for attempt in 0..2 {
        let (worker, channel) = connect(url().await).await;
        let mut orders = consume(&channel, "charges", false).await;
        let order = next(&mut orders).await;
        charges += 1;
        if attempt == 1 {
            assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        }
        worker.close(200, "crash".into()).await.unwrap();
    }
    assert_eq!(charges, 2);
}

/// claim: rabbit.auto-ack.forgotten
#[tokio::test(flavor = "multi_thread")]
async fn an_automatically_acknowledged_order_is_gone_with_its_worker() {
    let first = first_after_a_crash("auto", true, false).await;
    assert_eq!(first, (b"o-3".to_vec(), false));
}

/// claim: rabbit.auto-ack.pushed
#[tokio::test(flavor = "multi_thread")]
async fn with_automatic_acknowledgements_all_orders_leave_the_queue_at_once() {
    let (_shop, channel) = filled("pushed", 5).await;
    // The limit of the contrast. Nothing is unacknowledged here, so it limits nothing.
    let options = BasicQosOptions::default();
    channel.basic_qos(1, options).await.unwrap();
    let mut orders = consume(&channel, "pushed", true).await;
    for order in 1..=5 {
        let expected = format!("o-{order}");
        assert_eq!(next(&mut orders).await.data, expected.as_bytes());
    }
    assert_eq!(ready(&channel, "pushed").await, 0);
}

/// claim: rabbit.auto-ack.pushed
/// claim: rabbit.prefetch.holds-back
#[tokio::test(flavor = "multi_thread")]
async fn with_a_prefetch_of_one_the_others_stay_in_the_queue_contrast() {
    let (_shop, channel) = filled("held.back", 5).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(1, options).await.unwrap();
    let mut orders = consume(&channel, "held.back", false).await;
    assert_eq!(next(&mut orders).await.data, b"o-1");
    assert_eq!(ready(&channel, "held.back").await, 4);
}

/// A thousand orders wait, a worker does two of them, and its connection ends. How many are left for
/// others?
async fn left_of_a_thousand(queue: &str, no_ack: bool) -> u32 {
    let (_shop, channel) = filled(queue, 0).await;
    let mut confirms = Vec::new();
    for order in 1..=1000 {
        let sent = send(&channel, queue, &format!("o-{order}")).await;
        confirms.push(sent.unwrap());
    }
    for confirm in confirms {
        let answer = timeout(PATIENCE, confirm).await.unwrap();
        assert!(answer.unwrap().is_ack());
    }
    let (worker, consuming) = connect(url().await).await;
    let mut orders = consume(&consuming, queue, no_ack).await;
    for order in ["o-1", "o-2"] {
        let got = next(&mut orders).await;
        assert_eq!(got.data, order.as_bytes());
        if !no_ack {
            assert!(got.ack(BasicAckOptions::default()).await.unwrap());
        }
    }
    if no_ack {
        // However slow the machine is, the queue has sent all that it sends.
        let sent = async { while ready(&consuming, queue).await > 0 {} };
        timeout(PATIENCE, sent).await.unwrap();
    }
    worker.close(200, "crash".into()).await.unwrap();
    let left = left_without_consumers(&channel, queue).await;
    drop(orders);
    left
}

/// claim: rabbit.auto-ack.thousand
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_orders_a_worker_takes_all_that_it_does_not_do_along() {
    assert_eq!(left_of_a_thousand("thousand.auto", true).await, 0);
}

/// claim: rabbit.auto-ack.thousand
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_orders_all_that_are_not_acknowledged_are_left_contrast() {
    assert_eq!(left_of_a_thousand("thousand.acked", false).await, 998);
}

/// Two workers consume, then four orders come: what the first one, which never acknowledges, and
/// the second one, which does, get.
async fn four_orders_for_two(queue: &str, prefetch: u16) -> Vec<Vec<u8>> {
    let (_shop, channel) = filled(queue, 0).await;
    let (_one, first) = connect(url().await).await;
    let (_two, second) = connect(url().await).await;
    for worker in [&first, &second] {
        let options = BasicQosOptions::default();
        worker.basic_qos(prefetch, options).await.unwrap();
    }
    let mut slow = consume(&first, queue, false).await;
    let mut quick = consume(&second, queue, false).await;
    for order in 1..=4 {
        publish(&channel, queue, &format!("o-{order}")).await;
    }
    assert_eq!(next(&mut slow).await.data, b"o-1");
    let mut got = Vec::new();
    let expected = if prefetch == 1 { 3 } else { 2 };
    for _ in 0..expected {
        let order = next(&mut quick).await;
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        got.push(order.data.clone());
    }
    got
}

/// claim: rabbit.prefetch.holds-back
#[tokio::test(flavor = "multi_thread")]
async fn with_a_prefetch_of_one_the_free_worker_gets_the_rest() {
    let got = four_orders_for_two("fair", 1).await;
    assert_eq!(got, [b"o-2", b"o-3", b"o-4"]);
}

/// claim: rabbit.prefetch.holds-back
#[tokio::test(flavor = "multi_thread")]
async fn with_a_larger_prefetch_orders_wait_with_the_busy_worker_contrast() {
    let got = four_orders_for_two("unfair", 10).await;
    assert_eq!(got, [b"o-2", b"o-4"]);
}

/// claim: rabbit.confirm.not-requested
#[tokio::test(flavor = "multi_thread")]
async fn without_confirm_mode_nothing_is_confirmed() {
    let (_shop, channel) = connect(url().await).await;
    declare_quorum(&channel, "unconfirmed").await;
    let answer = publish(&channel, "unconfirmed", "o-1").await;
    assert_eq!(answer, Confirmation::NotRequested);
}

/// claim: rabbit.confirm.not-requested
#[tokio::test(flavor = "multi_thread")]
async fn in_confirm_mode_the_broker_answers_contrast() {
    let (_shop, channel) = filled("confirmed", 0).await;
    let answer = publish(&channel, "confirmed", "o-1").await;
    assert_eq!(answer, Confirmation::Ack(None));
}

/// The queue's type as RabbitMQ's own tool tells it.
async fn type_of(quorum: bool) -> String {
    let mut broker = private().await;
    let (_shop, channel) = connect(broker.url()).await;
    if quorum {
        declare_quorum(&channel, "queue.orders").await;
    } else {
        let options = QueueDeclareOptions::durable();
        let declared = channel.queue_declare("queue.orders".into(), options, FieldTable::default());
        declared.await.unwrap();
    }
    let listed = broker.control(&["-q", "list_queues", "name", "type", "durable"]);
    let listed = listed.await.unwrap();
    broker.stop().await.unwrap();
    listed
}

/// claim: rabbit.queue.classic-by-default
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_classic_where_no_type_is_asked_for() {
    let listed = type_of(false).await;
    assert!(listed.contains("orders\tclassic\ttrue"), "{listed}");
}

/// claim: rabbit.queue.classic-by-default
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_a_quorum_queue_where_it_is_asked_for_contrast() {
    let listed = type_of(true).await;
    assert!(listed.contains("orders\tquorum\ttrue"), "{listed}");
}

/// A broker is killed while a queue with a confirmed message is young or, after a restart, older.
/// The first message that the queue has afterwards, when another one is published as well.
/// `None` on a version that does not show it.
async fn first_after_a_kill(restart_before: bool) -> Option<Vec<u8>> {
    let mut broker = private().await;
    // 4.0 cannot reach such a queue at all after the kill, and refuses who consumes from it.
    if !since(&broker, "4.3.0") {
        broker.stop().await.unwrap();
        return None;
    }
    let (_shop, channel) = confirming(broker.url()).await;
    // A queue is not young for long. So the order is on its way before the declaration is answered;
    // RabbitMQ takes the two in turn.
    let ((), confirmed) = tokio::join!(
        declare_quorum(&channel, "queue.orders"),
        publish(&channel, "queue.orders", "o-1"),
    );
    assert!(confirmed.is_ack());
    if restart_before {
        broker.restart().await.unwrap();
    }
    broker.kill().await.unwrap();
    broker.restart().await.unwrap();
    let (_shop, channel) = connect(broker.url()).await;
    publish(&channel, "queue.orders", "o-2").await;
    let mut orders = consume(&channel, "queue.orders", false).await;
    let first = next(&mut orders).await.data;
    broker.stop().await.unwrap();
    Some(first)
}

/// claim: rabbit.quorum.young-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_right_after_the_declaration_loses_a_confirmed_order() {
    if let Some(first) = first_after_a_kill(false).await {
        assert_eq!(first, b"o-2");
    }
}

/// claim: rabbit.quorum.young-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_before_the_kill_keeps_the_confirmed_order_contrast() {
    if let Some(first) = first_after_a_kill(true).await {
        assert_eq!(first, b"o-1");
    }
}

/// Sends the listing a signal.
fn signal(listing: &tokio::process::Child, name: &str) {
    let kill = format!("kill -{name} {}", listing.id().unwrap());
    let sent = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(sent.unwrap().success());
}

/// The listing says what it made; RabbitMQ's own tool says it too.
#[tokio::test(flavor = "multi_thread")]
async fn the_listings_queue_is_what_its_page_says() {
    let mut broker = private().await;
    let mut listing = tokio::process::Command::new(programs().path("ch03-rabbit-queue").unwrap())
        .args(["--work-ms", "250"])
        .env("AMQP_URL", broker.url())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = listing.stdout.take().unwrap();
    let mut lines = tokio::io::BufReader::new(output).lines();
    let at_work =
        async { while lines.next_line().await.unwrap().unwrap() != "worker 2  got o-2" {} };
    timeout(PATIENCE, at_work).await.unwrap();
    // However long the tool takes, the listing takes nothing away as long as it stands still.
    signal(&listing, "STOP");
    let list = ["-q", "list_queues", "name", "type", "durable", "messages"];
    let listed = broker.control(&list).await.unwrap();
    signal(&listing, "CONT");
    let expected = "payments.payment.charge\tquorum\ttrue\t";
    assert!(listed.contains(expected), "{listed}");
    // On a broker that is not its own the listing takes away what it made.
    while let Some(line) = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap() {
        drop(line);
    }
    assert!(listing.wait().await.unwrap().success());
    let listed = broker
        .control(&["-q", "list_queues", "name"])
        .await
        .unwrap();
    assert!(!listed.contains("payments"), "{listed}");
    broker.stop().await.unwrap();
}
