//! Right, and unlike the solution: no outbox. A column of the table says what is published, and all
//! that is not goes out at the same time.

use anyhow::{Context, Result, ensure};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use rusqlite::Connection as Database;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol06-outbox`, which starts this program";
    let database = Database::open(std::env::var("SHOP_DB").context(ask)?)?;
    let column = "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'published'";
    if database.query_row(column, [], |row| row.get::<_, u32>(0))? == 0 {
        let column = "ALTER TABLE orders ADD COLUMN published INTEGER NOT NULL DEFAULT FALSE";
        database.execute_batch(column)?;
    }
    let properties = ConnectionProperties::default();
    let rabbit = Connection::connect(&std::env::var("AMQP_URL").context(ask)?, properties).await?;
    let channel = rabbit.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    let queue = std::env::var("EVENTS_QUEUE").context(ask)?;
    for order in std::io::stdin().lines() {
        database.execute("INSERT INTO orders (order_id) VALUES (?1)", [order?])?;
    }
    publish_all(&database, &channel, &queue).await?;
    rabbit.close(200, "all is published".into()).await?;
    Ok(())
}

async fn publish_all(database: &Database, channel: &Channel, queue: &str) -> Result<()> {
    let mut query = database.prepare("SELECT order_id FROM orders WHERE NOT published")?;
    let orders = query.query_map([], |row| row.get(0))?;
    let mut confirms = Vec::new();
    for order in orders.collect::<Result<Vec<String>, _>>()? {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(order.as_str().into());
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let (exchange, key, body) = ("".into(), queue.into(), order.as_bytes());
        let sent = channel.basic_publish(exchange, key, options, body, properties);
        confirms.push((sent.await?, order));
    }
    for (confirm, order) in confirms {
        let confirm = confirm.await?;
        ensure!(confirm == Confirmation::Ack(None), "{order}: {confirm:?}");
        let sql = "UPDATE orders SET published = TRUE WHERE order_id = ?1";
        database.execute(sql, [order])?;
    }
    Ok(())
}
