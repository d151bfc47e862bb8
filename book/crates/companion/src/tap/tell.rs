//! What is told of a frame: who, which way, which message, and what else it says.
//!
//! The frames that tell the story are those that set up what messages go through, that carry
//! messages, and that settle them. Greetings, polls and heartbeats are counted.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Frame;
use wire::{Fields, Kind, Way, amqp, kafka, nats};

/// How long a message may be that is named by its whole text, in characters.
const NAME: usize = 24;
/// Names that are random begin with these.
const RANDOM: [(&str, &str); 3] = [
    ("_INBOX.", "inbox"),
    ("amq.gen-", "amq.gen"),
    ("amq.ctag-", "amq.ctag"),
];

/// What is told of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is part of the story.
    Frame(Frame),
    /// It is not; so many frames of this kind are only counted.
    Rest(String, u64),
}

/// Knows what earlier frames have said.
pub(super) struct Teller {
    /// What stands before the names of a run that is not alone on its broker.
    program: String,
    /// By proxy and connection: what the client calls itself.
    clients: BTreeMap<(usize, u32), String>,
    /// Who has said already that it is at work on which message.
    at_work: BTreeSet<(usize, u32, String)>,
    /// Random names, numbered as they come.
    random: BTreeMap<String, String>,
}

/// What a frame says.
#[derive(Default)]
struct Says {
    about: Vec<String>,
    fields: Vec<(String, String)>,
}

impl Says {
    /// Says something that has a name, unless it is empty.
    fn say(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.fields.push((name.to_owned(), value));
        }
    }

    fn maybe(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }

    /// Says what message it carries.
    fn carry(&mut self, payload: &[u8], size: usize) {
        self.about = about(payload, size);
        let text = std::str::from_utf8(payload).ok();
        if self.about.first().map(String::as_str) != text {
            self.maybe("body", text);
            self.say("bytes", size);
        }
    }

    /// Says that something is so.
    fn flag(&mut self, name: &str, is: bool) {
        if is {
            self.say(name, "yes");
        }
    }
}

impl Teller {
    pub(super) fn new(program: &str) -> Teller {
        Teller {
            program: program.to_owned(),
            clients: BTreeMap::new(),
            at_work: BTreeSet::new(),
            random: BTreeMap::new(),
        }
    }

    pub(super) fn tell(&mut self, ms: u64, proxy: usize, frame: &wire::Frame) -> Told {
        let connection = (proxy, frame.connection);
        if let Some(name) = frame.client().filter(|name| name != "rdkafka") {
            self.clients.insert(connection, name);
        }
        let kind = frame.kind;
        if kind == nats::PROGRESS && !self.begins_work(connection, frame) {
            return Told::Rest(kind.to_string(), 1);
        }
        let says = match &frame.fields {
            Fields::Nats(fields) => self.nats(kind, fields),
            Fields::Amqp(fields) => self.amqp(kind, fields),
            Fields::Kafka(fields) => self.kafka(kind, fields),
            Fields::None => None,
        };
        let Some(Says { about, fields }) = says else {
            return Told::Rest(rest(frame), 1);
        };
        let known = self.clients.get(&connection).cloned();
        let unnamed = unnamed(frame);
        let says = fields
            .into_iter()
            .map(|(name, value)| (name, self.plain(&value)));
        let mut told = Frame {
            ms,
            lane: known.unwrap_or_else(|| format!("connection {}", frame.connection)),
            to_broker: frame.way == Way::ToBroker,
            kind: kind.to_string(),
            about,
            says: says.collect(),
        };
        told.carries_more(unnamed);
        Told::Frame(told)
    }

    /// Whether a client says for the first time that it is at work on a message. It goes on to say so.
    fn begins_work(&mut self, (proxy, connection): (usize, u32), frame: &wire::Frame) -> bool {
        let on = frame
            .nats()
            .map(|fields| format!("{:?} {:?}", fields.stream, fields.sequence));
        self.at_work
            .insert((proxy, connection, on.unwrap_or_default()))
    }

    fn nats(&self, kind: Kind, fields: &nats::Fields) -> Option<Says> {
        let mut says = Says::default();
        let inbox = fields.subject.starts_with("_INBOX.");
        match kind {
            nats::PUB | nats::MSG => {
                says.say("subject", &fields.subject);
                says.maybe("reply", fields.reply.as_ref());
            }
            nats::DELIVER | nats::PUB_ACK => says.say("subject", &fields.subject),
            nats::ACK | nats::NAK | nats::TERM | nats::PROGRESS | nats::NEXT => {
                says.maybe("reply", fields.reply.as_ref());
            }
            nats::SUB if !inbox => {
                says.say("subject", &fields.subject);
                says.maybe("queue group", fields.queue_group.as_ref());
            }
            nats::ERR => says.say("error", String::from_utf8_lossy(&fields.payload)),
            nats::STATUS if fields.status == Some(503) => says.say("status", "503 no responders"),
            _ => return None,
        }
        says.maybe("stream", fields.stream.as_ref());
        says.maybe("consumer", fields.consumer.as_ref());
        says.maybe("sequence", fields.sequence);
        says.maybe("delivered", fields.delivered.filter(|count| *count > 1));
        says.flag("duplicate", fields.duplicate);
        let error = fields.error.as_ref();
        says.maybe("error", error.map(|(code, text)| format!("{code} {text}")));
        for (name, value) in &fields.headers {
            says.say(name, value);
        }
        if [nats::PUB, nats::MSG, nats::DELIVER].contains(&kind) {
            says.carry(&fields.payload, fields.size);
        }
        Some(says)
    }

