//! What a page hears of a grading.

use companion::grading::Moment;
use serde::Serialize;

use super::problems::Problem;

/// One piece of news; its JSON is one event of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "news", rename_all = "lowercase")]
pub enum News {
    /// The grading has its place: its number, for a stop, and its command.
    Grading { grading: u64, command: String },
    /// Cargo is at it: so many of its units are done.
    Build { done: u32, of: u32 },
    /// What cargo says beside the compiler.
    Note { text: String },
    /// What the compiler says.
    Problem(Problem),
    /// The program is run against its broker.
    Start,
    /// A line of the grader's.
    Line { text: String },
    /// What it has found.
    Verdict(Verdict),
    /// It is over; a sentence says how.
    End { said: String },
}

/// What a grader has found, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Its name.
    pub verdict: String,
    /// Whether that is a pass.
    pub passed: bool,
    /// One sentence for each thing that is wrong.
    pub why: Vec<String>,
    /// What engineers believe whose programs get this verdict.
    pub beliefs: Vec<Belief>,
    /// What happened, in its order.
    pub moments: Vec<Moment>,
    /// What became of each message, as a page shows it; empty where there was none.
    pub strip: String,
}

/// A misconception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Belief {
    /// Its place on the page of misconceptions.
    pub id: String,
    /// What one believes.
    pub says: String,
}
