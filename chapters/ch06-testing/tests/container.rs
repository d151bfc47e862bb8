//! The same test on a server in a container, by testcontainers. Without Docker, or without the
//! image, it says so and passes.

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ch06_testing::{Fault, Nats, Publisher, Story, play};
use testcontainers::bollard::query_parameters::KillContainerOptions;
use testcontainers::core::client::{ClientError, docker_client_instance};
use testcontainers::core::error::TestcontainersError;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::time::timeout;

/// How long to wait for Docker before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server in a container of this test's own.
struct InContainer {
    container: ContainerAsync<GenericImage>,
    address: String,
}

impl InContainer {
    // ANCHOR: start
    /// `None` where there is no Docker, or no image.
    async fn start() -> Result<Option<InContainer>> {
        let image = std::env::var("BOOK_IMAGE_NATS").unwrap_or("nats:2.15.1".to_owned());
        let (name, tag) = image.rsplit_once(':').context("an image without a tag")?;
        let port = free_port()?;
        let begun = Instant::now();
        let container = GenericImage::new(name, tag)
            // An open port is no ready server. This line is.
            .with_wait_for(WaitFor::message_on_stderr("Server is ready"))
            .with_cmd(["-js"])
            // A port that Docker chooses is another one after a restart.
            .with_mapped_port(port, 4222.tcp())
            .start()
            .await;
        let Some(container) = there_is(container)? else {
            return Ok(None);
        };
        println!("container: ready in {} ms", begun.elapsed().as_millis());
        let address = format!("127.0.0.1:{port}");
        Ok(Some(InContainer { container, address }))
    }
    // ANCHOR_END: start
}

/// A free port of this machine. Between this and its use somebody else may take it.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Tells why there is no container, where that is no mistake of the test.
fn there_is<T>(container: Result<T, TestcontainersError>) -> Result<Option<T>> {
    match container {
        Ok(container) => Ok(Some(container)),
        Err(TestcontainersError::Client(
            error @ (ClientError::Init(_) | ClientError::PullImage { .. }),
        )) => {
            let said = format!("skipped: {error}; start Docker, or set BOOK_IMAGE_NATS");
            // A test that is skipped everywhere is none, so on CI there is no excuse.
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{said}");
            // Not by eprintln!, whose words a test keeps to itself when it passes.
            let _ = writeln!(std::io::stderr(), "{said}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

// ANCHOR: faults
impl Nats for InContainer {
    fn address(&self) -> &str {
        &self.address
    }

    async fn pause(&mut self) -> Result<()> {
        Ok(self.container.pause().await?)
    }

    async fn kill(&mut self) -> Result<()> {
        // `stop` would let it go on for a moment and end in good order.
        let docker = docker_client_instance().await?;
        let killed = docker.kill_container(self.container.id(), None::<KillContainerOptions>);
        killed.await?;
        let ended = async {
            while self.container.is_running().await? {}
            anyhow::Ok(())
        };
        timeout(PATIENCE, ended).await.context("it lives on")?
    }

    async fn start(&mut self) -> Result<()> {
        Ok(self.container.start().await?)
    }
}
// ANCHOR_END: faults

async fn stored(publisher: Publisher) -> Result<Option<Vec<u32>>> {
    let Some(mut nats) = InContainer::start().await? else {
        return Ok(None);
    };
    let stored = play(&mut nats, publisher, Fault::Kill, &Story::untold()).await?;
    // Here the container is dropped, and removed.
    Ok(Some(stored))
}

#[tokio::test]
async fn every_order_is_stored_though_the_server_dies() -> Result<()> {
    if let Some(orders) = stored(Publisher::Careful).await? {
        assert_eq!(orders, [1, 2, 3, 4, 5, 6]);
    }
    Ok(())
}

#[tokio::test]
async fn the_test_above_would_see_the_mistake() -> Result<()> {
    if let Some(orders) = stored(Publisher::Hopeful).await? {
        assert_eq!(orders, [1, 2, 3]);
    }
    Ok(())
}
