//! Frames between a listing and its broker, as they are recorded and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The frames in which a client says what becomes of a message, or how far it has come.
const SETTLES: [&str; 9] = [
    "+ACK",
    "-NAK",
    "+TERM",
    "basic.ack",
    "basic.nack",
    "basic.reject",
    "OffsetCommit request",
    "TxnOffsetCommit request",
    "EndTxn request",
];
/// The frames in which a broker hands out messages. It does so ahead of the work, as fast as it and
/// the client are, so that what is under way when a run ends is a matter of moments.
const HANDS_OUT: [&str; 5] = [
    "MSG",
    "HMSG",
    "basic.deliver",
    "basic.get-ok",
    "Fetch answer",
];
/// What stands for a column that is empty.
const NOTHING: &str = "-";
/// How many messages a frame that is shown names.
const NAMED: usize = 8;
/// What the number of the others begins with.
const MORE: &str = "and ";
/// How many things it says.
const FIELDS: usize = 24;
/// How long what it says of one thing may be, in characters.
const SAID: usize = 80;

/// A frame. Its text is one line, with two spaces between its columns:
/// `34  orders  ->  PUB  o-1  subject: order.created; reply: inbox 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Frame {
    /// When it passed, in milliseconds since the run began.
    pub ms: u64,
    /// The client: what it calls itself, or else its connection.
    pub lane: String,
    /// Whether it goes to the broker, or else comes from there.
    pub to_broker: bool,
    /// What sort of frame it is, such as `PUB`.
    pub kind: String,
    /// The messages that it carries.
    pub about: Vec<String>,
    /// What else it says: names and values.
    pub says: Vec<(String, String)>,
}

impl Frame {
    /// It carries so many messages that it does not name.
    pub fn carries_more(&mut self, more: usize) {
        if more > 0 && !self.about.is_empty() {
            self.about.push(format!("{MORE}{more} more"));
        }
    }

    fn unnamed(&self) -> usize {
        let last = self.about.last().and_then(|last| last.strip_prefix(MORE));
        let count = last.and_then(|it| it.strip_suffix(" more")?.parse().ok());
        count.unwrap_or_default()
    }

    /// The frame as it is shown: no text is long, and none is taken for two columns.
    pub fn shortened(mut self) -> Frame {
        let unnamed = self.unnamed();
        if unnamed > 0 {
            self.about.pop();
        }
        let more = self.about.len().saturating_sub(NAMED) + unnamed;
        self.about.truncate(NAMED);
        self.carries_more(more);
        for text in self.about.iter_mut().chain([&mut self.lane]) {
            *text = plain(text, ',');
        }
        self.says.truncate(FIELDS);
        for (name, value) in &mut self.says {
            (*name, *value) = (plain(name, ':'), plain(value, ';'));
        }
        self
    }
}

/// Whether it stands for messages that are not named.
fn is_more(about: &str) -> bool {
    about.starts_with(MORE)
}

/// A short text of one line, without this character and without two spaces in a row.
fn plain(text: &str, without: char) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c == without || c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    match text.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |text: String| match text.is_empty() {
            true => NOTHING.to_owned(),
            false => text,
        };
        let says = self.says.iter();
        let says: Vec<String> = says.map(|(name, it)| format!("{name}: {it}")).collect();
        write!(
            f,
            "{}  {}  {}  {}  {}  {}",
            self.ms,
            column(self.lane.clone()),
            if self.to_broker { "->" } else { "<-" },
            self.kind,
            column(self.about.join(", ")),
            column(says.join("; ")),
        )
    }
}

/// Why a line is no frame.
#[derive(Debug)]
pub struct NoFrame(String);

impl fmt::Display for NoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no frame", self.0)
    }
}

impl FromStr for Frame {
    type Err = NoFrame;

    fn from_str(line: &str) -> Result<Frame, NoFrame> {
        read(line).ok_or_else(|| NoFrame(line.to_owned()))
    }
}

