//! What a learner reads.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use history::Strip;
use serde_json::json;

use crate::Verdict;
use crate::case::Moment;

/// Lines of the account that a report shows; of a longer one, the first and the last.
const MOMENTS: usize = 24;
/// Sentences of a verdict that it shows.
const SENTENCES: usize = 5;
/// Sentences that are kept for whoever reads the report by a program.
const MOST: usize = 100;
/// Frames about one message that it shows.
const TRAIL: usize = 12;
/// Lines that the file for programs has.
const LOG: usize = 1_000;
/// How wide the name of who did it is in those.
const LANE: usize = 12;
/// Lines of the program's own words that it shows.
const SAID: usize = 8;

/// A verdict and what led to it.
pub struct Report {
    /// The exercise's name.
    pub exercise: String,
    /// Which of the program's variants it was.
    pub variant: Option<String>,
    /// What the run comes to.
    pub verdict: Verdict,
    /// One sentence for each thing that is wrong.
    pub why: Vec<String>,
    /// Replays the run.
    pub seed: u64,
    /// Whether faults were off.
    pub faultless: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The brokers that took part.
    pub brokers: Vec<String>,
    /// What happened.
    pub moments: Vec<Moment>,
    /// The same, with all that the proxies saw of all messages.
    pub log: Vec<Moment>,
    /// What became of each message.
    pub strip: Strip,
    /// The order that the verdict is about.
    pub about: Option<u32>,
    /// The frames in which the proxy saw it, in words.
    pub trail: Vec<String>,
    /// The program's last lines.
    pub said: Vec<String>,
    /// The faults that the story has, in words.
    pub faults: Vec<String>,
    /// Which of them this program does nothing for that they could strike: their numbers, from 1.
    pub placeless: Vec<usize>,
    pub(crate) file: Option<PathBuf>,
}

impl Report {
    /// The report as the terminal shows it.
    pub fn text(&self, hint: Option<&str>) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut text, hint);
        text
    }

    fn write(&self, to: &mut String, hint: Option<&str>) -> std::fmt::Result {
        let Report {
            exercise, verdict, ..
        } = self;
        let variant = self.variant.as_ref();
        let variant = variant.map_or_else(String::new, |variant| format!(", {variant}"));
        let faults = if self.faultless {
            ", without faults"
        } else {
            ""
        };
        writeln!(to, "\n{exercise}{variant}: {verdict}{faults}\n")?;
        for why in self.why.iter().take(SENTENCES) {
            writeln!(to, "  {why}.")?;
        }
        if self.why.len() > SENTENCES {
            writeln!(to, "  And {} more.", self.why.len() - SENTENCES)?;
        }
        if !self.why.is_empty() {
            writeln!(to)?;
        }
        if !self.account().is_empty() {
            self.write_account(to)?;
        }
        if let Some(hint) = hint {
            writeln!(to, "Hint 1 of 3:\n  {}\n", hint.replace('\n', "\n  "))?;
        }
        let other = match self.seed {
            0 => "with --seed 1 the run is another one",
            _ => "with the same seed the run is the same",
        };
        write!(to, "seed {}, {} ms", self.seed, self.ms)?;
        for broker in &self.brokers {
            write!(to, ", {broker}")?;
        }
        writeln!(to, "; {other}\n")
    }

    fn write_account(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "What happened, in ms:")?;
        let lane = self.moments.iter().map(|moment| moment.lane.len()).max();
        let lane = lane.unwrap_or(0);
        let (skipped, after) = match self.moments.len().checked_sub(MOMENTS) {
            Some(more) if more > 0 => (more, MOMENTS / 2),
            _ => (0, usize::MAX),
        };
        for (place, moment) in self.moments.iter().enumerate() {
            if place == after {
                writeln!(to, "         ... {skipped} lines")?;
            }
            if place >= after && place < after + skipped {
                continue;
            }
            let Moment {
                ms,
                lane: who,
                text,
                ..
            } = moment;
            writeln!(to, "  {ms:>6}  {who:<lane$}  {text}")?;
        }
        if !self.strip.fates().is_empty() {
            writeln!(to)?;
            for row in self.strip.to_string().lines() {
                writeln!(to, "  {row}")?;
            }
        }
        if let Some(order) = self.about
            && !self.trail.is_empty()
        {
            writeln!(to, "\nWhat the proxy saw of o-{order}:")?;
            for line in self.trail.iter().take(TRAIL) {
                writeln!(to, "  {line}")?;
            }
            if self.trail.len() > TRAIL {
                writeln!(to, "  ... {} more", self.trail.len() - TRAIL)?;
            }
        }
        let said = &self.said[self.said.len().saturating_sub(SAID)..];
        if self.verdict != Verdict::Passed && !said.is_empty() {
            writeln!(to, "\nThe program's last words:")?;
            for line in said {
                writeln!(to, "  | {line}")?;
            }
        }
        writeln!(to)
    }

    /// All that happened, a line each: milliseconds since the first, who, what.
    fn log(&self) -> Vec<String> {
        let first = self.log.first().map_or(0, |moment| moment.ms);
        let line = |Moment { ms, lane, text }: &Moment| {
            format!("{:>6}  {lane:<LANE$}  {text}", ms - first)
        };
        self.log.iter().take(LOG).map(line).collect()
    }

    /// What a reader is shown of what happened: of a program that is not written yet, nothing.
    fn account(&self) -> &[Moment] {
        match self.verdict {
            Verdict::NotAttempted => &[],
            _ => &self.moments,
        }
    }

    /// Writes what a program reads: verdict, seed, time, what happened.
    pub(crate) fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let fates = !self.account().is_empty() && !self.strip.fates().is_empty();
        let value = json!({
            "exercise": self.exercise,
            "verdict": self.verdict,
            "why": self.why.iter().take(MOST).collect::<Vec<_>>(),
            "seed": self.seed,
            "faults": self.faults.len(),
            "placeless": self.placeless,
            "ms": self.ms,
            "brokers": self.brokers,
            "moments": self.account(),
            "strip": if fates { self.strip.html() } else { String::new() },
            "log": self.log(),
        });
        std::fs::write(file, value.to_string())
            .with_context(|| format!("cannot write {}", file.display()))
    }
}
