//! ch03-rabbit-topology: what is set on the broker: virtual hosts, policies, what it permits.

use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};

use super::shop::{bodies, confirming, connect, declare, private, publish, ready, url};
use super::topology::{DURABLE, EXCLUSIVE, TRANSIENT, code, declared, exists};
use super::tuned::tuned;

/// How many orders a queue has, as another virtual host sees it, after one was published.
async fn seen_from(vhost: &str, queue: &str) -> u32 {
    let broker = tuned().await;
    let root = broker.url.rsplit_once('/').unwrap().0;
    let (_shop, channel) = confirming(&broker.url).await;
    declare(&channel, queue, "quorum", &[]).await;
    bodies(&channel, queue).await;
    assert!(publish(&channel, queue, "o-1").await.is_ack());
    let (_other, channel) = connect(&format!("{root}/{vhost}")).await;
    declare(&channel, queue, "quorum", &[]).await;
    ready(&channel, queue).await
}

/// claim: rabbit.vhost.separate
#[tokio::test(flavor = "multi_thread")]
async fn queues_of_one_name_in_two_virtual_hosts_are_two_queues() {
    let broker = tuned().await;
    broker.control(&["add_vhost", "second"]).await;
    let permit = ["set_permissions", "-p", "second", "guest", ".*", ".*", ".*"];
    broker.control(&permit).await;
    assert_eq!(seen_from("second", "two.hosts").await, 0);
}

/// claim: rabbit.vhost.separate
#[tokio::test(flavor = "multi_thread")]
async fn queues_of_one_name_in_one_virtual_host_are_one_contrast() {
    assert_eq!(seen_from("%2f", "one.host").await, 1);
}

/// What a connection to this virtual host of the tests' broker comes to.
async fn connected_to(vhost: &str) -> u16 {
    let root = url().await.rsplit_once('/').unwrap().0;
    let properties = ConnectionProperties::default();
    code(Connection::connect(&format!("{root}/{vhost}"), properties).await)
}

/// claim: rabbit.vhost.missing
#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_is_not_there_refuses_the_connection() {
    assert_eq!(connected_to("nowhere").await, 530);
}

/// claim: rabbit.vhost.missing
#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_host_that_is_there_takes_it_contrast() {
    assert_eq!(connected_to("%2f").await, 200);
}

/// A queue that holds three orders may, by a policy, get a limit of one. What it holds then, after
/// another declaration with the arguments of the first.
async fn limited(queue: &str, by_policy: bool) -> Vec<String> {
    let broker = tuned().await;
    let (_shop, channel) = confirming(&broker.url).await;
    declare(&channel, queue, "quorum", &[]).await;
    for order in ["o-1", "o-2", "o-3"] {
        assert!(publish(&channel, queue, order).await.is_ack());
    }
    if by_policy {
        let pattern = format!("^{queue}$");
        let policy = ["set_policy", queue, &pattern, r#"{"max-length": 1}"#];
        broker.control(&policy).await;
    }
    assert_eq!(
        declared(&channel, queue, "quorum", DURABLE, None).await,
        200
    );
    bodies(&channel, queue).await
}

/// claim: rabbit.policy.no-declaration
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_changes_a_queue_and_no_declaration_knows_of_it() {
    assert_eq!(limited("policy", true).await, ["o-3"]);
}

/// claim: rabbit.policy.no-declaration
#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_the_queue_is_as_declared_contrast() {
    assert_eq!(limited("no.policy", false).await, ["o-1", "o-2", "o-3"]);
}

/// What a queue holds of three orders under a policy that leaves it one of them, and another policy
/// with this priority.
async fn under_two(queue: &str, priority: &str) -> Vec<String> {
    let broker = tuned().await;
    let (_shop, channel) = confirming(&broker.url).await;
    let (pattern, other) = (format!("^{queue}$"), format!("{queue}.other"));
    let short = [
        "set_policy",
        "--priority",
        "1",
        queue,
        &pattern,
        r#"{"max-length": 1}"#,
    ];
    broker.control(&short).await;
    let expires = r#"{"expires": 3600000}"#;
    let other = [
        "set_policy",
        "--priority",
        priority,
        &other,
        &pattern,
        expires,
    ];
    broker.control(&other).await;
    declare(&channel, queue, "quorum", &[]).await;
    for order in ["o-1", "o-2", "o-3"] {
        assert!(publish(&channel, queue, order).await.is_ack());
    }
    bodies(&channel, queue).await
}

