//! What a page hears of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::Line;
use companion::options::Knob;
use serde::Serialize;

/// One piece of news; its JSON is one event of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "news", rename_all = "lowercase")]
pub enum News {
    /// The run has its place: its number, for a stop, its command, who may speak in it, and the
    /// knobs of the listing as the catalogue has them.
    Run {
        run: u64,
        command: String,
        lanes: Vec<String>,
        knobs: Vec<Knob>,
    },
    /// Cargo is at it: so many of its units are done.
    Build { done: u32, of: u32 },
    /// What cargo or the listing says on standard error.
    Note { text: String },
    /// The listing has been started.
    Start,
    /// The knobs of the listing, now with what its own help says of them. Comes while it runs.
    Knobs { knobs: Vec<Knob> },
    /// A line of the listing's output.
    Line(Line),
    /// A frame between the listing and its broker, as `catalog::Frame` writes it.
    Frame { frame: String },
    /// The listing has ended; by kind, how many frames passed that were not told.
    Wire { rest: BTreeMap<String, u64> },
    /// It is over.
    End(End),
}

/// How a run has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct End {
    /// A sentence: what ended it, when, with what exit code.
    pub said: String,
    /// The exit code, where the listing has ended by itself.
    pub code: Option<i32>,
    /// How long the listing ran, in milliseconds.
    pub ms: u64,
    /// Whether it equals the recorded run; none where there is nothing to compare.
    pub equal: Option<bool>,
    /// A sentence on that.
    pub compared: String,
    /// The lines that go and come from the recorded run to this one, where they differ.
    pub difference: String,
    /// What the predictions on the recorded run ask for, counted in this one, by `CHAPTER/ID`.
    pub facts: BTreeMap<String, usize>,
    /// The fate strip that the listing has printed, as a page shows it.
    pub strip: Option<String>,
}

impl End {
    /// One that says no more than this.
    pub fn saying(said: impl Into<String>) -> End {
        End {
            said: said.into(),
            ..End::default()
        }
    }
}

/// A time as a page shows it.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
