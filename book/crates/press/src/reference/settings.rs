//! The settings of one broker: default, what to set, why, and the pages whose listings set it.

use std::collections::BTreeMap;

use anyhow::Error;
use catalog::{SetHere, Setting};

use super::{claim, link, slugged, table};
use crate::html::{escape, sentence};
use crate::material::Material;
use crate::report::message;

/// So many pages are listed in the open.
const FEW: usize = 3;

/// The table of a broker's settings.
///
/// # Errors
/// When a listing cannot be read, or a setting names a claim that no test shows.
pub(super) fn render(broker: &str, material: &Material, from: &str) -> Result<String, String> {
    let told = |error: Error| message(&error);
    let set = material.settings_set().map_err(told)?;
    let mut rows = String::new();
    for (key, setting) in material.settings.get(broker).into_iter().flatten() {
        let here = set
            .iter()
            .filter(|set| set.broker == broker && set.key == *key);
        let row = row(key, setting, here.collect(), material, from);
        rows += &row.map_err(|wrong| format!("book/settings/{broker}.toml, {key}: {wrong}"))?;
    }
    let heads = ["Setting", "Default", "In production", "Why"];
    Ok(table("settings", &heads, &rows))
}

fn row(
    key: &str,
    setting: &Setting,
    here: Vec<&SetHere>,
    material: &Material,
    from: &str,
) -> Result<String, String> {
    let chapters: Vec<&str> = here.iter().map(|set| set.chapter.as_str()).collect();
    let mark = match &setting.claim {
        None => String::new(),
        Some(id) => format!(" {}", claim(id, &chapters, material, from)?),
    };
    Ok(format!(
        "<tr><th scope=\"row\" id=\"setting-{}\"><a href=\"{}\"><code>{}</code></a></th>\
         <td>{}</td><td>{}</td><td>{}{mark}{}</td></tr>\n",
        slugged(key),
        escape(&setting.source),
        // A long name may be broken behind its dots and colons.
        escape(key).replace("::", "::<wbr>").replace('.', ".<wbr>"),
        sentence(&setting.default),
        sentence(&setting.value),
        sentence(&setting.why),
        set_by(&here, material, from),
    ))
}

/// The pages whose listings set it, each with the values that stand there as literals.
fn set_by(here: &[&SetHere], material: &Material, from: &str) -> String {
    let mut chapters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for set in here {
        let values = chapters.entry(&set.chapter).or_default();
        if let Some(value) = set.value.as_deref().filter(|value| !values.contains(value)) {
            values.push(value);
        }
    }
    let pages: Vec<String> = chapters
        .iter()
        .filter_map(|(chapter, values)| {
            let link = link(material, chapter, from, "").ok()?;
            let values: Vec<String> = values
                .iter()
                .map(|value| format!("<code>{}</code>", escape(value)))
                .collect();
            Some(match values.is_empty() {
                true => link,
                false => format!("{link} ({})", values.join(", ")),
            })
        })
        .collect();
    match pages.len() {
        0 => String::new(),
        count if count <= FEW => format!("<br>Set in: {}", pages.join(", ")),
        count => format!(
            "<details><summary>Set in {count} listings</summary>{}</details>",
            pages.join(", ")
        ),
    }
}
