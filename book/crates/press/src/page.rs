//! One page: what press puts in, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use anyhow::Error;
use catalog::{Catalog, Claim, ClaimId, Directive, Mark, directives, prose};

use crate::html::one_line;
use crate::markdown::{Blocks, Fence, blocks};
use crate::material::Material;
use crate::predict::Belief;
use crate::report::{Problem, message};
use crate::source::Source;
use crate::{claim, exercise, flow, head, highlight, listing, predict, reference, transcript};

/// The directives of press.
const OURS: [&str; 5] = ["listing", "transcript", "predict", "exercise", "reference"];
/// The directives of mdBook, which it has put in before press runs.
const MDBOOKS: [&str; 4] = ["include", "rustdoc_include", "playground", "title"];

/// A page while it is being made.
pub(crate) struct Page<'a> {
    material: &'a Material,
    source: Source<'a>,
    /// The page's path without `.md`.
    slug: String,
    markdown: &'a str,
    prose: String,
    blocks: Blocks,
    directives: Vec<Directive>,
    edits: Vec<(Range<usize>, String)>,
    claims: BTreeMap<&'a ClaimId, &'a Claim>,
    /// How often a name for a figure was wanted, so that each figure's is its own.
    names: HashMap<String, usize>,
    problems: Vec<Problem>,
}

