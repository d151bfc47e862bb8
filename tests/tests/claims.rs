//! Every sentence about a broker's behaviour is bound to a test, and every such test to a sentence.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use book_tests::{book, files, none, root, words};
use catalog::{Catalog, Claim, ClaimId, Where};

/// Claims that one test may show: more, and its failure would not say which is wrong.
const PER_TEST: usize = 3;

#[test]
fn pages_and_tests_claim_the_same() {
    let book = book().unwrap();
    let (marks, mut problems) = marks(&book);
    problems.extend(unequal(&marks, &book.claims().unwrap()));
    none(&problems);
}

#[test]
fn every_claim_has_its_contrast() {
    none(&without_contrast(&book().unwrap().claims().unwrap()));
}

#[test]
fn a_test_shows_three_claims_at_most() {
    none(&overloaded(&book().unwrap().claims().unwrap()));
}

#[test]
fn words_that_claim_carry_a_claim() {
    let list = root().join("tests/claim-words.txt");
    let list = words::list(&std::fs::read_to_string(list).unwrap()).unwrap();
    let mut problems = Vec::new();
    for file in files::all(root()).unwrap() {
        if file.below("book/src") && file.is(".md") && !file.is("/SUMMARY.md") {
            problems.extend(words::unclaimed(&file.path, &file.text, &list));
        }
    }
    none(&problems);
}

#[test]
fn misconceptions_are_claimed_explained_and_asked_about() {
    let book = book().unwrap();
    let (marks, _) = marks(&book);
    let pages: BTreeSet<String> = book
        .pages()
        .unwrap()
        .into_iter()
        .map(|page| page.slug)
        .collect();
    let mut asked = BTreeSet::new();
    for chapter in book.chapters() {
        for id in chapter.predictions().unwrap() {
            let options = book.predict(&chapter.id, &id).unwrap().options;
            asked.extend(
                options
                    .into_iter()
                    .filter_map(|option| option.misconception),
            );
        }
    }
    for exercise in book.exercises().unwrap() {
        let naive = exercise.naive.into_values();
        asked.extend(naive.map(|naive| naive.misconception));
    }
    let mut problems = Vec::new();
    for (id, misconception) in book.misconceptions().unwrap() {
        let place = format!("book/misconceptions.toml: [{id}]");
        if !marks.contains_key(&misconception.claim) {
            problems.push(format!(
                "{place}: no page makes the claim {}; correct it",
                misconception.claim
            ));
        }
        if !pages.contains(&misconception.page) {
            problems.push(format!(
                "{place}: there is no page {}; correct it",
                misconception.page
            ));
        }
        if !asked.contains(&id) {
            problems.push(format!(
                "{place}: no prediction has it as a wrong answer, and no naive program of an exercise believes it; add one or remove it"
            ));
        }
    }
    none(&problems);
}

/// The claims of all pages, each with the places of its marks, and what is wrong with others.
fn marks(book: &Catalog) -> (BTreeMap<ClaimId, Vec<String>>, Vec<String>) {
    let mut marks: BTreeMap<ClaimId, Vec<String>> = BTreeMap::new();
    let mut problems = Vec::new();
    for page in book.pages().unwrap() {
        let text = std::fs::read_to_string(&page.path).unwrap();
        for mark in Catalog::page_claims(&text) {
            let place = format!("{}:{}", book.shown(&page.path), mark.line);
            match mark.id {
                Ok(id) => marks.entry(id).or_default().push(place),
                Err(error) => problems.push(format!("{place}: {error}")),
            }
        }
    }
    (marks, problems)
}

fn unequal(
    pages: &BTreeMap<ClaimId, Vec<String>>,
    tests: &BTreeMap<ClaimId, Claim>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, places) in pages {
        if !tests.contains_key(id) {
            problems.push(format!(
                "{}: no test shows the claim {id}; write `/// claim: {id}` on one in tests/tests/",
                places.join(", ")
            ));
        }
    }
    for (id, claim) in tests {
        if !pages.contains_key(id) {
            let places: Vec<String> = claim
                .tests
                .iter()
                .chain(&claim.contrasts)
                .map(Where::to_string)
                .collect();
            problems.push(format!(
                "{}: no page makes the claim {id}; write [claim: {id}] after the sentence that it shows, \
                 or remove it from the test",
                places.join(", ")
            ));
        }
    }
    problems
}

