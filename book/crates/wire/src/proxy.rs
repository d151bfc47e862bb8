//! The proxy as its user sees it.

use std::sync::Arc;

use crate::address::Address;
use crate::shared::{Rule, Shared};
use crate::{ApiKey, Error, Loss};

/// Stands between a client and its broker. It ends with this value.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Begins to listen, for clients of the Kafka with these `bootstrap.servers`.
    ///
    /// # Errors
    /// When none of the servers can be reached, or there is no port to listen on.
    pub async fn kafka(servers: &str) -> Result<Proxy, Error> {
        let all = Address::list(servers)?;
        // A broker that is not there is told here, and not by a client that tries for ever.
        let reached = Address::connect(&all).await;
        reached.map_err(|source| Error::Unreachable {
            servers: servers.to_owned(),
            source,
        })?;
        let shared = Arc::new(Shared::new());
        let port = shared.open(all)?;
        Ok(Proxy {
            url: format!("127.0.0.1:{port}"),
            shared,
        })
    }

    /// Where clients find it: their `bootstrap.servers`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Loses one frame: the `nth` request of this kind from now on, 1 being the next one, or the
    /// answer to it.
    pub fn lose(&self, api: ApiKey, nth: u32, loss: Loss) {
        self.shared.lose(Rule {
            api,
            before: nth.saturating_sub(1),
            loss,
        });
    }

    /// Returns once so many frames have been lost.
    ///
    /// # Errors
    /// When the proxy could not do its work.
    pub async fn struck(&self, count: u32) -> Result<(), Arc<Error>> {
        let (mut struck, mut problem) = (
            self.shared.struck.subscribe(),
            self.shared.problem.subscribe(),
        );
        tokio::select! {
            biased;
            // The other ends of both channels live as long as this value.
            Ok(problem) = problem.wait_for(Option::is_some) => problem.clone().map_or(Ok(()), Err),
            _ = struck.wait_for(|struck| *struck >= count) => Ok(()),
        }
    }

    /// Ends it: no port, no connection and no task is left.
    ///
    /// # Errors
    /// When it could not do its work.
    pub async fn stop(self) -> Result<(), Arc<Error>> {
        if let Some(mut tasks) = self.shared.take() {
            tasks.shutdown().await;
        }
        let problem = self.shared.problem.borrow().clone();
        problem.map_or(Ok(()), Err)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The tasks end with their set.
        drop(self.shared.take());
    }
}
