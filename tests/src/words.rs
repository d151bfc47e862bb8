//! Sentences that say what a broker does, found by the words in `tests/claim-words.txt`.

use anyhow::{Result, bail};
use catalog::{Catalog, directives, prose};
use pulldown_cmark::{BlockQuoteKind, Event, Options, Parser, Tag, TagEnd};

/// The comment with which an author says that a paragraph claims nothing, and why.
const EXEMPT: &str = "<!-- no claim:";

/// Reads the list: one word or phrase a line, `#` for what is about the list itself.
///
/// # Errors
/// When a word is not in small letters or is listed twice.
pub fn list(text: &str) -> Result<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let word = line.trim();
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        if word != word.to_lowercase() || words.iter().any(|other| other == word) {
            bail!(
                "tests/claim-words.txt:{}: write `{word}` in small letters, once",
                index + 1
            );
        }
        words.push(word.to_owned());
    }
    Ok(words)
}

/// A piece of a page that is judged as one: a paragraph, an item of a list, a row of a table.
struct Piece {
    range: std::ops::Range<usize>,
}

/// The paragraphs of a page that use a word of the list without a claim mark; and those that are
/// exempt without need.
pub fn unclaimed(path: &str, markdown: &str, words: &[String]) -> Vec<String> {
    let text = plain(markdown);
    let mut problems = Vec::new();
    for piece in pieces(markdown) {
        let source = &markdown[piece.range.clone()];
        let place = format!("{path}:{}", line(markdown, piece.range.start));
        let found = word_in(&text[piece.range], words);
        let marked = !Catalog::page_claims(source).is_empty();
        let reason = source
            .split_once(EXEMPT)
            .and_then(|(_, rest)| rest.split_once("-->"));
        match (found, reason) {
            (Some(word), None) if !marked => problems.push(format!(
                "{place}: `{word}` says what a broker does; write [claim: broker.subject.behaviour] after \
                 the sentence, say it otherwise, or give a reason: {EXEMPT} ... -->"
            )),
            (_, Some((reason, _))) if reason.trim().is_empty() => {
                problems.push(format!("{place}: `{EXEMPT} -->` gives no reason; write it"));
            }
            (None, Some(_)) => problems.push(format!(
                "{place}: `{EXEMPT} ... -->` is not needed here; remove it"
            )),
            (Some(_), Some(_)) if marked => problems.push(format!(
                "{place}: the paragraph has a claim and says that it has none; remove `{EXEMPT} ... -->`"
            )),
            _ => {}
        }
    }
    problems
}

/// The page's words in small letters, without code, comments, directives and claim marks. Every
/// byte keeps its place.
fn plain(markdown: &str) -> String {
    let mut bytes = prose(markdown).into_bytes();
    let directives = directives(markdown).into_iter().map(|found| found.range);
    let marks = Catalog::page_claims(markdown)
        .into_iter()
        .map(|mark| mark.range);
    for range in directives.chain(marks) {
        bytes[range].fill(b' ');
    }
    bytes.make_ascii_lowercase();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn pieces(markdown: &str) -> Vec<Piece> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_GFM;
    let mut pieces = Vec::new();
    let mut quotes: Vec<Option<BlockQuoteKind>> = Vec::new();
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        match event {
            Event::Start(Tag::BlockQuote(kind)) => quotes.push(kind),
            Event::End(TagEnd::BlockQuote(_)) => drop(quotes.pop()),
            // A plain quote is the words of someone else; a note or a warning is the book's.
            _ if quotes.iter().any(Option::is_none) => {}
            Event::Start(Tag::Paragraph | Tag::TableRow) => pieces.push(Piece { range }),
            // The text of an item without paragraphs, up to a list inside it.
            Event::Start(Tag::Item) => pieces.push(Piece { range }),
            _ => {}
        }
    }
    let starts: Vec<_> = pieces.iter().map(|piece| piece.range.clone()).collect();
    for piece in &mut pieces {
        let inner = starts
            .iter()
            .filter(|other| other.start > piece.range.start && other.end <= piece.range.end);
        piece.range.end = inner
            .map(|other| other.start)
            .min()
            .unwrap_or(piece.range.end);
    }
    pieces.retain(|piece| !is_question(&markdown[piece.range.clone()]));
    pieces
}

/// A question claims nothing.
fn is_question(text: &str) -> bool {
    text.trim_end().ends_with('?')
}

/// The first word or phrase of the list that the text holds as a whole.
fn word_in<'a>(text: &str, words: &'a [String]) -> Option<&'a str> {
    let split = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let text = split(text);
    let holds = |word: &&String| {
        let phrase = split(word);
        text.windows(phrase.len()).any(|window| window == phrase)
    };
    words.iter().find(holds).map(String::as_str)
}

fn line(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn problems(markdown: &str) -> Vec<String> {
        let words = list("# words\nloses\nredelivered\n\nat least once\n").unwrap();
        unclaimed("p.md", markdown, &words)
    }

    #[test]
    fn the_list_is_in_small_letters_and_each_word_once() {
        for bad in ["Loses", "loses\nloses"] {
            assert!(list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_word_without_claim_is_told_with_its_line() {
        let found = problems("# Title\n\nThe queue\nloses it.\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("p.md:3: `loses` says what a broker does"),
            "{found:?}"
        );
        for unclaimed in [
            "It is Redelivered.",
            "- it loses it\n- it does not\n",
            "- a\n\n  It loses it.\n",
            "1. a\n   - it loses it\n",
            "| a |\n|---|\n| loses |\n",
            "> [!WARNING]\n> It loses it.\n",
            "It happens at least\nonce.",
            "It loses *it*. `[claim: a.b.c]`",
        ] {
            assert_eq!(problems(unclaimed).len(), 1, "{unclaimed}");
        }
    }

    #[test]
    fn a_claim_covers_its_paragraph_and_no_other() {
        assert_eq!(problems("It loses it. [claim: a.b.c]\n"), [""; 0]);
        assert_eq!(problems("It loses it.\n\nOther. [claim: a.b.c]\n").len(), 1);
        assert_eq!(problems("- it loses it\n- other [claim: a.b.c]\n").len(), 1);
        assert_eq!(problems("- a [claim: a.b.c]\n  - it loses it\n").len(), 1);
    }

    #[test]
    fn headings_code_comments_questions_and_quotes_claim_nothing() {
        for free in [
            "# It loses it\n",
            "`loses` is a word, and\n\n```\nit loses it\n```\n",
            "<!-- it loses it -->\n",
            "- Which message is redelivered?\n",
            "> The broker loses it, they say.\n",
            "{{#listing x#loses}}\n",
            "The closes and loses-nothing... no: losest.\n",
        ] {
            let expected = usize::from(free.contains("loses-nothing"));
            assert_eq!(problems(free).len(), expected, "{free}");
        }
    }

    #[test]
    fn an_exemption_has_a_reason_and_is_needed() {
        assert_eq!(
            problems("You lose; it loses. <!-- no claim: a game -->\n"),
            [""; 0]
        );
        for (bad, expected) in [
            ("It loses. <!-- no claim: -->\n", "gives no reason"),
            ("It wins. <!-- no claim: a game -->\n", "is not needed here"),
            (
                "It loses. [claim: a.b.c] <!-- no claim: a game -->\n",
                "says that it has none",
            ),
        ] {
            let found = problems(bad);
            assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
        }
    }
}
