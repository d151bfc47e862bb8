//! Claims: what the book says a broker does, each bound to the test that shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use serde::Deserialize;
use syn::{Attribute, Expr, Item, ItemFn, Lit, Meta};

use crate::Catalog;
use crate::files::{below, entries, read};

/// How a doc comment names a claim: `/// claim: rabbit.unacked.redelivered`.
const PREFIX: &str = "claim:";
/// How the name of a test ends that shows the opposite outcome with the setting off.
const CONTRAST: &str = "_contrast";

/// The name of a claim: `broker.subject.behaviour`, each in small letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ClaimId(String);

/// The tests of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Those that show it.
    pub tests: Vec<Where>,
    /// Those that show the opposite with the setting off.
    pub contrasts: Vec<Where>,
}

/// A test and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Where {
    /// The file, as seen from the book's top folder.
    pub path: PathBuf,
    /// The line of the function's name, from 1.
    pub line: usize,
    /// The function's name.
    pub function: String,
}

impl ClaimId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClaimId {
    type Err = Error;

    fn from_str(text: &str) -> Result<ClaimId> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if text.split('.').count() != 3 || !text.split('.').all(is_part) {
            bail!(
                "`{text}` is no claim's id; write broker.subject.behaviour, such as rabbit.unacked.redelivered"
            );
        }
        Ok(ClaimId(text.to_owned()))
    }
}

impl TryFrom<String> for ClaimId {
    type Error = Error;

    fn try_from(text: String) -> Result<ClaimId> {
        text.parse()
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.path.display(), self.line, self.function)
    }
}

impl Catalog {
    /// All claims that tests show, from the doc comments `/// claim: ID` on test functions in
    /// the `tests` folders of `tests/`, of the crates and of the chapters.
    ///
    /// # Errors
    /// When a file cannot be read or parsed, an id is malformed, or a claim stands on a
    /// function that is no test.
    pub fn claims(&self) -> Result<BTreeMap<ClaimId, Claim>> {
        let mut claims: BTreeMap<ClaimId, Claim> = BTreeMap::new();
        for folder in self.test_folders()? {
            for path in below(&self.root, &folder, ".rs")? {
                let shown = self.shown(&path);
                let file = syn::parse_file(&read(&self.root, &path)?).map_err(|error| {
                    let line = error.span().start().line;
                    anyhow::anyhow!("{shown}:{line}: {error}")
                })?;
                for test in functions(&file.items) {
                    add(&mut claims, &shown, test)?;
                }
            }
        }
        Ok(claims)
    }

    fn test_folders(&self) -> Result<Vec<PathBuf>> {
        let mut packages = vec![self.root.join("tests")];
        for parent in ["book/crates", "chapters"] {
            packages.extend(entries(&self.root, &self.root.join(parent))?);
        }
        Ok(packages
            .iter()
            .map(|package| package.join("tests"))
            .collect())
    }
}

/// All functions of a file, those in modules too.
fn functions(items: &[Item]) -> Vec<&ItemFn> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Fn(function) => found.push(function),
            Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    found.extend(functions(items));
                }
            }
            _ => {}
        }
    }
    found
}

fn add(claims: &mut BTreeMap<ClaimId, Claim>, path: &str, test: &ItemFn) -> Result<()> {
    let name = test.sig.ident.to_string();
    let place = Where {
        path: PathBuf::from(path),
        line: test.sig.ident.span().start().line,
        function: name.clone(),
    };
    for id in test.attrs.iter().filter_map(claim) {
        let id: ClaimId = id.parse().with_context(|| place.to_string())?;
        if !test.attrs.iter().any(is_test) {
            bail!("{place} shows the claim {id} and is no test; add #[test] or #[tokio::test]");
        }
        let claim = claims.entry(id).or_default();
        let places = match name.ends_with(CONTRAST) {
            true => &mut claim.contrasts,
            false => &mut claim.tests,
        };
        places.push(place.clone());
    }
    Ok(())
}

/// The id that a doc comment names.
fn claim(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(literal) = &doc.value else {
        return None;
    };
    let Lit::Str(text) = &literal.lit else {
        return None;
    };
    if !doc.path.is_ident("doc") {
        return None;
    }
    let text = text.value();
    Some(text.trim().strip_prefix(PREFIX)?.trim().to_owned())
}

/// `#[test]`, `#[tokio::test]` and the like.
fn is_test(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "test")
}
