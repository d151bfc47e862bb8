//! Brokers in containers, of stand-ins for the official images (see `images`).

use std::future::IntoFuture;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use crate::images::{Image, docker, stand_in, that_ends};
use crate::support::{GONE_WITHIN, Held, assert_nothing_left, ended_by, eventually, hold, skip};
use async_nats::jetstream::{self, stream};
use brokers::Kind;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::FutureRecord;
use rdkafka::producer::future_producer::FutureProducer;
use rustix::process::Signal;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a Docker engine answers; the skipped test's line where none does.
fn engine_answers() -> bool {
    let answers = docker(&["version"]).is_ok_and(|told| told.status.success());
    if !answers {
        skip(
            "no Docker engine answers",
            "apt-get install docker.io, and start dockerd",
        );
    }
    answers
}

/// The variable that makes a broker's container of this image.
fn variable(kind: Kind) -> String {
    format!("BOOK_IMAGE_{}", kind.name().to_uppercase())
}

fn in_container(kind: Kind, image: &str) -> Command {
    let mut command = hold();
    command
        .arg(kind.name())
        .env("BROKERS", "container")
        .env(variable(kind), image);
    command
}

/// Has its program do something to the broker.
fn strike(held: &mut Held, fault: &str) {
    let orders = held.child.stdin.as_mut().unwrap();
    writeln!(orders, "{fault}").unwrap();
    assert_eq!(held.line(), "done");
}

/// The containers of an image, in whatever state: name and state.
fn containers(image: &str) -> String {
    let filter = format!("ancestor={image}");
    let told = docker(&[
        "ps",
        "--all",
        "--filter",
        &filter,
        "--format",
        "{{.Names}} {{.State}}",
    ])
    .unwrap();
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap()
}

/// No process, folder or container of this program is left.
fn assert_all_gone(held: &Held, image: &Image) {
    let gone = eventually(GONE_WITHIN, || containers(&image.0).is_empty());
    assert!(gone, "left: {}", containers(&image.0));
    assert_nothing_left(held.folder.path());
}

