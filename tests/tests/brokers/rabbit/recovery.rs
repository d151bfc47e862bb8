//! ch03-rabbit-connection: what recovery does not bring back, and what it tells nobody.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::select_all;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;

use super::connection::{NEVER, next_after_a_cut, recovering, send};
use super::relay::Relay;
use super::shop::{PATIENCE, confirming, connect, consume, filled, next, publish, url};

/// Recovery that tries so often, 20 ms apart.
fn trying(tries: usize) -> ConnectionProperties {
    let pause = Duration::from_millis(20);
    let properties = ConnectionProperties::default().enable_auto_recover();
    properties.configure_backoff(|schedule| {
        let schedule = schedule.with_min_delay(pause).with_max_delay(pause);
        schedule.with_max_times(tries)
    })
}

/// RabbitMQ's code for what it refused.
fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(why) => Some(why.get_id()),
        _ => None,
    }
}

/// The network is away: for half a second, or until so few tries are over. Whether a publisher hears
/// of its unanswered order then, whether a wait for the recovery ends, and whether a worker gets the
/// order that came meanwhile.
async fn after_an_outage(queue: &str, tries: usize) -> [bool; 3] {
    let (_shop, shop) = filled(queue, 0).await;
    let mut relay = Relay::before(url().await).await;
    let connection = Connection::connect(&relay.url, trying(tries)).await;
    let connection = connection.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let mut orders = consume(&channel, queue, false).await;
    relay.lose_answers();
    let mut confirm = send(&channel, queue, "o-1").await.unwrap();
    relay.down().await;
    assert!(publish(&shop, queue, "o-2").await.is_ack());
    // A thousand tries take 20 s at least. Three take a tenth of a second, and nobody tells that they
    // are over, so this waits for far longer.
    let gives_up = tries < 1000;
    let outage = if gives_up {
        Duration::from_secs(5)
    } else {
        NEVER
    };
    assert!(timeout(outage, &mut confirm).await.is_err());
    let error = send(&channel, queue, "o-3").await.unwrap_err();
    relay.up().await;
    // What must come may be late.
    let long = if gives_up {
        Duration::from_secs(5)
    } else {
        PATIENCE
    };
    let (answer, recovered, order) = tokio::join!(
        timeout(long, confirm),
        timeout(long, channel.wait_for_recovery(error)),
        timeout(long, orders.next()),
    );
    [answer.is_ok(), recovered.is_ok(), order.is_ok()]
}

/// claim: rabbit.recovery.gives-up
#[tokio::test(flavor = "multi_thread")]
async fn after_its_last_try_the_client_tells_nobody() {
    let told = after_an_outage("recovery.gives.up", 3).await;
    assert_eq!(told, [false; 3]);
}

/// claim: rabbit.recovery.gives-up
#[tokio::test(flavor = "multi_thread")]
async fn before_its_last_try_it_comes_back_and_tells_all_contrast() {
    let told = after_an_outage("recovery.goes.on", 1000).await;
    assert_eq!(told, [true; 3]);
}

/// Nobody listens at the address, for half a second or until that is an error. Whether it is one.
async fn is_an_error(properties: ConnectionProperties, waits: bool) -> bool {
    let mut relay = Relay::before(url().await).await;
    relay.down().await;
    let address = relay.url.clone();
    let mut connecting = pin!(Connection::connect(&address, properties));
    // Where it is an error it comes, however late.
    let wait = if waits { NEVER } else { PATIENCE };
    let connection = match timeout(wait, &mut connecting).await {
        Ok(connection) => connection,
        Err(_) => {
            relay.up().await;
            timeout(PATIENCE, connecting).await.unwrap()
        }
    };
    connection.is_err()
}

/// claim: rabbit.recovery.first-connection
#[tokio::test(flavor = "multi_thread")]
async fn with_recovery_an_address_where_nobody_listens_is_no_error() {
    assert!(!is_an_error(trying(1000), true).await);
}

/// claim: rabbit.recovery.first-connection
#[tokio::test(flavor = "multi_thread")]
async fn without_recovery_it_is_one_at_once_contrast() {
    assert!(is_an_error(ConnectionProperties::default(), false).await);
}

