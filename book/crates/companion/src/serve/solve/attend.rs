//! From the click to the verdict: a grading, attended to its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use brokers::{Scratch, gated};
use catalog::{Catalog, Exercise};
use companion::artifacts::{self, GRADER, grader_of};
use companion::grading::{PASSED, Report};
use companion::runner;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot::Receiver;

use super::news::{Belief, News, Verdict};
use super::problems::problem;
use crate::serve::run::child::Child;
use crate::serve::run::output::{Budget, Lines};
use crate::serve::run::{Cut, LIMITS, Limits, compile, news};

/// How much one grading may take. One whose reader predicts runs each of its programs.
const GRADING: Limits = Limits {
    run: Duration::from_secs(10 * 60),
    ..LIMITS
};
/// What cargo says of a program that it has made.
const MADE: &str = "\"reason\":\"compiler-artifact\"";
/// What a caller may have told another grader.
const UNTOLD: [&str; 5] = [
    "GRADE_PROGRAM",
    "GRADE_FAULTS",
    "GRADE_SEED",
    "GRADE_VARIANT",
    "RUST_LOG",
];

/// A grading that has its place.
pub struct Grading {
    /// Its number.
    pub id: u64,
    /// The book.
    pub catalog: Catalog,
    /// What is graded.
    pub exercise: Exercise,
    /// The grader's arguments: guesses.
    pub arguments: Vec<String>,
    /// To the page; closed once the page is gone.
    pub page: Sender<News>,
    /// A stop, asked for.
    pub stop: Receiver<()>,
}

impl Grading {
    /// Attends the grading. When this returns, nothing of it is left, and the page has been told.
    pub async fn attend(mut self) {
        let said = self.all().await.unwrap_or_else(|error| {
            eprintln!("error: {}: {error:#}", self.command());
            format!("It cannot be graded: {error:#}.")
        });
        self.tell(News::End { said }).await;
    }

    /// A page that is gone is seen to in [`Grading::cut`].
    async fn tell(&self, news: News) {
        let _ = self.page.send(news).await;
    }

    fn command(&self) -> String {
        let arguments: String = self.arguments.iter().map(|it| format!(" {it}")).collect();
        format!("cargo book grade {}{arguments}", self.exercise.id)
    }

    async fn all(&mut self) -> Result<String> {
        let command = self.command();
        let grading = self.id;
        self.tell(News::Grading { grading, command }).await;
        let (what, cut) = match self.build().await {
            Ok(grader) => match self.grade(&grader).await {
                Ok(said) => return Ok(said),
                Err(cut) => ("it was graded", cut),
            },
            Err(cut) => ("it was built", cut),
        };
        match cut {
            Cut::Broken(error) => Err(error),
            cut => Ok(cut.said(what, &GRADING)),
        }
    }

    /// Builds the answer and its grader, and gives the grader's program.
    async fn build(&mut self) -> Result<PathBuf, Cut> {
        let id = &self.exercise.id;
        let mut command = compile::cargo(self.catalog.root());
        command.args(["--message-format=json", "--package", id, "--test", GRADER]);
        let mut cargo = Child::start(&mut command, None).await?;
        let page = self.page.clone();
        let file = self.catalog.shown(&self.exercise.main());
        let built = tokio::select! {
            biased;
            cut = self.cut(GRADING.build) => Err(cut),
            built = follow(&mut cargo, &page, &file) => built,
        };
        let status = cargo.end().await?;
        let messages = built?;
        if !status.success() {
            return Err(Cut::Uncompiled);
        }
        let id = &self.exercise.id;
        let grader = artifacts::read(&messages)?.remove(&grader_of(id));
        Ok(grader.with_context(|| format!("the package {id} has no test {GRADER}"))?)
    }