fn without_contrast(claims: &BTreeMap<ClaimId, Claim>) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, claim) in claims {
        if let (Some(test), []) = (claim.tests.first(), claim.contrasts.as_slice()) {
            problems.push(format!(
                "{test}: the claim {id} has no contrast; write a test `{}_contrast` that shows the opposite \
                 with the setting off",
                test.function
            ));
        }
        if let ([], Some(contrast)) = (claim.tests.as_slice(), claim.contrasts.first()) {
            problems.push(format!(
                "{contrast}: the claim {id} has a contrast and no test that shows it; write one"
            ));
        }
    }
    problems
}

fn overloaded(claims: &BTreeMap<ClaimId, Claim>) -> Vec<String> {
    let mut shown: BTreeMap<&Where, Vec<&ClaimId>> = BTreeMap::new();
    for (id, claim) in claims {
        for test in claim.tests.iter().chain(&claim.contrasts) {
            shown.entry(test).or_default().push(id);
        }
    }
    shown
        .into_iter()
        .filter(|(_, ids)| ids.len() > PER_TEST)
        .map(|(test, ids)| {
            format!(
                "{test}: it shows {} claims, {PER_TEST} are allowed; split it",
                ids.len()
            )
        })
        .collect()
}

mod the_checks_themselves {
    use super::*;

    fn place(function: &str) -> Where {
        Where {
            path: "tests/tests/rabbit.rs".into(),
            line: 7,
            function: function.to_owned(),
        }
    }

    fn claims(ids: &[&str], tests: &[&str], contrasts: &[&str]) -> BTreeMap<ClaimId, Claim> {
        let places = |names: &[&str]| names.iter().map(|name| place(name)).collect();
        let claim = Claim {
            tests: places(tests),
            contrasts: places(contrasts),
        };
        ids.iter()
            .map(|id| (id.parse().unwrap(), claim.clone()))
            .collect()
    }

    #[test]
    fn a_claim_on_one_side_only_is_told() {
        let pages =
            BTreeMap::from([("a.b.c".parse().unwrap(), vec!["book/src/p.md:3".to_owned()])]);
        assert_eq!(unequal(&pages, &claims(&["a.b.c"], &["t"], &[])), [""; 0]);
        let problems = unequal(&pages, &claims(&["a.b.d"], &["t"], &["t_contrast"]));
        assert_eq!(
            problems,
            [
                "book/src/p.md:3: no test shows the claim a.b.c; write `/// claim: a.b.c` on one in tests/tests/",
                "tests/tests/rabbit.rs:7 t, tests/tests/rabbit.rs:7 t_contrast: no page makes the claim a.b.d; \
                 write [claim: a.b.d] after the sentence that it shows, or remove it from the test",
            ]
        );
    }

    #[test]
    fn a_test_without_contrast_and_a_contrast_without_test_are_told() {
        assert_eq!(
            without_contrast(&claims(&["a.b.c"], &["t"], &["t_contrast"])),
            [""; 0]
        );
        let problems = without_contrast(&claims(&["a.b.c"], &["t"], &[]));
        assert!(
            problems[0].contains("write a test `t_contrast`"),
            "{problems:?}"
        );
        let problems = without_contrast(&claims(&["a.b.c"], &[], &["t_contrast"]));
        assert!(
            problems[0].contains("no test that shows it"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_fourth_claim_is_told() {
        let ids = ["a.b.c", "a.b.d", "a.b.e", "a.b.f"];
        assert_eq!(overloaded(&claims(&ids[..3], &["t"], &[])), [""; 0]);
        assert_eq!(
            overloaded(&claims(&ids, &["t"], &[])),
            ["tests/tests/rabbit.rs:7 t: it shows 4 claims, 3 are allowed; split it"]
        );
    }
}
