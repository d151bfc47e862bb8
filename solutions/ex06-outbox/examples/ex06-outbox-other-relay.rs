//! Right, and unlike the solution: the relay is a thread of its own, with a connection of its own to the
//! database, and the service wakes it.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use rusqlite::{Connection as Database, params};
use tokio::runtime::Runtime;

const OUTBOX: &str = "CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT FALSE
)";
/// How long the relay waits for somebody to wake it.
const IDLE: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-outbox`, which starts this program";
    let path = std::env::var("SHOP_DB").context(ask)?;
    let mut database = open(&path)?;
    database.execute_batch(OUTBOX)?;
    let (wake, woken) = channel();
    let relay = thread::spawn(move || relay(&open(&path)?, &woken));
    for order in std::io::stdin().lines() {
        let order = order?;
        let transaction = database.transaction()?;
        let event = "INSERT INTO events (id, body) VALUES (?1, ?2)";
        transaction.execute(event, params![format!("order.created/{order}"), order])?;
        transaction.execute("INSERT INTO orders VALUES (?1)", [&order])?;
        transaction.commit()?;
        // A relay that is gone says why at the end.
        let _ = wake.send(());
    }
    drop(wake);
    relay
        .join()
        .map_err(|_| anyhow!("the relay has panicked"))?
}

fn open(path: &str) -> Result<Database> {
    let database = Database::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    Ok(database)
}

/// Publishes what is not sent, whenever it is woken; ends when nobody can wake it and all is sent.
fn relay(database: &Database, woken: &Receiver<()>) -> Result<()> {
    use std::sync::mpsc::RecvTimeoutError::Disconnected;

    let url = std::env::var("AMQP_URL")?;
    let queue = std::env::var("EVENTS_QUEUE")?;
    let runtime = Runtime::new()?;
    let rabbit = runtime.block_on(Connection::connect(&url, ConnectionProperties::default()))?;
    let channel = runtime.block_on(rabbit.create_channel())?;
    runtime.block_on(channel.confirm_select(Default::default()))?;
    loop {
        let is_over = woken.recv_timeout(IDLE) == Err(Disconnected);
        let mut query = database.prepare("SELECT id, body FROM events WHERE NOT sent")?;
        let events = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (id, body) in events.collect::<Result<Vec<(String, String)>, _>>()? {
            runtime.block_on(publish(&channel, &queue, &id, &body))?;
            database.execute("UPDATE events SET sent = TRUE WHERE id = ?1", [id])?;
        }
        if is_over {
            runtime.block_on(rabbit.close(200, "all is published".into()))?;
            return Ok(());
        }
    }
}

async fn publish(channel: &Channel, queue: &str, id: &str, body: &str) -> Result<()> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(id.into());
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = channel.basic_publish(
        "".into(),
        queue.into(),
        options,
        body.as_bytes(),
        properties,
    );
    let confirm = sent.await?.await?;
    ensure!(confirm == Confirmation::Ack(None), "{id}: {confirm:?}");
    Ok(())
}
