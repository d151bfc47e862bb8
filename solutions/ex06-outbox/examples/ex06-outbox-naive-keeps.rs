//! Naive: the outbox keeps all events, and a copy does no harm, as it has the same message id.

use anyhow::{Context, Result, bail};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
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
    for order in std::io::stdin().lines() {
        let order = order?;
        save(&mut database, &order)?;
    }
    // Also what the instances before this one have not published.
    relay(&database, &channel, &queue).await?;
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

/// Publishes what is in the outbox.
async fn relay(database: &Database, channel: &Channel, queue: &str) -> Result<()> {
    for order in events(database)? {
        publish(channel, queue, &order).await?;
    }
    Ok(())
}

/// What is in the outbox, in its order.
fn events(database: &Database) -> Result<Vec<String>> {
    let mut query = database.prepare("SELECT order_id FROM outbox ORDER BY id")?;
    let orders = query.query_map([], |row| row.get(0))?;
    Ok(orders.collect::<Result<_, _>>()?)
}

/// Returns when RabbitMQ has the event.
async fn publish(channel: &Channel, queue: &str, order: &str) -> Result<()> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        // Made of the order, so that every copy has it.
        .with_message_id(format!("created-{order}").into());
    // An event that no queue takes comes back, and is not forgotten.
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = channel.basic_publish(
        "".into(),
        queue.into(),
        options,
        order.as_bytes(),
        properties,
    );
    match sent.await?.await? {
        Confirmation::Ack(None) => Ok(()),
        other => bail!("the event of {order} is not stored: {other:?}"),
    }
}
