//! What is counted while the orders are tried.

use std::time::Duration;

use history::Log;

/// Tries of different orders within this time come together.
const TOGETHER: u128 = 10;

/// What the retries came to.
#[derive(Default)]
pub struct Tally {
    pub in_vain: u32,
    pub waiting: usize,
    pub refused: u32,
    /// When an order was stored that had been tried before.
    pub returned: Vec<Duration>,
}

impl Tally {
    pub fn report(&self, log: &mut Log) {
        let mut moments: Vec<u128> = self.returned.iter().map(Duration::as_millis).collect();
        moments.sort_unstable();
        let near = |first: &u128| {
            let from = moments.iter().skip_while(|at| *at < first);
            from.take_while(|at| **at < first + TOGETHER).count()
        };
        let together = moments.iter().map(near).max().unwrap_or_default();
        let last = moments.last().copied().unwrap_or_default();
        let lines = [
            format!("tries {} in vain", self.in_vain),
            format!("waiting {} at most", self.waiting),
            format!("refused {} at once", self.refused),
            format!("together {together} within {TOGETHER} ms, when it is back"),
            format!("last {last} ms after the kill"),
        ];
        for line in lines {
            log.remark("orders", &line);
        }
    }
}
