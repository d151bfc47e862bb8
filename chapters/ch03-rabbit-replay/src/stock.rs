//! What is in the stream, for the listing itself.

use anyhow::{Context, Result};
use brokers::Broker;
use lapin::{Connection, ConnectionProperties, ErrorKind};
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
            match look(rabbit, last).await {
                Err(error) if is_turned_away(&error) => {}
                looked => return looked,
            }
        }
    };
    let looked = timeout(PATIENCE, look).await;
    looked.context("RabbitMQ turns the reader away")?
}

/// 541 is the code of that internal error. Any other error is none of the cut.
fn is_turned_away(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<lapin::Error>().map(lapin::Error::kind);
    matches!(error, Some(ErrorKind::ProtocolError(why)) if why.get_id() == 541)
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
