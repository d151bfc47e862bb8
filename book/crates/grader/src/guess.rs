//! Exercises in which the learner predicts verdicts: the program is written already, in several
//! variants.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::settings::Settings;
use crate::verdict::sum;
use crate::{Case, Finding, Report, Verdict, judged};

/// Grades the variants that the learner has predicted, shows each report, and sums up. `variants`
/// has for each what one believes who predicts something else. None where the terminal interrupts
/// it.
///
/// # Errors
/// When a variant is predicted that there is not.
pub(crate) async fn predicted(
    settings: &Settings,
    variants: &BTreeMap<String, String>,
    grade: impl AsyncFn(&Case) -> Result<()>,
    show: impl Fn(&Report),
) -> Result<Option<Report>> {
    let names: Vec<&str> = variants.keys().map(String::as_str).collect();
    for (variant, _) in &settings.guesses {
        ensure!(
            variants.contains_key(variant),
            "there is no `{variant}` to guess; there is {}",
            names.join(", ")
        );
    }
    let mut findings = Vec::new();
    let mut find = |verdict, why| findings.push(Finding { verdict, why });
    let (mut ms, mut brokers) = (0, Vec::new());
    let (mut faults, mut placeless) = (Vec::new(), Vec::new());
    for (variant, belief) in variants {
        let guess = settings.guesses.iter().rfind(|(of, _)| of == variant);
        let Some((_, guess)) = guess else {
            let why = format!("what becomes of {variant}? Add --guess {variant}=VERDICT");
            find(Verdict::NotAttempted, why);
            continue;
        };
        let one = Settings {
            variant: Some(variant.clone()),
            ..settings.clone()
        };
        let Some(report) = judged(one, &grade).await? else {
            return Ok(None);
        };
        show(&report);
        ms += report.ms;
        let verdict = report.verdict.name();
        if report.verdict == Verdict::Inconclusive {
            find(
                Verdict::Inconclusive,
                format!("{variant} could not be judged"),
            );
        } else if verdict != guess {
            let why = format!(
                "you say that {variant} is {guess}, and it is {verdict}. Who says so believes: {belief}"
            );
            find(Verdict::Misjudged, why);
        }
        brokers = report.brokers;
        let before = faults.len();
        placeless.extend(report.placeless.iter().map(|place| before + place));
        faults.extend(report.faults);
    }
    let (verdict, why) = sum(&findings);
    Ok(Some(Report {
        exercise: settings.exercise.clone(),
        variant: None,
        verdict,
        why,
        seed: settings.seed,
        faultless: false,
        ms,
        brokers,
        moments: Vec::new(),
        log: Vec::new(),
        strip: history::strip(&[], &[]),
        about: None,
        trail: Vec::new(),
        said: Vec::new(),
        faults,
        placeless,
        file: settings.report.clone(),
    }))
}
