//! Naive: RabbitMQ has answered, so the event is published.

use anyhow::{Context, Result};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rusqlite::Connection as Database;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-outbox`, which starts this program";
    let rabbit = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("EVENTS_QUEUE").context(ask)?;
    let mut database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
    let outbox = "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, order_id TEXT)";
    database.execute_batch(outbox)?;
    let rabbit = Connection::connect(&rabbit, ConnectionProperties::default()).await?;
    let channel = rabbit.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    // What the instance before this one has saved and not published.
    relay(&database, &channel, &queue).await?;
    for order in std::io::stdin().lines() {
        let order = order?;
        save(&mut database, &order)?;
        relay(&database, &channel, &queue).await?;
    }
    rabbit.close(200, "all is published".into()).await?;
    Ok(())
}

/// The order and what is to be published about it: both, or neither.
fn save(database: &mut Database, order: &str) -> Result<()> {
    let transaction = database.transaction()?;
    transaction.execute("INSERT INTO orders (order_id) VALUES (?1)", [order])?;
    transaction.execute("INSERT INTO outbox (order_id) VALUES (?1)", [order])?;
    transaction.commit()?;
    Ok(())
}

/// Publishes what waits in the outbox.
async fn relay(database: &Database, channel: &Channel, queue: &str) -> Result<()> {
    let sent = "DELETE FROM outbox WHERE order_id = ?1";
    for order in waiting(database)? {
        publish(channel, queue, &order).await?;
        // Not before the confirm. If the process ends between these two lines, the event is
        // published once more.
        database.execute(sent, [order])?;
    }
    Ok(())
}

/// What waits in the outbox, in its order.
fn waiting(database: &Database) -> Result<Vec<String>> {
    let mut query = database.prepare("SELECT order_id FROM outbox ORDER BY id")?;
    let orders = query.query_map([], |row| row.get(0))?;
    Ok(orders.collect::<Result<_, _>>()?)
}

/// Returns when RabbitMQ has answered.
async fn publish(channel: &Channel, queue: &str, order: &str) -> Result<()> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        // Made of the order, so that every copy has it.
        .with_message_id(format!("created-{order}").into());
    let sent = channel.basic_publish(
        "".into(),
        queue.into(),
        Default::default(),
        order.as_bytes(),
        properties,
    );
    // The second `await` is the confirm.
    sent.await?.await?;
    Ok(())
}
