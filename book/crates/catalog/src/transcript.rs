//! Recorded runs: `transcripts/NAME.trycmd`, which the suite compares, and beside it
//! `NAME.run.json`, the real lines that a page shows.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use history::{Strip, lane};
use serde::{Deserialize, Serialize};

use crate::files::{instead, read, shown};
use crate::{Catalog, Frame, Wire};

/// The lane of the fate strip: it follows all others, in every listing.
const FATE: &str = "fate";

/// A recorded run.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// The chapter's id.
    pub chapter: String,
    /// The transcript's name, such as `auto-crash`.
    pub name: String,
    /// The `.trycmd` file.
    pub path: PathBuf,
    /// The command as a reader types it, without the prompt.
    pub command: String,
    /// The exit code that the command must have.
    pub status: i32,
    /// The output in canonical form.
    pub canonical: Vec<String>,
    /// What was recorded, where it was.
    pub run: Option<Run>,
}

/// What was recorded in `NAME.run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The command as a reader types it.
    pub command: String,
    /// The broker that answered; none for a listing that talks to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<Version>,
    /// The broker client and its version, such as `lapin 4.12.3`; empty without a broker.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// The day of the recording, `YYYY-MM-DD`.
    pub date: String,
    /// The exit code; left out where it is 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exit: i32,
    /// The lines of the output in their real order.
    pub lines: Vec<Line>,
    /// The frames between the listing and the broker; empty where none were recorded.
    pub wire: Vec<Frame>,
    /// By kind: how many frames passed that are not among those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rest: BTreeMap<String, u64>,
}

/// A broker and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The broker's name, such as `RabbitMQ`.
    pub name: String,
    /// The broker's version, such as `4.3.6`.
    pub version: String,
}

/// One line of output. Its `Display` is the line as it was printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When it was printed, in milliseconds since the run began.
    pub ms: u64,
    /// Who it is about; empty for a line without a lane, such as an error's.
    pub lane: String,
    /// The rest of the line.
    pub text: String,
}

impl Line {
    /// Takes a printed line apart.
    pub fn new(ms: u64, line: &str) -> Line {
        let (lane, text) = lane(line).unwrap_or(("", line));
        Line {
            ms,
            lane: lane.to_owned(),
            text: text.to_owned(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lane.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "{}  {}", self.lane, self.text)
    }
}

fn is_zero(exit: &i32) -> bool {
    *exit == 0
}

impl Run {
    /// The lines of the output as they were printed.
    pub fn output(&self) -> Vec<String> {
        self.lines.iter().map(Line::to_string).collect()
    }

    /// What passed between the listing and its broker.
    pub fn passed(&self) -> Wire {
        Wire {
            frames: self.wire.clone(),
            rest: self.rest.clone(),
        }
    }
}

impl Transcript {
    /// The fate strip that the run ended with.
    ///
    /// # Errors
    /// When the output has none, or one that does not add up.
    pub fn strip(&self) -> Result<Strip> {
        Strip::parse(&self.canonical)
            .with_context(|| format!("{}/transcripts/{}.trycmd", self.chapter, self.name))
    }

    /// The text of a `.trycmd` file.
    pub fn trycmd(command: &str, status: i32, canonical: &[String]) -> String {
        let mut text = format!("```console\n$ {command}\n");
        if status != 0 {
            text.push_str(&format!("? {status}\n"));
        }
        for line in canonical {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("```\n");
        text
    }
}

impl Catalog {
    /// Where the transcript `name` of a chapter stands or would stand; its `.run.json` is beside it.
    ///
    /// # Errors
    /// When there is no such chapter.
    pub fn transcript_path(&self, chapter: &str, name: &str) -> Result<PathBuf> {
        let folder = self.chapter(chapter)?.dir.join("transcripts");
        Ok(folder.join(format!("{name}.trycmd")))
    }

