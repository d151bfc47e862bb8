//! What there is to do in the book, page by page. The script of a served page adds how much of it
//! is done.

use anyhow::Result;
use catalog::{Figures, Record, Stop};

use super::{link, table};
use crate::html::escape;
use crate::material::Material;

/// A table with a row for each page that a reader comes by, below one for its part, and with one
/// for all at the end.
///
/// # Errors
/// When a page, a chapter's folder or an exercise cannot be read.
pub(super) fn render(material: &Material, from: &str) -> Result<String> {
    let (outline, nothing) = (material.catalog.outline()?, Record::default());
    let sum = |stops: &[Stop]| {
        let mut sum = Figures::default();
        stops.iter().for_each(|stop| sum += stop.figures(&nothing));
        sum
    };
    let mut rows = String::new();
    for part in outline.chunk_by(|one, next| one.part == next.part) {
        let title = part.first().map_or("", |stop| &stop.part);
        if !title.is_empty() {
            rows += &row("class=\"part\"", &escape(title), &sum(part));
        }
        for stop in part {
            let Ok(link) = link(material, &stop.slug, from, "") else {
                continue;
            };
            let data = format!("data-page=\"{}\"", escape(&stop.slug));
            rows += &row(&data, &link, &stop.figures(&nothing));
        }
    }
    rows += &row("class=\"all\"", "All", &sum(&outline));
    let heads = ["Page", "Pages", "Runs", "Predictions", "Exercises"];
    // The tools are the script's, too.
    let table = table("progress", &heads, &rows);
    Ok(format!("<div class=\"progress-tools\"></div>\n{table}"))
}

fn row(data: &str, title: &str, figures: &Figures) -> String {
    let cells = [
        ("pages", figures.pages),
        ("runs", figures.runs),
        ("predictions", figures.predictions),
        ("exercises", figures.exercises),
    ];
    let cells = cells.map(|(name, [_, all])| match all {
        0 => "<td></td>".to_owned(),
        all => format!("<td data-of=\"{name}\">{all}</td>"),
    });
    format!(
        "<tr {data}><th scope=\"row\">{title}</th>{}</tr>\n",
        cells.concat()
    )
}
