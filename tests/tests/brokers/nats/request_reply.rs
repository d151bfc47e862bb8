//! ch02-nats-request-reply: one answer, none, a late one, several, and the list of who serves.

use std::time::Duration;

use async_nats::service::endpoint::Endpoint;
use async_nats::service::{
    NATS_SERVICE_ERROR_CODE, PingResponse, Service, ServiceExt, Stats, error,
};
use async_nats::{Client, ConnectOptions, Message, Request, RequestErrorKind, Subscriber};
use brokers::Broker;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::shop::{LONG, connect, here, next, round_trip, server, subscribed};
use super::store::shop;

const CHARGE: &str = "payment.charge";
/// How long a request waits that shall not have its answer.
const SOON: Duration = Duration::from_millis(200);

/// Asks for a charge, and waits no longer than this.
async fn ask(client: &Client, patience: Duration) -> Result<Message, RequestErrorKind> {
    let request = Request::new().payload("o-1".into()).timeout(Some(patience));
    let answer = client.send_request(CHARGE, request).await;
    answer.map_err(|error| error.kind())
}

/// claim: nats.request.nobody
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_a_request_fails_at_once() {
    let nats = server().await;
    let client = connect(&nats).await;
    let failed = ask(&client, LONG * 100).await;
    assert_eq!(failed.unwrap_err(), RequestErrorKind::NoResponders);
}

/// claim: nats.request.nobody
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_a_request_fails_at_once_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    // It listens, and does not answer. So nothing fails until the time is over.
    let _silent = subscribed(&client, CHARGE).await;
    let failed = ask(&client, SOON).await;
    assert_eq!(failed.unwrap_err(), RequestErrorKind::TimedOut);
}

/// A connection whose inboxes have a name of their own, and a look at what comes there.
async fn overheard(nats: &Broker) -> (Client, Subscriber) {
    let options = ConnectOptions::new().custom_inbox_prefix("_INBOX_orders");
    let client = options.connect(nats.url()).await.unwrap();
    (
        client,
        subscribed(&connect(nats).await, "_INBOX_orders.>").await,
    )
}

/// Asks a service that answers late. How the request ends, and how many answers have gone to the inbox
/// in the end.
async fn answered_late(patience: Duration) -> (Result<Message, RequestErrorKind>, usize) {
    let nats = server().await;
    let (orders, mut inboxes) = overheard(&nats).await;
    let payments = connect(&nats).await;
    let mut charges = subscribed(&payments, CHARGE).await;
    let (over, is_over) = tokio::sync::oneshot::channel();
    let service = tokio::spawn(async move {
        let charge = next(&mut charges).await;
        // This sleep is the fault: the bank is slow, for an asker who is patient too.
        tokio::time::sleep(SOON * 2).await;
        // It answers one who is not patient only when that one has given up.
        is_over.await.unwrap();
        let answer = payments.publish(charge.reply.unwrap(), "charged".into());
        answer.await.unwrap();
        round_trip(&payments).await;
    });
    let asked = ask(&orders, patience);
    let answer = if patience == LONG {
        over.send(()).unwrap();
        asked.await
    } else {
        let answer = asked.await;
        over.send(()).unwrap();
        answer
    };
    timeout(LONG, service).await.unwrap().unwrap();
    next(&mut inboxes).await;
    (answer, 1 + here(&mut inboxes).len())
}

/// claim: nats.request.late
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_times_out_may_be_carried_out_all_the_same() {
    let (answer, answers) = answered_late(SOON).await;
    assert_eq!(answer.unwrap_err(), RequestErrorKind::TimedOut);
    assert_eq!(answers, 1, "it was answered, and nobody waited any more");
}

/// claim: nats.request.late
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_times_out_may_be_carried_out_all_the_same_contrast() {
    let (answer, answers) = answered_late(LONG).await;
    assert_eq!(answer.unwrap().payload.as_ref(), b"charged");
    assert_eq!(answers, 1);
}

/// Two who answer, without a group.
async fn two_warehouses(client: &Client) {
    for place in ["north", "south"] {
        let mut questions = subscribed(client, "stock.reserve").await;
        let client = client.clone();
        tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let answer = client.publish(question.reply.unwrap(), place.into());
                answer.await.unwrap();
            }
        });
    }
}

/// Asks once, and returns when `count` answers are here.
async fn gather(client: &Client, subject: &'static str, count: usize) -> Vec<Message> {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let asked = client.publish_with_reply(subject, inbox, "o-1".into());
    asked.await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < count {
        answers.push(next(&mut replies).await);
    }
    answers
}

/// claim: nats.request.first
#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_first_answer_only() {
    let nats = server().await;
    let (client, mut inboxes) = overheard(&nats).await;
    two_warehouses(&connect(&nats).await).await;
    let answer = client.request("stock.reserve", "o-1".into()).await;
    let first = answer.unwrap().payload;
    let both = [next(&mut inboxes).await, next(&mut inboxes).await];
    let dropped = both.iter().filter(|answer| answer.payload != first);
    assert_eq!(
        dropped.count(),
        1,
        "two are sent, one is given to the caller"
    );
}

/// claim: nats.request.first
#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_first_answer_only_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    two_warehouses(&connect(&nats).await).await;
    let answers = gather(&client, "stock.reserve", 2).await;
    let mut places: Vec<_> = answers.into_iter().map(|answer| answer.payload).collect();
    places.sort();
    assert_eq!(places, ["north", "south"]);
}