    /// A recorded run of a chapter.
    ///
    /// # Errors
    /// When there is none of this name, or one of its two files is malformed; the message has
    /// the file, the line and the fix.
    pub fn transcript(&self, chapter: &str, name: &str) -> Result<Transcript> {
        let path = self.transcript_path(chapter, name)?;
        let file = self.shown(&path);
        if !path.is_file() {
            let names = self.chapter(chapter)?.transcripts()?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            bail!(
                "{file} does not exist; {}, or record it with `cargo book accept {chapter}/{name}`",
                instead(name, &names)
            );
        }
        let (command, status, canonical) = parse(&file, &read(&self.root, &path)?)?;
        Ok(Transcript {
            chapter: chapter.to_owned(),
            name: name.to_owned(),
            run: read_run(&self.root, &path.with_extension("run.json"))?,
            path,
            command,
            status,
            canonical,
        })
    }
}

fn read_run(root: &Path, path: &Path) -> Result<Option<Run>> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = shown(root, path);
    let run = serde_json::from_str(&read(root, path)?).with_context(|| {
        format!("{file} is malformed; record it again with `cargo book accept`")
    })?;
    Ok(Some(run))
}

/// The command, exit code and output of a `.trycmd` file that holds one command.
fn parse(file: &str, text: &str) -> Result<(String, i32, Vec<String>)> {
    let mut lines = text.lines().enumerate();
    if !lines.any(|(_, line)| line == "```console") {
        bail!("{file}: there is no ```console block; record it again with `cargo book accept`");
    }
    let Some(command) = lines.next().and_then(|(_, line)| line.strip_prefix("$ ")) else {
        bail!("{file}: the ```console block does not begin with `$ ` and a command");
    };
    let mut status = 0;
    let mut output = Vec::new();
    for (index, line) in lines {
        let number = index + 1;
        if line == "```" {
            return Ok((command.trim().to_owned(), status, output));
        }
        if line.starts_with("$ ") {
            bail!(
                "{file}:{number}: a transcript holds one command; put this one in a file of its own"
            );
        }
        match line.strip_prefix("? ") {
            Some(code) if output.is_empty() => {
                status = code.trim().parse().with_context(|| {
                    format!(
                        "{file}:{number}: `{}` is no exit code; write its number",
                        code.trim()
                    )
                })?;
            }
            _ => output.push(line.to_owned()),
        }
    }
    bail!("{file}: the ```console block is never closed; add ``` as its last line");
}

/// What a program says on standard error about its own failure: everything from the first
/// line on that begins an error, a warning or a panic. What stands before it are notes on the
/// broker (where it came from, how long it took); they differ from run to run and are left out.
pub fn errors(stderr: &str) -> Vec<String> {
    const BEGIN: [&str; 5] = ["error", "Error", "warning", "thread '", "Usage:"];
    stderr
        .lines()
        .skip_while(|line| !BEGIN.iter().any(|begin| line.starts_with(begin)))
        .map(str::to_owned)
        .collect()
}

/// The canonical form of a run's output: its lines grouped by lane, in the order of `lanes`,
/// the fate strip after them and lines without a lane (an error's) last. Lines of one lane
/// keep their order. Which of two lanes prints first is a race in many listings; what each
/// prints is not. With one lane, or none, the output stays as it is.
///
/// # Errors
/// When a line's lane is not in `lanes`; the message names the fix.
pub fn canonical(lines: &[String], lanes: &[String]) -> Result<Vec<String>> {
    if lanes.is_empty() {
        return Ok(lines.to_vec());
    }
    let known = |name: &str| name == FATE || lanes.iter().any(|lane| lane == name);
    if let Some(line) = lines
        .iter()
        .find(|line| lane(line).is_some_and(|(name, _)| !known(name)))
    {
        let name = lane(line).map_or("", |(name, _)| name);
        bail!(
            "the lane `{name}` of the line `{line}` is unknown; add it to `lanes` in \
             [package.metadata.book] of the chapter's Cargo.toml, where it belongs in the order"
        );
    }
    if lanes.iter().filter(|lane| *lane != FATE).count() == 1 {
        return Ok(lines.to_vec());
    }
    let order = |line: &String| match lane(line) {
        None => lanes.len() + 1,
        Some((name, _)) => lanes
            .iter()
            .position(|lane| lane == name)
            .unwrap_or(lanes.len()),
    };
    let mut grouped = lines.to_vec();
    grouped.sort_by_key(order);
    Ok(grouped)
}
