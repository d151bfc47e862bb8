//! `{{#exercise ID}}`: a task, its hints, and the command that judges the answer.

use std::collections::BTreeMap;

use catalog::{Exercise, Rung};
use pulldown_cmark::{Parser, html::push_html};

use crate::highlight::highlight;
use crate::html::{escape, sentence};
use crate::markdown::options;

/// The task. The solution is in it only if the reader has passed: a book that is built anywhere else
/// does not hold it. `runs` are the recorded runs, each with its name, where the reader judges those.
pub(crate) fn render(
    exercise: &Exercise,
    solution: Option<&str>,
    runs: &BTreeMap<String, String>,
) -> String {
    let id = &exercise.id;
    let verb = match exercise.rung {
        Rung::Judge => "Read",
        Rung::Complete => "Complete",
        Rung::Build => "Write",
    };
    let (what, then) = match exercise.rung {
        Rung::Judge if !runs.is_empty() => ("runs", "name what is wrong with each"),
        Rung::Judge => ("src/main.rs", "predict what becomes of each program in it"),
        Rung::Complete | Rung::Build => ("src/main.rs", "have it judged"),
    };
    // What the reader is to do, before the task.
    let rung = match exercise.rung {
        Rung::Judge if !runs.is_empty() => "name what went wrong",
        Rung::Judge => "predict the verdicts",
        Rung::Complete => "complete the program",
        Rung::Build => "write the program",
    };
    let recorded: String = runs.iter().map(recording).collect();
    let file = format!("<code>solutions/{id}/src/main.rs</code>");
    let last = match solution {
        _ if exercise.rung == Rung::Judge => String::new(),
        None => format!("<p class=\"solution\">When yours has passed, {file} is shown here.</p>\n"),
        Some(code) => format!(
            "<details class=\"solution\"><summary>Yours has passed. The solution, {file}</summary>\n\
             <pre><code class=\"language-rust\">{}</code></pre>\n</details>\n",
            highlight("rust", code).unwrap_or_else(|| escape(code))
        ),
    };
    let mut command = format!("cargo book grade {id}");
    if exercise.rung == Rung::Judge {
        for variant in exercise.naive.keys() {
            command += &format!(" --guess {variant}=VERDICT");
        }
    }
    let hints: String = exercise
        .hints
        .iter()
        .enumerate()
        .map(|(place, hint)| {
            let (number, hint) = (place + 1, markdown(hint));
            format!("<details class=\"hint\"><summary>Hint {number}</summary>\n{hint}</details>\n")
        })
        .collect();
    format!(
        "<section class=\"exercise\" id=\"{id}\" aria-label=\"Exercise {id}\">\n\
         <p><strong>Exercise: {rung}.</strong> {title}</p>\n\
         {task}{recorded}<p>{verb} <code>exercises/{id}/{what}</code>, and {then}:</p>\n\
         <pre><code class=\"language-console\">{command}</code></pre>\n\
         {hints}{last}</section>",
        title = sentence(&exercise.title),
        task = markdown(&exercise.task),
    )
}

fn recording((name, text): (&String, &String)) -> String {
    let text = escape(text);
    format!(
        "<details><summary>The run <code>{name}</code></summary>\n<pre><code>{text}</code></pre>\n</details>\n"
    )
}

fn markdown(text: &str) -> String {
    let mut html = String::new();
    push_html(&mut html, Parser::new_ext(text, options()));
    html
}

#[cfg(test)]
mod tests {
    use catalog::Naive;

    use super::*;

    fn variant(name: &str) -> (String, Naive) {
        let naive = Naive {
            verdict: "passed".into(),
            misconception: "M05".into(),
            without_faults: None,
        };
        (name.to_owned(), naive)
    }

    fn exercise(rung: Rung) -> Exercise {
        Exercise {
            id: "ex03-late".into(),
            dir: "exercises/ex03-late".into(),
            solution: "solutions/ex03-late".into(),
            page: "ch03-queue".into(),
            rung,
            title: "Work before `ack`".into(),
            task: "Take each order **once**.\n\n- a < b\n".into(),
            hints: vec!["When?".into(), "Look at `ack`.".into(), "After.".into()],
            naive: ["early", "late"].map(variant).into(),
            others: Vec::new(),
        }
    }

    #[test]
    fn a_task_with_its_hints() {
        insta::assert_snapshot!(render(&exercise(Rung::Build), None, &BTreeMap::new()));
    }

    #[test]
    fn who_has_passed_sees_the_solution() {
        let shown = render(
            &exercise(Rung::Build),
            Some("fn main() {}\n"),
            &BTreeMap::new(),
        );
        let solution = shown.split_once("Yours has passed.").map(|(_, rest)| rest);
        assert!(
            solution.is_some_and(|rest| rest.contains("main")),
            "{shown}"
        );
        assert!(!shown.contains("When yours has passed"));
    }

    #[test]
    fn who_predicts_gives_a_guess() {
        let judge = render(
            &exercise(Rung::Judge),
            Some("fn main() {}"),
            &BTreeMap::new(),
        );
        let command = "cargo book grade ex03-late --guess early=VERDICT --guess late=VERDICT";
        assert!(judge.contains(command), "{judge}");
        assert!(!judge.contains("solutions/"));
        assert!(
            judge.contains("<strong>Exercise: predict the verdicts.</strong> Work"),
            "{judge}"
        );
        let complete = render(&exercise(Rung::Complete), None, &BTreeMap::new());
        assert!(complete.contains("Complete <code>exercises/ex03-late/src/main.rs</code>"));
        assert!(
            complete.contains("<strong>Exercise: complete the program.</strong> Work"),
            "{complete}"
        );
    }

    #[test]
    fn who_judges_recorded_runs_reads_them() {
        let runs = [("late".to_owned(), "1  wire  a < b".to_owned())].into();
        let judge = render(&exercise(Rung::Judge), None, &runs);
        assert!(
            judge.contains("Read <code>exercises/ex03-late/runs</code>, and name"),
            "{judge}"
        );
        assert!(
            judge.contains("<pre><code>1  wire  a &lt; b</code></pre>"),
            "{judge}"
        );
        assert!(
            judge.contains("<strong>Exercise: name what went wrong.</strong> Work"),
            "{judge}"
        );
    }
}
