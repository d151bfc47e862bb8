//! The drawing. Every line and letter takes the page's text colour, so that it reads the same in
//! each theme, in forced colours and in print. No id, no style attribute: several drawings stand
//! on a page, and a content security policy may forbid the other.

use std::fmt::Write;

use super::layout::{AROUND, BELOW, LABEL, LINE, Layout, Place, TURN, layout};
use super::{Edge, Flow, Kind};
use crate::html::escape;

/// The diagram as one `<svg>` element.
pub(super) fn svg(flow: &Flow) -> String {
    let layout = layout(flow);
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\">",
        escape(&flow.words()),
        width = layout.width.ceil(),
        height = layout.height.ceil(),
    );
    let count = layout.back.iter().filter(|back| **back).count() as f64;
    let mut backs = 0.0;
    for (number, edge) in flow.edges.iter().enumerate() {
        if layout.back[number] {
            let y = layout.height - BELOW * (count - backs);
            back(&mut svg, edge, &layout, backs, y);
            backs += 1.0;
        } else {
            forward(&mut svg, flow, number, &layout);
        }
    }
    for (node, place) in flow.nodes.iter().zip(&layout.places) {
        outline(&mut svg, node.kind, place);
        name(&mut svg, node.kind, place);
    }
    svg.push_str("</svg>");
    svg
}

/// Two edges between the same boxes are drawn beside each other.
fn shift(flow: &Flow, number: usize) -> f64 {
    let same = |other: &Edge| {
        let edge = &flow.edges[number];
        (other.from, other.to) == (edge.from, edge.to)
    };
    let before = flow.edges[..number].iter().filter(|it| same(it)).count() as f64;
    let all = flow.edges.iter().filter(|it| same(it)).count() as f64;
    (before - (all - 1.0) / 2.0) * 20.0
}

fn forward(svg: &mut String, flow: &Flow, number: usize, layout: &Layout) {
    let edge = &flow.edges[number];
    let (from, to) = (&layout.places[edge.from], &layout.places[edge.to]);
    let shift = shift(flow, number);
    let start = (from.right(), from.middle() + shift);
    let end = (to.x - 2.0, to.middle() + shift);
    // Where several edges meet, each label stands at the other end, where they are apart.
    let meets = flow
        .edges
        .iter()
        .filter(|it| it.to == edge.to && it.from != edge.from);
    let splits = flow
        .edges
        .iter()
        .filter(|it| it.from == edge.from && it.to != edge.to);
    let at_start = meets.count() > 0 && splits.count() == 0;
    let mut points = vec![start];
    points.extend(&layout.bends[number]);
    points.push(end);
    let mut path = format!("M{:.1} {:.1}", start.0, start.1);
    // Between two columns a turn, at the end where no label stands; along a column straight on.
    for (index, pair) in points.windows(2).enumerate() {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        let turns = index % 2 == 0 && (y1 - y2).abs() > 0.5;
        let from = if at_start { x2 - TURN - 10.0 } else { x1 };
        let _ = match turns {
            true => write!(
                path,
                "H{from:.1}C{m:.1} {y1:.1} {m:.1} {y2:.1} {to:.1} {y2:.1}H{x2:.1}",
                m = from + TURN / 2.0,
                to = from + TURN
            ),
            false => write!(path, "H{x2:.1}"),
        };
    }
    line(svg, edge, &path);
    tip(svg, edge, end);
    let (x, y, anchor) = match at_start {
        true => (start.0 + 8.0, start.1 - 6.0, "start"),
        false => (end.0 - 12.0, end.1 - 6.0, "end"),
    };
    label(svg, &edge.label, (x, y), anchor);
}

/// The `number`th edge that leads back: out at the right, below all boxes, and in at the left.
fn back(svg: &mut String, edge: &Edge, layout: &Layout, number: f64, y: f64) {
    let (from, to) = (&layout.places[edge.from], &layout.places[edge.to]);
    let around = 12.0 + AROUND * number;
    // Below the middle, where the edges forward are.
    let (x1, y1) = (from.right(), from.middle() + 10.0);
    let (x2, y2) = (to.x - 2.0, to.middle() + 10.0);
    let (right, left, y) = (x1 + around, x2 - around, y + 8.0);
    let path = format!("M{x1:.1} {y1:.1}H{right:.1}V{y:.1}H{left:.1}V{y2:.1}H{x2:.1}");
    line(svg, edge, &path);
    tip(svg, edge, (x2, y2));
    label(svg, &edge.label, ((right + left) / 2.0, y - 5.0), "middle");
}

