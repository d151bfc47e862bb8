//! Where the boxes stand: in columns from left to right, each as far right as the longest way to
//! it, and an arrow that passes a column gets a place of its own there.

use super::Flow;

/// The width of a character of a name and of a label, in CSS pixels: 0.6 of the font's size, as
/// monospaced fonts have it.
pub(super) const NAME: f64 = 13.0 * 0.6;
pub(super) const LABEL: f64 = 12.0 * 0.6;
/// The height of a line of a name.
pub(super) const LINE: f64 = 17.0;
/// Longer names are broken behind a dot or at a space.
const WRAP: usize = 15;
/// At least between two columns, and between two boxes of one.
const GAP: (f64, f64) = (52.0, 20.0);
/// Between two edges that go round the same box.
pub(super) const AROUND: f64 = 7.0;
/// The height of an edge that leads back below all boxes, with its label.
pub(super) const BELOW: f64 = 30.0;
/// In it an edge turns from one row to another, beside its label.
pub(super) const TURN: f64 = 32.0;

/// A box in its place.
#[derive(Debug)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// The lines of its name.
    pub lines: Vec<String>,
}

/// All places, and the size of the whole.
#[derive(Debug)]
pub(super) struct Layout {
    pub places: Vec<Place>,
    /// The points that each edge passes on its way; empty for one to the next column.
    pub bends: Vec<Vec<(f64, f64)>>,
    /// The edges that lead back, or stay in their column: they run below all boxes.
    pub back: Vec<bool>,
    pub width: f64,
    pub height: f64,
}

