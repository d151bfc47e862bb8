//! Every link that leads out of the book, by host.

use std::collections::{BTreeMap, BTreeSet};

use super::links;
use crate::html::escape;
use crate::material::Material;

/// The hosts, their addresses, and the pages that lead there.
pub(super) fn render(material: &Material, from: &str) -> String {
    let mut hosts: BTreeMap<&str, BTreeMap<&str, BTreeSet<usize>>> = BTreeMap::new();
    let mut add = |address, page| {
        hosts
            .entry(host(address))
            .or_default()
            .entry(address)
            .or_default()
            .insert(page);
    };
    for (place, page) in material.survey.iter().enumerate() {
        page.links.iter().for_each(|address| add(address, place));
        for broker in page
            .reference
            .iter()
            .filter_map(|it| it.strip_prefix("settings "))
        {
            let settings = material.settings.get(broker);
            for setting in settings.into_iter().flat_map(BTreeMap::values) {
                add(&setting.source, place);
            }
        }
    }
    hosts
        .iter()
        .map(|(host, addresses)| {
            let items: String = addresses
                .iter()
                .map(|(address, pages)| {
                    let slugs = pages
                        .iter()
                        .map(|page| material.survey[*page].slug.as_str());
                    format!(
                        "<li><a href=\"{}\">{}</a>: {}</li>\n",
                        escape(address),
                        escape(shown(address, host)),
                        links(material, slugs, from).join(", ")
                    )
                })
                .collect();
            let host = escape(host);
            format!("<h2 id=\"{host}\">{host}</h2>\n<ul class=\"sources\">\n{items}</ul>\n")
        })
        .collect()
}

/// The part of an address between `//` and the next slash.
fn host(address: &str) -> &str {
    let rest = address.split_once("//").map_or(address, |(_, rest)| rest);
    rest.split(['/', '#', '?']).next().unwrap_or(rest)
}

/// What is behind the host, or the host where nothing is.
fn shown<'a>(address: &'a str, host: &'a str) -> &'a str {
    let rest = address.split_once(host).map_or(address, |(_, rest)| rest);
    match rest.trim_start_matches('/') {
        "" => host,
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (address, its_host, its_rest) in [
            ("https://a.example/b/c#d", "a.example", "b/c#d"),
            ("https://a.example", "a.example", "a.example"),
            ("https://a.example/", "a.example", "a.example"),
            ("http://a.example#b", "a.example", "#b"),
        ] {
            assert_eq!(host(address), its_host);
            assert_eq!(shown(address, its_host), its_rest);
        }
    }
}
