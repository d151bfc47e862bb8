//! Right, and unlike the solution: what waits is handled in one exclusive
//! transaction, and acknowledged at once.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rusqlite::TransactionBehavior;

/// How many commands are in a transaction at most.
const MOST: u16 = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-inbox`, which starts this program";
    let mut database = rusqlite::Connection::open(std::env::var("SHOP_DB").context(ask)?)?;
    database.execute_batch("CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY)")?;
    let properties = ConnectionProperties::default();
    let rabbit = Connection::connect(&std::env::var("AMQP_URL").context(ask)?, properties).await?;
    let channel = rabbit.create_channel().await?;
    channel.basic_qos(MOST, Default::default()).await?;
    let (queue, none) = (
        std::env::var("CHARGES_QUEUE").context(ask)?,
        FieldTable::default(),
    );
    let commands = channel.basic_consume(queue.into(), "".into(), Default::default(), none);
    let mut batches = commands.await?.ready_chunks(usize::from(MOST));
    while let Some(batch) = batches.next().await {
        let batch = batch
            .into_iter()
            .collect::<lapin::Result<Vec<Delivery>>>()?;
        charge(&mut database, &batch)?;
        if let Some(last) = batch.last() {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The charges of the batch and the ids of its commands, or nothing of both.
fn charge(database: &mut rusqlite::Connection, batch: &[Delivery]) -> Result<()> {
    // Nobody is to see half of a batch, nor to read meanwhile.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for command in batch {
        let id = command.properties.message_id().as_ref();
        let id = id.context("a command without an id")?.as_str();
        let known = "SELECT EXISTS (SELECT 1 FROM handled WHERE id = ?1)";
        if !transaction.query_row(known, [id], |row| row.get::<_, bool>(0))? {
            let order = std::str::from_utf8(&command.data)?;
            transaction.execute("INSERT INTO charges (order_id) VALUES (?1)", [order])?;
            transaction.execute("INSERT INTO handled (id) VALUES (?1)", [id])?;
        }
    }
    transaction.commit()?;
    Ok(())
}
