//! Frames between a listing and its broker, as they are recorded and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
    /// The frame as it is shown: no text is long, and none is taken for two columns.
    pub fn shortened(mut self) -> Frame {
        let more = self.about.len().saturating_sub(NAMED);
        if more > 0 {
            self.about.truncate(NAMED);
            self.about.push(format!("{MORE}{more} more"));
        }
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

    /// What two runs of one listing have in common: which messages went with frames of which kind.
    /// How often, in which batches and by whom is a matter of moments.
    fn shape(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut shape: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for frame in &self.frames {
            let about = shape.entry(&frame.kind).or_default();
            about.extend(frame.about.iter().map(String::as_str));
        }
        shape
    }

    /// What the recorded frames tell and this run does not, and the reverse; a line each. What was
    /// left out of the recording is not missed in it.
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
            for about in old.difference(new).filter(|about| !is_more(about)) {
                tell('-', about);
            }
            for about in new.difference(old).filter(|_| !cut) {
                tell('+', about);
            }
        }
        lines
    }
}
