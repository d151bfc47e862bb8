//! Queues that are full, and what RabbitMQ says to whoever publishes to one.

use lapin::types::{AMQPValue, FieldTable};
use wire::amqp::{CHANNEL_CLOSE, REFUSE};
use wire::{Frame, Proxy};

/// Why RabbitMQ ends the channel of a transaction in which it has refused a message.
const PARTIAL: &str = "partial tx completion";

/// The arguments of a queue that refuses what comes when it has so many messages. It is a classic queue:
/// one of type quorum takes some more.
pub fn at_most(messages: u32) -> FieldTable {
    let mut arguments = FieldTable::default();
    let text = |value: &str| AMQPValue::LongString(value.into());
    arguments.insert("x-queue-type".into(), text("classic"));
    arguments.insert("x-max-length".into(), AMQPValue::LongUInt(messages));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

/// In how many frames RabbitMQ has refused what a program published: by a nack, which may be for several
/// messages, or by the end of the channel where the program has asked for a transaction.
pub fn refusals(wire: &Proxy) -> usize {
    let frames = wire.frames();
    frames.iter().filter(|frame| is_refusal(frame)).count()
}

/// Returns once RabbitMQ has refused in so many frames what a program published; and when the proxy works
/// no more.
pub async fn refused(wire: &Proxy, count: usize) {
    let (mut seen, mut refusals) = (0, 0);
    while refusals < count {
        let more = wire.frames_after(seen).await;
        if more.is_empty() {
            return;
        }
        seen += more.len();
        refusals += more.iter().filter(|frame| is_refusal(frame)).count();
    }
}

fn is_refusal(frame: &Frame) -> bool {
    let reason = frame.amqp().and_then(|fields| fields.reason.as_ref());
    let is_partial = || reason.is_some_and(|(_, text)| text.contains(PARTIAL));
    frame.kind == REFUSE || (frame.kind == CHANNEL_CLOSE && is_partial())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::amqp::{self, CONFIRM};
    use wire::{Fields, Kind, Way};

    use super::*;

    fn frame(kind: Kind, reason: &str) -> Frame {
        let fields = amqp::Fields {
            channel: 1,
            reason: Some((406, reason.to_owned())),
            ..amqp::Fields::default()
        };
        Frame {
            at: Duration::ZERO,
            connection: 1,
            way: Way::ToClient,
            kind,
            fields: Fields::Amqp(Box::new(fields)),
        }
    }

    #[test]
    fn a_nack_and_a_commit_that_fails_are_refusals() {
        let partial = "PRECONDITION_FAILED - partial tx completion";
        assert!(is_refusal(&frame(CHANNEL_CLOSE, partial)));
        assert!(is_refusal(&frame(REFUSE, "")));
    }

    #[test]
    fn a_confirm_and_another_mistake_are_none() {
        let mistake = "PRECONDITION_FAILED - unknown delivery tag 1";
        assert!(!is_refusal(&frame(CHANNEL_CLOSE, mistake)));
        assert!(!is_refusal(&frame(CONFIRM, "")));
    }
}
