//! The reference's data and the pages and listings that they tell of are the same.

use std::collections::BTreeMap;

use catalog::{Head, SetHere, Setting, Settings, Term};

use crate::words;

/// Every setting that a listing sets is explained, and every explained one is set.
pub fn settings_are_those_of_listings(settings: &Settings, set: &[SetHere]) -> Vec<String> {
    let mut problems = Vec::new();
    for here in set {
        let known = settings.get(here.broker);
        if known.is_none_or(|known| !known.contains_key(&here.key)) {
            problems.push(format!(
                "{}:{}: `{}` is in no reference; add [\"{}\"] with default, value, why and source \
                 to book/settings/{}.toml",
                here.path.display(),
                here.line,
                here.key,
                here.key,
                here.broker
            ));
        }
    }
    for (broker, known) in settings {
        let is_set = |key: &str| {
            set.iter()
                .any(|here| here.broker == broker && here.key == key)
        };
        for key in known.keys().filter(|key| !is_set(key)) {
            problems.push(format!(
                "book/settings/{broker}.toml: no listing sets `{key}`; remove it"
            ));
        }
    }
    problems
}

/// What says what a broker does names its claim, as on the pages.
pub fn settings_are_claimed(
    broker: &str,
    settings: &BTreeMap<String, Setting>,
    list: &[String],
) -> Vec<String> {
    let unclaimed = settings
        .iter()
        .filter(|(_, setting)| setting.claim.is_none());
    let path = format!("book/settings/{broker}.toml");
    unclaimed
        .filter(|(_, setting)| !words::unclaimed(&path, &setting.why, list).is_empty())
        .map(|(key, setting)| {
            format!(
                "{path}: `{key}`: '{}' says what a broker does; add claim = \"...\", or say it otherwise",
                setting.why
            )
        })
        .collect()
}

/// A client's default is what the client says itself; `of` gives that, and `None` for what is no
/// setting of the client.
pub fn defaults_are_the_clients(
    path: &str,
    settings: &BTreeMap<String, Setting>,
    of: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (key, setting) in settings {
        let Some(default) = of(key) else {
            continue;
        };
        let default = if default.is_empty() { "none" } else { &default };
        let said = setting.default.replace(',', "");
        let mut words = said.split([' ', '`', '(', ')', ':', ';']);
        if !words.any(|word| word == default) {
            problems.push(format!(
                "{path}: the default of `{key}` is `{default}`, not '{}'; correct it",
                setting.default
            ));
        }
    }
    problems
}

/// Every term that a page introduces is explained, and every explained one is introduced.
pub fn terms_are_those_of_pages(
    glossary: &BTreeMap<String, Term>,
    heads: &BTreeMap<String, Head>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (slug, head) in heads {
        for term in &head.terms {
            if !glossary.contains_key(term) {
                problems.push(format!(
                    "book/src/{slug}.md: the term `{term}` is in no glossary; add [\"{term}\"] with \
                     says to a file in book/glossary"
                ));
            }
        }
    }
    for term in glossary.keys() {
        if !heads.values().any(|head| head.terms.contains(term)) {
            problems.push(format!(
                "book/glossary: no page has `{term}` among its terms; name it in the head of the page \
                 that introduces it, or remove it"
            ));
        }
    }
    problems
}

/// A page shows Rust by listings alone, which are compiled and run.
pub fn rust_is_in_listings(path: &str, markdown: &str) -> Vec<String> {
    let lines = markdown.lines().enumerate();
    let is_rust = |line: &str| {
        let fence = line.trim_start_matches([' ', '>']);
        let language = fence.trim_start_matches(['`', '~']);
        fence.len() - language.len() > 2
            && ["rust", "rs"].contains(&language.split([',', ' ']).next().unwrap_or_default())
    };
    lines
        .filter(|(_, line)| is_rust(line))
        .map(|(index, _)| {
            format!(
                "{path}:{}: nothing compiles this Rust; show a piece of a program with {{{{#listing \
                 CHAPTER#ANCHOR}}}}",
                index + 1
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Level;

    fn setting(default: &str, why: &str) -> Setting {
        Setting {
            default: default.to_owned(),
            value: String::new(),
            why: why.to_owned(),
            source: String::new(),
            claim: None,
        }
    }

    fn kafka(key: &str, setting: Setting) -> BTreeMap<String, Setting> {
        BTreeMap::from([(key.to_owned(), setting)])
    }

    #[test]
    fn a_setting_that_only_one_side_has_is_told() {
        let set = [SetHere {
            broker: "kafka",
            key: "acks".to_owned(),
            value: None,
            chapter: "ch04-a".to_owned(),
            path: "chapters/ch04-a/src/main.rs".into(),
            line: 7,
        }];
        let both = Settings::from([("kafka".to_owned(), kafka("acks", setting("", "")))]);
        assert_eq!(settings_are_those_of_listings(&both, &set), [""; 0]);
        let other = Settings::from([("kafka".to_owned(), kafka("linger.ms", setting("", "")))]);
        assert_eq!(
            settings_are_those_of_listings(&other, &set),
            [
                "chapters/ch04-a/src/main.rs:7: `acks` is in no reference; add [\"acks\"] with default, \
                 value, why and source to book/settings/kafka.toml",
                "book/settings/kafka.toml: no listing sets `linger.ms`; remove it",
            ]
        );
    }

    #[test]
    fn a_reason_that_claims_needs_its_claim() {
        let list = ["lost".to_owned()];
        let problems = |why| settings_are_claimed("kafka", &kafka("acks", setting("", why)), &list);
        assert_eq!(problems("It is quicker."), [""; 0]);
        assert_eq!(problems("A record is lost.").len(), 1);
    }

    #[test]
    fn a_default_is_what_the_client_has() {
        let problems = |default: &str, has: Option<&str>| {
            let settings = kafka("a", setting(default, ""));
            defaults_are_the_clients("k.toml", &settings, |_| has.map(str::to_owned))
        };
        assert_eq!(problems("300,000 ms (5 min)", Some("300000")), [""; 0]);
        assert_eq!(problems("latest (`largest`)", Some("largest")), [""; 0]);
        assert_eq!(problems("none", Some("")), [""; 0]);
        assert_eq!(problems("a topic's", None), [""; 0]);
        assert_eq!(
            problems("30,000 ms", Some("300000")),
            ["k.toml: the default of `a` is `300000`, not '30,000 ms'; correct it"]
        );
    }

    #[test]
    fn a_term_that_only_one_side_has_is_told() {
        let term = Term {
            says: String::new(),
            nats: None,
            rabbitmq: None,
            kafka: None,
        };
        let head = |term: &str| {
            let head = Head {
                needs: Vec::new(),
                terms: vec![term.to_owned()],
                level: Level::Spine,
            };
            BTreeMap::from([("ch01".to_owned(), head)])
        };
        let glossary = BTreeMap::from([("log".to_owned(), term)]);
        assert_eq!(terms_are_those_of_pages(&glossary, &head("log")), [""; 0]);
        let problems = terms_are_those_of_pages(&glossary, &head("queue"));
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("book/src/ch01.md: the term `queue` is in no glossary"));
        assert!(problems[1].starts_with("book/glossary: no page has `log`"));
    }

    #[test]
    fn rust_that_nothing_compiles_is_told() {
        let page = "text\n\n> ```rust,ignore\n> fn f() {}\n> ```\n\n```text\nrust\n```\n";
        let problems = rust_is_in_listings("p.md", page);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("p.md:3: nothing compiles this Rust"));
    }
}