    fn amqp(&self, kind: Kind, fields: &amqp::Fields) -> Option<Says> {
        const CARRIES: [Kind; 4] = [amqp::PUBLISH, amqp::DELIVER, amqp::GET_OK, amqp::RETURN];
        const TOLD: [Kind; 16] = [
            amqp::CONFIRM,
            amqp::REFUSE,
            amqp::GET,
            amqp::GET_EMPTY,
            amqp::ACK,
            amqp::NACK,
            amqp::REJECT,
            amqp::CONSUME,
            amqp::CANCEL,
            amqp::QOS,
            amqp::CONFIRM_SELECT,
            amqp::QUEUE_DECLARE,
            amqp::QUEUE_BIND,
            amqp::EXCHANGE_DECLARE,
            amqp::CONNECTION_BLOCKED,
            amqp::CHANNEL_CLOSE,
        ];
        let fault = |(code, _): &(u16, String)| *code != 200;
        let closes = [amqp::CHANNEL_CLOSE, amqp::CONNECTION_CLOSE].contains(&kind);
        let told = match closes {
            true => fields.reason.as_ref().is_some_and(fault),
            false => CARRIES.contains(&kind) || TOLD.contains(&kind),
        };
        if !told {
            return None;
        }
        let mut says = Says::default();
        let exchange = fields.exchange.as_deref();
        let exchange = exchange.map(|name| if name.is_empty() { "(default)" } else { name });
        says.maybe("exchange", exchange);
        says.maybe("routing key", fields.routing_key.as_ref());
        says.maybe("queue", fields.queue.as_ref());
        says.maybe("tag", fields.delivery_tag);
        says.flag("multiple", fields.multiple);
        says.flag("redelivered", fields.redelivered);
        says.flag("requeue", fields.requeue);
        says.flag("no ack", fields.no_ack);
        says.flag("mandatory", fields.mandatory);
        says.maybe("prefetch", fields.prefetch);
        let reason = fields.reason.as_ref();
        says.maybe(
            "reason",
            reason.map(|(code, text)| format!("{code} {text}")),
        );
        says.flag("persistent", fields.delivery_mode == Some(2));
        says.maybe("message id", fields.message_id.as_ref());
        says.maybe("correlation id", fields.correlation_id.as_ref());
        says.maybe("reply to", fields.reply_to.as_ref());
        says.maybe("expiration", fields.expiration.as_ref());
        for (name, value) in &fields.headers {
            says.say(name, value);
        }
        says.say("channel", fields.channel);
        if CARRIES.contains(&kind) {
            says.carry(&fields.payload, fields.size);
        }
        Some(says)
    }

    fn kafka(&mut self, kind: Kind, fields: &kafka::Fields) -> Option<Says> {
        const TOLD: [Kind; 12] = [
            kafka::PRODUCE,
            kafka::PRODUCED,
            kafka::FETCHED,
            kafka::OFFSET_COMMIT,
            kafka::OFFSET_COMMITTED,
            kafka::JOIN_GROUP,
            kafka::GROUP_JOINED,
            kafka::LEAVE_GROUP,
            kafka::INIT_PRODUCER_ID,
            kafka::TXN_OFFSET_COMMIT,
            kafka::END_TXN,
            kafka::TXN_ENDED,
        ];
        let records: u32 = fields.partitions.iter().map(|it| it.records).sum();
        let untold = match kind {
            kafka::FETCHED => records == 0,
            kafka::INIT_PRODUCER_ID => fields.transactional_id.is_none(),
            kind => !TOLD.contains(&kind),
        };
        if untold {
            return None;
        }
        let mut says = Says::default();
        for record in fields.partitions.iter().flat_map(|it| &it.kept) {
            let value = record.value.as_deref().unwrap_or_default();
            let key = record.key.as_deref().unwrap_or_default();
            let by_value = about(value, value.len());
            let named = if by_value.is_empty() {
                about(key, key.len())
            } else {
                by_value
            };
            for name in named {
                if !says.about.contains(&name) {
                    says.about.push(name);
                }
            }
        }
        says.maybe("group", fields.group.as_ref());
        says.maybe("generation", fields.generation);
        says.maybe("transactional id", fields.transactional_id.as_ref());
        let ends = fields.committed;
        says.maybe(
            "ends",
            ends.map(|yes| if yes { "committed" } else { "aborted" }),
        );
        says.maybe(
            "acks",
            fields.acks.map(|acks| {
                if acks == -1 {
                    "all".to_owned()
                } else {
                    acks.to_string()
                }
            }),
        );
        for place in &fields.partitions {
            let mut text = place.partition.to_string();
            if let Some(offset) = place.offset {
                text += &format!(" at {offset}");
            }
            match place.records {
                0 => {}
                1 => text += ", 1 record",
                count => text += &format!(", {count} records"),
            }
            if place.error != 0 {
                text += &format!(", error {}", place.error);
            }
            let topic = self.plain(&place.topic);
            says.say(&format!("{topic} partition"), text);
        }
        if fields.error != 0 {
            says.say("error", fields.error);
        }
        Some(says)
    }

