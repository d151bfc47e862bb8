//! A poison order on three brokers: what each does about it, and what is left to you.
//!
//! ```console
//! cargo run -p ch06-poison
//! cargo run -p ch06-poison -- --broker nats
//! cargo run -p ch06-poison -- --broker kafka
//! cargo run -p ch06-poison -- --broker kafka --handling no
//! ```

mod args;
mod desk;
mod kafka;
mod nats;
mod rabbit;

use std::time::Duration;

use anyhow::Result;
use args::{Args, Broker};
use clap::Parser;
use history::Log;

/// How long to wait for a broker before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut log = Log::new();
    // Each gives the orders that are still on the broker at the end.
    let left = match args.broker {
        Broker::Rabbitmq => rabbit::open_shop(args.handling, &mut log).await?,
        Broker::Nats => nats::open_shop(args.handling, &mut log).await?,
        Broker::Kafka => kafka::open_shop(args.handling, &mut log).await?,
    };
    log.finish(&left)?;
    Ok(())
}
