//! ` ```flow `: a diagram of who sends what to whom, drawn from a few lines of text.
//!
//! ```text
//! The orders service publishes to the exchange; inventory's queue gets a copy.
//! orders -> shop (exchange): order.created
//! shop -> inventory.order.created (queue): order.created
//! shop -x nowhere: no binding
//! ```
//!
//! The first line is the caption. Each further line is an edge, with a label or without; `-x` is
//! one that leads nowhere. A node says what it is in parentheses where it is first named.

mod draw;
mod layout;

use std::fmt;

use crate::html::sentence;

/// More than this nobody takes in at a glance.
const MOST_NODES: usize = 12;
/// Longer labels would push the boxes apart.
const LONGEST_LABEL: usize = 28;

/// A diagram.
#[derive(Debug, PartialEq, Eq)]
struct Flow {
    caption: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// A box.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    name: String,
    kind: Kind,
}

/// What a box stands for; it decides the outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Worker,
    Exchange,
    Queue,
    Stream,
    Topic,
    Database,
}

/// An arrow between two boxes, by their places in the list.
#[derive(Debug, PartialEq, Eq)]
struct Edge {
    from: usize,
    to: usize,
    label: String,
    /// Nothing gets through.
    dead: bool,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Service,
        Kind::Worker,
        Kind::Exchange,
        Kind::Queue,
        Kind::Stream,
        Kind::Topic,
        Kind::Database,
    ];

    /// The word that stands in the box: services and their workers need none.
    fn said(self) -> Option<&'static str> {
        match self {
            Kind::Service | Kind::Worker => None,
            kind => Some(kind.word()),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Worker => "worker",
            Kind::Exchange => "exchange",
            Kind::Queue => "queue",
            Kind::Stream => "stream",
            Kind::Topic => "topic",
            Kind::Database => "database",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The diagram as a figure.
///
/// # Errors
/// What is wrong with the text, and the fix.
pub(crate) fn render(text: &str) -> Result<String, String> {
    let flow = Flow::parse(text)?;
    Ok(format!(
        "<figure class=\"flow\">{}<figcaption>{}</figcaption></figure>",
        draw::svg(&flow),
        sentence(&flow.caption)
    ))
}

impl Flow {
    fn parse(text: &str) -> Result<Flow, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let caption = lines.next().unwrap_or_default().to_owned();
        if caption.contains("->") || !caption.ends_with('.') {
            return Err(
                "a flow begins with a sentence that says what it shows; write it, with a full stop"
                    .into(),
            );
        }
        let mut flow = Flow {
            caption,
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        for line in lines {
            flow.edge(line)?;
        }
        if flow.edges.is_empty() {
            return Err("a flow without an arrow shows nothing; write `A -> B: label`".into());
        }
        if flow.nodes.len() > MOST_NODES {
            return Err(format!(
                "the flow has {} nodes, and more than {MOST_NODES} are hard to take in; split it",
                flow.nodes.len()
            ));
        }
        Ok(flow)
    }

    fn edge(&mut self, line: &str) -> Result<(), String> {
        let arrows = [(" -> ", false), (" -x ", true)];
        let found = arrows
            .iter()
            .find_map(|(arrow, dead)| Some((line.split_once(arrow)?, *dead)));
        let Some(((from, rest), dead)) = found else {
            return Err(format!(
                "`{line}` is no arrow; write `A -> B: label`, or `A -x B` for one that leads nowhere"
            ));
        };
        let (to, label) = rest.split_once(": ").unwrap_or((rest, ""));
        let label = label.trim().to_owned();
        if label.chars().count() > LONGEST_LABEL {
            return Err(format!(
                "the label `{label}` has more than {LONGEST_LABEL} characters; shorten it"
            ));
        }
        let (from, to) = (self.node(from)?, self.node(to)?);
        self.edges.push(Edge {
            from,
            to,
            label,
            dead,
        });
        Ok(())
    }

    /// The place of a node; it is added where it is new.
    fn node(&mut self, text: &str) -> Result<usize, String> {
        let text = text.trim();
        let (name, word) = match text.strip_suffix(')').and_then(|it| it.rsplit_once(" (")) {
            Some((name, word)) => (name.trim(), Some(word)),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("an arrow has no node at one end; name it".into());
        }
        let kind = word
            .map(|word| {
                let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
                kind.ok_or_else(|| {
                    let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
                    format!("`{word}` is no kind of node; use {}", words.join(", "))
                })
            })
            .transpose()?;
        let known = self.nodes.iter().position(|node| node.name == name);
        let Some(place) = known else {
            self.nodes.push(Node {
                name: name.to_owned(),
                kind: kind.unwrap_or(Kind::Service),
            });
            return Ok(self.nodes.len() - 1);
        };
        match kind {
            Some(kind) if kind != self.nodes[place].kind => Err(format!(
                "`{name}` is a {} before and a {kind} here; say it once, where it is first named",
                self.nodes[place].kind
            )),
            _ => Ok(place),
        }
    }

    /// The arrows in words, for those who do not see them.
    fn words(&self) -> String {
        let edge = |edge: &Edge| {
            let name = |place: usize| {
                let node = &self.nodes[place];
                match node.kind.said() {
                    None => node.name.clone(),
                    Some(kind) => format!("{kind} {}", node.name),
                }
            };
            let way = if edge.dead { "does not reach" } else { "to" };
            let label = match edge.label.as_str() {
                "" => String::new(),
                label => format!(" ({label})"),
            };
            format!("{} {way} {}{label}", name(edge.from), name(edge.to))
        };
        let edges: Vec<String> = self.edges.iter().map(edge).collect();
        edges.join("; ")
    }
}

#[cfg(test)]
mod tests;
