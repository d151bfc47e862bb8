//! The fate strip: one mark for each message, in the order of their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::number;
use crate::{Event, Fate, ParseError, Verb, lane};

/// The lane of the strip's lines in the output.
const LANE: &str = "fate";
/// Marks in a row, in the terminal and on the page.
pub(crate) const ROW: usize = 10;

/// What became of each message of a run. Its `Display` is the terminal's form: rows of
/// marks, then the counts, every line in the lane `fate`, without a line break at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    fates: Vec<(u32, Fate)>,
}

/// Judges the events of a run. `left` are the numbers of the messages that are still on
/// the broker when the run ends.
///
/// The first rule that fits decides:
/// 1. done twice or more: [`Fate::Duplicate`]
/// 2. left on the broker: [`Fate::Stuck`]
/// 3. done once: [`Fate::Done`], or [`Fate::Redelivered`] when received twice or more
/// 4. accepted by the broker: [`Fate::Lost`]
///
/// A message is accepted when it was stored or received. In a run where no event says
/// stored (core NATS answers nothing), it is accepted as soon as it is sent. A message
/// that was never accepted has no fate and no mark: its publisher still has it.
///
/// Where several subscribers each get a copy of every message, pass the events of the one
/// that you judge, together with the publisher's.
pub fn strip(events: &[Event], left: &[u32]) -> Strip {
    let confirmed = events.iter().any(|event| event.verb == Verb::Stored);
    let mut counts: BTreeMap<u32, Counts> = BTreeMap::new();
    for event in events {
        let count = counts.entry(event.message).or_default();
        match event.verb {
            Verb::Sent => count.accepted |= !confirmed,
            Verb::Stored => count.accepted = true,
            Verb::Got => {
                count.accepted = true;
                count.got += 1;
            }
            Verb::Done => count.done += 1,
            Verb::Failed | Verb::Back => {}
        }
    }
    let left: BTreeSet<u32> = left.iter().copied().collect();
    for message in &left {
        counts.entry(*message).or_default();
    }
    let fates = counts
        .into_iter()
        .filter_map(|(message, count)| Some((message, count.fate(left.contains(&message))?)))
        .collect();
    Strip { fates }
}

#[derive(Default)]
struct Counts {
    accepted: bool,
    got: usize,
    done: usize,
}

impl Counts {
    fn fate(&self, left: bool) -> Option<Fate> {
        match self.done {
            2.. => Some(Fate::Duplicate),
            _ if left => Some(Fate::Stuck),
            1 if self.got > 1 => Some(Fate::Redelivered),
            1 => Some(Fate::Done),
            0 => self.accepted.then_some(Fate::Lost),
        }
    }
}

impl Strip {
    /// The messages and their fates, by number.
    pub fn fates(&self) -> &[(u32, Fate)] {
        &self.fates
    }

    /// How many messages met this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|(_, met)| *met == fate).count()
    }

    /// The counts in words, such as `2 done, 1 redelivered`; fates that no message met are
    /// left out. `no messages` for an empty strip.
    pub fn summary(&self) -> String {
        let counts: Vec<String> = Fate::ALL
            .into_iter()
            .map(|fate| (self.count(fate), fate))
            .filter(|(count, _)| *count > 0)
            .map(|(count, fate)| format!("{count} {fate}"))
            .collect();
        if counts.is_empty() {
            return "no messages".to_owned();
        }
        counts.join(", ")
    }

    /// Reads the strip back from a run's lines; lines of other lanes are passed over.
    ///
    /// # Errors
    /// When there is no strip, a mark is unknown, or the counts differ from the marks.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Strip, ParseError> {
        let rows: Vec<&str> = lines
            .iter()
            .filter_map(|line| lane(line.as_ref()))
            .filter(|(lane, _)| *lane == LANE)
            .map(|(_, row)| row)
            .collect();
        let (counts, marks) = rows.split_last().ok_or(ParseError::NoStrip)?;
        let fates = marks
            .iter()
            .flat_map(|row| row.split("  "))
            .map(mark)
            .collect::<Result<_, _>>()?;
        let strip = Strip { fates };
        if strip.summary() != *counts {
            return Err(ParseError::Count {
                marks: strip.summary(),
                line: (*counts).to_owned(),
            });
        }
        Ok(strip)
    }
}

impl fmt::Display for Strip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.fates.chunks(ROW) {
            f.write_str(LANE)?;
            for (message, fate) in row {
                write!(f, "  o-{message} {}{}", fate.shape(), fate.letter())?;
            }
            writeln!(f)?;
        }
        write!(f, "{LANE}  {}", self.summary())
    }
}

/// One mark of the terminal's form, such as `o-3 ↻R`.
fn mark(text: &str) -> Result<(u32, Fate), ParseError> {
    let (message, mark) = text.split_once(' ').unwrap_or((text, ""));
    let fate = Fate::ALL
        .into_iter()
        .find(|fate| mark.chars().eq([fate.shape(), fate.letter()]))
        .ok_or_else(|| ParseError::Fate(mark.to_owned()))?;
    Ok((number(message)?, fate))
}

#[cfg(test)]
mod tests;
