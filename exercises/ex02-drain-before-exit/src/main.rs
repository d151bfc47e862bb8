//! The orders job: it publishes each order that it reads from its standard input, and ends. Its first
//! argument says how it ends.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_nats::{ConnectOptions, Event};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo book grade ex02-drain-before-exit`, which starts this program";
    let url = std::env::var("NATS_URL").context(ask)?;
    let variant = std::env::args().nth(1).context(ask)?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let options = ConnectOptions::new().event_callback(move |event| {
        // Only one variant listens.
        let _ = tell.send(event);
        async {}
    });
    let client = options.connect(url).await?;
    for order in std::io::stdin().lines() {
        client.publish("order.created", order?.into()).await?;
    }
    match variant.as_str() {
        "return" => {}
        "flush" => client.flush().await?,
        "drain" => client.drain().await?,
        "closed" => {
            client.drain().await?;
            let closed = async { while told.recv().await.is_some_and(|it| it != Event::Closed) {} };
            let closed = timeout(Duration::from_secs(10), closed).await;
            closed.context("NATS does not answer")?;
        }
        _ => bail!("there is no variant `{variant}`; {ask}"),
    }
    Ok(())
}
