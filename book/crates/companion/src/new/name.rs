//! The name of a chapter: `03-rabbit-priorities`.

use std::str::FromStr;

use anyhow::{Error, bail};
use brokers::Kind;

/// A chapter's number, broker and topic.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    number: String,
    /// Its broker.
    pub kind: Kind,
    topic: String,
}

const FORM: &str = "a chapter is named NN-BROKER-TOPIC in lower case, BROKER being nats, rabbit \
    or kafka; for example 03-rabbit-priorities";

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Name, Error> {
        if let Some(rest) = text.strip_prefix("ch") {
            bail!("write {rest}, without `ch`: it is put in front");
        }
        let (number, rest) = text.split_once('-').unwrap_or((text, ""));
        let (broker, topic) = rest.split_once('-').unwrap_or((rest, ""));
        let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        };
        let kind = match broker {
            "nats" => Kind::Nats,
            "rabbit" => Kind::RabbitMq,
            "kafka" => Kind::Kafka,
            _ => bail!("`{text}` names no broker; {FORM}"),
        };
        if !is_number || !topic.split('-').all(is_word) {
            bail!("`{text}` is ill-formed; {FORM}");
        }
        Ok(Name {
            number: number.to_owned(),
            kind,
            topic: topic.to_owned(),
        })
    }
}

impl Name {
    /// The chapter, and so its package, folder and page: `ch03-rabbit-priorities`.
    pub fn id(&self) -> String {
        let broker = match self.kind {
            Kind::Nats => "nats",
            Kind::RabbitMq => "rabbit",
            Kind::Kafka => "kafka",
        };
        format!("{}-{broker}-{}", self.chapter(), self.topic)
    }

    /// The chapter's number as the names begin with it: `ch03`.
    pub fn chapter(&self) -> String {
        format!("ch{}", self.number)
    }

    /// The page's title until its author finds a better one: `RabbitMQ: priorities`.
    pub fn title(&self) -> String {
        format!("{}: {}", self.kind, self.topic.replace('-', " "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_gives_id_and_title() {
        let name: Name = "03-rabbit-dead-letter".parse().unwrap();
        assert_eq!(name.id(), "ch03-rabbit-dead-letter");
        assert_eq!(name.title(), "RabbitMQ: dead letter");
        assert_eq!(name.chapter(), "ch03");
        assert_eq!("02-nats-kv".parse::<Name>().unwrap().kind, Kind::Nats);
    }

    #[test]
    fn other_forms_are_refused_with_the_fix() {
        let error = |text: &str| text.parse::<Name>().unwrap_err().to_string();
        assert_eq!(
            error("ch03-rabbit-x"),
            "write 03-rabbit-x, without `ch`: it is put in front"
        );
        assert!(error("03-pulsar-x").starts_with("`03-pulsar-x` names no broker; a chapter is"));
        for text in [
            "3-rabbit-x",
            "003-rabbit-x",
            "03-rabbit",
            "03-rabbit-",
            "03-rabbit-X",
            "03-rabbit-x--y",
            "03-rabbit-x/y",
            "03-rabbit-../x",
            "03-rabbit-x y",
        ] {
            assert!(
                error(text).contains("is ill-formed; a chapter is named"),
                "{text}"
            );
        }
        for text in ["", "rabbit", "03", "../03-rabbit-x", "Rabbit-03-x"] {
            assert!(error(text).contains("a chapter is named"), "{text}");
        }
    }
}
