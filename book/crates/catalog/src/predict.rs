//! Predictions: a question that the reader answers before the page shows the run.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use history::{Event, Fate, Strip, Verb, lane};
use serde::Deserialize;

use crate::Catalog;
use crate::files::{instead, read};

/// A question about a recorded run. The right answer is counted in the run, never written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predict {
    /// The chapter's id.
    pub chapter: String,
    /// The name of the prediction's file, without `.toml`.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// The question.
    pub ask: String,
    /// The name of the transcript that answers it.
    pub run: String,
    /// What is counted in it.
    pub fact: Fact,
    /// The count.
    pub answer: usize,
    /// The answers to choose from; exactly one has the count.
    pub options: Vec<Choice>,
    right: usize,
}

/// An answer that a reader can choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The answer in words.
    pub text: String,
    /// The count that it stands for.
    pub value: usize,
    /// The misconception (`M05`) behind a wrong answer; the right one has none.
    pub misconception: Option<String>,
    /// Why a wrong answer is wrong, in a sentence, where no misconception of the index is behind it.
    pub because: Option<String>,
}

/// What is counted in a run. In a prediction's file: `strip.lost`, `count.worker 1.got`,
/// `last.inventory.lag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// How many messages met this fate.
    Strip(Fate),
    /// How many events with this verb the lane has.
    Count(String, Verb),
    /// The number after this word in the last line of the lane that begins with the word.
    Last(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ask: String,
    run: String,
    fact: String,
    option: Vec<Choice>,
}

impl Predict {
    /// The index of the right option.
    pub fn right(&self) -> usize {
        self.right
    }

    /// Counts the fact in another run with the same knobs: its output in canonical form.
    ///
    /// # Errors
    /// When the output has no fate strip, or no line, to count it in.
    pub fn counted(&self, canonical: &[String]) -> Result<usize> {
        count(canonical, &self.fact)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Strip(fate) => write!(f, "{fate}"),
            Fact::Count(lane, verb) => write!(f, "{lane} {verb}"),
            Fact::Last(lane, word) => write!(f, "{lane} {word}"),
        }
    }
}

impl Catalog {
    /// The predictions of a chapter that one of its recorded runs answers.
    ///
    /// # Errors
    /// As for [`Catalog::predict`].
    pub fn predictions_of(&self, chapter: &str, run: &str) -> Result<Vec<Predict>> {
        let ids = self.chapter(chapter)?.predictions()?;
        let all = ids.iter().map(|id| self.predict(chapter, id));
        let of = |found: &Result<Predict>| found.as_ref().is_ok_and(|it| it.run == run);
        all.filter(|found| found.is_err() || of(found)).collect()
    }

    /// A chapter's prediction, with its answer counted in the transcript that it names.
    ///
    /// # Errors
    /// When it does not exist or is malformed, its transcript or fact is unknown, none or
    /// several options are right, or a wrong one names no misconception of
    /// book/misconceptions.toml. The message has the file and the fix.
    pub fn predict(&self, chapter: &str, id: &str) -> Result<Predict> {
        let found = self.chapter(chapter)?;
        let path = found.dir.join("predict").join(format!("{id}.toml"));
        let shown = self.shown(&path);
        if !path.is_file() {
            let ids = found.predictions()?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            bail!("{shown} does not exist; {}", instead(id, &ids));
        }
        let file: File = toml::from_str(&read(&self.root, &path)?)
            .with_context(|| format!("{shown} is malformed"))?;
        let fact = fact(&file.fact).with_context(|| shown.clone())?;
        let transcript = self
            .transcript(chapter, &file.run)
            .with_context(|| shown.clone())?;
        let answer = count(&transcript.canonical, &fact).with_context(|| shown.clone())?;
        let right = right(&file, answer).with_context(|| shown.clone())?;
        self.check_misconceptions(&file.option, right)
            .with_context(|| shown.clone())?;
        Ok(Predict {
            chapter: chapter.to_owned(),
            id: id.to_owned(),
            path,
            ask: file.ask,
            run: file.run,
            fact,
            answer,
            options: file.option,
            right,
        })
    }

    fn check_misconceptions(&self, options: &[Choice], right: usize) -> Result<()> {
        let known = self.misconceptions()?;
        for (index, option) in options.iter().enumerate() {
            let text = &option.text;
            match &option.misconception {
                Some(id) if index == right => {
                    bail!("the option `{text}` is right; remove its misconception {id}");
                }
                None if index != right && option.because.is_none() => {
                    bail!(
                        "the option `{text}` is wrong; name the misconception behind it, or say \
                         `because = \"...\"`"
                    );
                }
                _ if index == right && option.because.is_some() => {
                    bail!("the option `{text}` is right; remove its `because`");
                }
                Some(_) if option.because.is_some() => {
                    bail!(
                        "the option `{text}` has a misconception, which says why; remove its `because`"
                    );
                }
                Some(id) if !known.contains_key(id) => {
                    bail!(
                        "the misconception {id} is unknown; add [{id}] to book/misconceptions.toml"
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn fact(text: &str) -> Result<Fact> {
    let (what, rest) = text.split_once('.').unwrap_or((text, ""));
    let lane_and = rest.rsplit_once('.');
    let found = match (what, lane_and) {
        ("strip", _) => rest.parse().ok().map(Fact::Strip),
        ("count", Some((lane, verb))) => {
            let verb = verb.parse().ok();
            verb.map(|verb| Fact::Count(lane.to_owned(), verb))
        }
        ("last", Some((lane, word))) => Some(Fact::Last(lane.to_owned(), word.to_owned())),
        _ => None,
    };
    found.with_context(|| {
        let facts: Vec<String> = Fate::ALL
            .iter()
            .map(|fate| format!("strip.{fate}"))
            .collect();
        format!(
            "the fact `{text}` is unknown; use {}, count.LANE.VERB or last.LANE.WORD",
            facts.join(", ")
        )
    })
}

fn count(canonical: &[String], fact: &Fact) -> Result<usize> {
    let lines = canonical.iter();
    match fact {
        Fact::Strip(fate) => Ok(Strip::parse(canonical)?.count(*fate)),
        Fact::Count(lane, verb) => {
            let events = lines.filter_map(|line| line.parse::<Event>().ok());
            Ok(events
                .filter(|event| event.lane == *lane && event.verb == *verb)
                .count())
        }
        Fact::Last(name, word) => {
            let said = lines
                .rev()
                .filter_map(|line| lane(line).filter(|(lane, _)| lane == name));
            let mut rest =
                said.filter_map(|(_, text)| text.strip_prefix(word.as_str())?.strip_prefix(' '));
            let number = rest.next().and_then(|rest| {
                let word = rest.split(|c: char| !c.is_ascii_digit()).next();
                word?.parse().ok()
            });
            number.with_context(|| format!("no line of the lane `{name}` is `{word}` and a number"))
        }
    }
}

fn right(file: &File, answer: usize) -> Result<usize> {
    let mut right = (0..file.option.len()).filter(|index| file.option[*index].value == answer);
    match (right.next(), right.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => bail!(
            "{} is {answer} in the run `{}`, and no option has this value; correct one",
            file.fact,
            file.run
        ),
        (Some(first), Some(second)) => bail!(
            "{} is {answer} in the run `{}`, and both `{}` and `{}` have this value; keep one",
            file.fact,
            file.run,
            file.option[first].text,
            file.option[second].text
        ),
    }
}
