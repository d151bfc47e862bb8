//! A service that works on what its queue has, until it is ended.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Sends a mail for each order. The mail server takes its time: a line on the standard input says
/// that it has one mail.
pub async fn email(url: String) -> Result<()> {
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let orders = channel.basic_consume("email.order.created".into(), "".into(), options, none);
    let mut orders = orders.await?;
    let mut sent = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next().await {
        sent.next_line().await?.context("no mail server")?;
        order?.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
