//! `{{#reference PART}}`: a part of the book's reference, made from its data and all its pages.

mod coverage;
mod glossary;
mod misconceptions;
mod progress;
mod settings;
mod sources;

use anyhow::Error;
use catalog::ClaimId;

use crate::html::escape;
use crate::material::Material;
use crate::report::message;
use crate::survey::Survey;

pub(crate) use glossary::{anchor, term};

/// The parts.
const PARTS: [&str; 9] = [
    "glossary",
    "words",
    "settings nats",
    "settings rabbitmq",
    "settings kafka",
    "misconceptions",
    "coverage",
    "progress",
    "sources",
];

/// Makes a part for the page `from`.
///
/// # Errors
/// When there is no such part, or its data is wrong.
pub(crate) fn render(part: &str, material: &Material, from: &str) -> Result<String, String> {
    let told = |error: Error| message(&error);
    match part {
        "glossary" => Ok(glossary::render(material, from)),
        "words" => Ok(glossary::words(material, from)),
        "misconceptions" => misconceptions::render(material, from),
        "coverage" => coverage::render(material, from).map_err(told),
        "progress" => progress::render(material, from).map_err(told),
        "sources" => Ok(sources::render(material, from)),
        _ => match part.strip_prefix("settings ") {
            Some(broker) if PARTS.contains(&part) => settings::render(broker, material, from),
            _ => Err(match catalog::nearest(part, &PARTS) {
                Some(other) => {
                    format!("the reference has no part `{part}`; did you mean `{other}`?")
                }
                None => format!(
                    "the reference has no part `{part}`; it has {}",
                    PARTS.join(", ")
                ),
            }),
        },
    }
}

/// A link to a page, or to a place in it.
fn link(material: &Material, slug: &str, from: &str, place: &str) -> Result<String, String> {
    let (address, title) = material.page(slug, from)?;
    let title = material.full_title(slug).unwrap_or(title);
    let place = match place {
        "" => String::new(),
        place => format!("#{place}"),
    };
    Ok(format!(
        "<a href=\"{}{place}\">{}</a>",
        escape(&address),
        escape(&title)
    ))
}

/// Links to the pages, by commas. A page that is not in the book is left out.
fn links<'a>(
    material: &Material,
    slugs: impl IntoIterator<Item = &'a str>,
    from: &str,
) -> Vec<String> {
    slugs
        .into_iter()
        .filter_map(|slug| link(material, slug, from, "").ok())
        .collect()
}

/// A link to the claim where a page makes it; one of `pages` if it does.
fn claim(id: &ClaimId, pages: &[&str], material: &Material, from: &str) -> Result<String, String> {
    material.claim(id)?;
    let makes = |page: &&Survey| page.claims.contains(id);
    let page = material
        .survey
        .iter()
        .filter(makes)
        .find(|page| pages.contains(&page.slug.as_str()))
        .or_else(|| material.survey.iter().find(makes));
    let page = page.ok_or_else(|| {
        format!("no page makes the claim `{id}`; write [claim: {id}] behind its sentence")
    })?;
    let (address, title) = material.page(&page.slug, from)?;
    let title = material.full_title(&page.slug).unwrap_or(title);
    Ok(format!(
        "<a class=\"tested\" href=\"{}#claim-{id}\" title=\"{id}\">tested: {}</a>",
        escape(&address),
        escape(&title)
    ))
}

/// A table that may be scrolled on a narrow screen.
fn table(class: &str, heads: &[&str], rows: &str) -> String {
    let heads: String = heads
        .iter()
        .map(|head| format!("<th scope=\"col\">{head}</th>"))
        .collect();
    format!(
        "<div class=\"table-wrapper\"><table class=\"{class}\">\n<thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>"
    )
}

/// A name as the last part of an address.
fn slugged(name: &str) -> String {
    let name = name.to_lowercase();
    let parts = name.split(|c: char| !c.is_alphanumeric());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_part_of_an_address() {
        assert_eq!(slugged("retention (of a topic)"), "retention-of-a-topic");
        assert_eq!(slugged("stream::Config::max_age"), "stream-config-max-age");
    }
}
