//! Naive: the inbox says of each command whether it is done, and what is not done is done again.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::BasicAckOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rusqlite::Connection as Database;

const INBOX: &str = "CREATE TABLE IF NOT EXISTS inbox (
    message_id TEXT PRIMARY KEY, done INTEGER NOT NULL DEFAULT FALSE
)";

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-inbox`, which starts this program";
    let rabbit = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("CHARGES_QUEUE").context(ask)?;
    let database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
    database.execute_batch(INBOX)?;
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
        charge_once(&database, id, order)?;
        // Also where nothing was to be done: else the command comes again and again.
        command.ack(BasicAckOptions::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The work on a command, once for each message id.
fn charge_once(database: &Database, id: &str, order: &str) -> Result<()> {
    let begun = "INSERT INTO inbox (message_id) VALUES (?1) ON CONFLICT DO NOTHING";
    database.execute(begun, [id])?;
    let done = "SELECT done FROM inbox WHERE message_id = ?1";
    if !database.query_row(done, [id], |row| row.get::<_, bool>(0))? {
        database.execute("INSERT INTO charges (order_id) VALUES (?1)", [order])?;
        database.execute("UPDATE inbox SET done = TRUE WHERE message_id = ?1", [id])?;
    }
    Ok(())
}
