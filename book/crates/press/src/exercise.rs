//! `{{#exercise ID}}`: a task, its hints, and the command that judges the answer.

use catalog::{Exercise, Rung};
use pulldown_cmark::{Parser, html::push_html};

use crate::html::sentence;
use crate::markdown::options;

/// The task. The solution is not in it: it is read by who has passed.
pub(crate) fn render(exercise: &Exercise) -> String {
    let id = &exercise.id;
    let (begin, command) = match exercise.rung {
        Rung::Judge => (
            format!("Read <code>exercises/{id}/src/main.rs</code>, predict its verdict, and see:"),
            format!("cargo book grade {id} --guess VERDICT"),
        ),
        Rung::Complete => (
            format!("Complete <code>exercises/{id}/src/main.rs</code>, and have it judged:"),
            format!("cargo book grade {id}"),
        ),
        Rung::Build => (
            format!("Write <code>exercises/{id}/src/main.rs</code>, and have it judged:"),
            format!("cargo book grade {id}"),
        ),
    };
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
         {task}<p>{begin}</p>\n\
         <pre><code class=\"language-console\">{command}</code></pre>\n\
         {hints}<p>When yours has passed, compare it with <code>solutions/{id}/src/main.rs</code>.</p>\n\
         </section>",
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
    use super::*;

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
            naive: Default::default(),
        }
    }

    #[test]
    fn a_task_with_its_hints() {
        insta::assert_snapshot!(render(&exercise(Rung::Build)));
    }

    #[test]
    fn who_predicts_gives_a_guess() {
        let judge = render(&exercise(Rung::Judge));
        assert!(judge.contains("cargo book grade ex03-late --guess VERDICT"));
        let complete = render(&exercise(Rung::Complete));
        assert!(complete.contains("Complete <code>exercises/ex03-late/src/main.rs</code>"));
    }
}
