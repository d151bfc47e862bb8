//! How much of the book is tested, counted when it is built.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{link, table};
use crate::html::escape;
use crate::material::Material;
use crate::survey::Survey;

/// The numbers of the book, and those of each page.
///
/// # Errors
/// When a recorded run cannot be read.
pub(super) fn render(material: &Material, from: &str) -> Result<String> {
    let pages = || material.survey.iter();
    let claims: BTreeSet<_> = pages().flat_map(|page| &page.claims).collect();
    let is_bound = |claim: &&&catalog::ClaimId| {
        let found = material.claims.get(**claim);
        found.is_some_and(|it| !it.tests.is_empty() && !it.contrasts.is_empty())
    };
    let bound = claims.iter().filter(is_bound).count();

    let shown: BTreeSet<_> = pages().flat_map(|page| &page.transcripts).collect();
    let mut brokers: BTreeMap<String, usize> = BTreeMap::new();
    let mut recorded = 0;
    for run in &shown {
        let (chapter, name) = run.split_once('/').unwrap_or((run, ""));
        let Some(run) = material.catalog.transcript(chapter, name)?.run else {
            continue;
        };
        recorded += 1;
        if let Some(broker) = run.broker {
            *brokers
                .entry(format!("{} {}", broker.name, broker.version))
                .or_default() += 1;
        }
    }
    let brokers: Vec<String> = brokers
        .iter()
        .map(|(broker, count)| format!("{count} on {}", escape(broker)))
        .collect();
    let listings: usize = pages().map(|page| page.listings).sum();
    let rust: usize = pages().map(|page| page.rust).sum();
    let rows: String = pages()
        .filter_map(|page| row(page, material, from))
        .collect();
    let heads = ["Page", "Claims", "Runs", "Pieces of listings"];
    Ok(format!(
        "<ul>\n\
         <li>Claims on what a broker does: {}. Bound to a test that shows them on a real broker, and to \
         one that shows the opposite: {bound} ({}).</li>\n\
         <li>Outputs: {}. Recorded, and printed again and compared by <code>cargo test</code>: \
         {recorded} ({}); {}.</li>\n\
         <li>Pieces of listings: {listings}, all out of programs that are compiled and run. \
         Blocks of Rust on the pages that nothing compiles: {rust}.</li>\n</ul>\n{}",
        claims.len(),
        percent(bound, claims.len()),
        shown.len(),
        percent(recorded, shown.len()),
        match brokers.is_empty() {
            true => "none on a broker".to_owned(),
            false => brokers.join(", "),
        },
        table("coverage", &heads, &rows)
    ))
}

/// A page that has something to count.
fn row(page: &Survey, material: &Material, from: &str) -> Option<String> {
    let counts = [page.claims.len(), page.transcripts.len(), page.listings];
    let cells: String = counts.map(|count| format!("<td>{count}</td>")).concat();
    let link = link(material, &page.slug, from, "").ok()?;
    (counts != [0, 0, 0]).then(|| format!("<tr><th scope=\"row\">{link}</th>{cells}</tr>\n"))
}

/// A share as it may be said: 100 % is all of it.
fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "100 %".to_owned(),
        whole => format!("{} %", part * 100 / whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(percent(3, 3), "100 %");
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(0, 0), "100 %");
    }
}
