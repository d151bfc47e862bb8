//! From the click to the last line: a run, attended to its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use brokers::gated;
use catalog::{Catalog, Line, Predict, Transcript};
use companion::runner::{self, Finished};
use history::Strip;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot::Receiver;

use super::built::Built;
use super::child::Child;
use super::inside::Inside;
use super::news::{End, News, seconds};
use super::output::{Budget, Lines};
use super::wanted::Wanted;
use super::{Cut, Limits, compile, knobs};
use crate::difference::difference;

/// How long a listing that is to end may take for that.
const CLEANING: Duration = Duration::from_secs(5);

/// A run that has its place.
pub struct Run {
    /// Its number.
    pub id: u64,
    /// The book's top folder.
    pub root: PathBuf,
    /// What was built before.
    pub built: Arc<Built>,
    /// How much it may take.
    pub limits: Limits,
    /// What is run.
    pub wanted: Wanted,
    /// To the page; closed once the page is gone.
    pub page: Sender<News>,
    /// A stop, asked for.
    pub stop: Receiver<()>,
}

impl Run {
    /// Attends the run. When this returns, nothing of it is left, and the page has been told.
    pub async fn attend(mut self) {
        let end = self.all().await.unwrap_or_else(|error| {
            eprintln!("error: {}: {error:#}", self.wanted.command());
            End::saying(format!("It cannot be run: {error:#}."))
        });
        if end.code.is_some() {
            self.keep().await;
        }
        let _ = self.page.send(News::End(end)).await;
    }

