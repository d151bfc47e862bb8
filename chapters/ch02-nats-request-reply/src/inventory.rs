//! A service with three instances, one for each warehouse. All of them are asked, and one hangs.

use anyhow::{Error, Result};
use async_nats::Client;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Service, ServiceExt};
use futures_util::StreamExt;
use futures_util::future::join_all;

/// The warehouses, and how much they have in stock.
const WAREHOUSES: [(&str, u32); 3] = [("north", 5), ("south", 2), ("west", 9)];
/// The instance that takes questions and never answers.
const HANGS: &str = "west";

/// One instance.
struct Warehouse {
    place: &'static str,
    stock: u32,
    service: Service,
    questions: Endpoint,
}

/// All instances, ready to serve.
pub struct Inventory(Vec<Warehouse>);

impl Inventory {
    pub async fn open(client: &Client, name: &str, subject: &str) -> Result<Inventory> {
        let mut warehouses = Vec::new();
        for (place, stock) in WAREHOUSES {
            let service = client.service_builder().start(name, "1.2.0").await;
            let service = service.map_err(Error::from_boxed)?;
            // ANCHOR: everyone
            // Each instance in a queue group of its own, so that each of them gets each question.
            let builder = service.endpoint_builder().name("stock").queue_group(place);
            let questions = builder.add(subject).await;
            // ANCHOR_END: everyone
            warehouses.push(Warehouse {
                place,
                stock,
                service,
                questions: questions.map_err(Error::from_boxed)?,
            });
        }
        Ok(Inventory(warehouses))
    }

    /// Serves until somebody drops this.
    pub async fn serve(&mut self) {
        join_all(self.0.iter_mut().map(Warehouse::serve)).await;
    }

    /// Stops serving.
    pub async fn close(self) -> Result<()> {
        for warehouse in self.0 {
            let stopped = warehouse.service.stop().await;
            stopped.map_err(Error::from_boxed)?;
        }
        Ok(())
    }
}

impl Warehouse {
    async fn serve(&mut self) {
        let mut held = Vec::new();
        while let Some(question) = self.questions.next().await {
            if self.place == HANGS {
                held.push(question);
                continue;
            }
            let answer = format!("{} {}", self.place, self.stock);
            // What was published and not asked names no inbox. That must not end the warehouse.
            let _ = question.respond(Ok(answer.into())).await;
        }
    }
}