    /// The value without what differs in each run: random names have numbers, and the name of a run
    /// that is not alone on its broker is left out.
    fn plain(&mut self, value: &str) -> String {
        for (prefix, word) in RANDOM {
            if value.starts_with(prefix) {
                let number = self
                    .random
                    .values()
                    .filter(|it| it.starts_with(word))
                    .count()
                    + 1;
                let named = self.random.entry(value.to_owned());
                return named.or_insert_with(|| format!("{word} {number}")).clone();
            }
        }
        let own = value
            .strip_prefix(&self.program)
            .and_then(|it| it.strip_prefix('.'));
        let base = own.and_then(|it| it.split_once('.'));
        match base {
            Some((pid, base)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => base.to_owned(),
            _ => value.to_owned(),
        }
    }
}

/// How many records of a frame of Kafka's are not kept.
fn unnamed(frame: &wire::Frame) -> usize {
    let places = frame.kafka().map_or(&[][..], |fields| &fields.partitions);
    let unkept =
        |place: &kafka::Partition| (place.records as usize).saturating_sub(place.kept.len());
    places.iter().map(unkept).sum()
}

/// The kind of a frame that is only counted.
fn rest(frame: &wire::Frame) -> String {
    match frame.kind {
        kafka::FETCHED => "Fetch answer without records".to_owned(),
        nats::SUB => "SUB of an inbox".to_owned(),
        kind => kind.to_string(),
    }
}

/// The messages that a text is or names: the whole text where it is short, or else the words such as
/// `o-3` in it.
fn about(payload: &[u8], size: usize) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(payload) else {
        return Vec::new();
    };
    let short = size == payload.len() && text.chars().count() <= NAME;
    if short && !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ',') {
        return vec![text.to_owned()];
    }
    let mut all: Vec<String> = Vec::new();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    for word in words.filter(|word| is_number(word)) {
        if !all.iter().any(|other| other == word) {
            all.push(word.to_owned());
        }
    }
    all
}

/// Whether it is a letter, a dash and digits.
fn is_number(word: &str) -> bool {
    let parts = word.split_once('-');
    parts.is_some_and(|(letter, digits)| {
        letter.len() == 1
            && letter.bytes().all(|byte| byte.is_ascii_lowercase())
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_its_short_text_or_by_what_its_text_names() {
        let named = |text: &str| about(text.as_bytes(), text.len());
        assert_eq!(named("o-1"), ["o-1"]);
        assert_eq!(named("settings 2"), ["settings 2"]);
        let long = r#"{"order": "o-7", "pays": "p-12", "again": "o-7", "no": "x-", "nor": "oo-1"}"#;
        assert_eq!(named(long), ["o-7", "p-12"]);
        assert_eq!(named("a, b"), [""; 0]);
        assert_eq!(named(""), [""; 0]);
        assert_eq!(about(&[0xff], 1), [""; 0]);
        // The rest of it was not kept.
        assert_eq!(about(b"o-1", 5_000), ["o-1"]);
        assert_eq!(about(b"settings 2", 5_000), [""; 0]);
    }

    #[test]
    fn what_differs_in_each_run_has_a_name_of_its_own() {
        let mut teller = Teller::new("ch04-kafka-keys");
        assert_eq!(teller.plain("_INBOX.Zk3.1"), "inbox 1");
        assert_eq!(teller.plain("_INBOX.Zk3.2"), "inbox 2");
        assert_eq!(teller.plain("_INBOX.Zk3.1"), "inbox 1");
        assert_eq!(teller.plain("amq.gen-abc"), "amq.gen 1");
        assert_eq!(teller.plain("ch04-kafka-keys.4711.orders"), "orders");
        assert_eq!(
            teller.plain("ch04-kafka-keys.orders"),
            "ch04-kafka-keys.orders"
        );
        assert_eq!(teller.plain("order.created"), "order.created");
    }
}
