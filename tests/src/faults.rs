//! Faults of a broker, and the moment from which they hold.

use std::time::Duration;

use anyhow::{Context, Result};
use brokers::Broker;
use tokio::time::timeout;

/// Longer than the kernel takes to stop a process.
const STOPPED: Duration = Duration::from_secs(20);

/// Stops a broker in its tracks: when this returns, it does nothing any more. Its connections
/// stay open.
///
/// # Errors
/// When the broker is not the test's own, or does not stop.
pub async fn pause(broker: &mut Broker) -> Result<()> {
    broker.pause().await?;
    // A container's broker has no process id here; docker returns when it stands still.
    let Some(pid) = broker.pid() else {
        return Ok(());
    };
    let stopped = async {
        // A poll: a stopped process tells nobody but its parent.
        while !std::fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(") T ") {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    timeout(STOPPED, stopped)
        .await
        .context("the broker does not stop")?
}
