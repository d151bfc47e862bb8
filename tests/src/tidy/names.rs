//! One shop in every listing: its services, events and commands, and no others.

use crate::files::File;
use crate::tidy::rust::{string, tokens};

/// The shop's services.
const SERVICES: [&str; 6] = [
    "orders",
    "payments",
    "inventory",
    "email",
    "analytics",
    "accounting",
];
/// The types of its messages.
const TYPES: [&str; 7] = [
    "order.created",
    "order.shipped",
    "payment.processed",
    "payment.failed",
    "stock.reserved",
    "payment.charge",
    "stock.reserve",
];
/// Lanes that are no service: the shop as a publisher, the brokers, the proxy before one, a choice, and the
/// fate strip.
const LANES: [&str; 7] = ["shop", "nats", "rabbit", "kafka", "wire", "choice", "fate"];
const NUMBERED: [&str; 3] = ["worker ", "partition ", "consumer "];
/// How many lanes the page's style sheet tells apart, beside the fate strip.
const TOLD_APART: usize = 9;
/// What the names of other tutorials begin with.
const TOYS: [&str; 10] = [
    "foo", "bar", "baz", "hello", "my-", "my_", "test-", "test_", "demo", "example",
];

/// The lanes of a listing are the shop's services, workers and brokers, and a page tells them apart.
pub fn lanes(chapter: &str, lanes: &[String]) -> Vec<String> {
    let is_known = |lane: &str| {
        SERVICES.contains(&lane)
            || LANES.contains(&lane)
            || NUMBERED.iter().any(|kind| {
                let number = lane.strip_prefix(kind);
                number.is_some_and(|number| number.parse::<u32>().is_ok())
            })
    };
    let unknown = lanes.iter().filter(|lane| !is_known(lane));
    let mut problems: Vec<String> = unknown
        .map(|lane| {
            format!(
                "chapters/{}/Cargo.toml: the lane `{lane}` is not of the shop; use {}, {} or `worker 1`",
                chapter,
                LANES.join(", "),
                SERVICES.join(", "),
            )
        })
        .collect();
    let count = lanes.iter().filter(|lane| *lane != "fate").count();
    if count > TOLD_APART {
        problems.push(format!(
            "chapters/{chapter}/Cargo.toml: there are {count} lanes; a page tells {TOLD_APART} apart \
             (.lane-0 and so on in book/theme/css/book.css)"
        ));
    }
    problems
}

/// The texts of a listing name the shop's messages, and no toys.
pub fn texts(file: &File) -> Vec<String> {
    let tokens = match tokens(&file.path, &file.text) {
        Ok(tokens) => tokens,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    for token in &tokens {
        let Some(text) = string(token) else { continue };
        let place = format!("{}:{}", file.path, token.line);
        if TOYS.iter().any(|toy| text.starts_with(toy)) {
            problems.push(format!(
                "{place}: `{text}` is no name of the shop; use {}",
                TYPES.join(", ")
            ));
        } else if is_of_shop(text) && !is_type(text) {
            problems.push(format!(
                "{place}: `{text}` is no message of the shop; use one of {}, a pattern over them, or \
                 SERVICE.TYPE for a queue",
                TYPES.join(", ")
            ));
        }
    }
    problems
}

/// Whether the text is a dotted name that begins like a message or a service of the shop.
fn is_of_shop(text: &str) -> bool {
    let first = text.split_once('.').map(|(first, _)| first);
    let known = TYPES
        .iter()
        .filter_map(|name| name.split('.').next())
        .chain(SERVICES);
    let is_name = |c: char| c.is_ascii_lowercase() || ".*>#-".contains(c);
    text.chars().all(is_name)
        && first.is_some_and(|first| known.into_iter().any(|name| name == first))
}

/// Whether it is a type, a pattern that matches one, or the queue SERVICE.TYPE.
fn is_type(text: &str) -> bool {
    let name = match text.split_once('.') {
        Some((service, name)) if SERVICES.contains(&service) => name,
        _ => text,
    };
    TYPES.iter().any(|known| {
        let (noun, verb) = known.split_once('.').unwrap_or((known, ""));
        name.split_once('.') == Some((noun, verb))
            || [">", "*", "#"]
                .iter()
                .any(|any| name.split_once('.') == Some((noun, any)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let code = format!("fn main() {{ f({text:?}); }}");
        texts(&File::new("chapters/x/src/main.rs", code))
    }

    #[test]
    fn messages_are_the_shops() {
        for good in [
            "payment.charge",
            "payments.payment.charge",
            "order.*",
            "order.>",
            "order.#",
            "enable.idempotence",
            "bootstrap.servers",
            "o-1",
            "orders",
            "The order.",
        ] {
            assert_eq!(problems(good), [""; 0], "{good}");
        }
        for bad in [
            "order.paid",
            "orders.new",
            "payment.charge.now",
            "foo",
            "hello world",
            "my-queue",
            "test_topic",
        ] {
            assert_eq!(problems(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn lanes_are_the_shops() {
        let check = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            lanes("ch03-queue", &names)
        };
        let good = [
            "shop",
            "payments",
            "worker 1",
            "partition 0",
            "rabbit",
            "fate",
        ];
        assert_eq!(check(&good), [""; 0]);
        let problems = check(&["producer", "worker one", "worker"]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        let crowd = |workers| -> Vec<String> {
            let workers = (1..=workers).map(|number| format!("worker {number}"));
            workers.chain(["fate".to_owned()]).collect()
        };
        assert_eq!(lanes("ch03-queue", &crowd(9)), [""; 0]);
        let problems = lanes("ch03-queue", &crowd(10));
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}
