//! What a page may ask for: an exercise of the catalogue, and for one that is judged, a verdict of a
//! closed set for each of its variants.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use axum::http::StatusCode;
use catalog::{Catalog, Exercise, Rung};

use crate::serve::refusal::Refusal;

/// The exercise of exactly this name.
pub fn exercise(catalog: &Catalog, id: &str) -> Result<Exercise, Refusal> {
    const NO_EXERCISE: Refusal =
        Refusal::new(StatusCode::NOT_FOUND, "The book has no such exercise.");
    let all = catalog.exercises().map_err(unreadable)?;
    let found = all.into_iter().find(|exercise| exercise.id == id);
    found.ok_or(NO_EXERCISE)
}

/// The same, where the reader writes its program.
pub fn written(catalog: &Catalog, id: &str) -> Result<Exercise, Refusal> {
    const NOTHING: Refusal = Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "In this exercise you predict and write nothing.",
    );
    let exercise = exercise(catalog, id)?;
    match exercise.rung {
        Rung::Judge => Err(NOTHING),
        Rung::Complete | Rung::Build => Ok(exercise),
    }
}

/// The verdicts from which a reader of this exercise chooses: those that its task names.
pub fn verdicts(catalog: &Catalog, exercise: &Exercise) -> Result<Vec<String>> {
    let mut known: BTreeSet<String> = history::AnomalyName::ALL
        .iter()
        .map(ToString::to_string)
        .collect();
    for other in catalog.exercises()? {
        known.extend(other.naive.into_values().map(|it| it.verdict));
    }
    let mut named = Vec::new();
    for word in exercise.task.split('`').skip(1).step_by(2) {
        if known.contains(word) && !named.iter().any(|it| it == word) {
            named.push(word.to_owned());
        }
    }
    Ok(named)
}

/// The arguments of a grader for these guesses.
pub fn arguments(
    catalog: &Catalog,
    exercise: &Exercise,
    guesses: &BTreeMap<String, String>,
) -> Result<Vec<String>, Refusal> {
    const NO_GUESS: Refusal = Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The exercise has no such program to guess, or the guess is no verdict that its task names.",
    );
    if guesses.is_empty() {
        return Ok(Vec::new());
    }
    let verdicts = verdicts(catalog, exercise).map_err(unreadable)?;
    let known = |(variant, verdict): (&String, &String)| {
        let is = exercise.rung == Rung::Judge && exercise.naive.contains_key(variant);
        is && verdicts.contains(verdict)
    };
    if !guesses.iter().all(known) {
        return Err(NO_GUESS);
    }
    let guess = |(variant, verdict)| ["--guess".to_owned(), format!("{variant}={verdict}")];
    Ok(guesses.iter().flat_map(guess).collect())
}

/// What a page is told where the book's folder cannot be read.
pub fn unreadable(error: anyhow::Error) -> Refusal {
    eprintln!("error: {error:#}");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The book's folder cannot be read; the terminal says why.",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// In the book itself.
    #[test]
    fn what_is_right_can_be_chosen_in_every_exercise() {
        let catalog = Catalog::find().unwrap();
        let mut judged = 0;
        for exercise in catalog.exercises().unwrap() {
            if exercise.rung != Rung::Judge {
                continue;
            }
            judged += 1;
            let verdicts = verdicts(&catalog, &exercise).unwrap();
            assert!(verdicts.len() > 1, "{}: {verdicts:?}", exercise.id);
            let right = exercise
                .naive
                .iter()
                .map(|(name, it)| (name.clone(), it.verdict.clone()));
            let right = arguments(&catalog, &exercise, &right.collect());
            assert_eq!(right.unwrap().len(), 2 * exercise.naive.len());
        }
        assert!(judged > 0);
    }
}
