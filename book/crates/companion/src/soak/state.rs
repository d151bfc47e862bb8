//! How far the soak has come: `.book/soak.json`, written after each run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// All that the soak has seen, over all of its days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// By cell, the last seed that was graded.
    pub seeds: BTreeMap<String, u64>,
    /// The runs that got no verdict, in words.
    pub inconclusive: Vec<String>,
    /// The runs that got a wrong one, in words.
    pub wrong: Vec<String>,
}

impl State {
    /// What is written there; nothing where there is no file.
    pub fn read(path: &Path) -> Result<State> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(State::default());
            }
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is malformed; move it away to begin anew",
                path.display()
            )
        })
    }

    /// Writes it as a whole.
    pub fn write(&self, path: &Path) -> Result<()> {
        catalog::write_whole(path, self)
    }

    /// Whose turn it is, and with which seed: that of the cell which has come least far, the first
    /// of several. None where there is no cell.
    pub fn next(&self, cells: &[String]) -> Option<(usize, u64)> {
        let seed = |cell: &String| self.seeds.get(cell).copied().unwrap_or(0) + 1;
        let turns = cells.iter().enumerate();
        turns
            .map(|(place, cell)| (place, seed(cell)))
            .min_by_key(|(_, seed)| *seed)
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.seeds.values().sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_cells_take_turns() {
        let cells = ["a", "b", "c"].map(str::to_owned);
        let mut state = State::default();
        let mut turns = Vec::new();
        for _ in 0..5 {
            let (place, seed) = state.next(&cells).unwrap();
            state.seeds.insert(cells[place].clone(), seed);
            turns.push((place, seed));
        }
        assert_eq!(turns, [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2)]);
        assert_eq!(state.runs(), 5);
    }

    #[test]
    fn one_that_is_new_catches_up() {
        let mut state = State::default();
        state.seeds.insert("a".to_owned(), 7);
        let cells = ["a", "b"].map(str::to_owned);
        assert_eq!(state.next(&cells), Some((1, 1)));
        assert_eq!(state.next(&[]), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soak.json");
        assert_eq!(State::read(&path).unwrap(), State::default());
        let mut state = State::default();
        state.seeds.insert("a".to_owned(), 7);
        state.wrong.push("a, seed 3: hangs".to_owned());
        state.write(&path).unwrap();
        assert_eq!(State::read(&path).unwrap(), state);
        std::fs::write(&path, "{").unwrap();
        let error = State::read(&path).unwrap_err().to_string();
        assert!(error.contains("move it away to begin anew"), "{error}");
    }
}
