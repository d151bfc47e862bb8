//! Finds in a piece of Rust what it sets on a broker or its client.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

/// The modules of async-nats whose `Config` the server is given.
const CONFIGS: [&str; 6] = ["stream", "pull", "push", "consumer", "kv", "object_store"];
/// The types of the clients that take settings by methods, and whose they are.
const BUILDERS: [(&str, &str); 2] = [
    ("ConnectOptions", "nats"),
    ("ConnectionProperties", "rabbitmq"),
];
/// What makes such a value, and so sets nothing.
const MAKERS: [&str; 3] = ["new", "default", "clone"];
/// What makes something else out of it.
const ENDS: [&str; 1] = ["connect"];
/// The headers `x-...` that RabbitMQ writes into a message: they are read, and set by nobody.
const HEADERS: [&str; 5] = [
    "acquired-count",
    "death",
    "delivery-count",
    "first-death-reason",
    "last-death-reason",
];

/// A setting that is set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub broker: &'static str,
    pub key: String,
    pub value: Option<String>,
    pub line: usize,
}

/// All that `rust` sets, in order.
pub(super) fn scan(rust: &str) -> Result<Vec<Found>, LexError> {
    let mut scan = Scan::default();
    scan.stream(rust.parse()?);
    Ok(scan.found)
}

#[derive(Default)]
struct Scan {
    found: Vec<Found>,
    /// The variables that hold a builder.
    builders: BTreeMap<String, (&'static str, &'static str)>,
}

impl Scan {
    fn stream(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for at in 0..tokens.len() {
            self.kafka(&tokens, at);
            self.argument(&tokens, at);
            self.config(&tokens, at);
            self.builder(&tokens, at);
            if let TokenTree::Group(group) = &tokens[at] {
                // A variable is known within its braces only.
                let outer = self.builders.clone();
                self.stream(group.stream());
                if group.delimiter() == Delimiter::Brace {
                    self.builders = outer;
                }
            }
        }
    }

    fn push(&mut self, broker: &'static str, key: String, value: Option<String>, at: &TokenTree) {
        self.found.push(Found {
            broker,
            key,
            value,
            line: at.span().start().line,
        });
    }

    /// `.set("key", value)`
    fn kafka(&mut self, tokens: &[TokenTree], at: usize) {
        if let Some(group) = set(tokens, at)
            && let inside = group.stream().into_iter().collect::<Vec<_>>()
            && let Some(key) = inside.first().and_then(text)
        {
            let value = inside.get(2).and_then(text).filter(|_| inside.len() <= 4);
            self.push("kafka", key, value, &inside[0]);
        }
    }

    /// `"x-key"` or `"x-key=value"`.
    fn argument(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(text) = text(&tokens[at]) else {
            return;
        };
        let parts: Vec<&str> = text.split(' ').collect();
        for part in &parts {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key, Some(value.to_owned())),
                None if parts.len() == 1 => (*part, None),
                None => continue,
            };
            if is_argument(key) {
                self.push("rabbitmq", key.to_owned(), value, &tokens[at]);
            }
        }
    }

    /// `pull::Config { field: value }`
    fn config(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(TokenTree::Group(group)) = tokens.get(at + 1) else {
            return;
        };
        let is_config = ident(&tokens[at]).is_some_and(|name| name == "Config");
        if !is_config || group.delimiter() != Delimiter::Brace || at < 3 {
            return;
        }
        let Some(module) = ident(&tokens[at - 3]) else {
            return;
        };
        if !CONFIGS.contains(&module.as_str()) || !is(&tokens[at - 1], ':') {
            return;
        }
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        for field in inside.split(|token| is(token, ',')) {
            if let Some(name) = field.first().and_then(ident) {
                let value = field.get(2).and_then(number).filter(|_| field.len() == 3);
                self.push(
                    "nats",
                    format!("{module}::Config::{name}"),
                    value,
                    &field[0],
                );
            }
        }
    }

    /// `ConnectOptions::new().name(...)`, and `.name(...)` on a variable that such a chain made.
    fn builder(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(name) = ident(&tokens[at]) else {
            return;
        };
        let kind = BUILDERS.into_iter().find(|(kind, _)| *kind == name);
        let is_made = kind.is_some() && tokens.get(at + 1).is_some_and(|next| is(next, ':'));
        let from = match (kind, self.builders.get(&name)) {
            (Some(kind), _) if is_made => Some((kind, at + 3)),
            (None, Some(kind)) if tokens.get(at + 1).is_some_and(|next| is(next, '.')) => {
                Some((*kind, at + 1))
            }
            _ => None,
        };
        let Some(((kind, broker), mut next)) = from else {
            return;
        };
        let mut ends = false;
        while !ends {
            // The first name stands behind `::`, and each other one behind a dot.
            if tokens.get(next).is_some_and(|token| is(token, '.')) {
                next += 1;
            }
            let (Some(method), Some(TokenTree::Group(_))) =
                (tokens.get(next).and_then(ident), tokens.get(next + 1))
            else {
                break;
            };
            ends = ENDS.contains(&method.as_str());
            if !ends && !MAKERS.contains(&method.as_str()) {
                self.push(broker, format!("{kind}::{method}"), None, &tokens[next]);
            }
            next += 2;
        }
        match variable(&tokens[..at]) {
            Some(variable) if ends => drop(self.builders.remove(&variable)),
            Some(variable) => drop(self.builders.insert(variable, (kind, broker))),
            None => {}
        }
    }
}

