//! Right, and unlike the solution: no inbox. The table of charges takes each order once, and the worker
//! asks for one command at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{Connection, ConnectionProperties};
use tokio::time::interval;

/// How often the worker asks while the queue is empty.
const ASK: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-inbox`, which starts this program";
    let database = rusqlite::Connection::open(std::env::var("SHOP_DB").context(ask)?)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.execute_batch("CREATE UNIQUE INDEX IF NOT EXISTS once ON charges (order_id)")?;
    let properties = ConnectionProperties::default();
    let rabbit = Connection::connect(&std::env::var("AMQP_URL").context(ask)?, properties).await?;
    let channel = rabbit.create_channel().await?;
    let queue = std::env::var("CHARGES_QUEUE").context(ask)?;
    let mut charge = database.prepare("INSERT OR IGNORE INTO charges (order_id) VALUES (?1)")?;
    let mut asks = interval(ASK);
    loop {
        let get = channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
        match get.await? {
            Some(command) => {
                charge.execute([std::str::from_utf8(&command.data)?])?;
                command.ack(BasicAckOptions::default()).await?;
            }
            None => drop(asks.tick().await),
        }
    }
}
