//! `[claim: ID]`: a sentence that a test shows.

use std::collections::BTreeMap;

use catalog::{Claim, ClaimId, Verified, Where};

use crate::html::{escape, hidden};

/// The mark behind the sentence; it leads to the page's list of tests.
pub(crate) fn mark(id: &ClaimId) -> String {
    format!(
        "<sup class=\"claim\"><a href=\"#claim-{id}\" title=\"tested: {id}\">\
         <span aria-hidden=\"true\">✓</span>{}</a></sup>",
        hidden(&format!("tested: {id}"))
    )
}

/// The list at the end of a page: each of its claims with the tests that show it, and what these
/// run on.
pub(crate) fn evidence(
    claims: &BTreeMap<&ClaimId, &Claim>,
    verified: &BTreeMap<String, Verified>,
) -> String {
    let items: String = claims
        .iter()
        .map(|(id, claim)| {
            format!(
                "<li id=\"claim-{id}\"><code>{id}</code>{}{}{}</li>\n",
                places("shown by", &claim.tests),
                places("the opposite, with the setting off, by", &claim.contrasts),
                ran_on(verified.get(id.broker())),
            )
        })
        .collect();
    let count = match claims.len() {
        1 => "1 claim of this page is tested".to_owned(),
        count => format!("{count} claims of this page are tested"),
    };
    format!(
        "<details class=\"evidence\"><summary>{count} on a real broker</summary>\n\
         <p><code>cargo test</code> runs these tests beside the recorded runs, on the same brokers; \
         versions and date are those of the newest recorded run.</p>\n\
         <ul>\n{items}</ul>\n</details>"
    )
}

fn ran_on(verified: Option<&Verified>) -> String {
    let Some(Verified {
        broker,
        client,
        date,
    }) = verified
    else {
        return String::new();
    };
    format!(
        "<br>ran on {} {}, {}, {}",
        escape(&broker.name),
        escape(&broker.version),
        escape(client),
        escape(date)
    )
}

fn places(what: &str, places: &[Where]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let places: Vec<String> = places
        .iter()
        .map(|place| {
            format!(
                "<code>{}</code> in <code>{}</code>",
                escape(&place.function),
                escape(&place.path.display().to_string())
            )
        })
        .collect();
    format!("<br>{what} {}", places.join(", "))
}

/// Where a mark goes that follows this text: right behind the sentence, so that it never begins a
/// line of the page. At the beginning of a block it stays.
pub(crate) fn behind_sentence(before: &str) -> usize {
    let text = before.trim_end_matches(' ');
    let Some(above) = text.strip_suffix('\n') else {
        return if text.is_empty() {
            before.len()
        } else {
            text.len()
        };
    };
    let last = above.rsplit('\n').next().unwrap_or_default().trim();
    match last {
        "" => before.len(),
        fence if fence.starts_with("```") => before.len(),
        _ => above.trim_end_matches(' ').len(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use catalog::Version;

    use super::*;

    #[test]
    fn a_mark_stands_behind_its_sentence_and_begins_no_line() {
        for (before, text) in [
            ("It is gone ", "It is gone"),
            ("It is\ngone\n", "It is\ngone"),
            ("- It is\n  gone\n  ", "- It is\n  gone"),
            ("It is gone.\n\n", "It is gone.\n\n"),
            ("```text\n```\n", "```text\n```\n"),
            ("", ""),
        ] {
            assert_eq!(&before[..behind_sentence(before)], text, "{before:?}");
        }
    }

    fn place(function: &str) -> Where {
        Where {
            path: "tests/tests/claims/rabbit.rs".into(),
            line: 12,
            function: function.into(),
        }
    }

    #[test]
    fn a_mark_says_what_is_tested_and_where_to_look() {
        let id: ClaimId = "rabbit.unacked.redelivered".parse().unwrap();
        insta::assert_snapshot!(mark(&id));
    }

    #[test]
    fn the_evidence_names_every_test_and_its_contrast() {
        let redelivered: ClaimId = "rabbit.unacked.redelivered".parse().unwrap();
        let stored: ClaimId = "rabbit.confirm.stored".parse().unwrap();
        let both = Claim {
            tests: vec![place("unacked_comes_back")],
            contrasts: vec![place("auto_ack_loses_contrast")],
        };
        let one = Claim {
            tests: vec![place("confirmed_is_there"), place("also_after_a_kill")],
            contrasts: Vec::new(),
        };
        let claims = BTreeMap::from([(&redelivered, &both), (&stored, &one)]);
        let verified = Verified {
            broker: Version {
                name: "RabbitMQ".into(),
                version: "4.3.6".into(),
            },
            client: "lapin 4.12.3".into(),
            date: "2026-11-24".into(),
        };
        let verified = BTreeMap::from([("RabbitMQ".to_owned(), verified)]);
        insta::assert_snapshot!(evidence(&claims, &verified));
    }
}