/// claim: rabbit.policy.one-holds
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_a_higher_priority_switches_the_other_one_off() {
    assert_eq!(under_two("two.policies", "2").await, ["o-1", "o-2", "o-3"]);
}

/// claim: rabbit.policy.one-holds
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_a_lower_priority_does_not_contrast() {
    assert_eq!(under_two("one.policy", "0").await, ["o-3"]);
}

/// Declares a queue, restarts the broker: is the queue there?
async fn is_there_after_a_restart(options: QueueDeclareOptions) -> bool {
    let mut broker = private().await;
    let (_shop, channel) = connect(broker.url()).await;
    let answer = declared(&channel, "topology.orders", "classic", options, None).await;
    assert_eq!(answer, 200);
    broker.restart().await.unwrap();
    let (connection, _) = connect(broker.url()).await;
    let there = exists(&connection, "topology.orders").await;
    broker.stop().await.unwrap();
    there
}

/// claim: rabbit.transient.until-restart
#[tokio::test(flavor = "multi_thread")]
async fn a_transient_queue_is_gone_after_a_restart() {
    assert!(!is_there_after_a_restart(TRANSIENT).await);
}

/// claim: rabbit.transient.until-restart
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_queue_is_there_after_a_restart_contrast() {
    assert!(is_there_after_a_restart(DURABLE).await);
}

/// What a durable classic queue holds after a restart, of one confirmed order with these properties.
async fn kept_after_a_restart(properties: BasicProperties) -> Vec<String> {
    let mut broker = private().await;
    let (_shop, channel) = confirming(broker.url()).await;
    let queue = "topology.kept";
    declare(&channel, queue, "classic", &[]).await;
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), options, b"o-1", properties);
    assert!(sent.await.unwrap().await.unwrap().is_ack());
    broker.restart().await.unwrap();
    let (_shop, channel) = connect(broker.url()).await;
    let kept = bodies(&channel, queue).await;
    broker.stop().await.unwrap();
    kept
}

/// claim: rabbit.delivery-mode.restart
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_classic_queue_comes_back_without_what_was_not_persistent() {
    assert_eq!(
        kept_after_a_restart(BasicProperties::default()).await,
        [""; 0]
    );
}

/// claim: rabbit.delivery-mode.restart
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_classic_queue_comes_back_with_what_was_persistent_contrast() {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    assert_eq!(kept_after_a_restart(persistent).await, ["o-1"]);
}

/// claim: rabbit.transient.denied
#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_permitted_a_transient_queue_is_taken_contrast() {
    // Debian's package permits it, other than RabbitMQ 4.3 itself.
    let (connection, channel) = connect(url().await).await;
    let answer = declared(&channel, "taken", "classic", TRANSIENT, None).await;
    assert_eq!(answer, 200);
    assert!(connection.status().connected());
}

/// claim: rabbit.transient.denied
#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_permitted_a_transient_queue_closes_the_connection() {
    let mut broker = private().await;
    // As `deprecated_features.permit.transient_nonexcl_queues = false` does at the start.
    let deny = "rabbit_feature_flags:enable(transient_nonexcl_queues).";
    broker.control(&["eval", deny]).await.unwrap();
    let (connection, channel) = connect(broker.url()).await;
    assert_eq!(
        declared(&channel, "transient", "classic", TRANSIENT, None).await,
        541
    );
    assert!(!connection.status().connected());
    let (_shop, channel) = connect(broker.url()).await;
    assert_eq!(
        declared(&channel, "exclusive", "classic", EXCLUSIVE, None).await,
        200
    );
    broker.stop().await.unwrap();
}
