//! What there is to do on each page, and how much of it is done.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{OTHER_KNOBS, Record};
use crate::{Catalog, directives};

/// A page that a reader comes by, with what there is to do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The page's name.
    pub slug: String,
    /// Its title in the sidebar.
    pub title: String,
    /// The part of the book; empty before the first.
    pub part: String,
    /// The recorded runs of its listing.
    pub runs: Vec<String>,
    /// The predictions that it asks for, `CHAPTER/ID`.
    pub predictions: Vec<String>,
    /// Its exercises.
    pub exercises: Vec<String>,
}

/// How much is done, of how much. It adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Pages read, and all.
    pub pages: [usize; 2],
    /// Recorded runs that were tried, and all.
    pub runs: [usize; 2],
    /// Predictions answered, and all.
    pub predictions: [usize; 2],
    /// Predictions whose last answer was right.
    pub right: usize,
    /// Exercises passed, and all.
    pub exercises: [usize; 2],
    /// How often a listing was run with knobs that no recorded run has.
    pub others: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        for (sum, more) in [
            (&mut self.pages, other.pages),
            (&mut self.runs, other.runs),
            (&mut self.predictions, other.predictions),
            (&mut self.exercises, other.exercises),
        ] {
            *sum = [sum[0] + more[0], sum[1] + more[1]];
        }
        self.right += other.right;
        self.others += other.others;
    }
}

impl Stop {
    /// How much of it is done. What is not in the book any more does not count.
    pub fn figures(&self, done: &Record) -> Figures {
        let count = |names: &[String], is: &dyn Fn(&String) -> bool| {
            [names.iter().filter(|name| is(name)).count(), names.len()]
        };
        let runs = done.runs.get(&self.slug);
        let answers = done.predict.get(&self.slug);
        let answer = |name: &String| answers.and_then(|answers| answers.get(name));
        let is_right = |name: &&String| answer(name).is_some_and(|answer| answer.right);
        let others = runs.and_then(|runs| runs.get(OTHER_KNOBS)).copied();
        Figures {
            pages: [usize::from(done.pages.get(&self.slug) == Some(&true)), 1],
            runs: count(&self.runs, &|run| {
                runs.is_some_and(|runs| runs.contains_key(run))
            }),
            predictions: count(&self.predictions, &|name| answer(name).is_some()),
            right: self.predictions.iter().filter(is_right).count(),
            exercises: count(&self.exercises, &|id| {
                done.exercises.get(id).is_some_and(|it| it.passed)
            }),
            others: others.map_or(0, |times| times as usize),
        }
    }
}

impl Catalog {
    /// The pages that a reader comes by, in the order of the book. What is for looking up (a page
    /// that holds a part of the reference) and what stands behind the last part are none.
    ///
    /// # Errors
    /// When a page, a chapter's folder or an exercise cannot be read.
    pub fn outline(&self) -> Result<Vec<Stop>> {
        let mut exercises: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for exercise in self.exercises()? {
            exercises
                .entry(exercise.page)
                .or_default()
                .push(exercise.id);
        }
        let mut stops = Vec::new();
        let pages = self.pages()?;
        let last = pages.iter().rposition(|page| page.depth > 0);
        for (place, page) in pages.into_iter().enumerate() {
            let markdown = std::fs::read_to_string(&page.path)
                .with_context(|| format!("cannot read {}", self.shown(&page.path)))?;
            let directives = directives(&markdown);
            if directives.iter().any(|it| it.name == "reference")
                || last.is_some_and(|last| place > last)
            {
                continue;
            }
            let mut predictions = Vec::new();
            for directive in directives.into_iter().filter(|it| it.name == "predict") {
                let name = match directive.argument.contains('/') {
                    true => directive.argument,
                    false => format!("{}/{}", page.slug, directive.argument),
                };
                if !predictions.contains(&name) {
                    predictions.push(name);
                }
            }
            let chapter = self.chapters().iter().find(|it| it.id == page.slug);
            stops.push(Stop {
                runs: chapter.map_or_else(|| Ok(Vec::new()), |it| it.transcripts())?,
                exercises: exercises.remove(&page.slug).unwrap_or_default(),
                slug: page.slug,
                title: page.title,
                part: page.part,
                predictions,
            });
        }
        Ok(stops)
    }
}
