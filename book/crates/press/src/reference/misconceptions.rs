//! What is often believed, with the test that shows otherwise.

use super::{claim, link, table};
use crate::html::{escape, sentence};
use crate::material::Material;
use crate::report::message;
use crate::survey::Survey;

/// The table of misconceptions.
///
/// # Errors
/// When one names a claim or a page that does not exist.
pub(super) fn render(material: &Material, from: &str) -> Result<String, String> {
    let asked = material.asked();
    let exercises = material.catalog.exercises();
    let exercises = exercises.map_err(|error| message(&error))?;
    let mut rows = String::new();
    for (id, belief) in &material.misconceptions {
        let told = |wrong| format!("book/misconceptions.toml, {id}: {wrong}");
        let page = link(material, &belief.page, from, "").map_err(told)?;
        let mut explained = claim(&belief.claim, &[&belief.page], material, from).map_err(told)?;
        let makes = |page: &Survey| page.claims.contains(&belief.claim);
        let mut pages = material.survey.iter();
        if !pages.any(|it| it.slug == belief.page && makes(it)) {
            explained = format!("{page}, {explained}");
        }
        let believers = exercises.iter().filter(|exercise| {
            let mut naive = exercise.naive.values();
            naive.any(|naive| naive.misconception == *id)
        });
        let refused = believers
            .filter_map(|exercise| link(material, &exercise.page, from, &exercise.id).ok());
        let asked: Vec<String> = asked
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|(slug, prediction)| {
                let place = format!("predict-{}", prediction.replace('/', "-"));
                link(material, slug, from, &place).ok()
            })
            .chain(refused)
            .collect();
        rows += &format!(
            "<tr id=\"{}\"><td>{}</td><td>{explained}</td><td>{}</td></tr>\n",
            escape(id),
            sentence(&belief.says),
            asked.join(", ")
        );
    }
    let heads = ["One often believes", "What holds instead", "Try it"];
    Ok(table("misconceptions", &heads, &rows))
}
