//! Naive: the worker remembers what it has handled.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::BasicAckOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rusqlite::Connection as Database;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-inbox`, which starts this program";
    let rabbit = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("CHARGES_QUEUE").context(ask)?;
    let database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
    let mut handled = HashSet::new();
    let rabbit = Connection::connect(&rabbit, ConnectionProperties::default()).await?;
    let channel = rabbit.create_channel().await?;
    // What waits here unread goes back to the queue with the worker.
    channel.basic_qos(10, Default::default()).await?;
    let (payments, none) = ("payments".into(), FieldTable::default());
    let commands = channel.basic_consume(queue.into(), payments, Default::default(), none);
    let mut commands = commands.await?;
    while let Some(command) = commands.next().await {
        let command = command?;
        let order = std::str::from_utf8(&command.data)?;
        let id = command.properties.message_id().as_ref();
        let id = id.context("a command without an id")?.as_str();
        // A second copy changes nothing.
        if handled.insert(id.to_owned()) {
            charge(&database, order)?;
        }
        command.ack(BasicAckOptions::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The work on a command.
fn charge(database: &Database, order: &str) -> Result<()> {
    database.execute("INSERT INTO charges (order_id) VALUES (?1)", [order])?;
    Ok(())
}