    /// Keeps that the listing ran to its end. That it cannot be kept changes nothing about the run.
    async fn keep(&self) {
        let (root, chapter) = (self.root.clone(), self.wanted.chapter.id.clone());
        let run = self.wanted.recorded.as_ref().map(|it| it.name.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let progress = Catalog::open(&root)?.progress();
            progress.ran(&chapter, run.as_deref())
        });
        if let Err(error) = kept.await.context("it broke off").flatten() {
            eprintln!("error: the run is not kept as tried: {error:#}");
        }
    }

    async fn all(&mut self) -> Result<End> {
        let run = News::Run {
            run: self.id,
            command: self.wanted.command(),
            lanes: self.wanted.chapter.lanes.clone(),
            knobs: knobs::with(&self.wanted.chapter, &[]),
        };
        // A page that is gone is seen to below.
        let _ = self.page.send(run).await;
        match self.build().await {
            Ok(program) => self.run(&program).await,
            Err(Cut::Broken(error)) => Err(error),
            Err(cut) => Ok(End::saying(cut.said("it was built", &self.limits))),
        }
    }

    /// Gives the listing's program, which cargo builds unless it has done so before.
    async fn build(&mut self) -> Result<PathBuf, Cut> {
        let invocation = self.wanted.invocation.clone();
        if let Some(program) = self.built.fresh(&self.root, &invocation) {
            return Ok(program);
        }
        let asked = SystemTime::now();
        let mut command = compile::command(&self.root, &invocation);
        let mut cargo = Child::start(&mut command, None).await?;
        let budget = Budget::new(self.limits.bytes, self.limits.lines);
        let page = self.page.clone();
        let built = tokio::select! {
            biased;
            cut = self.cut(self.limits.build) => Err(cut),
            built = compile::follow(&mut cargo, &page, &budget) => built,
        };
        let status = cargo.end().await?;
        let messages = built?;
        if !status.success() {
            return Err(Cut::Uncompiled);
        }
        let program = compile::program(&messages, &invocation.package)?;
        self.built.keep(&invocation, &program, asked);
        Ok(program)
    }

    /// Runs the listing, and has its knobs told beside that.
    async fn run(&mut self, program: &Path) -> Result<End> {
        let (root, chapter) = (self.root.clone(), self.wanted.chapter.clone());
        let (mark, page) = (self.mark("help"), self.page.clone());
        let budget = Budget::new(self.limits.bytes, self.limits.lines);
        let tell = async {
            let told = knobs::told(program, &root, mark, budget).await;
            let knobs = knobs::with(&chapter, &told);
            let _ = page.send(News::Knobs { knobs }).await;
        };
        tokio::join!(self.listing(program), tell).0
    }

    async fn listing(&mut self, program: &Path) -> Result<End> {
        let mut command = gated(program);
        command.args(&self.wanted.invocation.arguments);
        command.current_dir(&self.root);
        runner::fix(&mut command);
        let package = &self.wanted.invocation.package;
        let mut inside = Inside::open(self.wanted.wire, package).await?;
        inside.lead(&mut command);
        let mut listing = Child::start(&mut command, Some(self.mark("run"))).await?;
        let begun = Instant::now();
        let _ = self.page.send(News::Start).await;
        let (stdout, stderr) = listing.output()?;
        let (mut lines, mut errors) = (Vec::new(), Vec::new());
        let (budget, page) = (
            Budget::new(self.limits.bytes, self.limits.lines),
            self.page.clone(),
        );
        let printed = async {
            let mut all = Lines::new(stdout);
            while let Some(text) = all.next().await? {
                budget.pay(&text)?;
                let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let line = Line::new(ms, &text);
                lines.push(line.clone());
                let _ = page.send(News::Line(line)).await;
            }
            Ok::<(), Cut>(())
        };
        let complained = async {
            let mut all = Lines::new(stderr);
            while let Some(text) = all.next().await? {
                budget.pay(&text)?;
                errors.push(text.clone());
                let _ = page.send(News::Note { text }).await;
            }
            Ok::<(), Cut>(())
        };
        let telling = async {
            inside.tell(begun, &page).await;
            std::future::pending().await
        };
        let reading = async {
            let ended = async { Ok::<(), Cut>(listing.ended().await?) };
            tokio::select! {
                read = async { tokio::try_join!(printed, complained, ended) } => read.map(|_| ()),
                never = telling => never,
            }
        };
        let cut = {
            let mut reading = pin!(reading);
            tokio::select! {
                biased;
                cut = self.cut(self.limits.run) => {
                    // It takes away what it has made on its broker, and what it says of that is read.
                    listing.terminate();
                    let _ = tokio::time::timeout(CLEANING, &mut reading).await;
                    Some(cut)
                }
                read = &mut reading => read.err(),
            }
        };
        let (time, status) = (begun.elapsed(), listing.end().await?);
        inside.finish(begun, &self.page).await;
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match cut {
            Some(Cut::Broken(error)) => Err(error),
            Some(cut) => Ok(End {
                ms,
                ..End::saying(cut.said("it ran", &self.limits))
            }),
            None => {
                let code = runner::code(status);
                let finished = Finished {
                    begun,
                    code,
                    lines,
                    errors,
                };
                let said = format!("Ended after {} with exit code {code}.", seconds(time));
                Ok(self.compared(&finished, said, ms))
            }
        }
    }

    /// What ends the run from outside; it is dropped where the run ends first.
    async fn cut(&mut self, limit: Duration) -> Cut {
        Cut::outside(&mut self.stop, &self.page, limit).await
    }

    /// What all carries that one of the run's programs starts, and no other does.
    fn mark(&self, what: &str) -> String {
        format!("page-{}-{}-{what}", std::process::id(), self.id)
    }

    /// The end of a run that ended by itself, beside the recorded run with these knobs.
    fn compared(&self, finished: &Finished, said: String, ms: u64) -> End {
        let mut end = End {
            code: Some(finished.code),
            ms,
            strip: drawn(&finished.lines),
            ..End::saying(said)
        };
        let Some(recorded) = &self.wanted.recorded else {
            end.compared = "No run with these knobs is recorded.".to_owned();
            return end;
        };
        let (equal, difference) = against(recorded, finished, &self.wanted);
        end.equal = Some(equal);
        end.compared = match equal {
            true => "Equals the recorded run.",
            false => "Differs from the recorded run.",
        }
        .to_owned();
        end.difference = difference;
        end.facts = self.facts(recorded, finished);
        end
    }

    /// What the predictions on the recorded run ask for. A run that does not tell it has no such fact.
    fn facts(&self, recorded: &Transcript, finished: &Finished) -> BTreeMap<String, usize> {
        let chapter = &self.wanted.chapter;
        let asked = Catalog::open(&self.root)
            .and_then(|catalog| catalog.predictions_of(&chapter.id, &recorded.name));
        let asked = asked.unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Vec::new()
        });
        let Ok(lines) = finished.canonical(chapter) else {
            return BTreeMap::new();
        };
        let counted = |it: Predict| {
            let name = format!("{}/{}", it.chapter, it.id);
            Some((name, it.counted(&lines).ok()?))
        };
        asked.into_iter().filter_map(counted).collect()
    }
}