/// The variable that what follows is given to: `let mut x =` or `x =`.
fn variable(before: &[TokenTree]) -> Option<String> {
    let [.., name, equals] = before else {
        return None;
    };
    is(equals, '=').then(|| ident(name)).flatten()
}

/// The arguments of `.set(...)`, if that is called at this dot.
fn set(tokens: &[TokenTree], dot: usize) -> Option<&Group> {
    let [first, name, TokenTree::Group(group)] = tokens.get(dot..dot + 3)? else {
        return None;
    };
    let is_set = is(first, '.') && ident(name)? == "set";
    (is_set && group.delimiter() == Delimiter::Parenthesis).then_some(group)
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == sign)
}

fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

/// What a string literal holds.
fn text(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else {
        return None;
    };
    syn::parse_str::<syn::LitStr>(&literal.to_string())
        .ok()
        .map(|text| text.value())
}

/// Whether RabbitMQ takes this as an argument.
fn is_argument(key: &str) -> bool {
    key == "alternate-exchange"
        || key.strip_prefix("x-").is_some_and(|rest| {
            let is_name = |b: u8| b.is_ascii_lowercase() || b == b'-';
            !rest.is_empty() && rest.bytes().all(is_name) && !HEADERS.contains(&rest)
        })
}

/// A number as it is written, or `true` or `false`.
fn number(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Literal(literal) => Some(literal.to_string()),
        TokenTree::Ident(ident) => {
            Some(ident.to_string()).filter(|it| it == "true" || it == "false")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(rust: &str) -> Vec<String> {
        scan(rust)
            .unwrap()
            .into_iter()
            .map(|found| {
                let value = found
                    .value
                    .map_or_else(String::new, |value| format!("={value}"));
                format!("{} {}{value}:{}", found.broker, found.key, found.line)
            })
            .collect()
    }

    #[test]
    fn rdkafkas_keys() {
        let rust = "config.set(\"acks\", args.acks.value());\n\
                    NewTopic::new(&name, 1, Fixed(-1)).set(\"retention.ms\", \"-1\");\n\
                    // config.set(\"linger.ms\", \"5\")\n\
                    cell.set(value);";
        assert_eq!(found(rust), ["kafka acks:1", "kafka retention.ms=-1:2"]);
    }

    #[test]
    fn rabbitmqs_arguments() {
        let rust = "arguments.insert(\"x-queue-type\".into(), quorum);\n\
                    table(\"x-queue-type=quorum\");\n\
                    let count = headers.inner().get(\"x-delivery-count\");\n\
                    bail!(\"more than x-max-length\");\n\
                    println!(\"x-ray\u{e9} and x-Y\");\n\
                    arguments.insert(\"alternate-exchange\".into(), other);";
        assert_eq!(
            found(rust),
            [
                "rabbitmq x-queue-type:1",
                "rabbitmq x-queue-type=quorum:2",
                "rabbitmq alternate-exchange:6"
            ]
        );
    }

    #[test]
    fn fields_of_nats_configurations() {
        let rust = "async_nats::jetstream::stream::Config {\n\
                    name: name.to_owned(),\n\
                    subjects: vec![a::b(\"order.>\"), c],\n\
                    max_messages: 10,\n\
                    ack_wait,\n\
                    ..Default::default() };\n\
                    other::Config { name: 1 };\n\
                    fn f(config: pull::Config) { g() }";
        assert_eq!(
            found(rust),
            [
                "nats stream::Config::name:2",
                "nats stream::Config::subjects:3",
                "nats stream::Config::max_messages=10:4",
                "nats stream::Config::ack_wait:5"
            ]
        );
    }

    #[test]
    fn methods_of_builders_and_of_the_variables_that_hold_one() {
        let rust = "let options = ConnectOptions::new().name(service);\n\
                    let options = options.event_callback(move |event| { other.name(event); });\n\
                    let client = options\n.no_echo().connect(url).await;\n\
                    let mut properties = ConnectionProperties::default();\n\
                    properties = properties.enable_auto_recover();\n\
                    nats.name(\"SHOP\");\n\
                    let client = ConnectOptions::new().connect(url); client.flush();\n\
                    fn f() { let other = ConnectOptions::new(); } other.name(a);\n\
                    use lapin::{ConnectionProperties, Channel};";
        assert_eq!(
            found(rust),
            [
                "nats ConnectOptions::name:1",
                "nats ConnectOptions::event_callback:2",
                "nats ConnectOptions::no_echo:4",
                "rabbitmq ConnectionProperties::enable_auto_recover:6"
            ]
        );
    }
}