fn read(line: &str) -> Option<Frame> {
    let columns: Vec<&str> = line.split("  ").collect();
    let [ms, lane, way, kind, about, says] = columns[..] else {
        return None;
    };
    let says = list(says, "; ").map(|said| {
        let (name, value) = said.split_once(": ").unwrap_or((said, ""));
        (name.to_owned(), value.to_owned())
    });
    Some(Frame {
        ms: ms.parse().ok()?,
        lane: filled(lane).to_owned(),
        to_broker: match way {
            "->" => true,
            "<-" => false,
            _ => return None,
        },
        kind: kind.to_owned(),
        about: list(about, ", ").map(str::to_owned).collect(),
        says: says.collect(),
    })
}

fn filled(column: &str) -> &str {
    if column == NOTHING { "" } else { column }
}

fn list<'a>(column: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = filled(column).split(separator);
    parts.filter(|part| !part.is_empty())
}

impl From<Frame> for String {
    fn from(frame: Frame) -> String {
        frame.to_string()
    }
}

impl TryFrom<String> for Frame {
    type Error = NoFrame;

    fn try_from(line: String) -> Result<Frame, NoFrame> {
        line.parse()
    }
}

/// What passed between a listing and its broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// The frames that tell the story, oldest first.
    pub frames: Vec<Frame>,
    /// By kind: how many others there were.
    pub rest: BTreeMap<String, u64>,
}

impl Wire {
    /// The first frames, so many; of the others the number.
    pub fn bounded(mut self, most: usize) -> Wire {
        let kept = most.min(self.frames.len());
        for frame in self.frames.split_off(kept) {
            *self.rest.entry(frame.kind).or_default() += 1;
        }
        self.frames = self.frames.into_iter().map(Frame::shortened).collect();
        self
    }

    /// What two runs of one listing have in common: which messages a client sent with frames of which
    /// kind, and how clients settled some. How often, in which batches, by whom, what was handed out,
    /// and what else was said is a matter of moments.
    fn shape(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut shape: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let holds = |frame: &&Frame| {
            let says = !frame.about.is_empty() || SETTLES.contains(&&*frame.kind);
            says && !HANDS_OUT.contains(&&*frame.kind)
        };
        for frame in self.frames.iter().filter(holds) {
            let about = shape.entry(&frame.kind).or_default();
            // A recorded one has lost the spaces at its end.
            about.extend(frame.about.iter().map(|about| about.trim_end()));
        }
        shape
    }