/// The faults as the engine sees them, then the end of the program that owns the container.
fn can_be_paused_and_ends_with_its_owner(mut held: Held, image: &Image) {
    strike(&mut held, "pause");
    assert!(
        containers(&image.0).contains("paused"),
        "{}",
        containers(&image.0)
    );
    strike(&mut held, "resume");
    assert!(
        containers(&image.0).contains("running"),
        "{}",
        containers(&image.0)
    );
    held.signal(Signal::KILL);
    assert!(ended_by(held.wait(), Signal::KILL));
    assert_all_gone(&held, image);
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_in_a_container() {
    if !engine_answers() {
        return;
    }
    let image = stand_in(Kind::Nats).await;
    let mut held = Held::start(in_container(Kind::Nats, &image.0));
    let (url, _) = held.ready();
    store(&url, 1).await;
    strike(&mut held, "kill");
    assert!(
        containers(&image.0).contains("exited"),
        "it stays, with its data"
    );
    assert!(async_nats::connect(&url).await.is_err());
    strike(&mut held, "restart");
    store(&url, 2).await;
    strike(&mut held, "pause");
    strike(&mut held, "restart");
    store(&url, 3).await;
    can_be_paused_and_ends_with_its_owner(held, &image);

    let held = Held::start(in_container(Kind::Nats, &image.0));
    held.ready();
    held.signal(Signal::TERM);
    let (status, told) = held.errors();
    assert!(
        status.success() && told.contains("NATS 2.15.1, container, ready in"),
        "{told}"
    );
    assert_eq!(containers(&image.0), "");

    for number in 0..12 {
        let mut held = Held::start(in_container(Kind::Nats, &image.0));
        // The schedule of the fault, not a wait for anything.
        std::thread::sleep(Duration::from_millis(45) * number);
        held.signal(Signal::KILL);
        assert!(ended_by(held.wait(), Signal::KILL));
        assert_all_gone(&held, &image);
    }
}

/// Stores an order, which gets this number in the stream.
async fn store(url: &str, number: u64) {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let config = stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.>".into()],
        ..stream::Config::default()
    };
    context.get_or_create_stream(config).await.unwrap();
    let stored = context.publish("order.created", "o".into()).await.unwrap();
    assert_eq!(
        timeout(PATIENCE, stored.into_future())
            .await
            .unwrap()
            .unwrap()
            .sequence,
        number
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_in_a_container() {
    if !engine_answers() {
        return;
    }
    let image = stand_in(Kind::RabbitMq).await;
    let mut held = Held::start(in_container(Kind::RabbitMq, &image.0));
    let (url, _) = held.ready();
    assert_eq!(publish(&url).await, 0);
    strike(&mut held, "restart");
    assert_eq!(publish(&url).await, 1);
    strike(&mut held, "kill");
    assert!(
        Connection::connect(&url, ConnectionProperties::default())
            .await
            .is_err()
    );
    strike(&mut held, "restart");
    assert_eq!(publish(&url).await, 2);
    can_be_paused_and_ends_with_its_owner(held, &image);
}

/// Puts an order into a durable queue and gives how many were there before.
async fn publish(url: &str) -> u32 {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let durable = QueueDeclareOptions::durable();
    let queue = channel
        .queue_declare("orders".into(), durable, FieldTable::default())
        .await
        .unwrap();
    let properties = BasicProperties::default().with_delivery_mode(2);
    let confirm = channel.basic_publish(
        "".into(),
        "orders".into(),
        BasicPublishOptions::default(),
        b"o",
        properties,
    );
    assert!(confirm.await.unwrap().await.unwrap().is_ack());
    queue.message_count()
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_in_a_container() {
    if !engine_answers() {
        return;
    }
    let image = stand_in(Kind::Kafka).await;
    let mut held = Held::start(in_container(Kind::Kafka, &image.0));
    let (url, _) = held.ready();
    produce_and_consume(&url, &["o-1"]).await;
    strike(&mut held, "kill");
    strike(&mut held, "restart");
    produce_and_consume(&url, &["o-1", "o-2"]).await;
    can_be_paused_and_ends_with_its_owner(held, &image);
}

/// Adds the last of these orders to the topic, which then holds all of them. A client gets to the
/// topic only at the address that the broker tells it, so that address is the published one.
async fn produce_and_consume(url: &str, orders: &[&str]) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", url)
        .create()
        .unwrap();
    let last = orders.last().unwrap();
    producer
        .send(
            FutureRecord::to("orders").key(*last).payload(*last),
            PATIENCE,
        )
        .await
        .unwrap();
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", url)
        .set("group.id", format!("payments-{last}"))
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["orders"]).unwrap();
    for order in orders {
        let message = timeout(PATIENCE, consumer.recv()).await.unwrap().unwrap();
        assert_eq!(message.payload(), Some(order.as_bytes()));
    }
}

#[test]
fn without_docker_the_error_says_so() {
    let path = crate::paths::path_without(|name| name == "docker");
    let mut command = in_container(Kind::Nats, "unused");
    command.env("PATH", path.path());
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("container: there is no docker on PATH"),
        "{told}"
    );
}

#[test]
fn an_engine_that_does_not_run_is_told_from_no_docker() {
    if !crate::paths::has("docker") {
        return skip("there is no docker", "apt-get install docker.io");
    }
    let mut command = in_container(Kind::Nats, "unused");
    command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("the Docker engine does not answer"), "{told}");
    assert!(told.contains("to fix: start Docker"), "{told}");
}

#[test]
fn an_image_that_cannot_be_had_is_named_with_the_way_around() {
    if !engine_answers() {
        return;
    }
    // A registry on port 1 of loopback: nothing listens there.
    let (status, told) = Held::start(in_container(Kind::Kafka, "127.0.0.1:1/kafka:4.4.0")).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("`docker pull 127.0.0.1:1/kafka:4.4.0` failed"),
        "{told}"
    );
    assert!(
        told.contains("set BOOK_IMAGE_KAFKA to an image that can be had"),
        "{told}"
    );
}

#[test]
fn an_image_name_cannot_be_an_option() {
    let (status, told) = Held::start(in_container(Kind::Nats, "--privileged")).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        !crate::paths::has("docker")
            || told.contains("BOOK_IMAGE_NATS=--privileged is not a setting"),
        "{told}"
    );
}

#[test]
fn a_chosen_port_that_is_taken_is_told() {
    if !engine_answers() {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut command = hold();
    command
        .args([&format!("--port={port}"), "nats"])
        .env("BROKERS", "container");
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("port {port} for NATS is taken")),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_is_shown_with_its_last_lines() {
    if !engine_answers() {
        return;
    }
    let image = that_ends().await;
    let (status, told) = Held::start(in_container(Kind::Nats, &image.0)).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("NATS ended while it was starting (exit status: 0)"),
        "{told}"
    );
    assert!(told.contains("--help"), "{told}");
    assert_eq!(containers(&image.0), "");
}
