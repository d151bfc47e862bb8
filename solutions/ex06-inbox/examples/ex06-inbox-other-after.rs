//! Right, and unlike the solution: the inbox says of each id whether its command is acknowledged, and may
//! say so too late or never. It tells whoever tidies up, and decides nothing here.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::BasicAckOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rusqlite::{Connection as Database, TransactionBehavior};

const INBOX: &str = "CREATE TABLE IF NOT EXISTS inbox (
    message_id TEXT PRIMARY KEY, acknowledged INTEGER NOT NULL DEFAULT FALSE
)";
const ACKNOWLEDGED: &str = "UPDATE inbox SET acknowledged = TRUE WHERE message_id = ?1";

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-inbox`, which starts this program";
    let rabbit = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("CHARGES_QUEUE").context(ask)?;
    let mut database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
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
        charge_once(&mut database, id, order)?;
        // Also where nothing was to be done: else the command comes again and again.
        command.ack(BasicAckOptions::default()).await?;
        database.execute(ACKNOWLEDGED, [id])?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The work on a command, once for each message id.
fn charge_once(database: &mut Database, id: &str, order: &str) -> Result<()> {
    // The write lock first, so that nothing in here fails for want of it.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // The primary key tells whether the id is new. The database keeps id and charge, or neither.
    let sql = "INSERT INTO inbox (message_id) VALUES (?1) ON CONFLICT DO NOTHING";
    if transaction.execute(sql, [id])? == 1 {
        transaction.execute("INSERT INTO charges (order_id) VALUES (?1)", [order])?;
    }
    transaction.commit()?;
    Ok(())
}
