//! What is JetStream's among the messages.

use serde::Deserialize;

use super::{
    ACK, API, API_ANSWER, DELIVER, Fields, MSG, NAK, NEXT, PROGRESS, PUB, PUB_ACK, PULL, STATUS,
    TERM,
};
use crate::Kind;

/// What a client publishes.
pub(super) fn published(fields: &mut Fields) -> Kind {
    let subject = std::mem::take(&mut fields.subject);
    let kind = if let Some(place) = Place::read(&subject) {
        place.enter(fields);
        acknowledgement(&fields.payload)
    } else if let Some(api) = api(&subject) {
        match api.strip_prefix("CONSUMER.MSG.NEXT.") {
            Some(names) => {
                let (stream, consumer) = names.split_once('.').unwrap_or((names, ""));
                fields.stream = Some(stream.to_owned());
                fields.consumer = Some(consumer.to_owned());
                PULL
            }
            None => API,
        }
    } else {
        PUB
    };
    fields.subject = subject;
    kind
}

/// What follows `$JS.API.`, or `$JS.<domain>.API.`.
fn api(subject: &str) -> Option<&str> {
    let rest = subject.strip_prefix("$JS.")?;
    let in_domain = || rest.split_once('.')?.1.strip_prefix("API.");
    rest.strip_prefix("API.").or_else(in_domain)
}

/// The words are those of nats-server's `server/consumer.go`.
fn acknowledgement(payload: &[u8]) -> Kind {
    match payload {
        _ if payload.starts_with(b"-NAK") => NAK,
        _ if payload.starts_with(b"+WPI") => PROGRESS,
        _ if payload.starts_with(b"+TERM") => TERM,
        _ if payload.starts_with(b"+NXT") => NEXT,
        b"" | b"+ACK" => ACK,
        _ => PUB,
    }
}

/// What reaches a client.
pub(super) fn received(fields: &mut Fields) -> Kind {
    if let Some(place) = fields.reply.as_deref().and_then(Place::read) {
        place.enter(fields);
        return DELIVER;
    }
    if fields.status.is_some() && fields.size == 0 {
        return STATUS;
    }
    // A payload that was cut is longer than any PubAck.
    let is_json = fields.payload.starts_with(b"{") && fields.size == fields.payload.len();
    let may_be = [
        &b"{\"stream\":"[..],
        b"{\"error\":",
        b"{\"type\":\"io.nats.jetstream.api",
    ];
    if !is_json || !may_be.iter().any(|start| fields.payload.starts_with(start)) {
        return match fields.payload.starts_with(may_be[2]) {
            true => API_ANSWER,
            false => MSG,
        };
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&fields.payload) else {
        return MSG;
    };
    let error = answer
        .error
        .map(|error| (error.err_code, error.description));
    match (answer.kind, answer.stream, answer.seq) {
        (Some(_), ..) => {
            fields.error = error;
            API_ANSWER
        }
        (None, Some(stream), Some(sequence)) => {
            fields.stream = Some(stream);
            // An error has 0 in this place.
            fields.sequence = Some(sequence).filter(|_| error.is_none());
            fields.duplicate = answer.duplicate;
            fields.error = error;
            PUB_ACK
        }
        _ => MSG,
    }
}

/// An answer of JetStream's.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: Option<String>,
    stream: Option<String>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// What the reply subject of a delivery says.
struct Place {
    stream: String,
    consumer: String,
    delivered: u64,
    sequence: u64,
}

impl Place {
    /// `$JS.ACK.stream.consumer.delivered.sequence.consumer sequence.time.pending`; since ADR-15 also
    /// with a domain and an account's hash before the stream, and a token at the end.
    fn read(subject: &str) -> Option<Place> {
        let rest = subject.strip_prefix("$JS.ACK.")?;
        let all: Vec<&str> = rest.split('.').collect();
        let from = match all.len() {
            7 => 0,
            9.. => 2,
            _ => return None,
        };
        Some(Place {
            stream: all[from].to_owned(),
            consumer: all[from + 1].to_owned(),
            delivered: all[from + 2].parse().ok()?,
            sequence: all[from + 3].parse().ok()?,
        })
    }

    fn enter(self, fields: &mut Fields) {
        fields.stream = Some(self.stream);
        fields.consumer = Some(self.consumer);
        fields.delivered = Some(self.delivered);
        fields.sequence = Some(self.sequence);
    }
}
