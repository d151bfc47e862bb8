//! What a page may ask for: a listing of the catalogue, each knob at one of its values.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use axum::http::StatusCode;
use catalog::{Catalog, Chapter, Transcript};
use companion::runner::Invocation;
use serde::Deserialize;

use crate::serve::refusal::Refusal;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    listing: String,
    #[serde(default)]
    knobs: BTreeMap<String, String>,
    /// Whether the page looks inside.
    #[serde(default)]
    wire: bool,
}

/// A run that is allowed.
pub struct Wanted {
    /// The listing.
    pub chapter: Chapter,
    /// How it is built and called.
    pub invocation: Invocation,
    /// The recorded run with these knobs, if there is one.
    pub recorded: Option<Transcript>,
    /// Whether the page is told what passes between the listing and its broker.
    pub wire: bool,
}

impl Wanted {
    /// Looks up what is asked for. Nothing of it becomes part of a command that the catalogue
    /// does not have as well.
    pub fn find(root: &Path, asked: &Asked) -> Result<Wanted, Refusal> {
        const NO_LISTING: Refusal =
            Refusal::new(StatusCode::NOT_FOUND, "The book has no such listing.");
        const NO_KNOB: Refusal = Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The listing has no such knob, or the knob has no such value.",
        );
        let catalog = Catalog::open(root).map_err(unreadable)?;
        let found = catalog.chapters().iter().find(|it| it.id == asked.listing);
        let chapter = found.ok_or(NO_LISTING)?;
        let is_knob = |(name, value): (&String, &String)| {
            let values = chapter.knobs.get(name);
            values.is_some_and(|values| values.contains(value))
        };
        if !asked.knobs.iter().all(is_knob) {
            return Err(NO_KNOB);
        }
        let runs = runs(&catalog, chapter).map_err(unreadable)?;
        let same = runs
            .iter()
            .find(|(_, it)| pairs(&it.arguments) == Some(of(&asked.knobs)));
        let invocation = match same {
            Some((_, invocation)) => invocation.clone(),
            None => other(chapter, &asked.knobs, &runs),
        };
        Ok(Wanted {
            chapter: chapter.clone(),
            invocation,
            recorded: same.map(|(transcript, _)| transcript.clone()),
            wire: asked.wire,
        })
    }

    /// The command, as a reader types it.
    pub fn command(&self) -> String {
        let it = &self.invocation;
        let mut command = format!("cargo run -p {}", it.package);
        if !it.features.is_empty() {
            command += &format!(" --features {}", it.features.join(","));
        }
        if !it.arguments.is_empty() {
            command += &format!(" -- {}", it.arguments.join(" "));
        }
        command
    }
}

/// The recorded runs of a chapter.
fn runs(catalog: &Catalog, chapter: &Chapter) -> Result<Vec<(Transcript, Invocation)>> {
    let run = |name: &String| {
        let transcript = catalog.transcript(&chapter.id, name)?;
        let invocation = Invocation::parse(&transcript.command)?;
        Ok((transcript, invocation))
    };
    chapter.transcripts()?.iter().map(run).collect()
}

/// A run that is not recorded. It is built with all that a recorded one is built with, as any of
/// its knobs may need it.
fn other(
    chapter: &Chapter,
    knobs: &BTreeMap<String, String>,
    runs: &[(Transcript, Invocation)],
) -> Invocation {
    let needed = |feature: &&String| runs.iter().any(|(_, it)| it.features.contains(feature));
    let arguments = knobs
        .iter()
        .flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
    Invocation {
        package: chapter.id.clone(),
        features: chapter.features.iter().filter(needed).cloned().collect(),
        arguments: arguments.collect(),
    }
}

/// Arguments as knobs and their values; none where they are more than that.
fn pairs(arguments: &[String]) -> Option<BTreeMap<&str, &str>> {
    let pairs = arguments.chunks(2);
    pairs
        .map(|pair| match pair {
            [name, value] => Some((name.strip_prefix("--")?, value.as_str())),
            _ => None,
        })
        .collect()
}

fn of(knobs: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    knobs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn unreadable(error: anyhow::Error) -> Refusal {
    eprintln!("error: {error:#}");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The book's folder cannot be read; the terminal says why.",
    )
}
