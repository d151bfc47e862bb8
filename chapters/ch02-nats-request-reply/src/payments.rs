//! A service: it charges a card for each request, and answers.

use std::cell::RefCell;
use std::collections::HashSet;

use anyhow::Result;
use async_nats::Client;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::error::Error;
use async_nats::service::{Service, ServiceExt};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::sleep;

use crate::args::{Args, Bank, Ledger};
use crate::{PATIENCE, order_of};

/// Payments, ready to serve.
pub struct Payments {
    service: Service,
    charges: Endpoint,
}

impl Payments {
    // ANCHOR: service
    /// Begins to serve. The name and the version are what others find it by.
    pub async fn open(client: &Client, name: &str, subject: String) -> Result<Payments> {
        let builder = client.service_builder().description("charges cards");
        let service = builder.start(name, "1.0.0").await;
        let service = service.map_err(anyhow::Error::from_boxed)?;
        // A subscription in a queue group. Start this program twice, and each request goes to one.
        let charges = service.endpoint_builder().name("charge").add(subject);
        let charges = charges.await.map_err(anyhow::Error::from_boxed)?;
        Ok(Payments { service, charges })
    }
    // ANCHOR_END: service

    /// Serves until somebody drops this.
    pub async fn serve(&mut self, args: &Args, log: &RefCell<Log>) {
        let says = |text: &str| log.borrow_mut().remark("payments", text);
        let mut ledger = HashSet::new();
        // ANCHOR: serve
        while let Some(request) = self.charges.next().await {
            let Ok(order) = order_of(&request.message.payload) else {
                // What one asker sends must not end the service for the others.
                let _ = request.respond(Err(not_an_order())).await;
                continue;
            };
            let got = Event::new("payments", Verb::Got, order);
            log.borrow_mut().event(got);
            if args.ledger == Ledger::Yes && ledger.contains(&order) {
                says(&format!("has charged o-{order} already"));
            } else {
                charge(args.bank, order).await;
                // In a real shop: a row in the database, written in the transaction of the charge.
                ledger.insert(order);
                let done = Event::new("payments", Verb::Done, order);
                log.borrow_mut().event(done);
            }
            // To the inbox that the request names. Whether somebody still waits there, nobody knows.
            // What was published and not asked names none, and has been charged all the same.
            let answer = format!("charged o-{order}");
            if let Err(error) = request.respond(Ok(answer.into())).await {
                says(&format!("cannot answer: {error}"));
            }
        }
        // ANCHOR_END: serve
    }

    /// Stops serving.
    pub async fn close(self) -> Result<()> {
        let stopped = self.service.stop().await;
        stopped.map_err(anyhow::Error::from_boxed)
    }
}

/// What an asker hears that has sent something else.
fn not_an_order() -> Error {
    Error {
        status: "not an order".to_owned(),
        code: 400,
    }
}

async fn charge(bank: Bank, order: u32) {
    let slow = bank == Bank::Slow && order == 2;
    let takes = if slow {
        PATIENCE * 3 / 2
    } else {
        PATIENCE / 20
    };
    // This sleep is the work: the bank charges the card.
    sleep(takes).await;
}
