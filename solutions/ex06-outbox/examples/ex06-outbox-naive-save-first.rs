//! Naive: an order that is saved is published in the next line.

use anyhow::{Context, Result, bail};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use rusqlite::Connection as Database;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-outbox`, which starts this program";
    let rabbit = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("EVENTS_QUEUE").context(ask)?;
    let database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
    let rabbit = Connection::connect(&rabbit, ConnectionProperties::default()).await?;
    let channel = rabbit.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    for order in std::io::stdin().lines() {
        let order = order?;
        save(&database, &order)?;
        publish(&channel, &queue, &order).await?;
    }
    rabbit.close(200, "all is published".into()).await?;
    Ok(())
}

/// The order itself.
fn save(database: &Database, order: &str) -> Result<()> {
    database.execute("INSERT INTO orders (order_id) VALUES (?1)", [order])?;
    Ok(())
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
