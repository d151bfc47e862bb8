//! Five services of the shop. Each ran in production, and what was seen of it on the wire is in the
//! folder `runs`. The first argument says which of them this is.

mod kafka;
mod nats;
mod rabbit;

use anyhow::{Context, Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo book grade ex05-diagnose`, which starts this program";
    let variant = std::env::args().nth(1).context(ask)?;
    let broker = |variable| std::env::var(variable).context(ask);
    match variant.as_str() {
        "payments" => nats::payments(broker("NATS_URL")?).await,
        "inventory" => nats::inventory(broker("NATS_URL")?).await,
        "accounting" => nats::accounting(broker("NATS_URL")?).await,
        "email" => rabbit::email(broker("AMQP_URL")?).await,
        "orders" => kafka::orders(&broker("KAFKA_BOOTSTRAP_SERVERS")?).await,
        _ => bail!("there is no variant `{variant}`; {ask}"),
    }
}