fn line(svg: &mut String, edge: &Edge, path: &str) {
    let dashed = if edge.dead {
        " stroke-dasharray=\"6 4\""
    } else {
        ""
    };
    let _ = write!(svg, "<path d=\"{path}\"{dashed}/>");
}

/// An arrow's head that comes from the left, or a cross where nothing gets through.
fn tip(svg: &mut String, edge: &Edge, (x, y): (f64, f64)) {
    let (along, across) = (9.0, 4.5);
    if edge.dead {
        let x = x - 8.0;
        let _ = write!(
            svg,
            "<path d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\" stroke-width=\"2.5\"/>",
            x - 5.0,
            y - 5.0
        );
        return;
    }
    let _ = write!(
        svg,
        "<path d=\"M{x:.1} {y:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" fill=\"currentColor\" stroke=\"none\"/>",
        x - along,
        y - across,
        x - along,
        y + across
    );
}

fn label(svg: &mut String, text: &str, (x, y): (f64, f64), anchor: &str) {
    if text.is_empty() {
        return;
    }
    // The text's width is said, so that a font with other letters does not leave its place.
    let width = text.chars().count() as f64 * LABEL;
    let _ = write!(
        svg,
        "<text class=\"flow-label\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"12\" \
         textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"currentColor\" stroke=\"none\">{}</text>",
        escape(text)
    );
}

fn outline(svg: &mut String, kind: Kind, place: &Place) {
    let Place {
        x,
        y,
        width: w,
        height: h,
        ..
    } = *place;
    let (r, b) = (x + w, y + h);
    let _ = match kind {
        Kind::Service => write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"10\"/>"
        ),
        Kind::Worker => write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>"
        ),
        Kind::Exchange => write!(
            svg,
            "<path d=\"M{:.1} {y:.1}H{:.1}L{r:.1} {m:.1}L{:.1} {b:.1}H{:.1}L{x:.1} {m:.1}Z\"/>",
            x + 12.0,
            r - 12.0,
            r - 12.0,
            x + 12.0,
            m = place.middle(),
        ),
        // Bars at the end where messages leave.
        Kind::Queue => write!(
            svg,
            "<path d=\"M{x:.1} {y:.1}H{r:.1}V{b:.1}H{x:.1}ZM{:.1} {y:.1}V{b:.1}M{:.1} {y:.1}V{b:.1}\"/>",
            r - 5.0,
            r - 10.0
        ),
        // Cells below the name: the log.
        Kind::Stream | Kind::Topic => {
            let cells: String = (1..6)
                .map(|cell| format!("M{:.1} {b:.1}v-6", x + w * f64::from(cell) / 6.0))
                .collect();
            write!(
                svg,
                "<path d=\"M{x:.1} {y:.1}H{r:.1}V{b:.1}H{x:.1}ZM{x:.1} {:.1}H{r:.1}{cells}\"/>",
                b - 6.0
            )
        }
        Kind::Database => write!(
            svg,
            "<path d=\"M{x:.1} {t:.1}A{rx:.1} 5 0 0 1 {r:.1} {t:.1}V{u:.1}A{rx:.1} 5 0 0 1 {x:.1} {u:.1}Z\
             M{x:.1} {t:.1}A{rx:.1} 5 0 0 0 {r:.1} {t:.1}\"/>",
            t = y + 5.0,
            u = b - 5.0,
            rx = w / 2.0,
        ),
    };
}

/// The name, and below it what it is.
fn name(svg: &mut String, kind: Kind, place: &Place) {
    // The bars of a queue take some of its right.
    let bars = if kind == Kind::Queue { 5.0 } else { 0.0 };
    let x = place.x + place.width / 2.0 - bars;
    // A cylinder's lid takes some of its top.
    let lid = if kind == Kind::Database { 4.0 } else { 0.0 };
    let rows = place.lines.len() + usize::from(kind.said().is_some());
    let mut y = place.middle() + lid + 4.5 - (rows as f64 - 1.0) * LINE / 2.0;
    for line in &place.lines {
        let _ = write!(
            svg,
            "<text class=\"flow-name\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" font-size=\"13\" \
             fill=\"currentColor\" stroke=\"none\">{}</text>",
            escape(line)
        );
        y += LINE;
    }
    if let Some(kind) = kind.said() {
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" font-size=\"12\" \
             font-style=\"italic\" fill=\"currentColor\" stroke=\"none\">{kind}</text>"
        );
    }
}