/// The fate strip among the lines; none where there is none, or where it does not add up.
fn drawn(lines: &[Line]) -> Option<String> {
    let lines: Vec<String> = lines.iter().map(Line::to_string).collect();
    Some(Strip::parse(&lines).ok()?.html())
}

/// Whether a run equals the recorded one, and where it does not.
fn against(recorded: &Transcript, finished: &Finished, wanted: &Wanted) -> (bool, String) {
    let canonical = finished.canonical(&wanted.chapter);
    match canonical.context("its lines cannot be compared") {
        Err(error) => (false, format!("{error:#}")),
        Ok(lines) if lines != recorded.canonical => {
            (false, difference(&recorded.canonical, &lines))
        }
        Ok(_) if finished.code != recorded.status => {
            let difference = format!(
                "-exit code {}\n+exit code {}",
                recorded.status, finished.code
            );
            (false, difference)
        }
        Ok(_) => (true, String::new()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use companion::runner::Invocation;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// Runs a script as the listing of a book, with little time. The numbers of runs differ.
    async fn run(id: u64, script: &str) -> (End, Vec<News>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let chapter = root.join("chapters/ch01-x");
        std::fs::create_dir_all(&chapter).unwrap();
        std::fs::write(root.join("book.toml"), "").unwrap();
        std::fs::write(chapter.join("Cargo.toml"), "package.name = 'ch01-x'\n").unwrap();
        let program = root.join("listing.sh");
        // A shell writes it: had this process the file open, a test beside this one could start a
        // child that holds it open, too, and a file that somebody writes cannot be run.
        let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
        let shell = std::process::Command::new("sh")
            .args(["-c", write, "sh"])
            .arg(&program)
            .arg(script)
            .status();
        assert!(shell.unwrap().success());
        let (page, mut heard) = mpsc::channel(100);
        let (_stopper, stop) = oneshot::channel();
        let mut run = Run {
            id,
            root: root.to_owned(),
            limits: Limits {
                build: Duration::from_millis(1),
                run: Duration::from_secs(2),
                bytes: 1000,
                lines: 100,
            },
            wanted: Wanted {
                chapter: Catalog::open(root)
                    .unwrap()
                    .chapter("ch01-x")
                    .unwrap()
                    .clone(),
                invocation: Invocation {
                    package: "ch01-x".to_owned(),
                    features: Vec::new(),
                    arguments: Vec::new(),
                },
                recorded: None,
                wire: false,
            },
            built: Arc::default(),
            page,
            stop,
        };
        let end = run.run(&program).await.unwrap();
        drop(run);
        let mut news = Vec::new();
        while let Some(one) = heard.recv().await {
            news.push(one);
        }
        (end, news)
    }

    #[tokio::test]
    async fn a_listing_that_does_not_end_is_ended() {
        let script = "[ \"$1\" != -h ] || exit; trap '' TERM; echo $$; while :; do sleep 1; done";
        let (end, news) = run(1, script).await;
        assert_eq!(end.said, "Ended while it ran: it took longer than 2.0 s.");
        let pid = news.iter().find_map(|news| match news {
            News::Line(line) => line.text.parse::<u32>().ok(),
            _ => None,
        });
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.unwrap()));
        assert!(stat.is_err(), "it still runs: {stat:?}");
    }

    #[tokio::test]
    async fn a_listing_that_tells_no_knobs_runs() {
        let (end, news) = run(2, "echo 'Options:'; [ \"$1\" != -h ] || exec sleep 1000").await;
        assert_eq!(end.code, Some(0));
        assert!(matches!(&news[0], News::Start));
        assert!(matches!(&news[1], News::Line(line) if line.text == "Options:"));
        assert!(matches!(&news[2], News::Knobs { knobs } if knobs.is_empty()));
        assert_eq!(news.len(), 3);
        assert_eq!(end.strip, None);
    }

    #[tokio::test]
    async fn the_strip_that_a_listing_prints_is_drawn() {
        let strip = "echo 'fate  o-1 \u{25cf}D  o-2 \u{2715}L'; echo 'fate  1 done, 1 lost'";
        let (end, _) = run(3, strip).await;
        let drawn = end.strip.unwrap();
        assert!(drawn.starts_with("<svg"), "{drawn}");
        assert!(drawn.contains("<td>o-2</td><td>lost</td>"), "{drawn}");
        // Whatever else stands in a strip is never a drawing.
        let (end, _) = run(4, "echo 'fate  <b>D'; echo 'fate  1 done'").await;
        assert_eq!(end.strip, None);
    }
}