/// claim: rabbit.recovery.closed-channel
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_the_broker_closes_stays_closed() {
    filled("recovery.closed", 2).await;
    let (worker, channel) = recovering(url().await, true).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(1, options).await.unwrap();
    let mut orders = consume(&channel, "recovery.closed", false).await;
    next(&mut orders).await;
    // There is no such delivery.
    let options = BasicAckOptions::default();
    channel.basic_ack(99, options).await.unwrap();
    let given = timeout(PATIENCE, orders.next()).await.unwrap();
    let error = given.unwrap().unwrap_err();
    assert_eq!(code(&error), Some(406), "{error}");
    assert!(worker.status().connected());
    let recovered = timeout(PATIENCE, channel.wait_for_recovery(error)).await;
    assert!(recovered.unwrap().is_err());
    assert!(!channel.status().connected());
    // Not even an end comes.
    assert!(timeout(NEVER, orders.next()).await.is_err());
}

/// claim: rabbit.recovery.closed-channel
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_a_connection_that_is_cut_is_opened_again_contrast() {
    let next = next_after_a_cut("recovery.cut", true).await;
    assert_eq!(next.unwrap().unwrap(), (b"o-1".to_vec(), true));
}

/// Until RabbitMQ has no queue of this name. It closes the channel of whoever asks for one that is
/// not there, and of whoever asks for another connection's exclusive one.
async fn until_gone(connection: &Connection, queue: &str) {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    loop {
        let channel = connection.create_channel().await.unwrap();
        let none = FieldTable::default();
        let asked = channel.queue_declare(queue.into(), passive, none).await;
        if asked.is_err_and(|error| code(&error) == Some(404)) {
            return;
        }
    }
}

/// A viewer consumes from an exclusive queue of this name, or of one that RabbitMQ makes up. Its
/// connection is cut, and the queue is deleted. What its stream gives when there is a connection again,
/// and orders come.
async fn next_of_a_viewer(name: &str) -> lapin::Result<Vec<u8>> {
    let (connection, shop) = confirming(url().await).await;
    let mut relay = Relay::before(url().await).await;
    let (_viewer, channel) = recovering(&relay.url, true).await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        durable: true,
        ..Default::default()
    };
    let none = FieldTable::default();
    let queue = channel.queue_declare(name.into(), exclusive, none).await;
    let queue = queue.unwrap().name().to_string();
    let mut orders = consume(&channel, &queue, false).await;
    relay.down().await;
    let gone = until_gone(&connection, &queue);
    timeout(PATIENCE, gone).await.unwrap();
    relay.up().await;
    let given = async {
        loop {
            // As long as the queue is not there again, this goes to nobody.
            assert!(publish(&shop, &queue, "o-1").await.is_ack());
            if let Ok(given) = timeout(NEVER, orders.next()).await {
                return given;
            }
        }
    };
    let given = timeout(PATIENCE, given).await.unwrap();
    given.unwrap().map(|order| order.data)
}

/// claim: rabbit.recovery.server-named
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_whose_name_the_broker_made_up_does_not_come_back() {
    let error = next_of_a_viewer("").await.unwrap_err();
    assert_eq!(code(&error), Some(403), "{error}");
}

/// claim: rabbit.recovery.server-named
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_a_name_of_ones_own_comes_back_contrast() {
    let order = next_of_a_viewer("recovery.named").await;
    assert_eq!(order.unwrap(), b"o-1");
}

/// RabbitMQ closes two channels of a connection. How many errors so many listeners hear, together.
async fn errors_heard(listeners: usize) -> usize {
    let (shop, first) = connect(url().await).await;
    let second = shop.create_channel().await.unwrap();
    let listeners: Vec<_> = (0..listeners).map(|_| shop.events_listener()).collect();
    let mut events = select_all(listeners);
    for channel in [&first, &second] {
        // There is no such delivery.
        let options = BasicAckOptions::default();
        channel.basic_ack(99, options).await.unwrap();
    }
    for _ in 0..2 {
        let event = timeout(PATIENCE, events.next()).await.unwrap();
        assert!(event.is_some());
    }
    let mut heard = 2;
    while timeout(NEVER, events.next()).await.is_ok() {
        heard += 1;
    }
    heard
}

/// claim: rabbit.events.shared
#[tokio::test(flavor = "multi_thread")]
async fn each_event_goes_to_one_of_two_listeners() {
    assert_eq!(errors_heard(2).await, 2);
}

/// claim: rabbit.events.shared
#[tokio::test(flavor = "multi_thread")]
async fn one_listener_hears_all_contrast() {
    assert_eq!(errors_heard(1).await, 2);
}
