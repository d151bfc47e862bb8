//! What happened to each message of a run, and what became of it.
//!
//! A listing writes every event through a [`Log`]: one line each, at once, in the
//! form `LANE  verb o-N text`. When it ends, [`Log::finish`] judges the events and
//! prints the **fate strip**: one mark for each message, done, redelivered,
//! duplicate, lost or stuck. The page draws the same strip from the recorded lines
//! ([`Strip::parse`], [`Strip::html`]), so it cannot say anything that the run did not.
//!
//! ```
//! use history::{Event, Fate, Verb, strip};
//!
//! let events = [
//!     Event::new("shop", Verb::Stored, 1).text("payment.charge"),
//!     Event::new("worker 1", Verb::Got, 1),
//!     Event::new("worker 2", Verb::Got, 1),
//!     Event::new("worker 2", Verb::Done, 1),
//! ];
//! let strip = strip(&events, &[]);
//! assert_eq!(strip.fates(), [(1, Fate::Redelivered)]);
//! assert_eq!(strip.to_string(), "fate  o-1 ↻R\nfate  1 redelivered");
//! ```
//!
//! Where more is known than lines, what each process asked of its broker, when, and what was
//! answered, the run is a [`History`], and [`check`] names what is wrong with it: 14 anomalies, in
//! the words of the field. What a run may show is declared with it, as [`Expect`].

mod anomaly;
mod check;
mod event;
mod expect;
mod fate;
mod log;
mod operation;
mod strip;
mod svg;

pub use anomaly::{Anomaly, AnomalyName};
pub use check::{History, check};
pub use event::{Event, Verb, lane, number};
pub use expect::Expect;
pub use fate::Fate;
pub use log::Log;
pub use operation::{Kind, Operation, Outcome, Place};
pub use strip::{Strip, strip};

/// Why a line of output, a verb or a fate strip could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The line does not begin with a lane and two spaces.
    #[error(
        "`{0}` has no lane: a line reads `LANE  verb o-N text`, with two spaces after the lane"
    )]
    NoLane(String),
    /// The word after the lane is none of the six verbs.
    #[error("`{0}` is no verb: use sent, stored, got, done, failed or back")]
    Verb(String),
    /// The word after the verb is no message number.
    #[error("`{0}` is no message: messages are numbered o-1, o-2 and so on")]
    Message(String),
    /// No line of the run has the lane `fate`.
    #[error("the run shows no fate strip: a listing ends with `log.finish(&left)`")]
    NoStrip,
    /// A mark of the strip is no known shape and letter.
    #[error("`{0}` is no fate: use ●D, ↻R, ◆2, ✕L or ■S")]
    Fate(String),
    /// The last line of the strip counts something else than its marks show.
    #[error("the strip's marks say `{marks}`, its last line says `{line}`")]
    Count {
        /// The counts that the marks give.
        marks: String,
        /// The counts as the last line gives them.
        line: String,
    },
}
