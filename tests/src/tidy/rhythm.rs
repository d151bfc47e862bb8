//! The rhythm of a chapter's page: question, prediction, run, why, break it and mend it, in
//! production, three questions to recall.

use std::collections::BTreeSet;

use catalog::{directives, prose};

/// The sections of a page, in order. Others may stand between them.
const SECTIONS: [&str; 5] = ["Run it", "Why", "Break it", "In production", "Recall"];
/// Questions at the end.
const QUESTIONS: usize = 3;

/// A part of a page: from one heading of the second level to the next.
struct Section<'a> {
    title: &'a str,
    /// Its lines, from 1, the heading's own included.
    lines: std::ops::Range<usize>,
}

/// A chapter's page follows the rhythm.
pub fn follows(path: &str, markdown: &str) -> Vec<String> {
    let text = prose(markdown);
    let sections = sections(&text);
    let mut problems = Vec::new();
    let mut last = 0;
    for title in SECTIONS {
        match sections.iter().position(|section| section.title == title) {
            None => problems.push(format!(
                "{path}: there is no section `## {title}`; write it"
            )),
            Some(place) if place < last => problems.push(format!(
                "{path}:{}: `## {title}` comes too early; the order is {}",
                sections[place].lines.start,
                SECTIONS.join(", ")
            )),
            Some(place) => last = place,
        }
    }
    let shows = |name: &str, section: &Section| {
        let found = directives(markdown).into_iter();
        found
            .filter(|it| it.name == name)
            .any(|it| section.lines.contains(&it.line))
    };
    let run = sections.iter().find(|section| section.title == "Run it");
    let before_run = run.map_or(usize::MAX, |section| section.lines.start);
    let mut predictions = directives(markdown).into_iter();
    if !predictions.any(|it| it.name == "predict" && it.line < before_run) {
        problems.push(format!(
            "{path}:1: a reader predicts before the run is shown; add {{{{#predict ...}}}}"
        ));
    }
    let needed = [
        ("Run it", "transcript", "the section shows a run"),
        (
            "Break it",
            "transcript",
            "the section shows the run that goes wrong",
        ),
    ];
    for (title, name, why) in needed {
        let section = sections.iter().find(|section| section.title == title);
        if let Some(section) = section.filter(|section| !shows(name, section)) {
            problems.push(format!(
                "{path}:{}: {why}; add {{{{#{name} ...}}}}",
                section.lines.start
            ));
        }
    }
    if let Some(section) = sections.iter().find(|section| section.title == "Recall") {
        let lines = markdown
            .lines()
            .skip(section.lines.start)
            .take(section.lines.len() - 1);
        // A click on the question opens its answer.
        let asks = |line: &&str| line.starts_with("<summary>") && line.ends_with("?</summary>");
        let questions = lines.filter(asks).count();
        if questions != QUESTIONS {
            problems.push(format!(
                "{path}:{}: there are {questions} questions; ask {QUESTIONS}, each as a line \
                 `<summary>...?</summary>` in a `<details>` with its answer",
                section.lines.start
            ));
        }
    }
    problems
}

/// The first page of a chapter asks about earlier chapters, and not about one broker alone. The first
/// chapter has none before it. What a page asks of its own run is named without a chapter.
pub fn asks_about_earlier_chapters(path: &str, slug: &str, markdown: &str) -> Vec<String> {
    let asked: Vec<String> = directives(markdown)
        .into_iter()
        .filter(|it| it.name == "predict")
        .map(|it| it.argument)
        .filter(|asked| asked.contains('/'))
        .collect();
    let earlier = |asked: &String| asked.split_once('-').is_some_and(|(of, _)| of < slug);
    let brokers: BTreeSet<Option<&str>> = asked.iter().map(|it| it.split('-').nth(1)).collect();
    if asked.len() == QUESTIONS && asked.iter().all(earlier) && brokers.len() > 1 {
        return Vec::new();
    }
    vec![format!(
        "{path}:1: a chapter begins with {QUESTIONS} questions of earlier chapters, not all of one \
         broker; add {{{{#predict CHAPTER/ID}}}}"
    )]
}

/// The sections of a page; the first, without a title, is what stands before the others.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section {
        title: "",
        lines: 1..1,
    }];
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            let title = title.trim();
            sections.push(Section {
                title,
                lines: index + 1..index + 1,
            });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.end = index + 2;
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# A queue

What is lost?

{{#predict ch03-queue/lost}}

## Run it

{{#transcript ch03-queue/default}}

## Why

## Break it

{{#transcript ch03-queue/auto}}

## Fix it

## In production

## Recall

<details>
<summary>What is lost?</summary>

Nothing.

</details>
<details>
<summary>Why?</summary>
</details>
<details>
<summary>When?</summary>
</details>
";

    #[test]
    fn a_first_page_asks_about_earlier_chapters() {
        let page = |ids: [&str; 3]| ids.map(|id| format!("{{{{#predict {id}}}}}\n")).concat();
        let told = |ids| asks_about_earlier_chapters("p.md", "ch03", &page(ids)).len();
        assert_eq!(
            told(["ch01-delivery/a", "ch02-nats-x/b", "ch02-nats-y/c"]),
            0
        );
        assert_eq!(
            told(["ch01-delivery/a", "ch02-nats-x/b", "ch03-rabbit-y/c"]),
            1
        );
        assert_eq!(told(["ch02-nats-x/a", "ch02-nats-x/b", "ch02-nats-y/c"]), 1);
        let two = "{{#predict ch01-delivery/a}}\n{{#predict ch02-nats-x/b}}\n{{#predict own}}\n";
        assert_eq!(asks_about_earlier_chapters("p.md", "ch03", two).len(), 1);
    }

    #[test]
    fn a_page_in_rhythm_passes() {
        assert_eq!(follows("p.md", GOOD), [""; 0]);
    }

    #[test]
    fn a_page_out_of_rhythm_is_told() {
        for (old, new, expected) in [
            (
                "## Why\n",
                "## Because\n",
                "p.md: there is no section `## Why`; write it",
            ),
            (
                "## Why\n",
                "```\n## Why\n```\n",
                "p.md: there is no section `## Why`; write it",
            ),
            (
                "{{#predict ch03-queue/lost}}",
                "",
                "p.md:1: a reader predicts before the run is shown; add {{#predict ...}}",
            ),
            (
                "{{#transcript ch03-queue/default}}",
                "",
                "p.md:7: the section shows a run; add {{#transcript ...}}",
            ),
            (
                "{{#transcript ch03-queue/auto}}",
                "`{{#transcript ch03-queue/auto}}`",
                "p.md:13: the section shows the run that goes wrong; add {{#transcript ...}}",
            ),
            (
                "<summary>When?</summary>",
                "3. When?",
                "p.md:21: there are 2 questions; ask 3, each as a line `<summary>...?</summary>` in a `<details>` with its answer",
            ),
        ] {
            assert!(GOOD.contains(old), "{old}");
            assert_eq!(follows("p.md", &GOOD.replace(old, new)), [expected]);
        }
        let swapped = GOOD
            .replace("## Why\n", "## X\n")
            .replace("## Fix it\n", "## Why\n");
        assert_eq!(
            follows("p.md", &swapped),
            [
                "p.md:13: `## Break it` comes too early; the order is Run it, Why, Break it, In production, Recall"
            ]
        );
    }
}
