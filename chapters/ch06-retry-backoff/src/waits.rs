//! How long to wait before the next try.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder};

use crate::args::Wait;

/// The waits of one order, one after the other.
pub type Waits = Box<dyn Iterator<Item = Duration>>;

// ANCHOR: waits
/// The waits between the tries of an order. Each order has dice of its own, with a seed, so that
/// this listing does the same every time; in a service leave the seed out.
pub fn waits(wait: Wait, order: u32) -> Waits {
    let shortest = Duration::from_millis(100);
    let fixed = ConstantBuilder::new().with_delay(shortest);
    let exponential = ExponentialBuilder::new()
        .with_min_delay(shortest)
        .with_factor(2.0)
        .with_max_delay(16 * shortest)
        .without_max_times();
    match wait {
        Wait::Fixed => Box::new(fixed.without_max_times().build()),
        Wait::Exponential => Box::new(exponential.build()),
        Wait::Jitter => {
            let mut dice = fastrand::Rng::with_seed(order.into());
            Box::new(
                exponential
                    .build()
                    .map(move |wait| wait.mul_f64(dice.f64())),
            )
        }
    }
}
// ANCHOR_END: waits
