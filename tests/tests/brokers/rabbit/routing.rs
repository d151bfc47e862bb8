//! ch03-rabbit-routing: which queues an exchange gives a message to, and what becomes of one that
//! goes to none.

use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::shop::{connect, declare_quorum, private, ready, url};
use super::topology::code;

/// A table of texts, such as `x-match=any about=order`.
fn table(texts: &str) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in texts.split(' ').filter_map(|pair| pair.split_once('=')) {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind, arguments: &str) {
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let options = ExchangeDeclareOptions::default();
    let declared = channel.exchange_declare(name.into(), kind, options, table(arguments));
    declared.await.unwrap();
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str, arguments: &str) {
    let options = QueueBindOptions::default();
    let (queue, exchange, key) = (queue.into(), exchange.into(), key.into());
    let bound = channel.queue_bind(queue, exchange, key, options, table(arguments));
    bound.await.unwrap();
}

async fn publish(channel: &Channel, exchange: &str, key: &str, headers: &str) -> Confirmation {
    let properties = BasicProperties::default().with_headers(table(headers));
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = channel.basic_publish(exchange.into(), key.into(), options, b"o-1", properties);
    sent.await.unwrap().await.unwrap()
}

/// Which of the keys get through a binding with this key.
async fn through(name: &str, kind: ExchangeKind, binding: &str, keys: &[&str]) -> Vec<String> {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, kind, "").await;
    declare_quorum(&shop, name).await;
    bind(&shop, name, name, binding, "").await;
    let mut through = Vec::new();
    for key in keys {
        // A mandatory message that no binding matches comes back.
        if publish(&shop, name, key, "").await == Confirmation::Ack(None) {
            through.push((*key).to_owned());
        }
    }
    assert_eq!(ready(&shop, name).await as usize, through.len());
    through
}

const KEYS: [&str; 4] = [
    "order",
    "order.created",
    "order.created.eu",
    "payment.failed",
];

/// claim: rabbit.topic.star
#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_one_word() {
    let got = through("star", ExchangeKind::Topic, "order.*", &KEYS).await;
    assert_eq!(got, ["order.created"]);
}

/// claim: rabbit.topic.star
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_more_than_one_word_contrast() {
    let got = through("hash.more", ExchangeKind::Topic, "order.#", &KEYS).await;
    assert!(got.contains(&"order.created.eu".to_owned()), "{got:?}");
}

/// claim: rabbit.topic.hash
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_any_number_of_words_and_none() {
    let got = through("hash", ExchangeKind::Topic, "order.#", &KEYS).await;
    assert_eq!(got, ["order", "order.created", "order.created.eu"]);
}

/// claim: rabbit.topic.hash
#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_never_none_contrast() {
    let got = through("star.none", ExchangeKind::Topic, "order.*", &["order"]).await;
    assert_eq!(got, [""; 0]);
}

/// claim: rabbit.direct.literal
#[tokio::test(flavor = "multi_thread")]
async fn a_direct_exchange_takes_a_pattern_literally() {
    let keys = ["order.created", "order.*"];
    let got = through("literal", ExchangeKind::Direct, "order.*", &keys).await;
    assert_eq!(got, ["order.*"]);
}

/// claim: rabbit.direct.literal
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_exchange_reads_it_as_a_pattern_contrast() {
    let keys = ["order.created", "order.*"];
    let got = through("pattern", ExchangeKind::Topic, "order.*", &keys).await;
    assert_eq!(got, keys);
}

/// Whether a message with these headers gets through a binding with these arguments.
async fn matches(name: &str, binding: &str, headers: &str) -> bool {
    let name = &format!("headers.{name}");
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Headers, "").await;
    declare_quorum(&shop, name).await;
    bind(&shop, name, name, "", binding).await;
    publish(&shop, name, "", headers).await == Confirmation::Ack(None)
}

/// claim: rabbit.headers.match
#[tokio::test(flavor = "multi_thread")]
async fn one_header_is_enough_for_any() {
    let binding = "x-match=any about=order what=failed";
    assert!(matches("routing.any.one", binding, "about=payment what=failed").await);
    assert!(!matches("routing.any.none", binding, "about=payment").await);
}

/// claim: rabbit.headers.match
#[tokio::test(flavor = "multi_thread")]
async fn one_header_is_not_enough_for_all_contrast() {
    let binding = "x-match=all about=order what=failed";
    assert!(!matches("all.one", binding, "about=payment what=failed").await);
    // Nor is it where the binding does not say: then it is all.
    let binding = "about=order what=failed";
    assert!(!matches("all.default", binding, "about=payment what=failed").await);
}

/// claim: rabbit.headers.x-ignored
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_begins_with_x_is_not_compared() {
    let binding = "x-match=all about=order x-region=eu";
    assert!(matches("x.ignored", binding, "about=order").await);
    assert!(matches("x.other", binding, "about=order x-region=us").await);
}

/// claim: rabbit.headers.x-ignored
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_begins_with_x_is_compared_where_it_is_asked_for_contrast() {
    let binding = "x-match=all-with-x about=order x-region=eu";
    assert!(!matches("x.compared", binding, "about=order x-region=us").await);
    assert!(matches("x.same", binding, "about=order x-region=eu").await);
    let binding = "x-match=any-with-x about=order x-region=eu";
    assert!(matches("x.any", binding, "about=stock x-region=eu").await);
}

