//! The glossary, the table of the brokers' words, and the links to it.

use std::collections::BTreeMap;

use catalog::Term;

use super::{link, slugged, table};
use crate::html::{escape, sentence};
use crate::material::Material;

/// The part of the glossary's address that leads to a term.
pub(crate) fn anchor(term: &str) -> String {
    format!("term-{}", slugged(term))
}

/// The term that a page means with `word`: itself or its plural, in small letters or not.
pub(crate) fn term<'a>(glossary: &'a BTreeMap<String, Term>, word: &str) -> Option<&'a str> {
    let word = word.to_lowercase();
    let single = word.strip_suffix('s').unwrap_or(&word);
    glossary.keys().map(String::as_str).find(|term| {
        let term = term.to_lowercase();
        term == word || term == single
    })
}

/// Every term, with its meaning, the brokers' words and the page that introduces it.
pub(super) fn render(material: &Material, from: &str) -> String {
    let terms: String = in_order(material)
        .into_iter()
        .map(|(name, term)| {
            let words: Vec<String> = term
                .words()
                .into_iter()
                .filter_map(|(broker, word)| Some(format!("{broker}: {}", sentence(word?))))
                .collect();
            let words = match words.is_empty() {
                true => String::new(),
                false => format!("<br>{}.", words.join("; ")),
            };
            let introduces = |slug: &str| link(material, slug, from, "").ok();
            let page = material
                .survey
                .iter()
                .find(|page| page.terms.contains(name))
                .and_then(|page| introduces(&page.slug))
                .map_or_else(String::new, |page| format!(" → {page}"));
            format!(
                "<dt id=\"{}\">{}</dt>\n<dd>{}{page}{words}</dd>\n",
                anchor(name),
                escape(name),
                sentence(&term.says)
            )
        })
        .collect();
    format!("<dl class=\"glossary\">\n{terms}</dl>")
}

/// The terms for which each of the three brokers has a word.
pub(super) fn words(material: &Material, from: &str) -> String {
    let rows: String = in_order(material)
        .into_iter()
        .filter_map(|(name, term)| {
            let words: Option<Vec<&str>> = term.words().into_iter().map(|(_, word)| word).collect();
            let words: String = words?
                .into_iter()
                .map(|word| format!("<td>{}</td>", sentence(word)))
                .collect();
            let shown = match material.term(name, from) {
                Some(address) => {
                    format!("<a href=\"{}\">{}</a>", escape(&address), escape(name))
                }
                None => escape(name),
            };
            Some(format!("<tr><th scope=\"row\">{shown}</th>{words}</tr>\n"))
        })
        .collect();
    table("words", &["Term", "NATS", "RabbitMQ", "Kafka"], &rows)
}

/// The terms by the alphabet, whatever their case.
fn in_order(material: &Material) -> Vec<(&String, &Term)> {
    let mut terms: Vec<_> = material.glossary.iter().collect();
    terms.sort_by_key(|(name, _)| name.to_lowercase());
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_term_or_its_plural() {
        let says = |says: &str| Term {
            says: says.to_owned(),
            nats: None,
            rabbitmq: None,
            kafka: None,
        };
        let glossary = BTreeMap::from([
            ("JetStream".to_owned(), says("a")),
            ("offset".to_owned(), says("b")),
            ("no responders".to_owned(), says("c")),
        ]);
        for (word, found) in [
            ("jetstream", Some("JetStream")),
            ("Offsets", Some("offset")),
            ("no responders", Some("no responders")),
            ("offset of", None),
            ("", None),
        ] {
            assert_eq!(term(&glossary, word), found, "{word}");
        }
    }
}
