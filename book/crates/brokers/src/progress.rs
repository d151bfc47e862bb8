//! What is told while a reader waits: a bar on a terminal, single lines elsewhere. All of it goes
//! to standard error, since standard output is the listing's.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One step that takes time.
pub(crate) struct Step {
    bar: ProgressBar,
    what: String,
}

impl Step {
    /// Says that it begins.
    pub(crate) fn begin(what: impl Into<String>) -> Step {
        let what = what.into();
        let bar = ProgressBar::new_spinner();
        if std::io::stderr().is_terminal() {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
        } else {
            note(&format!("{what} ..."));
        }
        Step { bar, what }
    }

    /// Says how far it is.
    pub(crate) fn detail(&self, detail: &str) {
        self.bar.set_message(format!("{}: {detail}", self.what));
    }

    /// Takes the bar off the terminal; what follows says how it ended.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// One line to the reader. A closed standard error is no reason to fail.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
