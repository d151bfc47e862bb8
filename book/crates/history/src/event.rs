//! One thing that happened to one message, and the line that says so.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The publisher handed it to its client library. The broker need not have it yet.
    Sent,
    /// The broker said that it has it: a publisher confirm, a PubAck, a delivery report.
    Stored,
    /// A consumer received it, for the first time or again.
    Got,
    /// Its work is finished and its effect is in the world.
    Done,
    /// Its work, or its publication, failed.
    Failed,
    /// It went back: to its queue after a nack, or to its publisher as unroutable.
    Back,
}

impl Verb {
    /// All verbs, in the order of a message's life.
    pub const ALL: [Verb; 6] = [
        Verb::Sent,
        Verb::Stored,
        Verb::Got,
        Verb::Done,
        Verb::Failed,
        Verb::Back,
    ];

    /// The word that stands in a line of output.
    pub const fn word(self) -> &'static str {
        match self {
            Verb::Sent => "sent",
            Verb::Stored => "stored",
            Verb::Got => "got",
            Verb::Done => "done",
            Verb::Failed => "failed",
            Verb::Back => "back",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Verb {
    type Err = ParseError;

    fn from_str(word: &str) -> Result<Verb, ParseError> {
        Verb::ALL
            .into_iter()
            .find(|verb| verb.word() == word)
            .ok_or_else(|| ParseError::Verb(word.to_owned()))
    }
}

/// One thing that happened to one message. Its `Display` is the line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who it happened to: a service, a worker, the broker.
    pub lane: String,
    /// What happened.
    pub verb: Verb,
    /// The message's number; it is printed as `o-N`.
    pub message: u32,
    /// What else the reader should know; may be empty.
    pub text: String,
}

impl Event {
    /// An event without text. Runs of white space in the lane become one space,
    /// since two spaces end the lane in a line of output.
    pub fn new(lane: impl Into<String>, verb: Verb, message: u32) -> Event {
        Event {
            lane: one_line(&lane.into()),
            verb,
            message,
            text: String::new(),
        }
    }

    /// The same event with a text. Runs of white space become one space, so that
    /// an event stays one line.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Event {
        self.text = one_line(&text.into());
        self
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {} o-{}", self.lane, self.verb, self.message)?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.text)
    }
}

impl FromStr for Event {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Event, ParseError> {
        let (lane, rest) = lane(line).ok_or_else(|| ParseError::NoLane(line.to_owned()))?;
        let mut words = rest.splitn(3, ' ');
        let verb = words.next().unwrap_or_default().parse()?;
        let message = number(words.next().unwrap_or_default())?;
        Ok(Event::new(lane, verb, message).text(words.next().unwrap_or_default()))
    }
}

/// Splits a line of output into its lane and what follows the two spaces after it.
/// `None` where no lane stands before two spaces.
pub fn lane(line: &str) -> Option<(&str, &str)> {
    line.split_once("  ")
        .filter(|(lane, _)| !lane.is_empty() && !lane.starts_with(' '))
}

/// The number in `o-N`.
///
/// # Errors
/// [`ParseError::Message`] when it is no such word.
pub fn number(word: &str) -> Result<u32, ParseError> {
    word.strip_prefix("o-")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| ParseError::Message(word.to_owned()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_not_padded_and_has_no_trailing_space() {
        let sent = Event::new("shop", Verb::Sent, 1).text("payment.charge");
        assert_eq!(sent.to_string(), "shop  sent o-1 payment.charge");
        let got = Event::new("worker 1", Verb::Got, 12);
        assert_eq!(got.to_string(), "worker 1  got o-12");
    }

    #[test]
    fn every_verb_is_read_back_from_its_line() {
        for verb in Verb::ALL {
            for text in ["", "redelivered", "to partition 2, offset 7"] {
                let event = Event::new("worker 2", verb, 3).text(text);
                assert_eq!(event.to_string().parse(), Ok(event));
            }
        }
    }

    #[test]
    fn a_lane_or_text_cannot_break_the_line() {
        let event = Event::new("worker  1\n", Verb::Got, 1).text("two\nlines  here");
        assert_eq!(event.to_string(), "worker 1  got o-1 two lines here");
        assert_eq!(event.to_string().parse(), Ok(event));
    }

    #[test]
    fn what_is_wrong_with_a_line_is_named() {
        let error = |line: &str| line.parse::<Event>().unwrap_err();
        assert_eq!(
            error("shop sent o-1"),
            ParseError::NoLane("shop sent o-1".into())
        );
        assert_eq!(error("  sent o-1"), ParseError::NoLane("  sent o-1".into()));
        assert_eq!(
            error("worker 1  killed while it holds o-3"),
            ParseError::Verb("killed".into())
        );
        assert_eq!(error("shop  sent"), ParseError::Message("".into()));
        assert_eq!(error("shop  sent 1"), ParseError::Message("1".into()));
        assert_eq!(error("shop  sent o-+1"), ParseError::Message("o-+1".into()));
    }
}
