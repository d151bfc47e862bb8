//! Naive: a transaction of the channel has both the result and the acknowledgement, so there are both
//! or neither.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-ack-late`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (from, to) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.tx_select().await?;
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    loop {
        let get = channel.basic_get(from.as_str().into(), BasicGetOptions::default());
        let Some(charge) = get.await? else {
            pause.tick().await;
            continue;
        };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let sent = channel.basic_publish(
            "".into(),
            to.as_str().into(),
            Default::default(),
            &charge.delivery.data,
            persistent,
        );
        sent.await?;
        charge.delivery.ack(BasicAckOptions::default()).await?;
        // Until here RabbitMQ has done neither.
        channel.tx_commit().await?;
    }
}
