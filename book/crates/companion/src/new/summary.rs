//! The line of a new page in SUMMARY.md.

/// The summary with a line for the page `ID.md`: after the last page of the same chapter,
/// or at the end where there is none. `chapter` is what the chapter's pages begin with.
pub fn with_page(summary: &str, chapter: &str, id: &str, title: &str) -> String {
    let mut lines: Vec<String> = summary.lines().map(str::to_owned).collect();
    let last = lines.iter().rposition(|line| links_to(line, chapter));
    let (place, indent) = match last {
        Some(last) => (last + 1, indent(&lines[last], chapter)),
        None => (lines.len(), 0),
    };
    lines.insert(place, format!("{}- [{title}]({id}.md)", " ".repeat(indent)));
    lines.join("\n") + "\n"
}

/// Whether the line is a page of the chapter: its opener `ch03.md` or `ch03-....md`.
fn links_to(line: &str, chapter: &str) -> bool {
    is_opener(line, chapter) || line.contains(&format!("({chapter}-"))
}

fn is_opener(line: &str, chapter: &str) -> bool {
    line.contains(&format!("({chapter}.md)"))
}

/// A page stands as deep as its neighbour, and below its opener.
fn indent(line: &str, chapter: &str) -> usize {
    let own = line.len() - line.trim_start().len();
    if is_opener(line, chapter) {
        own + 2
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::with_page;

    #[test]
    fn a_page_comes_after_those_of_its_chapter() {
        let summary = "# Summary\n\n- [Open](index.md)\n- [RabbitMQ](ch03.md)\n  \
            - [Queue](ch03-rabbit-queue.md)\n- [Kafka](ch04.md)\n";
        let with = |chapter: &str| with_page(summary, chapter, &format!("{chapter}-new"), "New");
        assert!(with("ch03").contains("(ch03-rabbit-queue.md)\n  - [New](ch03-new.md)\n- [Kafka]"));
        assert!(with("ch04").ends_with("- [Kafka](ch04.md)\n  - [New](ch04-new.md)\n"));
        assert!(with("ch05").ends_with("- [Kafka](ch04.md)\n- [New](ch05-new.md)\n"));
    }
}
