//! Writes a transcript's two files, and shows what changes.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use catalog::{Run, Transcript};
use companion::tap::RECORDED;

use super::record::Recorded;
use crate::difference::difference;

/// What became of a transcript.
pub enum Outcome {
    /// The run says what the transcript says already.
    Same,
    /// The canonical form is the same; the real lines or the frames were missing, the frames were
    /// others, or they were from another version of the broker or its client. Both are written.
    Completed,
    /// Both files are written; this is the change of the canonical form.
    Changed(String),
}

impl Outcome {
    /// The words for it.
    pub fn told(&self, title: &str) -> String {
        match self {
            Outcome::Same => format!("{title}: unchanged"),
            Outcome::Completed => format!("{title}: its real lines and frames are recorded"),
            Outcome::Changed(difference) => format!("{title}: recorded\n{difference}"),
        }
    }
}

/// Writes what changed. Real lines and frames have new times in each run; they stay as they are
/// while the canonical form does, what the frames carry, and the versions of broker and client.
pub fn store(transcript: &Transcript, recorded: Recorded, client: String) -> Result<Outcome> {
    let same = transcript.canonical == recorded.canonical;
    let complete = transcript.run.as_ref().is_some_and(|run| {
        let like = recorded.wire.unlike(&run.passed()).is_empty();
        // Where no message passed, the greetings are all there is.
        let counted = !run.rest.is_empty() || recorded.wire.rest.is_empty();
        let current = run.broker == recorded.broker && run.client == client;
        run.command == transcript.command && current && like && counted
    });
    if same && complete {
        return Ok(Outcome::Same);
    }
    let wire = recorded.wire.bounded(RECORDED);
    let run = Run {
        command: transcript.command.clone(),
        broker: recorded.broker,
        client,
        date: time::OffsetDateTime::now_utc().date().to_string(),
        exit: recorded.run.code,
        lines: recorded.run.output(),
        wire: wire.frames,
        rest: wire.rest,
    };
    let json = serde_json::to_string_pretty(&run).context("a run does not become JSON")?;
    write(
        &transcript.path.with_extension("run.json"),
        &format!("{json}\n"),
    )?;
    if same {
        return Ok(Outcome::Completed);
    }
    let difference = difference(&transcript.canonical, &recorded.canonical);
    let trycmd = Transcript::trycmd(&transcript.command, recorded.run.code, &recorded.canonical);
    write(&transcript.path, &trycmd)?;
    Ok(Outcome::Changed(difference))
}

/// Writes a file in one step.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    // As any new file: readable by all that the user's umask allows.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut builder = tempfile::Builder::new();
    let mut file = builder
        .permissions(permissions)
        .tempfile_in(folder)
        .with_context(what)?;
    file.write_all(text.as_bytes()).with_context(what)?;
    file.persist(path).with_context(what)?;
    Ok(())
}
