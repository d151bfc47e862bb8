//! `{{#exercise ID}}`: a task, its hints, and the command that judges the answer.

use catalog::{Exercise, Rung};
use pulldown_cmark::{Parser, html::push_html};

use crate::highlight::highlight;
use crate::html::{escape, sentence};
use crate::markdown::options;

/// The task. The solution is in it only if the reader has passed: a book that is built anywhere else
/// does not hold it.
pub(crate) fn render(exercise: &Exercise, solution: Option<&str>) -> String {
    let id = &exercise.id;
    let verb = match exercise.rung {
        Rung::Judge => "Read",
        Rung::Complete => "Complete",
        Rung::Build => "Write",
    };
    let then = match exercise.rung {
        Rung::Judge => "predict what becomes of each program in it",
        Rung::Complete | Rung::Build => "have it judged",
    };
    let file = format!("<code>solutions/{id}/src/main.rs</code>");
    let last = match solution {
        _ if exercise.rung == Rung::Judge => String::new(),
        None => format!("<p>When yours has passed, {file} is shown here.</p>\n"),
        Some(code) => format!(
            "<details><summary>Yours has passed. The solution, {file}</summary>\n\
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
            format!("<details><summary>Hint {number}</summary>\n{hint}</details>\n")
        })
        .collect();
    format!(
        "<section class=\"exercise\" id=\"{id}\" aria-label=\"Exercise\">\n\
         <p><strong>Exercise.</strong> {title}</p>\n\
         {task}<p>{verb} <code>exercises/{id}/src/main.rs</code>, and {then}:</p>\n\
         <pre><code class=\"language-console\">{command}</code></pre>\n\
         {hints}{last}</section>",
        title = sentence(&exercise.title),
        task = markdown(&exercise.task),
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
        insta::assert_snapshot!(render(&exercise(Rung::Build), None));
    }

    #[test]
    fn who_has_passed_sees_the_solution() {
        let shown = render(&exercise(Rung::Build), Some("fn main() {}\n"));
        let solution = shown.split_once("Yours has passed.").map(|(_, rest)| rest);
        assert!(
            solution.is_some_and(|rest| rest.contains("main")),
            "{shown}"
        );
        assert!(!shown.contains("When yours has passed"));
    }

    #[test]
    fn who_predicts_gives_a_guess() {
        let judge = render(&exercise(Rung::Judge), Some("fn main() {}"));
        let command = "cargo book grade ex03-late --guess early=VERDICT --guess late=VERDICT";
        assert!(judge.contains(command), "{judge}");
        assert!(!judge.contains("solutions/"));
        let complete = render(&exercise(Rung::Complete), None);
        assert!(complete.contains("Complete <code>exercises/ex03-late/src/main.rs</code>"));
    }
}
