//! ch06-schema: what programs of one generation make of the messages of another.

use std::process::Command;

use async_nats::jetstream::{self, stream};
use book_tests::{programs::programs, root};
use tokio::task::spawn_blocking;

use super::shop::{connect, next, server, subscribed};

/// What the listing prints.
async fn said(knobs: &'static [&'static str]) -> String {
    let mut listing = Command::new(programs().path("ch06-schema").unwrap());
    listing.args(knobs);
    let output = spawn_blocking(move || listing.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How many euros email's old program told its customers, and what became of the five messages.
async fn told(knobs: &'static [&'static str]) -> (u32, String) {
    let said = said(knobs).await;
    let told = said
        .lines()
        .find_map(|line| line.strip_prefix("email  told "));
    let euros = told.unwrap().split(' ').next().unwrap().parse().unwrap();
    (euros, said.lines().last().unwrap().to_owned())
}

fn all_well() -> (u32, String) {
    (80, "fate  5 done".to_owned())
}

/// claim: nats.schema.tolerant
#[tokio::test(flavor = "multi_thread")]
async fn an_old_program_that_passes_over_what_it_does_not_know_reads_new_messages() {
    assert_eq!(told(&["--change", "add"]).await, all_well());
}

/// claim: nats.schema.tolerant
#[tokio::test(flavor = "multi_thread")]
async fn an_old_program_that_refuses_what_it_does_not_know_reads_none_contrast() {
    let told = told(&["--change", "add", "--email", "strict"]).await;
    assert_eq!(told, (40, "fate  2 done, 3 lost".to_owned()));
}

/// claim: nats.schema.expand
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_stays_beside_its_successor_is_read_by_both_generations() {
    assert_eq!(told(&["--change", "expand"]).await, all_well());
}

/// claim: nats.schema.expand
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_gone_is_missed_by_the_old_program_contrast() {
    let told = told(&["--change", "rename"]).await;
    assert_eq!(told, (40, "fate  3 done, 2 lost".to_owned()));
}

/// claim: nats.schema.repurposed
#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_a_new_meaning_is_read_without_an_error_and_wrongly() {
    let (euros, fates) = told(&["--change", "repurpose"]).await;
    assert_eq!((euros, fates.as_str()), (4040, "fate  5 done"));
}

/// claim: nats.schema.repurposed
#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_a_new_name_is_an_error_contrast() {
    let said = said(&["--change", "rename"]).await;
    let errors = said.lines().filter(|line| line.contains("missing field"));
    assert_eq!(errors.count(), 2, "{said}");
}

/// claim: nats.schema.zero
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_gone_from_protobuf_is_zero() {
    let told = told(&["--change", "rename", "--format", "protobuf"]).await;
    assert_eq!(told, (40, "fate  5 done".to_owned()));
}

/// claim: nats.schema.zero
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_gone_from_json_is_an_error_contrast() {
    let told = told(&["--change", "rename", "--format", "json"]).await;
    assert_eq!(told, (40, "fate  3 done, 2 lost".to_owned()));
}

/// Whether a stream takes these bytes for an order.
async fn is_stored(payload: &'static [u8], max_message_size: i32) -> bool {
    let nats = server().await;
    let context = jetstream::new(connect(&nats).await);
    let config = stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.created".into()],
        max_message_size,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    let sent = context.publish("order.created", payload.into()).await;
    let stored = sent.unwrap().await.is_ok();
    nats.stop().await.unwrap();
    stored
}

/// claim: nats.payload.unchecked
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stores_bytes_that_nobody_can_read() {
    assert!(is_stored(b"{\"order\": 3, \"tot", -1).await);
}

/// claim: nats.payload.unchecked
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_does_look_at_the_length_contrast() {
    assert!(!is_stored(b"{\"order\": 3, \"tot", 10).await);
}

/// What a reader takes for the total of o-3, when the writer has put a customer's number before it.
async fn total_of(line: &'static str, read: fn(&str) -> Option<u32>) -> Option<u32> {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut email = subscribed(&client, "order.created").await;
    client.publish("order.created", line.into()).await.unwrap();
    let order = next(&mut email).await;
    read(std::str::from_utf8(&order.payload).unwrap())
}

/// claim: nats.text.next-field
#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_in_a_line_of_text_is_read_as_its_neighbour() {
    let second = |line: &str| line.split(' ').nth(1)?.parse().ok();
    assert_eq!(total_of("o-3 20", second).await, Some(20), "before");
    assert_eq!(total_of("o-3 7 20", second).await, Some(7));
}

/// claim: nats.text.next-field
#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_with_a_name_is_passed_over_contrast() {
    let named = |json: &str| {
        let order: serde_json::Value = serde_json::from_str(json).ok()?;
        u32::try_from(order["total"].as_u64()?).ok()
    };
    let line = r#"{"order":"o-3","customer":7,"total":20}"#;
    assert_eq!(total_of(line, named).await, Some(20));
}

/// The contract that other teams read is that of the types.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_in_the_repository_is_what_the_types_say() {
    let kept = |file: &str| {
        let folder = root().join("chapters/ch06-schema/contracts");
        std::fs::read_to_string(folder.join(file)).unwrap()
    };
    let fix = "write it again: cargo run -p ch06-schema -- contract";
    let schema = said(&["contract", "schema"]).await;
    assert_eq!(schema, kept("order.created.schema.json"), "{fix} schema");
    let asyncapi = said(&["contract", "asyncapi"]).await;
    assert_eq!(asyncapi, kept("asyncapi.json"), "{fix} asyncapi");
}

/// Today's program reads every message that was ever sent.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_messages_are_still_read() {
    let said = said(&["contract", "check"]).await;
    let lines: Vec<&str> = said.lines().collect();
    let recorded = root().join("chapters/ch06-schema/contracts/recorded");
    assert_eq!(lines.len(), std::fs::read_dir(recorded).unwrap().count());
    assert!(
        lines.iter().all(|line| line.ends_with("2000 cents")),
        "{said}"
    );
}