/// Nobody serves payments, and a stream may store what is asked there. The answer.
async fn asked_of_a_stream(stored: bool) -> Result<Message, RequestErrorKind> {
    let nats = server().await;
    let client = connect(&nats).await;
    let subject = if stored { CHARGE } else { "order.>" };
    shop(&client, |stream, _| stream.subjects = vec![subject.into()]).await;
    ask(&client, LONG).await
}

/// claim: nats.request.stream-answers
#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_stored_subject_is_answered_by_its_stream() {
    let answer = asked_of_a_stream(true).await.unwrap().payload;
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer, serde_json::json!({"stream": "SHOP", "seq": 1}));
}

/// claim: nats.request.stream-answers
#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_subject_that_no_stream_stores_is_not_contrast() {
    let answer = asked_of_a_stream(false).await;
    assert_eq!(answer.unwrap_err(), RequestErrorKind::NoResponders);
}

/// An instance of payments that serves, or takes requests and hangs.
async fn instance(client: &Client, group: Option<&str>) -> (Service, Endpoint) {
    let service = client.service_builder().start("payments", "1.0.0").await;
    let service = service.unwrap();
    let mut charge = service.endpoint_builder().name("charge");
    if let Some(group) = group {
        charge = charge.queue_group(group);
    }
    let charge = charge.add(CHARGE).await.unwrap();
    round_trip(client).await;
    (service, charge)
}

/// How many of two instances get one request.
async fn asked(groups: [Option<&str>; 2]) -> usize {
    let nats = server().await;
    let client = connect(&nats).await;
    let (_one, mut one) = instance(&client, groups[0]).await;
    let (_other, mut other) = instance(&client, groups[1]).await;
    client
        .publish_with_reply(CHARGE, client.new_inbox(), "o-1".into())
        .await
        .unwrap();
    round_trip(&client).await;
    let mut count = 0;
    for endpoint in [&mut one, &mut other] {
        count += usize::from(timeout(SOON, endpoint.next()).await.is_ok());
    }
    count
}

/// claim: nats.service.one-instance
#[tokio::test(flavor = "multi_thread")]
async fn one_instance_gets_a_request() {
    assert_eq!(asked([None, None]).await, 1);
}

/// claim: nats.service.one-instance
#[tokio::test(flavor = "multi_thread")]
async fn one_instance_gets_a_request_contrast() {
    assert_eq!(asked([Some("north"), Some("south")]).await, 2);
}

/// claim: nats.service.listed
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_hangs_is_listed() {
    let nats = server().await;
    let (orders, payments) = (connect(&nats).await, connect(&nats).await);
    // Nobody looks at what comes in.
    let (_service, _charges) = instance(&payments, None).await;
    assert_eq!(
        ask(&orders, SOON).await.unwrap_err(),
        RequestErrorKind::TimedOut
    );
    let found = gather(&orders, "$SRV.PING.payments", 1).await;
    let found: PingResponse = serde_json::from_slice(&found[0].payload).unwrap();
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("payments", "1.0.0")
    );
    let stats = gather(&orders, "$SRV.STATS.payments", 1).await;
    let stats: Stats = serde_json::from_slice(&stats[0].payload).unwrap();
    assert_eq!(stats.endpoints[0].requests, 0, "it has answered none");
}

/// claim: nats.service.listed
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_hangs_is_listed_contrast() {
    let nats = server().await;
    let orders = connect(&nats).await;
    {
        // Its connection ends with this.
        let payments = connect(&nats).await;
        let _ = instance(&payments, None).await;
        payments.drain().await.unwrap();
    }
    // The server itself says that nobody listens. Who is gone is not listed either.
    for subject in [CHARGE, "$SRV.PING.payments"] {
        let gone = async {
            loop {
                let request = Request::new().payload("o-1".into()).timeout(Some(SOON));
                let asked = orders.send_request(subject, request).await;
                if asked.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders) {
                    return;
                }
            }
        };
        timeout(LONG, gone).await.unwrap();
    }
}

/// What a caller has when the service answers in this way.
async fn answer(response: Result<&'static str, &str>) -> Message {
    let nats = server().await;
    let (orders, payments) = (connect(&nats).await, connect(&nats).await);
    let (_service, mut charges) = instance(&payments, None).await;
    let response = response.map(Into::into).map_err(|status| error::Error {
        status: status.to_owned(),
        code: 402,
    });
    let serve = async {
        let charge = charges.next().await.unwrap();
        charge.respond(response).await.unwrap();
    };
    // Ok in both cases.
    let (answer, ()) = tokio::join!(ask(&orders, LONG), serve);
    answer.unwrap()
}

/// claim: nats.service.error-is-ok
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_service_is_no_error_of_the_request() {
    let refused = answer(Err("no money on the card")).await;
    let headers = refused.headers.unwrap();
    assert_eq!(
        headers.get(NATS_SERVICE_ERROR_CODE).unwrap().as_str(),
        "402"
    );
    assert!(refused.payload.is_empty());
}

/// claim: nats.service.error-is-ok
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_service_is_no_error_of_the_request_contrast() {
    assert_eq!(answer(Ok("charged")).await.headers, None);
}