    /// Runs the grader, and gives the sentence for its end.
    async fn grade(&mut self, grader: &Path) -> Result<String, Cut> {
        let folder = Scratch::new().context("cannot make a folder for the report")?;
        let file = folder.path().join("report.json");
        let mut command = gated(grader);
        command.args(&self.arguments).env("GRADE_REPORT", &file);
        command.current_dir(self.catalog.root());
        runner::fix(&mut command);
        for name in UNTOLD {
            command.env_remove(name);
        }
        let mark = format!("page-{}-{}-grade", std::process::id(), self.id);
        let mut child = Child::start(&mut command, Some(mark)).await?;
        self.tell(News::Start).await;
        let (mut stdout, mut stderr) = child.output()?;
        let (budget, page) = (Budget::new(GRADING.bytes, GRADING.lines), self.page.clone());
        let reading = async {
            tokio::try_join!(
                lines(&mut stdout, &page, &budget),
                lines(&mut stderr, &page, &budget),
                async { Ok::<(), Cut>(child.ended().await?) }
            )
        };
        let cut = tokio::select! {
            biased;
            cut = self.cut(GRADING.run) => Some(cut),
            read = reading => read.err(),
        };
        if let Some(cut) = cut {
            // It leaves the brokers as they were. What it says of that is read: it must not stand still
            // before a pipe that is full, or break at one that is closed.
            let read_on = async {
                let (mut out, mut err) = (tokio::io::sink(), tokio::io::sink());
                let _ = tokio::join!(
                    tokio::io::copy(&mut stdout, &mut out),
                    tokio::io::copy(&mut stderr, &mut err),
                );
            };
            let never = async {
                read_on.await;
                std::future::pending().await
            };
            tokio::select! {
                ended = child.close(runner::CLEANING) => drop(ended?),
                () = never => {}
            }
            return Err(cut);
        }
        let code = runner::code(child.end().await?);
        let Ok(report) = Report::read(&file) else {
            return Ok(format!(
                "There is no verdict: the grader ended with exit code {code}; its words are above."
            ));
        };
        let time = news::seconds(Duration::from_millis(report.ms));
        let said = format!("Graded in {time}: {}.", report.verdict);
        self.tell(News::Verdict(self.verdict(report)?)).await;
        Ok(said)
    }

    /// What ends the grading from outside; it is dropped where that ends first.
    async fn cut(&mut self, limit: Duration) -> Cut {
        Cut::outside(&mut self.stop, &self.page, limit).await
    }

    /// The report with what engineers believe who get its verdict.
    fn verdict(&self, report: Report) -> Result<Verdict> {
        let all = self.catalog.misconceptions()?;
        let naive = self.exercise.naive.values();
        let same = naive.filter(|it| it.verdict == report.verdict && it.verdict != PASSED);
        let mut ids: Vec<&String> = same.map(|it| &it.misconception).collect();
        ids.sort();
        ids.dedup();
        let belief = |id: &String| {
            let says = all.get(id)?.says.clone();
            Some(Belief {
                id: id.clone(),
                says,
            })
        };
        Ok(Verdict {
            passed: report.verdict == PASSED,
            beliefs: ids.into_iter().filter_map(belief).collect(),
            verdict: report.verdict,
            why: report.why,
            moments: report.moments,
            strip: report.strip,
        })
    }
}

/// Waits for the end of a build, tells the page what it says, and gives what it has made.
async fn follow(cargo: &mut Child, page: &Sender<News>, file: &str) -> Result<String, Cut> {
    let (stdout, stderr) = cargo.output()?;
    let budget = Budget::new(GRADING.bytes, GRADING.lines);
    let mut made = String::new();
    let reading = async {
        // What the compiler says of a long line of the answer has that line in it.
        let mut lines = Lines::cut_at(stdout, GRADING.bytes);
        while let Some(line) = lines.next().await? {
            if line.contains(MADE) {
                made += &line;
                made.push('\n');
            } else if let Some(problem) = problem(&line, file) {
                budget.pay(&problem.rendered)?;
                let _ = page.send(News::Problem(problem)).await;
            }
        }
        Ok::<(), Cut>(())
    };
    let telling = async {
        let (mut lines, mut shown) = (Lines::new(stderr), (0, 0));
        while let Some(line) = lines.next().await? {
            let news = match compile::news(&line) {
                Some(news::News::Note { text }) => {
                    budget.pay(&text)?;
                    News::Note { text }
                }
                // The bar is drawn again and again.
                Some(news::News::Build { done, of }) if shown != (done, of) => {
                    shown = (done, of);
                    News::Build { done, of }
                }
                _ => continue,
            };
            let _ = page.send(news).await;
        }
        Ok::<(), Cut>(())
    };
    tokio::try_join!(reading, telling, async {
        Ok::<(), Cut>(cargo.ended().await?)
    })?;
    Ok(made)
}

/// Tells the page each line of a stream.
async fn lines(
    stream: impl tokio::io::AsyncRead + Unpin,
    page: &Sender<News>,
    budget: &Budget,
) -> Result<(), Cut> {
    let mut lines = Lines::new(stream);
    while let Some(text) = lines.next().await? {
        budget.pay(&text)?;
        let _ = page.send(News::Line { text }).await;
    }
    Ok(())
}
