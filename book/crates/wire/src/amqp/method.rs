//! Methods: which it is, and what its arguments say.

use bytes::Buf;

use super::{
    ACK, CANCEL, CHANNEL_CLOSE, CHANNEL_OPEN, CONFIRM, CONFIRM_SELECT, CONFIRM_SELECT_OK,
    CONNECTION_BLOCKED, CONNECTION_CLOSE, CONNECTION_OPEN, CONNECTION_OPEN_OK, CONNECTION_START_OK,
    CONSUME, CONSUME_OK, DELIVER, EXCHANGE_DECLARE, Fields, GET, GET_EMPTY, GET_OK, NACK, OTHER,
    PUBLISH, QOS, QUEUE_BIND, QUEUE_DECLARE, QUEUE_DECLARE_OK, REFUSE, REJECT, RETURN, content,
    short_string,
};
use crate::{Kind, Way};

/// Reads a method's frame. Arguments that are cut short leave their fields empty.
pub(super) fn read(way: Way, channel: u16, mut body: &[u8]) -> (Kind, Fields) {
    let mut fields = Fields {
        channel,
        ..Fields::default()
    };
    let (Ok(class), Ok(method)) = (body.try_get_u16(), body.try_get_u16()) else {
        return (OTHER, fields);
    };
    let kind = kind(way, class, method);
    // What is read of broken arguments stays: they are the receiver's to refuse.
    let _ = arguments(kind, body, &mut fields);
    (kind, fields)
}

/// Whether a message follows.
pub(super) fn has_content(kind: Kind) -> bool {
    [PUBLISH, DELIVER, GET_OK, RETURN].contains(&kind)
}

fn kind(way: Way, class: u16, method: u16) -> Kind {
    match (class, method) {
        (10, 40) => CONNECTION_OPEN,
        (10, 41) => CONNECTION_OPEN_OK,
        (10, 50) => CONNECTION_CLOSE,
        (10, 60) => CONNECTION_BLOCKED,
        (20, 10) => CHANNEL_OPEN,
        (20, 40) => CHANNEL_CLOSE,
        (40, 10) => EXCHANGE_DECLARE,
        (50, 10) => QUEUE_DECLARE,
        (50, 11) => QUEUE_DECLARE_OK,
        (50, 20) => QUEUE_BIND,
        (60, 10) => QOS,
        (60, 20) => CONSUME,
        (60, 21) => CONSUME_OK,
        (60, 30) => CANCEL,
        (60, 40) => PUBLISH,
        (60, 50) => RETURN,
        (60, 60) => DELIVER,
        (60, 70) => GET,
        (60, 71) => GET_OK,
        (60, 72) => GET_EMPTY,
        (60, 80) if way == Way::ToClient => CONFIRM,
        (60, 80) => ACK,
        (60, 90) => REJECT,
        (60, 120) if way == Way::ToClient => REFUSE,
        (60, 120) => NACK,
        (85, 10) => CONFIRM_SELECT,
        (85, 11) => CONFIRM_SELECT_OK,
        (10, 10) => Kind::named("connection.start"),
        (10, 11) => CONNECTION_START_OK,
        (10, 30) => Kind::named("connection.tune"),
        (10, 31) => Kind::named("connection.tune-ok"),
        (10, 51) => Kind::named("connection.close-ok"),
        (10, 61) => Kind::named("connection.unblocked"),
        (20, 11) => Kind::named("channel.open-ok"),
        (20, 41) => Kind::named("channel.close-ok"),
        (40, 11) => Kind::named("exchange.declare-ok"),
        (50, 21) => Kind::named("queue.bind-ok"),
        (60, 11) => Kind::named("basic.qos-ok"),
        (60, 31) => Kind::named("basic.cancel-ok"),
        _ => OTHER,
    }
}

fn arguments(kind: Kind, mut from: &[u8], fields: &mut Fields) -> Option<()> {
    let from = &mut from;
    match kind {
        PUBLISH => {
            number_16(from)?;
            fields.exchange = Some(short_string(from)?);
            fields.routing_key = Some(short_string(from)?);
            fields.mandatory = bits(from)? & 1 != 0;
        }
        DELIVER => {
            fields.consumer_tag = Some(short_string(from)?);
            delivery(from, fields)?;
        }
        GET_OK => delivery(from, fields)?,
        RETURN => {
            fields.reason = Some((number_16(from)?, short_string(from)?));
            fields.exchange = Some(short_string(from)?);
            fields.routing_key = Some(short_string(from)?);
        }
        ACK | CONFIRM => {
            fields.delivery_tag = Some(from.try_get_u64().ok()?);
            fields.multiple = bits(from)? & 1 != 0;
        }
        NACK | REFUSE => {
            fields.delivery_tag = Some(from.try_get_u64().ok()?);
            let bits = bits(from)?;
            fields.multiple = bits & 1 != 0;
            fields.requeue = bits & 2 != 0;
        }
        REJECT => {
            fields.delivery_tag = Some(from.try_get_u64().ok()?);
            fields.requeue = bits(from)? & 1 != 0;
        }
        QOS => {
            from.try_get_u32().ok()?;
            fields.prefetch = Some(number_16(from)?);
        }
        CONSUME => {
            number_16(from)?;
            fields.queue = Some(short_string(from)?);
            fields.consumer_tag = Some(short_string(from)?);
            fields.no_ack = bits(from)? & 2 != 0;
        }
        CONSUME_OK | CANCEL => fields.consumer_tag = Some(short_string(from)?),
        QUEUE_DECLARE => {
            number_16(from)?;
            fields.queue = Some(short_string(from)?);
        }
        GET => {
            number_16(from)?;
            fields.queue = Some(short_string(from)?);
            fields.no_ack = bits(from)? & 1 != 0;
        }
        QUEUE_DECLARE_OK => fields.queue = Some(short_string(from)?),
        QUEUE_BIND => {
            number_16(from)?;
            fields.queue = Some(short_string(from)?);
            fields.exchange = Some(short_string(from)?);
            fields.routing_key = Some(short_string(from)?);
        }
        EXCHANGE_DECLARE => {
            number_16(from)?;
            fields.exchange = Some(short_string(from)?);
        }
        CHANNEL_CLOSE | CONNECTION_CLOSE => {
            fields.reason = Some((number_16(from)?, short_string(from)?));
        }
        CONNECTION_START_OK => fields.headers = content::table(from)?,
        CONNECTION_OPEN => fields.vhost = Some(short_string(from)?),
        _ => {}
    }
    Some(())
}

fn delivery(from: &mut &[u8], fields: &mut Fields) -> Option<()> {
    fields.delivery_tag = Some(from.try_get_u64().ok()?);
    fields.redelivered = bits(from)? & 1 != 0;
    fields.exchange = Some(short_string(from)?);
    fields.routing_key = Some(short_string(from)?);
    Some(())
}

fn number_16(from: &mut &[u8]) -> Option<u16> {
    from.try_get_u16().ok()
}

fn bits(from: &mut &[u8]) -> Option<u8> {
    from.try_get_u8().ok()
}
