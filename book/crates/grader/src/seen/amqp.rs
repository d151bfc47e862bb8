//! RabbitMQ's deliveries and acknowledgements, and its confirms to publishers.

use std::collections::{BTreeMap, BTreeSet};

use history::Place;
use wire::Frame;
use wire::amqp::{
    ACK, CHANNEL_OPEN, CONFIRM, DELIVER, Fields, GET_OK, NACK, PUBLISH, REFUSE, REJECT,
};

use super::{Answer, Says, Seen, Settled, orders};

/// A channel: its connection, its number in that, and how often the number was opened.
type Channel = (u32, u16, u32);

/// How often each number of a connection was opened: tags begin anew with the channel.
#[derive(Default)]
struct Opened(BTreeMap<(u32, u16), u32>);

impl Opened {
    /// The channel that a frame is about. Each frame is asked for once, in order.
    fn channel(&mut self, frame: &Frame, number: u16) -> Channel {
        let times = self.0.entry((frame.connection, number)).or_default();
        *times += u32::from(frame.kind == CHANNEL_OPEN);
        (frame.connection, number, *times)
    }
}

/// A message that was delivered and is not settled.
struct Unsettled {
    queue: String,
    messages: Vec<u32>,
}

pub(super) fn read(seen: &mut Seen, frames: &[Frame]) {
    let answers = answers(frames);
    let mut held: BTreeMap<Channel, BTreeMap<u64, Unsettled>> = BTreeMap::new();
    let mut opened = Opened::default();
    for frame in frames {
        let Some(fields) = frame.amqp() else { continue };
        let channel = opened.channel(frame, fields.channel);
        match (frame.kind, fields.delivery_tag) {
            (DELIVER | GET_OK, Some(tag)) => {
                let queue = fields.queue.clone().unwrap_or_default();
                let messages = orders(&fields.payload);
                for message in &messages {
                    let place = || Place::tag(&queue, tag);
                    seen.gets(frame, &queue, *message, place(), fields.redelivered);
                    if fields.no_ack {
                        seen.settles(frame, &queue, *message, place(), Settled::Done);
                    }
                }
                if !fields.no_ack {
                    let unsettled = Unsettled { queue, messages };
                    held.entry(channel).or_default().insert(tag, unsettled);
                }
            }
            (ACK | NACK | REJECT, Some(tag)) => {
                let how = match (frame.kind, fields.requeue) {
                    (ACK, _) => Settled::Done,
                    (_, true) => Settled::Back,
                    (_, false) => Settled::Refused,
                };
                let held = held.entry(channel).or_default();
                for (tag, unsettled) in taken(held, tag, fields.multiple) {
                    for message in unsettled.messages {
                        let place = Place::tag(&unsettled.queue, tag);
                        seen.settles(frame, &unsettled.queue, message, place, how);
                    }
                }
            }
            (PUBLISH, tag) => {
                let answer = match tag {
                    Some(tag) => answers.get(&(channel, tag)).cloned(),
                    // Without confirms there is none: it is sent, and that is all.
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

/// What an acknowledgement settles: one, or all up to it. 0 is all there are.
fn taken(
    held: &mut BTreeMap<u64, Unsettled>,
    tag: u64,
    multiple: bool,
) -> BTreeMap<u64, Unsettled> {
    match (multiple, tag) {
        (true, 0) => std::mem::take(held),
        (true, _) => {
            // Its program chooses the number.
            let later = tag.checked_add(1).map(|next| held.split_off(&next));
            std::mem::replace(held, later.unwrap_or_default())
        }
        (false, _) => held.remove(&tag).map(|it| (tag, it)).into_iter().collect(),
    }
}

/// What RabbitMQ has said to what was published, by its number on its channel.
fn answers(frames: &[Frame]) -> BTreeMap<(Channel, u64), Answer> {
    let mut answers = BTreeMap::new();
    let mut open: BTreeMap<Channel, BTreeSet<u64>> = BTreeMap::new();
    let mut opened = Opened::default();
    for frame in frames {
        let Some(fields) = frame.amqp() else { continue };
        let channel = opened.channel(frame, fields.channel);
        let Fields {
            delivery_tag: Some(tag),
            multiple,
            ..
        } = fields
        else {
            continue;
        };
        let open = open.entry(channel).or_default();
        match frame.kind {
            PUBLISH => drop(open.insert(*tag)),
            CONFIRM | REFUSE => {
                let answered: Vec<u64> = match (multiple, tag) {
                    (true, 0) => open.iter().copied().collect(),
                    (true, tag) => open.range(..=tag).copied().collect(),
                    (false, tag) => vec![*tag],
                };
                for tag in answered {
                    open.remove(&tag);
                    let answer = Answer {
                        at: frame.at,
                        // Of several queues one may have refused it, and the others have it.
                        says: if frame.kind == CONFIRM {
                            Says::Yes
                        } else {
                            Says::Open
                        },
                        place: None,
                    };
                    answers.insert((channel, tag), answer);
                }
            }
            _ => {}
        }
    }
    answers
}
