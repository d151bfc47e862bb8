//! The broker, the network before it, and what goes wrong with them.

use std::time::Duration;

use anyhow::{Context, Result};
use brokers::{Broker, Kind, Options};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Queue};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::args::Fault;
use crate::network::Network;
use crate::shop::{QUEUE, order_of};

/// How long to wait for the broker before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the shop finds its RabbitMQ.
pub struct Site {
    pub rabbit: Broker,
    /// The address that the shop uses.
    pub url: String,
    network: Option<Network>,
}

impl Site {
    pub async fn open(fault: Fault) -> Result<Site> {
        let options = Options {
            // What stops a broker or fills its disk needs one of its own.
            private: matches!(fault, Fault::Restart | Fault::Alarm),
            ..Options::default()
        };
        let rabbit = brokers::start(Kind::RabbitMq, options).await?;
        rabbit.claim_queue(QUEUE).await?;
        let mut site = Site {
            url: rabbit.url().to_owned(),
            rabbit,
            network: None,
        };
        if fault == Fault::Cut {
            let network = Network::before(&site.url).await?;
            site.url.clone_from(&network.url);
            site.network = Some(network);
        }
        Ok(site)
    }

    /// The beginning of an outage. Where the broker says goodbye, the client of this channel has read
    /// it then. It cannot connect again before the end: nobody listens.
    pub async fn strike(&mut self, channel: &Channel) -> Result<()> {
        if let Some(network) = &self.network {
            network.lose_answers();
            return Ok(());
        }
        self.rabbit.control(&["stop_app"]).await?;
        let read = async {
            while channel.status().connected() {
                yield_now().await;
            }
        };
        let read = timeout(PATIENCE, read).await;
        read.context("the client does not hear that RabbitMQ stops")
    }

    /// Its end, and what happened.
    pub async fn heal(&mut self) -> Result<&'static str> {
        let Some(network) = &self.network else {
            self.rabbit.control(&["start_app"]).await?;
            return Ok("was stopped and is started again");
        };
        // Ready are o-3 and o-4 then: RabbitMQ has o-4, has said so, and nobody has heard it.
        while self.ask().await?.message_count() < 2 {}
        network.cut();
        Ok("has o-4; its answer and the connection are lost")
    }

    /// A connection past the faulty network.
    pub async fn operator(&self) -> Result<(Connection, Channel)> {
        let properties = ConnectionProperties::default().with_connection_name("operator".into());
        let connection = Connection::connect(self.rabbit.url(), properties).await;
        let connection = connection.context("cannot connect to RabbitMQ")?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    async fn ask(&self) -> Result<Queue> {
        let (connection, channel) = self.operator().await?;
        let passive = QueueDeclareOptions::default().passive();
        let queue = channel.queue_declare(QUEUE.into(), passive, FieldTable::default());
        let queue = queue.await?;
        connection.close(200, "an answer".into()).await?;
        Ok(queue)
    }

    /// Takes everything down. Gives the numbers of the orders that were left in the queue.
    pub async fn close(self) -> Result<Vec<u32>> {
        let (connection, channel) = self.operator().await?;
        let declared = timeout(PATIENCE, async {
            // What a consumer held goes back when RabbitMQ has noticed that it is gone.
            while self.ask().await?.consumer_count() > 0 {}
            anyhow::Ok(())
        });
        let declared = match declared.await? {
            // The run has ended before it declared the queue.
            Err(error) if is_missing(&error) => false,
            asked => asked.map(|()| true)?,
        };
        let mut left = Vec::new();
        if declared {
            let take = BasicGetOptions { no_ack: true };
            while let Some(message) = channel.basic_get(QUEUE.into(), take).await? {
                left.push(order_of(&message.data)?);
            }
        }
        let delete = QueueDeleteOptions::default();
        channel.queue_delete(QUEUE.into(), delete).await?;
        connection.close(200, "the shop closes".into()).await?;
        let stopped = self.rabbit.stop().await;
        stopped.context("RabbitMQ does not end")?;
        Ok(left)
    }
}

/// 404 is RabbitMQ's code for a queue that is not there.
fn is_missing(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<lapin::Error>().map(lapin::Error::kind);
    matches!(error, Some(ErrorKind::ProtocolError(why)) if why.get_id() == 404)
}
