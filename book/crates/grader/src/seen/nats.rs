//! JetStream's consumers and its answers to publishers, and core NATS.

use std::collections::BTreeMap;

use history::Place;
use wire::Frame;
use wire::nats::{ACK, DELIVER, NAK, NEXT, PUB, PUB_ACK, TERM};

use super::{Answer, Says, Seen, Settled, orders};

pub(super) fn read(seen: &mut Seen, frames: &[Frame]) {
    let answers = answers(frames);
    let mut held: BTreeMap<(String, u64), Vec<u32>> = BTreeMap::new();
    for frame in frames {
        let Some(fields) = frame.nats() else { continue };
        let place = fields.stream.clone().zip(fields.sequence);
        match (frame.kind, place) {
            (DELIVER, Some((stream, sequence))) => {
                let group = fields.consumer.clone().unwrap_or_default();
                let again = fields.delivered.is_some_and(|count| count > 1);
                let messages = orders(&fields.payload);
                for message in &messages {
                    let place = Place::sequence(&stream, sequence);
                    seen.gets(frame, &group, *message, place, again);
                }
                held.insert((stream, sequence), messages);
            }
            (ACK | NEXT | NAK | TERM, Some(place)) => {
                let group = fields.consumer.clone().unwrap_or_default();
                let how = match frame.kind {
                    NAK => Settled::Back,
                    TERM => Settled::Refused,
                    _ => Settled::Done,
                };
                for message in held.get(&place).into_iter().flatten() {
                    let place = Place::sequence(&place.0, place.1);
                    seen.settles(frame, &group, *message, place, how);
                }
            }
            (PUB, _) => {
                let reply = fields.reply.clone();
                let answer = match reply {
                    Some(reply) => answers.get(&(frame.connection, reply)).cloned(),
                    // Core NATS has none: it is sent, and that is all.
                    None => Some(Answer {
                        at: frame.at,
                        says: Says::Yes,
                        place: None,
                    }),
                };
                for message in orders(&fields.payload) {
                    seen.publishes(frame, message, answer.as_ref(), None);
                }
            }
            _ => {}
        }
    }
}

/// What the streams have said, by connection and by the subject to which they said it.
fn answers(frames: &[Frame]) -> BTreeMap<(u32, String), Answer> {
    let answers = frames.iter().filter(|frame| frame.kind == PUB_ACK);
    let answers = answers.filter_map(|frame| {
        let fields = frame.nats()?;
        let place = fields.stream.clone().zip(fields.sequence);
        let answer = Answer {
            at: frame.at,
            says: match fields.error {
                None => Says::Yes,
                Some(_) => Says::No,
            },
            place: place.map(|(stream, sequence)| Place::sequence(stream, sequence)),
        };
        Some(((frame.connection, fields.subject.clone()), answer))
    });
    answers.collect()
}
