//! What happens, told by several at once.

use std::cell::RefCell;
use std::io::{self, Write};

use history::{Event, Log};

/// A log that can be shared.
pub struct Story(RefCell<Log<Box<dyn Write>>>);

impl Story {
    /// One that is told on standard output.
    pub fn told() -> Story {
        Story(RefCell::new(Log::to(Box::new(io::stdout()))))
    }

    /// One that is told to nobody.
    pub fn untold() -> Story {
        Story(RefCell::new(Log::to(Box::new(io::sink()))))
    }

    /// Tells what happened to an order.
    pub fn event(&self, event: Event) {
        self.0.borrow_mut().event(event);
    }

    /// Tells something else.
    pub fn remark(&self, lane: &str, text: &str) {
        self.0.borrow_mut().remark(lane, text);
    }

    /// The end of it.
    pub fn end(self) -> Log<Box<dyn Write>> {
        self.0.into_inner()
    }
}