    /// What the recorded frames tell and this run does not, and the reverse; a line each. Where one
    /// of them does not name all, nothing is missed in it.
    pub fn unlike(&self, recorded: &Wire) -> Vec<String> {
        let (before, now) = (recorded.shape(), self.shape());
        let none = BTreeSet::new();
        let kinds: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
        let mut lines = Vec::new();
        for kind in kinds {
            let (old, new) = (before.get(kind), now.get(kind));
            let mut tell = |sign: char, what: &str| lines.push(format!("{sign}{kind} {what}"));
            match (old, new) {
                (Some(_), None) => tell('-', "(none in this run)"),
                (None, Some(_)) => tell('+', "(none recorded)"),
                _ => {}
            }
            let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
            let cut = recorded.rest.contains_key(kind) || old.iter().any(|it| is_more(it));
            let unnamed = new.iter().any(|it| is_more(it));
            let missing = old.difference(new).filter(|about| !is_more(about));
            for about in missing.filter(|_| !unnamed) {
                tell('-', about);
            }
            let added = new.difference(old).filter(|about| !is_more(about));
            for about in added.filter(|_| !cut) {
                tell('+', about);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wire(lines: &[&str]) -> Wire {
        Wire {
            frames: lines.iter().map(|line| line.parse().unwrap()).collect(),
            rest: BTreeMap::new(),
        }
    }

    #[test]
    fn a_frame_is_a_line_and_a_line_is_a_frame() {
        for line in [
            "34  orders  ->  PUB  o-1  subject: order.created; reply: inbox 1",
            "0  -  <-  Fetch answer  o-1, o-2, and 3 more  orders partition: 0 at 3, 5 records",
            "7  worker 1  ->  +ACK  -  -",
        ] {
            let frame: Frame = line.parse().unwrap();
            assert_eq!(frame.to_string(), line);
            let json = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<Frame>(&json).unwrap(), frame);
        }
        for line in [
            "",
            "34  orders  ->  PUB  o-1",
            "x  a  ->  PUB  -  -",
            "1  a  =>  PUB  -  -",
        ] {
            let error = line.parse::<Frame>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{line}` is no frame"));
        }
    }

    #[test]
    fn what_a_frame_says_cannot_be_taken_for_something_else() {
        let said = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let frame = Frame {
            ms: 1,
            lane: "a  b\n".to_owned(),
            to_broker: true,
            kind: "PUB".to_owned(),
            about: (1..=10).map(|number| format!("o-{number}")).collect(),
            says: vec![said("a: b", "c; d:  e"), said("long", &"ö".repeat(200))],
        };
        let frame = frame.shortened();
        assert_eq!(frame.to_string().parse::<Frame>().unwrap(), frame);
        assert_eq!(frame.lane, "a b");
        assert_eq!(frame.about[7..], ["o-8", "and 2 more"]);
        assert_eq!(frame.clone().shortened(), frame);
        assert_eq!(frame.says[0], said("a b", "c d: e"));
        assert_eq!(frame.says[1].1.chars().count(), SAID + 3);
    }

    #[test]
    fn two_runs_are_alike_where_the_same_messages_went_in_frames_of_the_same_kinds() {
        let recorded = wire(&[
            "1  a  ->  Produce  o-1  -",
            "2  a  ->  Produce  o-2  -",
            "3  b  <-  Fetch  o-1, o-2  -",
        ]);
        let other = wire(&[
            "7  c  ->  Produce  o-1, o-2  -",
            "8  d  <-  Fetch  o-1  -",
            "9  e  <-  Fetch  o-1, o-2  -",
        ]);
        assert_eq!(other.unlike(&recorded), [""; 0]);
        let less = wire(&[
            "1  a  ->  Produce  o-1, o-3  -",
            "2  a  ->  basic.ack  -  -",
            "3  a  ->  basic.get  -  -",
        ]);
        assert_eq!(
            less.unlike(&recorded),
            [
                "-Fetch (none in this run)",
                "-Fetch o-1",
                "-Fetch o-2",
                "-Produce o-2",
                "+Produce o-3",
                "+basic.ack (none recorded)",
            ]
        );
    }

    #[test]
    fn what_was_left_out_of_a_recording_is_not_missed() {
        let all: Vec<String> = (1..=20)
            .map(|number| format!("{number}  a  ->  PUB  o-{number}  -"))
            .collect();
        let all = wire(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let recorded = all.clone().bounded(12);
        assert_eq!(recorded.frames.len(), 12);
        assert_eq!(recorded.rest, BTreeMap::from([("PUB".to_owned(), 8)]));
        assert_eq!(all.unlike(&recorded), [""; 0]);
        let unnamed = wire(&["1  a  ->  PUB  o-1, and 30 more  -"]);
        assert_eq!(unnamed.unlike(&recorded), [""; 0]);
        assert_eq!(all.unlike(&unnamed), [""; 0]);
        let batch = wire(&["1  a  ->  PUB  o-1, o-2, o-3, o-4, o-5, o-6, o-7, o-8, o-9  -"]);
        assert_eq!(batch.unlike(&batch.clone().bounded(12)), [""; 0]);
        let other = wire(&["1  a  ->  PUB  o-2  -"]);
        assert_eq!(other.unlike(&recorded)[0], "-PUB o-1");
        assert!(
            !other
                .unlike(&recorded)
                .iter()
                .any(|line| line.starts_with('+'))
        );
    }
}