impl Place {
    pub fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    pub fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// What stands in a column: a box, or an edge that passes.
#[derive(Clone, Copy, PartialEq)]
enum Item {
    Box(usize),
    Pass(usize),
}

pub(super) fn layout(flow: &Flow) -> Layout {
    let back = back_edges(flow);
    let column = columns(flow, &back);
    let count = column.iter().max().map_or(0, |last| last + 1);
    let mut items: Vec<Vec<Item>> = vec![Vec::new(); count];
    for (node, column) in column.iter().enumerate() {
        items[*column].push(Item::Box(node));
    }
    for (number, edge) in flow.edges.iter().enumerate() {
        if !back[number] {
            for passed in items[column[edge.from] + 1..column[edge.to]].iter_mut() {
                passed.push(Item::Pass(number));
            }
        }
    }
    for index in 1..count {
        order(flow, &back, &mut items, index);
    }
    place(flow, &back, &column, &items)
}

/// An edge leads back when it closes a circle, walked from the first node on.
fn back_edges(flow: &Flow) -> Vec<bool> {
    fn walk(flow: &Flow, node: usize, state: &mut [u8], back: &mut [bool]) {
        state[node] = 1;
        for (number, edge) in flow.edges.iter().enumerate() {
            if edge.from == node {
                match state[edge.to] {
                    0 => walk(flow, edge.to, state, back),
                    1 => back[number] = true,
                    _ => {}
                }
            }
        }
        state[node] = 2;
    }
    let mut back = vec![false; flow.edges.len()];
    let mut state = vec![0; flow.nodes.len()];
    for node in 0..flow.nodes.len() {
        if state[node] == 0 {
            walk(flow, node, &mut state, &mut back);
        }
    }
    back
}

/// The column of each node: the longest way to it.
fn columns(flow: &Flow, back: &[bool]) -> Vec<usize> {
    let mut column = vec![0; flow.nodes.len()];
    // Without the edges that lead back there is no circle, so this ends.
    loop {
        let mut moved = false;
        for (edge, back) in flow.edges.iter().zip(back) {
            if !back && column[edge.to] <= column[edge.from] {
                column[edge.to] = column[edge.from] + 1;
                moved = true;
            }
        }
        if !moved {
            return column;
        }
    }
}

/// Orders a column by where the edges into it come from.
fn order(flow: &Flow, back: &[bool], items: &mut [Vec<Item>], index: usize) {
    let before = &items[index - 1];
    let row = |item: Item| before.iter().position(|other| *other == item);
    let origin = |number: usize| {
        let edge = &flow.edges[number];
        row(Item::Pass(number)).or_else(|| row(Item::Box(edge.from)))
    };
    let weight = |item: &Item| {
        let rows: Vec<usize> = match *item {
            Item::Pass(number) => origin(number).into_iter().collect(),
            Item::Box(node) => (0..flow.edges.len())
                .filter(|number| flow.edges[*number].to == node && !back[*number])
                .filter_map(origin)
                .collect(),
        };
        // Thousandths, so that the order is exact; what has no origin stays behind.
        match rows.len() {
            0 => usize::MAX,
            count => rows.iter().sum::<usize>() * 1000 / count,
        }
    };
    let mut sorted = items[index].clone();
    sorted.sort_by_key(weight);
    items[index] = sorted;
}

fn place(flow: &Flow, back: &[bool], column: &[usize], items: &[Vec<Item>]) -> Layout {
    let lines: Vec<Vec<String>> = flow.nodes.iter().map(|node| wrap(&node.name)).collect();
    let size = |node: usize| {
        let longest = lines[node].iter().map(|line| line.chars().count()).max();
        let kind = flow.nodes[node].kind.said();
        let longest = longest.unwrap_or(0).max(kind.map_or(0, str::len)) as f64;
        // The name, what it is, and room around; outlines need some at the sides.
        let rows = lines[node].len() + usize::from(kind.is_some());
        (longest * NAME + 24.0, (rows.max(2) as f64) * LINE + 10.0)
    };
    // Each box has as much room as the tallest needs, so that rows of two columns are level.
    let tallest = (0..flow.nodes.len())
        .map(|node| size(node).1)
        .fold(0.0, f64::max);
    let height_of = |item: &Item| match *item {
        Item::Box(_) => tallest,
        Item::Pass(_) => LINE,
    };
    let tall = |column: &Vec<Item>| {
        let items: f64 = column.iter().map(height_of).sum();
        items + GAP.1 * (column.len() - 1) as f64
    };
    let height = items.iter().map(tall).fold(0.0, f64::max);
    let mut places: Vec<Option<Place>> = flow.nodes.iter().map(|_| None).collect();
    let mut bends = vec![Vec::new(); flow.edges.len()];
    let below = back.iter().filter(|back| **back).count() as f64;
    // Edges that lead back go round the outermost boxes too.
    let margin = if below > 0.0 {
        16.0 + AROUND * below
    } else {
        8.0
    };
    let mut x = margin;
    let mut right = margin;
    for (index, items) in items.iter().enumerate() {
        let boxes = || {
            items.iter().filter_map(|item| match *item {
                Item::Box(node) => Some(node),
                Item::Pass(_) => None,
            })
        };
        let widest = boxes().map(|node| size(node).0).fold(0.0, f64::max);
        let mut y = 16.0 + (height - tall(items)) / 2.0;
        for item in items {
            match *item {
                Item::Box(node) => {
                    places[node] = Some(Place {
                        x,
                        y: y + (tallest - size(node).1) / 2.0,
                        width: widest,
                        height: size(node).1,
                        lines: lines[node].clone(),
                    });
                }
                Item::Pass(number) => {
                    let middle = y + LINE / 2.0;
                    bends[number].extend([(x, middle), (x + widest, middle)]);
                }
            }
            y += height_of(item) + GAP.1;
        }
        let labels = flow.edges.iter().zip(back).filter(|(edge, back)| {
            !**back && (column[edge.from] == index || column[edge.to] == index + 1)
        });
        let longest = labels.map(|(edge, _)| edge.label.chars().count()).max();
        let label = longest.unwrap_or(0) as f64 * LABEL + TURN + 18.0;
        right = x + widest;
        x = right + GAP.0.max(label);
    }
    Layout {
        places: places.into_iter().flatten().collect(),
        bends,
        back: back.to_vec(),
        width: right + margin,
        height: height + 32.0 + below * BELOW,
    }
}

/// Breaks a long name in two, behind a dot or at a space near its middle.
pub(super) fn wrap(name: &str) -> Vec<String> {
    if name.chars().count() <= WRAP {
        return vec![name.to_owned()];
    }
    let breaks = name.char_indices().filter(|(_, c)| *c == '.' || *c == ' ');
    let middle = name.len() / 2;
    let best = breaks
        .map(|(at, _)| at + 1)
        .min_by_key(|at| at.abs_diff(middle));
    match best.filter(|at| *at < name.len()) {
        Some(at) => vec![name[..at].trim_end().to_owned(), name[at..].to_owned()],
        None => vec![name.to_owned()],
    }
}
