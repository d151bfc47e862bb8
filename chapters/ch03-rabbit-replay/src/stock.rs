//! What is in the stream, for the listing itself.

use anyhow::{Context, Result};
use brokers::Broker;
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::reader::{next, reader};
use crate::shop::text;

/// The orders in the stream, up to the one that was published last.
pub async fn stock(rabbit: &Broker, last: u32) -> Result<Vec<u32>> {
    // RabbitMQ may turn away a reader that comes while it cuts the stream, by an internal error
    // that ends the connection. So this one has its own, and comes again.
    let look = async {
        loop {
            if let Ok(stock) = look(rabbit, last).await {
                return stock;
            }
        }
    };
    timeout(PATIENCE, look)
        .await
        .context("the stream cannot be read")
}

async fn look(rabbit: &Broker, last: u32) -> Result<Vec<u32>> {
    let properties = ConnectionProperties::default().with_connection_name("stock".into());
    let connection = Connection::connect(rabbit.url(), properties).await?;
    let (_channel, mut orders) = reader(&connection, text("first")).await?;
    let mut stock = Vec::new();
    while stock.last() != Some(&last) {
        stock.push(next(&mut orders).await?.0);
    }
    connection.close(200, "all read".into()).await?;
    Ok(stock)
}
