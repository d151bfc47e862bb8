//! Runs listings, with a watch in hand.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use catalog::Catalog;
use companion::runner;
use tokio::process::Command;

use super::measure::with_warm;
use super::table::Row;
use crate::cargo;

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Two rows for each chapter whose name begins with `chapter`: the time of its default run until the
/// first line, and until its end. What runs longest comes first.
pub async fn measure(chapter: &str, runs: u32) -> Result<Vec<Row>> {
    let catalog = Catalog::find()?;
    let chapters = catalog.chapters().iter().map(|it| it.id.as_str());
    let chapters: Vec<&str> = chapters.filter(|id| id.starts_with(chapter)).collect();
    ensure!(!chapters.is_empty(), "no chapter begins with `{chapter}`");
    let programs = cargo::build(catalog.root(), &chapters, &[]).await?;
    with_warm(async {
        let mut pairs = Vec::new();
        for id in chapters {
            pairs.push(timed(catalog.root(), id, &programs[id], runs).await?);
        }
        pairs.sort_by_key(|[_, end]| std::cmp::Reverse(end.times.iter().max().copied()));
        Ok(pairs.into_iter().flatten().collect())
    })
    .await
}

async fn timed(root: &Path, id: &str, program: &Path, runs: u32) -> Result<[Row; 2]> {
    let mut rows = ["first line", "end"].map(|how| Row {
        what: id.to_owned(),
        how: how.to_owned(),
        times: Vec::new(),
    });
    for number in 0..=runs {
        let mut command = Command::new(program);
        command.current_dir(root);
        let run = runner::run(command, DEADLINE).await;
        let run = run.with_context(|| format!("{id} does not end"))?;
        let took = run.begun.elapsed();
        let errors = run.errors.join("\n");
        ensure!(run.code == 0, "{id} ends with {}:\n{errors}", run.code);
        let first = run.lines.first();
        let first = first.with_context(|| format!("{id} prints nothing"))?;
        if number > 0 {
            rows[0].times.push(Duration::from_millis(first.ms));
            rows[1].times.push(took);
        }
    }
    Ok(rows)
}
