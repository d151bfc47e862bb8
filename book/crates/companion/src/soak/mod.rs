//! `cargo book soak`: the answers to the exercises, graded under other faults each time.

mod state;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use catalog::Catalog;
use companion::grading::{Answer, Report, answers};

use crate::percentile::percentile;
use crate::signals::{self, Stop};
use crate::{cargo, output};
use state::State;

/// The most runs without a verdict, in percent.
const MAY_BE_INCONCLUSIVE: f64 = 1.0;
/// With 95 % certainty, what was seen in none of N runs happens in at most 3/N of all.
const RULE_OF_THREE: f64 = 3.0;

/// Grade the repository's own answers for a while, under other faults each time
///
/// The solution, the stub and the naive answers of each exercise take turns, each with its next
/// seed, and each must get its verdict. .book/soak.json says how far they have come: the next soak
/// goes on from there. Ctrl-C ends it after the run that it is at. `cargo book up` in another
/// terminal keeps the brokers running meanwhile.
#[derive(clap::Args)]
pub struct Args {
    /// How long
    #[arg(long, value_name = "N")]
    minutes: u64,
    /// Only the exercises whose names begin so
    #[arg(value_name = "EXERCISE", default_value = "")]
    exercise: String,
}

/// Fails if a verdict was wrong, or more than 1 % of the runs got none.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let mut all = Vec::new();
    let mut packages = Vec::new();
    for exercise in catalog.exercises()? {
        if exercise.id.starts_with(&args.exercise) {
            packages.push(exercise.solution_package());
            all.extend(answers(&exercise)?);
        }
    }
    ensure!(
        !all.is_empty(),
        "no exercise begins with `{}`",
        args.exercise
    );
    let file = catalog.progress().own("soak.json")?;
    let length = Duration::from_secs(args.minutes * 60);
    signals::block_on(async {
        let mut stop = Stop::listen()?;
        let built = tokio::select! {
            cut_short = stop.wait() => return Ok(cut_short),
            built = cargo::answers(catalog.root(), &packages) => built?,
        };
        let mut soak = Soak::new(all, built, file)?;
        soak.go_on(length, &mut stop).await?;
        soak.sum_up()
    })
}

struct Soak {
    answers: Vec<Answer>,
    cells: Vec<String>,
    programs: BTreeMap<String, PathBuf>,
    file: PathBuf,
    state: State,
    /// How long each run of this soak took, in milliseconds.
    times: Vec<u64>,
}

impl Soak {
    fn new(
        answers: Vec<Answer>,
        programs: BTreeMap<String, PathBuf>,
        file: PathBuf,
    ) -> Result<Soak> {
        let cells = answers.iter();
        Ok(Soak {
            cells: cells
                .map(|it| format!("{}, {}", it.exercise, it.name))
                .collect(),
            state: State::read(&file)?,
            answers,
            programs,
            file,
            times: Vec::new(),
        })
    }

    /// One run after the other, until the time is over or somebody ends it.
    async fn go_on(&mut self, length: Duration, stop: &mut Stop) -> Result<()> {
        let (begun, mut stopped) = (Instant::now(), false);
        while begun.elapsed() < length && !stopped {
            let Some((place, seed)) = self.state.next(&self.cells) else {
                break;
            };
            let report;
            (report, stopped) = self.graded(place, seed, stop).await?;
            self.keep(place, seed, &report)?;
        }
        Ok(())
    }

    /// Grades one answer, and says whether somebody asked for the end meanwhile. A run that is cut
    /// short would leave something on its broker.
    async fn graded(&self, place: usize, seed: u64, stop: &mut Stop) -> Result<(Report, bool)> {
        let mut run = std::pin::pin!(self.grade(place, seed));
        tokio::select! {
            report = &mut run => Ok((report?, false)),
            _ = stop.wait() => {
                eprintln!("the soak ends with the run that it is at");
                Ok((run.await?, true))
            }
        }
    }

    async fn grade(&self, place: usize, seed: u64) -> Result<Report> {
        let answer = &self.answers[place];
        let files = answer.files(&self.programs)?;
        answer.grade(files, "on", seed, None).await
    }

    fn keep(&mut self, place: usize, seed: u64, report: &Report) -> Result<()> {
        let (answer, cell) = (&self.answers[place], &self.cells[place]);
        let (verdict, why) = (&report.verdict, report.why.join("; "));
        let line = format!("{cell}, seed {seed}: {verdict} ({why})");
        if verdict == "inconclusive" {
            eprintln!("{line}");
            self.state.inconclusive.push(line);
        } else if *verdict != answer.verdict {
            let line = format!("{line}, expected {}", answer.verdict);
            eprintln!("{line}");
            self.state.wrong.push(line);
        }
        self.times.push(report.ms);
        self.state.seeds.insert(cell.clone(), seed);
        self.state.write(&self.file)
    }

    fn sum_up(mut self) -> Result<ExitCode> {
        self.times.sort_unstable();
        let at = |share| percentile(&self.times, share).unwrap_or(0);
        let State {
            seeds,
            inconclusive,
            wrong,
        } = &self.state;
        let runs = self.state.runs();
        let lines = [
            format!("runs          {} now, {runs} in all", self.times.len()),
            format!(
                "time of a run p50 {} ms, p95 {} ms, longest {} ms",
                at(0.5),
                at(0.95),
                at(1.0)
            ),
            format!("wrong         {}", wrong.len()),
            format!(
                "inconclusive  {} ({:.2} %)",
                inconclusive.len(),
                percent(inconclusive.len(), runs)
            ),
        ];
        for line in lines {
            output::line(line)?;
        }
        for line in wrong.iter().chain(inconclusive) {
            output::line(format_args!("  {line}"))?;
        }
        output::line("seeds reached")?;
        for (cell, seed) in seeds {
            output::line(format_args!("  {seed:>6}  {cell}"))?;
        }
        if wrong.is_empty() && runs > 0 {
            let bound = 100.0 * RULE_OF_THREE / runs as f64;
            output::line(format_args!(
                "no wrong verdict in {runs} runs: at most {bound:.2} % are wrong, with 95 % certainty"
            ))?;
        }
        let doubtful = percent(inconclusive.len(), runs) > MAY_BE_INCONCLUSIVE;
        Ok(match wrong.is_empty() && !doubtful {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn percent(part: usize, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => 100.0 * part as f64 / whole as f64,
    }
}
