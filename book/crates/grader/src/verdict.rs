//! The names of verdicts.

use std::fmt;

use serde::Serialize;

use crate::once::orders;

/// What a run of a program comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong with what the broker saw, and every fault has struck for which the program does
    /// something that it could strike.
    Passed,
    /// The program does nothing yet.
    NotAttempted,
    /// A fault did not strike, or the run could not be judged: it counts neither way.
    Inconclusive,
    /// It still ran at its time limit.
    Hangs,
    /// It printed more than anybody reads.
    EndlessOutput,
    /// It panicked.
    Panicked,
    /// It ended and left processes behind.
    LeftProcesses,
    /// It ran to its time limit and never connected to its broker.
    NeverConnected,
    /// It ended with an error.
    Exited,
    /// The learner predicted another verdict.
    Misjudged,
    /// The broker's record is wrong, by the name of what is wrong: `lost-message`, `duplicate`.
    Wrong(String),
}

impl Verdict {
    /// Its name, as a page, a manifest and the report write it.
    pub fn name(&self) -> &str {
        match self {
            Verdict::Passed => "passed",
            Verdict::NotAttempted => "not-attempted",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Hangs => "hangs",
            Verdict::EndlessOutput => "endless-output",
            Verdict::Panicked => "panicked",
            Verdict::LeftProcesses => "left-processes",
            Verdict::NeverConnected => "never-connected",
            Verdict::Exited => "exited",
            Verdict::Misjudged => "misjudged",
            Verdict::Wrong(name) => name,
        }
    }

    /// What counts before what, where a run has several things wrong with it. A program that is
    /// not written yet is told first, one that had to be ended next: its record is cut short. What
    /// the broker saw counts before how the program ended.
    fn rank(&self) -> u8 {
        match self {
            Verdict::NotAttempted => 0,
            Verdict::NeverConnected | Verdict::Hangs | Verdict::EndlessOutput => 1,
            Verdict::Panicked => 2,
            Verdict::Wrong(_) | Verdict::Misjudged => 3,
            Verdict::Exited => 4,
            Verdict::LeftProcesses => 5,
            Verdict::Inconclusive => 6,
            Verdict::Passed => 7,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing that is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub verdict: Verdict,
    /// One sentence: which message, when, what the program did.
    pub why: String,
}

/// The verdict of a run with these findings, and the sentences that belong to it.
pub(crate) fn sum(findings: &[Finding]) -> (Verdict, Vec<String>) {
    let first = findings.iter().min_by_key(|finding| finding.verdict.rank());
    let Some(first) = first else {
        return (Verdict::Passed, Vec::new());
    };
    let same = findings
        .iter()
        .filter(|finding| finding.verdict == first.verdict);
    let why = same.map(|finding| finding.why.clone()).collect();
    (first.verdict.clone(), why)
}

/// The order that the verdict is about: the first that its sentences name.
pub(crate) fn about(findings: &[Finding]) -> Option<u32> {
    let (verdict, why) = sum(findings);
    let Verdict::Wrong(_) = verdict else {
        return None;
    };
    orders(why.first()?.as_bytes()).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict, why: &str) -> Finding {
        Finding {
            verdict,
            why: why.to_owned(),
        }
    }

    #[test]
    fn without_a_finding_it_is_passed() {
        assert_eq!(sum(&[]), (Verdict::Passed, Vec::new()));
    }

    #[test]
    fn what_the_broker_saw_counts_before_how_the_program_ended() {
        let lost = || Verdict::Wrong("lost-message".into());
        let (verdict, why) = sum(&[
            finding(Verdict::Inconclusive, "no strike"),
            finding(Verdict::Exited, "exit code 1"),
            finding(lost(), "o-1 is gone"),
            finding(Verdict::Wrong("duplicate".into()), "o-2 twice"),
            finding(lost(), "o-3 is gone"),
        ]);
        assert_eq!(verdict.name(), "lost-message");
        assert_eq!(why, ["o-1 is gone", "o-3 is gone"]);
    }

    #[test]
    fn a_verdict_is_about_the_order_that_it_names_first() {
        let wrong = |why| finding(Verdict::Wrong("duplicate".into()), why);
        let findings = [
            wrong("the topic has o-12, o-3 and o-12 again"),
            wrong("o-4 twice"),
        ];
        assert_eq!(about(&findings), Some(12));
        assert_eq!(about(&[finding(Verdict::Hangs, "o-1 took long")]), None);
        assert_eq!(about(&[]), None);
    }

    #[test]
    fn what_is_not_written_yet_is_told_first() {
        let (verdict, _) = sum(&[
            finding(Verdict::Panicked, "not yet implemented"),
            finding(Verdict::NotAttempted, "todo"),
        ]);
        assert_eq!(verdict, Verdict::NotAttempted);
    }
}
