//! The knobs of a listing: their values by the catalogue, the rest by the listing's own help.

use std::path::Path;
use std::time::Duration;

use brokers::gated;
use catalog::Chapter;
use companion::options::{Knob, options};
use companion::runner;

use super::Cut;
use super::child::Child;
use super::output::{Budget, Lines};

/// How long a listing may take to tell its knobs.
const HELP_TIME: Duration = Duration::from_secs(10);

/// The knobs as the catalogue has them, with what is told of them.
pub fn with(chapter: &Chapter, told: &[Knob]) -> Vec<Knob> {
    let knobs = chapter.knobs.iter();
    knobs
        .map(|(name, values)| {
            let told = told.iter().find(|knob| knob.name == *name);
            Knob {
                name: name.clone(),
                about: told.map_or(String::new(), |it| it.about.clone()),
                default: told.and_then(|it| it.default.clone()),
                values: values.clone(),
            }
        })
        .collect()
}

/// What the program of a listing tells of its knobs; nothing where it cannot in time. `mark` is
/// what all carries that this starts, and no other does.
pub async fn told(program: &Path, root: &Path, mark: String, budget: Budget) -> Vec<Knob> {
    let help = tokio::time::timeout(HELP_TIME, help(program, root, mark, budget)).await;
    match help {
        Ok(Ok(help)) => options(&help),
        _ => Vec::new(),
    }
}

async fn help(program: &Path, root: &Path, mark: String, budget: Budget) -> Result<String, Cut> {
    let mut command = gated(program);
    command.arg("-h").current_dir(root);
    runner::fix(&mut command);
    let mut child = Child::start(&mut command, Some(mark)).await?;
    let (stdout, _stderr) = child.output()?;
    let mut help = String::new();
    let read = async {
        let mut lines = Lines::new(stdout);
        while let Some(line) = lines.next().await? {
            budget.pay(&line)?;
            help = format!("{help}{line}\n");
        }
        Ok::<(), Cut>(())
    };
    let read = tokio::try_join!(read, async { Ok::<(), Cut>(child.ended().await?) });
    child.end().await?;
    read.map(|_| help)
}