/// A message that no binding matches goes to an exchange with or without an alternate: the
/// broker's answer to the mandatory message, and how many the alternate's queue has.
async fn unrouted(name: &str, alternate: bool) -> (Confirmation, u32) {
    let (_shop, shop) = connect(url().await).await;
    let unrouted = format!("{name}.unrouted");
    exchange(&shop, &unrouted, ExchangeKind::Fanout, "").await;
    declare_quorum(&shop, &unrouted).await;
    bind(&shop, &unrouted, &unrouted, "", "").await;
    let arguments = match alternate {
        true => format!("alternate-exchange={unrouted}"),
        false => String::new(),
    };
    exchange(&shop, name, ExchangeKind::Topic, &arguments).await;
    let answer = publish(&shop, name, "stock.reserved", "").await;
    (answer, ready(&shop, &unrouted).await)
}

/// claim: rabbit.alternate.keeps
/// claim: rabbit.alternate.not-returned
#[tokio::test(flavor = "multi_thread")]
async fn what_matches_nothing_goes_to_the_alternate_and_does_not_come_back() {
    let (answer, kept) = unrouted("alternate", true).await;
    assert_eq!((answer, kept), (Confirmation::Ack(None), 1));
}

/// claim: rabbit.alternate.keeps
/// claim: rabbit.alternate.not-returned
#[tokio::test(flavor = "multi_thread")]
async fn without_an_alternate_it_is_nowhere_and_comes_back_contrast() {
    let (answer, kept) = unrouted("no.alternate", false).await;
    assert!(matches!(answer, Confirmation::Ack(Some(_))), "{answer:?}");
    assert_eq!(kept, 0);
}

/// An exchange in use gets an alternate by policy, or a policy for something else. How many
/// messages does the alternate's queue have then?
async fn kept_by_policy(pattern: &str) -> u32 {
    let mut broker = private().await;
    let (_shop, shop) = connect(broker.url()).await;
    exchange(&shop, "unrouted", ExchangeKind::Fanout, "").await;
    declare_quorum(&shop, "unrouted").await;
    bind(&shop, "unrouted", "unrouted", "", "").await;
    exchange(&shop, "shop", ExchangeKind::Topic, "").await;
    let policy = r#"{"alternate-exchange": "unrouted"}"#;
    let set = [
        "set_policy",
        "keep",
        pattern,
        policy,
        "--apply-to",
        "exchanges",
    ];
    broker.control(&set).await.unwrap();
    publish(&shop, "shop", "stock.reserved", "").await;
    let kept = ready(&shop, "unrouted").await;
    broker.stop().await.unwrap();
    kept
}

/// claim: rabbit.alternate.policy
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_gives_an_exchange_in_use_its_alternate() {
    assert_eq!(kept_by_policy("^shop$").await, 1);
}

/// claim: rabbit.alternate.policy
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_for_another_exchange_does_not_contrast() {
    assert_eq!(kept_by_policy("^orders$").await, 0);
}

/// A service was bound by `order.*` and is bound by `order.created` from now on, with or without
/// taking back the old binding. How many of two events does it get?
async fn got_after_a_change(name: &str, unbind: bool) -> u32 {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Topic, "").await;
    declare_quorum(&shop, name).await;
    bind(&shop, name, name, "order.*", "").await;
    bind(&shop, name, name, "order.created", "").await;
    if unbind {
        let (old, none) = ("order.*".into(), FieldTable::default());
        let unbound = shop.queue_unbind(name.into(), name.into(), old, none);
        unbound.await.unwrap();
    }
    for key in ["order.created", "order.shipped"] {
        publish(&shop, name, key, "").await;
    }
    ready(&shop, name).await
}

/// claim: rabbit.binding.stays
/// claim: rabbit.fanout.one-copy
#[tokio::test(flavor = "multi_thread")]
async fn an_old_binding_stays_beside_the_new_one() {
    assert_eq!(got_after_a_change("stays", false).await, 2);
}

/// claim: rabbit.binding.stays
#[tokio::test(flavor = "multi_thread")]
async fn an_old_binding_that_is_taken_back_is_gone_contrast() {
    assert_eq!(got_after_a_change("taken.back", true).await, 1);
}

/// Not mandatory, and matched by nothing or by one queue: the broker's answer, and how many
/// messages the queue has.
async fn plain(name: &str, binding: &str) -> (Confirmation, u32) {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Topic, "").await;
    declare_quorum(&shop, name).await;
    bind(&shop, name, name, binding, "").await;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let key = "stock.reserved".into();
    let sent = shop.basic_publish(name.into(), key, options, b"o-1", properties);
    (sent.await.unwrap().await.unwrap(), ready(&shop, name).await)
}

/// claim: rabbit.confirm.unroutable-acked
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_goes_nowhere_is_confirmed() {
    let (answer, kept) = plain("routing.nowhere", "order.*").await;
    assert_eq!((answer, kept), (Confirmation::Ack(None), 0));
}

/// claim: rabbit.confirm.unroutable-acked
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_goes_somewhere_is_confirmed_and_there_contrast() {
    let (answer, kept) = plain("routing.somewhere", "stock.*").await;
    assert_eq!((answer, kept), (Confirmation::Ack(None), 1));
}

/// A topic exchange is declared again, as this type. What RabbitMQ says, and whether the channel is
/// still open.
async fn declared_again(name: &str, kind: ExchangeKind) -> (u16, bool) {
    let (_shop, channel) = connect(url().await).await;
    exchange(&channel, name, ExchangeKind::Topic, "").await;
    let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let again = channel.exchange_declare(name.into(), kind, options, none);
    (code(again.await), channel.status().connected())
}

/// claim: rabbit.exchange.declare-refused
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_another_type_is_refused_and_closes_the_channel() {
    let answer = declared_again("routing.another", ExchangeKind::Fanout).await;
    assert_eq!(answer, (406, false));
}

/// claim: rabbit.exchange.declare-refused
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_the_same_type_is_not_contrast() {
    let answer = declared_again("routing.the-same", ExchangeKind::Topic).await;
    assert_eq!(answer, (200, true));
}