impl<'a> Page<'a> {
    pub fn new(
        material: &'a Material,
        source: Source<'a>,
        slug: String,
        markdown: &'a str,
    ) -> Page<'a> {
        Page {
            material,
            source,
            slug,
            markdown,
            prose: prose(markdown),
            blocks: blocks(markdown),
            directives: directives(markdown),
            edits: Vec::new(),
            claims: BTreeMap::new(),
            names: HashMap::new(),
            problems: Vec::new(),
        }
    }

    /// The page as mdBook shall render it.
    ///
    /// # Errors
    /// Everything that is wrong with the page, by line.
    pub fn render(mut self) -> Result<String, Vec<Problem>> {
        self.head();
        for directive in self.directives.clone() {
            self.directive(&directive);
        }
        self.leftovers();
        for mark in Catalog::page_claims(self.markdown) {
            self.mark(&mark);
        }
        self.terms();
        for fence in std::mem::take(&mut self.blocks.fences) {
            self.fence(&fence);
        }
        if !self.problems.is_empty() {
            self.problems.sort_by_key(|problem| problem.line);
            return Err(self.problems);
        }
        Ok(self.written())
    }

    fn problem(&mut self, range: Range<usize>, message: String) {
        let line = self.source.line(range.start, &self.markdown[range]);
        self.problems.push(Problem {
            page: self.source.shown.clone(),
            line,
            message,
        });
    }

    fn head(&mut self) {
        let found = match head::find(self.markdown, &self.blocks.comments) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(wrong) => {
                let rest = &self.markdown[wrong.at..];
                let end = wrong.at + rest.find('\n').unwrap_or(rest.len());
                return self.problem(wrong.at..end, wrong.message);
            }
        };
        let mut needs = Vec::new();
        for slug in &found.head.needs {
            match self.material.page(slug, &self.slug) {
                Ok(page) => needs.push(page),
                Err(wrong) => {
                    let at = self.markdown[found.range.clone()].find(slug.as_str());
                    let at = at.map(|at| found.range.start + at);
                    let place = at.map_or(found.range.clone(), |at| at..at + slug.len());
                    self.problem(place, wrong);
                }
            }
        }
        let terms = found.head.terms.iter();
        let terms: Vec<_> = terms
            .map(|term| {
                let known = self.material.glossary.contains_key(term);
                let address = known.then(|| self.material.term(term, &self.slug));
                (term.as_str(), address.flatten())
            })
            .collect();
        if let Some(line) = head::render(&found.head, &needs, &terms) {
            let below = self.blocks.title_end.unwrap_or(found.range.end);
            self.edits.push((below..below, format!("\n\n{line}\n\n")));
        }
        self.edits.push((found.range, String::new()));
    }

    fn directive(&mut self, directive: &Directive) {
        let range = directive.range.clone();
        let piece = &self.markdown[range.clone()];
        let is_mdbooks = MDBOOKS.contains(&directive.name.as_str());
        if is_mdbooks || self.source.escaped(range.start, piece) {
            return;
        }
        let fragment = self
            .alone(&range)
            .and_then(|paragraph| Ok((paragraph, self.fragment(directive)?)));
        match fragment {
            Ok((paragraph, html)) => self.edits.push((paragraph, one_line(&html) + "\n")),
            Err(wrong) => self.problem(range, wrong),
        }
    }

    /// The paragraph that holds this directive and nothing else.
    fn alone(&self, range: &Range<usize>) -> Result<Range<usize>, String> {
        let paragraph = self.blocks.paragraphs.iter().find(|paragraph| {
            paragraph.start <= range.start
                && range.end <= paragraph.end
                && self.markdown[(*paragraph).clone()].trim() == &self.markdown[range.clone()]
        });
        let below = self.markdown[range.end..]
            .lines()
            .nth(1)
            .unwrap_or_default();
        match paragraph {
            Some(paragraph) if below.trim_matches([' ', '\t', '>']).is_empty() => {
                Ok(paragraph.clone())
            }
            _ => Err(format!(
                "`{}` does not stand alone; give it a line of its own with a blank line above and below",
                &self.markdown[range.clone()]
            )),
        }
    }

    fn fragment(&mut self, directive: &Directive) -> Result<String, String> {
        // The argument as written: the catalogue blanks code, which a caption may hold.
        let inside = &self.markdown[directive.range.start + 3..directive.range.end - 2];
        let argument = inside.trim().strip_prefix(&directive.name);
        let argument = argument.unwrap_or_default().trim();
        let told = |error: Error| message(&error);
        match directive.name.as_str() {
            "listing" => {
                let wanted = listing::Wanted::parse(argument)?;
                let catalog = &self.material.catalog;
                let snippet = catalog
                    .snippet(wanted.chapter, wanted.file, wanted.anchor)
                    .map_err(told)?;
                let id = self.name(wanted.name());
                Ok(listing::render(&snippet, wanted.caption, &id))
            }
            "transcript" => {
                let (chapter, name) = transcript::parse(argument)?;
                let catalog = &self.material.catalog;
                let found = catalog.transcript(chapter, name).map_err(told)?;
                let chapter = catalog.chapter(chapter).map_err(told)?;
                let id = self.name(format!("transcript-{}-{name}", chapter.id));
                transcript::render(&found, chapter, &id).map_err(|error| unsound(argument, error))
            }
            "predict" => self.prediction(argument),
            "exercise" => self.exercise(argument),
            "reference" => reference::render(argument, self.material, &self.slug),
            name => Err(match catalog::nearest(name, &OURS) {
                Some(other) => {
                    format!("there is no `{{{{#{name}}}}}`; did you mean `{{{{#{other}}}}}`?")
                }
                None => format!(
                    "there is no `{{{{#{name}}}}}`; there are listing, transcript, predict, exercise and reference, \
                     and `\\{{{{#{name}` shows it as text"
                ),
            }),
        }
    }

    fn exercise(&mut self, argument: &str) -> Result<String, String> {
        let found = self.material.catalog.exercise(argument);
        let found = found.map_err(|error| message(&error))?;
        // One that is known by the beginning of its name may be another one tomorrow.
        if found.id != argument {
            return Err(format!("`{argument}` is no exercise; write `{}`", found.id));
        }
        if found.page != self.slug {
            return Err(format!(
                "{} belongs to the page {}; correct `page` in its Cargo.toml, or move the line there",
                found.id, found.page
            ));
        }
        let told = |error: Error| message(&error);
        let catalog = &self.material.catalog;
        let attempts = catalog.progress().exercise(&found.id).map_err(told)?;
        let solution = attempts.passed.then(|| found.solved()).transpose();
        let solution = solution.map_err(told)?;
        let runs = found.recorded().map_err(told)?;
        Ok(exercise::render(&found, solution.as_deref(), &runs))
    }

    fn prediction(&mut self, argument: &str) -> Result<String, String> {
        let material = self.material;
        let told = |error: Error| message(&error);
        let own = self.slug.rsplit('/').next().unwrap_or_default().to_owned();
        let own = material.catalog.chapter(&own).ok();
        let own = own.map(|chapter| chapter.id.as_str());
        let (chapter, id) = predict::parse(argument, own)?;
        let found = material.catalog.predict(chapter, id).map_err(told)?;
        let run = material
            .catalog
            .transcript(chapter, &found.run)
            .map_err(told)?;
        let strip = transcript::strip_of(&run)
            .map_err(|error| unsound(&format!("{chapter}/{}", found.run), error))?;
        let mut beliefs = Vec::new();
        for (place, option) in found.options.iter().enumerate() {
            let belief = option.misconception.as_ref();
            if let Some(belief) = belief.and_then(|id| material.misconceptions.get_key_value(id)) {
                beliefs.push(self.belief(place, belief)?);
            }
        }
        let id = self.name(format!("predict-{chapter}-{id}"));
        Ok(predict::render(
            &found,
            (&run.command, strip.as_ref()),
            &beliefs,
            &id,
        ))
    }

    fn belief(
        &mut self,
        option: usize,
        (id, belief): (&'a String, &'a catalog::Misconception),
    ) -> Result<Belief<'a>, String> {
        let told = |wrong| format!("book/misconceptions.toml, {id}: {wrong}");
        let (claim, tests) = self.material.claim(&belief.claim).map_err(told)?;
        self.claims.insert(claim, tests);
        let page = self.material.page(&belief.page, &self.slug).map_err(told)?;
        Ok(Belief {
            option,
            says: &belief.says,
            link: (belief.page != self.slug).then_some(page),
            mark: claim::mark(claim),
        })
    }

    /// What begins like a directive and was left in the page: one that is malformed, and one
    /// of mdBook's that mdBook could not follow, in code as well.
    fn leftovers(&mut self) {
        let places: Vec<usize> = self
            .markdown
            .match_indices("{{")
            .map(|(at, _)| at)
            .collect();
        for at in places {
            let line = self.markdown[at..].lines().next().unwrap_or_default();
            let end = line.find("}}").map_or(line.len(), |end| end + 2);
            if let Some(wrong) = leftover(&line[..end], self.prose[at..].starts_with("{{"))
                && !self.source.escaped(at, &line[..end])
            {
                self.problem(at..at + end, wrong);
            }
        }
    }

    fn mark(&mut self, mark: &Mark) {
        let piece = &self.markdown[mark.range.clone()];
        if self.source.escaped(mark.range.start, piece) {
            return;
        }
        let inside = |directive: &Directive| directive.range.contains(&mark.range.start);
        let found = match &mark.id {
            _ if self.directives.iter().any(inside) => Err(format!(
                "`{piece}` stands in a directive; put it behind a sentence of the text"
            )),
            Ok(id) => self.material.claim(id),
            Err(_) if piece.contains(',') => Err(format!(
                "`{piece}` names several claims; give each a mark of its own"
            )),
            Err(error) => Err(message(error)),
        };
        match found {
            Ok((id, claim)) => {
                self.claims.insert(id, claim);
                let start = claim::behind_sentence(&self.markdown[..mark.range.start]);
                self.edits.push((start..mark.range.end, claim::mark(id)));
            }
            Err(wrong) => self.problem(mark.range.clone(), wrong),
        }
    }

    /// Links the first emphasised use of each term to the glossary.
    fn terms(&mut self) {
        let mut linked = BTreeSet::new();
        for range in std::mem::take(&mut self.blocks.emphases) {
            let word = &self.markdown[range.start + 1..range.end - 1];
            let Some(term) = reference::term(&self.material.glossary, word) else {
                continue;
            };
            if let Some(address) = self.material.term(term, &self.slug)
                && linked.insert(term)
            {
                let link = format!("[{}]({address})", &self.markdown[range.clone()]);
                self.edits.push((range, link));
            }
        }
    }

    fn fence(&mut self, fence: &Fence) {
        let html = if fence.language == "flow" {
            match flow::render(&fence.code) {
                Ok(figure) => figure,
                Err(wrong) => return self.problem(fence.range.clone(), wrong),
            }
        } else if let Some(code) = highlight::highlight(&fence.language, &fence.code) {
            format!(
                "<pre><code class=\"language-{}\">{code}</code></pre>",
                fence.language
            )
        } else {
            return;
        };
        let end = match self.markdown[fence.range.clone()].ends_with('\n') {
            true => "\n",
            false => "",
        };
        self.edits
            .push((fence.range.clone(), one_line(&html) + end));
    }

    /// A name that no other figure of the page has.
    fn name(&mut self, name: String) -> String {
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        match count {
            1 => name,
            count => format!("{name}-{count}"),
        }
    }

    /// The page with all edits made, and its evidence at the end.
    fn written(mut self) -> String {
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut page = String::with_capacity(self.markdown.len() * 2);
        let mut from = 0;
        for (range, text) in &self.edits {
            page.push_str(&self.markdown[from..range.start]);
            page.push_str(text);
            from = range.end;
        }
        page.push_str(&self.markdown[from..]);
        if !self.claims.is_empty() {
            page.push_str("\n\n");
            page.push_str(&one_line(&claim::evidence(
                &self.claims,
                &self.material.verified,
            )));
            page.push('\n');
        }
        page
    }
}

/// What is wrong with `piece`, which begins with `{{` and ends with `}}` or its line.
fn leftover(piece: &str, in_prose: bool) -> Option<String> {
    let name = piece[2..].trim_start().strip_prefix('#')?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &name[..end.unwrap_or(name.len())];
    if piece.ends_with("}}") && MDBOOKS.contains(&name) {
        return Some(format!(
            "mdBook could not put in `{piece}`; correct its path, or write `\\{piece}` to show it as text"
        ));
    }
    if in_prose && !piece.ends_with("}}") {
        return Some(format!(
            "`{{{{#{name}` is not closed; end it with `}}}}` on its line"
        ));
    }
    (in_prose && !piece.starts_with("{{#"))
        .then(|| format!("`{piece}` holds a space before `#`; take it out"))
}

/// What to say of a recorded strip that does not add up.
fn unsound(run: &str, error: history::ParseError) -> String {
    format!("{run}: {error}; record it again with `cargo book accept {run}`")
}
