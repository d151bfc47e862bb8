#![allow(clippy::unwrap_used)]
use super::layout::{LABEL, Layout, Place, layout, wrap};
use super::*;

/// Shapes that the pages use, and worse ones.
const FLOWS: [&str; 6] = [
    "A copy for each.\norders -> shop (exchange): order.created\nshop -> email.order.created (queue): order.*\n\
     shop -> inventory.order.created (queue)\nshop -x nowhere: no binding\n\
     email.order.created -> email\ninventory.order.created -> inventory",
    "Back into the queue.\norders -> payments.payment.charge (queue): five orders\n\
     payments.payment.charge -> payments (worker): o-3\npayments -> payments.payment.charge: back\n\
     payments -> payments.db (database): id and charge",
    "Several into one.\norders -> SHOP (stream): order.created\npayments -> SHOP: payment.processed\n\
     SHOP -> analytics\nSHOP -> email\nSHOP -> accounting",
    "One passes a column.\na -> b: one\nb -> c: two\na -> c: past b\nc -> d\na -> d: far",
    "To itself, and twice.\na -> a: again\na -> b: first\na -> b: second",
    "A long way.\na -> orders (topic): by key\norders -> partition 0 (topic)\norders -> partition 1 (topic)\n\
     partition 0 -> consumer 1\npartition 1 -> consumer 2\nconsumer 1 -> orders: offset\nconsumer 2 -x orders: none",
];

fn laid(text: &str) -> (Flow, Layout) {
    let flow = Flow::parse(text).unwrap();
    let layout = layout(&flow);
    (flow, layout)
}

fn overlap(a: &Place, b: &Place) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.y + b.height && b.y < a.y + a.height
}

#[test]
fn boxes_do_not_overlap_and_stay_inside() {
    for text in FLOWS {
        let (flow, layout) = laid(text);
        assert_eq!(layout.places.len(), flow.nodes.len());
        for (number, place) in layout.places.iter().enumerate() {
            assert!(place.x >= 0.0 && place.right() <= layout.width, "{text}");
            assert!(
                place.y >= 0.0 && place.y + place.height <= layout.height,
                "{text}"
            );
            let others = &layout.places[number + 1..];
            assert!(!others.iter().any(|other| overlap(place, other)), "{text}");
        }
    }
}

#[test]
fn edges_lead_to_the_right_and_labels_have_room_between_the_columns() {
    for text in FLOWS {
        let (flow, layout) = laid(text);
        for (edge, back) in flow.edges.iter().zip(&layout.back) {
            let gap = layout.places[edge.to].x - layout.places[edge.from].right();
            let label = edge.label.chars().count() as f64 * LABEL;
            assert!(*back || gap > label + 20.0, "{text}: {edge:?}");
        }
    }
}

#[test]
fn an_edge_that_passes_a_column_passes_beside_its_boxes() {
    let (flow, layout) = laid(FLOWS[3]);
    let b = flow.nodes.iter().position(|node| node.name == "b").unwrap();
    let b = &layout.places[b];
    let past = flow
        .edges
        .iter()
        .position(|edge| edge.label == "past b")
        .unwrap();
    for (_, y) in &layout.bends[past] {
        assert!(*y < b.y || *y > b.y + b.height, "{y} runs through {b:?}");
    }
}

#[test]
fn a_drawing_takes_the_pages_colour_and_says_its_edges_in_words() {
    let svg = render(FLOWS[0]).unwrap();
    assert!(svg.contains(
        "aria-label=\"orders to exchange shop (order.created); exchange shop to queue \
         email.order.created (order.*); exchange shop to queue inventory.order.created; \
         exchange shop does not reach nowhere (no binding); "
    ));
    assert!(svg.contains("<figcaption>A copy for each.</figcaption>"));
    assert!(!svg.contains('#') && !svg.contains(" style=") && !svg.contains(" id="));
    insta::assert_snapshot!(svg.replace("><", ">\n<"));
}

#[test]
fn long_names_are_broken_behind_a_dot() {
    assert_eq!(wrap("orders"), ["orders"]);
    assert_eq!(
        wrap("payments.payment.charge"),
        ["payments.", "payment.charge"]
    );
    assert_eq!(
        wrap("a-name-without-any-break"),
        ["a-name-without-any-break"]
    );
}

#[test]
fn what_is_wrong_is_told_with_the_fix() {
    let many: Vec<String> = (0..13).map(|n| format!("a{n} -> b{n}")).collect();
    for (text, told) in [
        ("", "begins with a sentence"),
        ("orders -> shop", "begins with a sentence"),
        ("No stop\na -> b", "with a full stop"),
        ("Nothing.", "without an arrow"),
        (
            "A.\norders to shop",
            "`orders to shop` is no arrow; write `A -> B: label`",
        ),
        (
            "A.\na -> b (cue)",
            "`cue` is no kind of node; use service, worker",
        ),
        (
            "A.\na (queue) -> b\nb -> a (topic)",
            "`a` is a queue before and a topic here",
        ),
        ("A.\na ->  : label", "has no node at one end"),
        (
            "A.\na -> (queue)x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "more than 28 characters",
        ),
        (&format!("A.\n{}", many.join("\n")), "the flow has 26 nodes"),
    ] {
        let error = render(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}
