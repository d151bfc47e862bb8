//! ch06-testing: what a kill takes, what an id is good for, and the port of a container.

use async_nats::jetstream::{self, message::PublishMessage};
use book_tests::skipped;
use brokers::Broker;
use testcontainers::core::client::ClientError;
use testcontainers::core::error::TestcontainersError;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::shop::{connect, server};
use super::store::{held, shop};

/// A server that stands still, with an order in its socket.
async fn unread() -> Broker {
    let mut nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, _) = shop(&client, |_, _| {}).await;
    nats.pause().await.unwrap();
    let sent = jetstream.publish("order.created", "o-1".into()).await;
    drop(sent.unwrap());
    client.flush().await.unwrap();
    nats
}

/// How many messages the stream of this server holds, asked by a client that is new.
async fn stored(nats: &Broker) -> u64 {
    held(&jetstream::new(connect(nats).await)).await
}

/// claim: nats.socket.killed
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_not_read_is_gone_with_it() {
    let mut nats = unread().await;
    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    assert_eq!(stored(&nats).await, 0);
}

/// claim: nats.socket.killed
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_not_read_is_gone_with_it_contrast() {
    let mut nats = unread().await;
    nats.resume().await.unwrap();
    while stored(&nats).await == 0 {}
}

/// How many messages there are when an order was published twice.
async fn published_twice(id: Option<&str>) -> u64 {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    for _ in 0..2 {
        let mut message = PublishMessage::build().payload("o-1".into());
        if let Some(id) = id {
            message = message.message_id(id);
        }
        let sent = jetstream.send_publish("order.created", message).await;
        sent.unwrap().await.unwrap();
    }
    held(&jetstream).await
}

/// claim: nats.message-id.retry
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_same_id_is_stored_once() {
    assert_eq!(published_twice(Some("o-1")).await, 1);
}

/// claim: nats.message-id.retry
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_same_id_is_stored_once_contrast() {
    assert_eq!(published_twice(None).await, 2);
}

/// A NATS in a container, at this port of this machine, or at one that Docker chooses. None where
/// there is no Docker or no image.
async fn in_container(port: Option<u16>) -> Option<ContainerAsync<GenericImage>> {
    let image = std::env::var("BOOK_IMAGE_NATS").unwrap_or("nats:2.15.1".to_owned());
    let (name, tag) = image.rsplit_once(':').unwrap();
    let image = GenericImage::new(name, tag)
        .with_exposed_port(4222.tcp())
        .with_wait_for(WaitFor::message_on_stderr("Server is ready"))
        .with_cmd(["-js"]);
    let started = match port {
        Some(port) => image.with_mapped_port(port, 4222.tcp()).start().await,
        None => image.start().await,
    };
    match started {
        Ok(container) => Some(container),
        Err(TestcontainersError::Client(
            error @ (ClientError::Init(_) | ClientError::PullImage { .. }),
        )) => {
            let enable = "start Docker, or set BOOK_IMAGE_NATS to an image that it has";
            skipped(&error.to_string(), enable);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Whether a container is at the same port after a stop and a start.
async fn at_the_same_port(port: Option<u16>) -> Option<bool> {
    let nats = in_container(port).await?;
    let before = nats.get_host_port_ipv4(4222).await.unwrap();
    nats.stop_with_timeout(Some(0)).await.unwrap();
    nats.start().await.unwrap();
    Some(nats.get_host_port_ipv4(4222).await.unwrap() == before)
}

/// claim: nats.container.port
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_docker_chose_is_another_one_after_a_restart() {
    let same = at_the_same_port(None).await;
    assert_ne!(same, Some(true));
}

/// claim: nats.container.port
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_docker_chose_is_another_one_after_a_restart_contrast() {
    // Between the brokers' ports and those of outgoing connections.
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (31_000..32_000).find(is_free).unwrap();
    assert_ne!(at_the_same_port(Some(port)).await, Some(false));
}
