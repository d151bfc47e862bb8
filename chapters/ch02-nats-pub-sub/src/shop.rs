//! The shop: starts the services and the publishers' processes, and knows when a publisher's
//! connection is gone.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::{Client, Request, RequestErrorKind};
use brokers::{Broker, Worker};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::args::Finish;
use crate::service::Service;
use crate::{PATIENCE, connect};

/// The services that listen, and how they say what happens.
pub struct Shop<'a> {
    nats: &'a Broker,
    client: Client,
    services: Vec<Service>,
    lines: mpsc::Sender<String>,
}

impl Shop<'_> {
    /// A shop in which nobody listens yet.
    pub async fn open(nats: &Broker, lines: mpsc::Sender<String>) -> Result<Shop<'_>> {
        let (client, _) = connect(nats.url(), "shop").await?;
        Ok(Shop {
            nats,
            client,
            services: Vec::new(),
            lines,
        })
    }

    /// Adds a service and returns when the server knows of its subscription.
    pub async fn subscribe(&mut self, name: &'static str, pattern: &str) -> Result<()> {
        let (url, subject) = (self.nats.url(), self.nats.name(pattern));
        let service = Service::open(url, name, subject, self.lines.clone()).await?;
        self.services.push(service);
        self.lines
            .send(format!("{name}  subscribes to {pattern}"))
            .await?;
        Ok(())
    }

    /// Publishes from a process of its own, and returns when the server has closed its connection.
    pub async fn publish(&self, service: &str, events: &[&str], finish: Finish) -> Result<()> {
        let presence = self.client.new_inbox();
        let subjects = events.iter().map(|event| self.nats.name(event));
        let role = ["--finish", finish.name(), "publisher", service, &presence];
        let args = role.map(str::to_owned).into_iter().chain(subjects);
        let mut publisher = Worker::start(self.nats, args).context("cannot start a publisher")?;
        while let Some(line) = publisher.line().await? {
            self.lines.send(line).await?;
        }
        ensure!(publisher.ended().await?.success(), "{service} failed");
        let gone = timeout(PATIENCE, self.gone(&presence)).await;
        gone.with_context(|| format!("{service} has ended, but its connection has not"))?
    }

    /// Waits until nobody listens to `presence`. A connection's last message comes before its end,
    /// so by then the server has passed on everything that the publisher wrote.
    async fn gone(&self, presence: &str) -> Result<()> {
        loop {
            let ask = Request::new().timeout(Some(Duration::from_millis(100)));
            match self.client.send_request(presence.to_owned(), ask).await {
                Err(error) if error.kind() == RequestErrorKind::NoResponders => return Ok(()),
                Err(error) if error.kind() == RequestErrorKind::TimedOut => {}
                Err(error) => return Err(error.into()),
                Ok(_) => bail!("somebody answers in the publisher's name"),
            }
        }
    }

    /// Ends the services, one after the other.
    pub async fn close(self) -> Result<()> {
        for service in self.services {
            service.close().await?;
        }
        Ok(())
    }
}
