//! A RabbitMQ that tests ask and set by its own tool, `rabbitmqctl`.

use std::sync::OnceLock;

use brokers::Broker;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::shop::private;

/// A broker whose settings tests may change, each one of its own. It lives on a runtime of its own, longer than any
/// test's.
pub struct Tuned {
    runtime: Runtime,
    broker: Mutex<Broker>,
    /// Who declares a quorum queue holds it where the interval between the queue's ticks matters: a
    /// queue takes the node's when it is declared.
    pub tick: Mutex<()>,
    pub url: String,
}

pub async fn tuned() -> &'static Tuned {
    static TUNED: OnceLock<Tuned> = OnceLock::new();
    let start = || {
        TUNED.get_or_init(|| {
            let runtime = Runtime::new().unwrap();
            let broker = runtime.block_on(private());
            let url = broker.url().to_owned();
            Tuned {
                runtime,
                broker: Mutex::new(broker),
                tick: Mutex::new(()),
                url,
            }
        })
    };
    spawn_blocking(start).await.unwrap()
}

impl Tuned {
    pub async fn control(&'static self, args: &[&str]) -> String {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let tool = self.runtime.spawn(async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            self.broker.lock().await.control(&args).await
        });
        tool.await.unwrap().unwrap()
    }
}
