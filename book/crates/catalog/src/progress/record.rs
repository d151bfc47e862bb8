//! What is known of the file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::VERSION;

/// All that a reader has done, by slug.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The pages whose end was reached.
    pub pages: BTreeMap<String, bool>,
    /// By listing, how often each of its recorded runs was run to its end; `*` with other knobs.
    pub runs: BTreeMap<String, BTreeMap<String, u32>>,
    /// By page, the last answer to each prediction (`CHAPTER/ID`) that it asks for.
    pub predict: BTreeMap<String, BTreeMap<String, Answer>>,
    /// The exercises.
    pub exercises: BTreeMap<String, Attempts>,
}

/// An answer to a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The place of the option that was chosen, from 0.
    pub option: usize,
    /// Whether it was right.
    pub right: bool,
}

/// How far a reader has come with an exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// The last verdict; empty before the first.
    pub verdict: String,
    /// Whether it was ever passed.
    pub passed: bool,
    /// How often it was graded.
    pub runs: u32,
    /// How many hints were shown.
    pub hints: u32,
}

impl Record {
    /// The exercises that were ever passed.
    pub fn passed(self) -> BTreeSet<String> {
        let passed = self.exercises.into_iter().filter(|(_, it)| it.passed);
        passed.map(|(id, _)| id).collect()
    }
}

/// The file's text as it is, and what is known of it.
pub(super) fn parse(text: &str) -> Result<(Map<String, Value>, Record)> {
    let all: Map<String, Value> = serde_json::from_str(text)?;
    ensure!(
        all.get("v").and_then(Value::as_u64) == Some(VERSION),
        "it is of another version of the book"
    );
    let known = Record::deserialize(Value::Object(all.clone()))?;
    Ok((all, known))
}
