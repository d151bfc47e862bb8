//! Kafka's protocol: requests, and the answers to them.
//!
//! The messages are those of <https://kafka.apache.org/protocol>.

mod answer;
mod frame;

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;

use crate::address::Address;
use crate::frame::Fields as Any;
use crate::reader::{Tells, Unit};
use crate::{Error, Kind, Way};

pub(crate) use frame::{Asked, Request};

/// Records are on their way to a partition.
pub const PRODUCE: Kind = request(ApiKey::Produce);
/// They are stored, or why not.
pub const PRODUCED: Kind = answer(ApiKey::Produce);
/// A consumer asks for records.
pub const FETCH: Kind = request(ApiKey::Fetch);
/// The records, or none within the time that it gave.
pub const FETCHED: Kind = answer(ApiKey::Fetch);
/// A consumer group's place is to be stored.
pub const OFFSET_COMMIT: Kind = request(ApiKey::OffsetCommit);
/// It is, or why not.
pub const OFFSET_COMMITTED: Kind = answer(ApiKey::OffsetCommit);
/// A consumer asks for its group's place.
pub const OFFSET_FETCH: Kind = request(ApiKey::OffsetFetch);
/// A consumer joins a group.
pub const JOIN_GROUP: Kind = request(ApiKey::JoinGroup);
/// It is a member, and of which generation.
pub const GROUP_JOINED: Kind = answer(ApiKey::JoinGroup);
/// A member asks for its partitions; the leader says who gets which.
pub const SYNC_GROUP: Kind = request(ApiKey::SyncGroup);
/// Its partitions.
pub const GROUP_SYNCED: Kind = answer(ApiKey::SyncGroup);
/// A member is alive.
pub const HEARTBEAT: Kind = request(ApiKey::Heartbeat);
/// The answer says if the group rebalances.
pub const HEARTBEAT_ANSWERED: Kind = answer(ApiKey::Heartbeat);
/// A member leaves its group.
pub const LEAVE_GROUP: Kind = request(ApiKey::LeaveGroup);
/// A client asks where the brokers and partitions are.
pub const METADATA: Kind = request(ApiKey::Metadata);
/// A client asks where its group's or its transactions' coordinator is.
pub const FIND_COORDINATOR: Kind = request(ApiKey::FindCoordinator);
/// A producer asks for its id.
pub const INIT_PRODUCER_ID: Kind = request(ApiKey::InitProducerId);
/// A transaction ends.
pub const END_TXN: Kind = request(ApiKey::EndTxn);
/// It has, or why not.
pub const TXN_ENDED: Kind = answer(ApiKey::EndTxn);
/// A consumer group's place is to be stored in a transaction.
pub const TXN_OFFSET_COMMIT: Kind = request(ApiKey::TxnOffsetCommit);

/// An answer whose request the proxy has not seen.
pub(crate) const STRAY: Kind = Kind::named("answer without a request");

/// The requests of an API.
pub const fn request(api: ApiKey) -> Kind {
    Kind::request(api as i16)
}

/// The answers to those.
pub const fn answer(api: ApiKey) -> Kind {
    Kind::answer(api as i16)
}

/// What a request or an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The API's number, [`ApiKey`] as a rule.
    pub api: i16,
    /// In which version of the protocol.
    pub version: i16,
    /// The number that a request and its answer share, on their connection.
    pub correlation: i32,
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.correlation)
    }
}

/// Reads one way of a connection.
pub(crate) struct Reader {
    way: Way,
    asked: Arc<Asked>,
}

impl Reader {
    pub(crate) fn new(way: Way, asked: Arc<Asked>) -> Reader {
        Reader { way, asked }
    }

    /// Takes a frame off the front of what has come.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Error> {
        let Some(bytes) = frame::next(buffer)? else {
            return Ok(None);
        };
        let body = bytes.slice(frame::LENGTH..);
        let unit = match self.way {
            Way::ToClient => match self.asked.recall(&body) {
                Some(request) => Unit {
                    tells: match answer::tells_addresses(&request) {
                        true => Tells::Answer(request),
                        false => Tells::Nothing,
                    },
                    kind: Kind::answer(request.api),
                    fields: fields(request),
                    bytes,
                },
                None => Unit::new(bytes, STRAY, Any::None),
            },
            _ => match Request::read(&body) {
                Some(request) => {
                    self.asked.remember(request);
                    Unit::new(bytes, Kind::request(request.api), fields(request))
                }
                None => Unit::new(bytes, crate::UNREAD, Any::None),
            },
        };
        Ok(Some(unit))
    }
}

fn fields(request: Request) -> Any {
    Any::Kafka(Box::new(Fields {
        api: request.api,
        version: request.version,
        correlation: request.correlation,
    }))
}

/// The answer with `door(broker)` in the place of each broker's address.
pub(crate) fn moved(
    request: Request,
    frame: &Bytes,
    mut door: impl FnMut(Address) -> Result<Address, Error>,
) -> Result<Bytes, Error> {
    let mut answer = answer::Answer::read(request, &frame.slice(frame::LENGTH..))?;
    let mut doors = Vec::new();
    for broker in answer.addresses() {
        doors.push(door(broker)?);
    }
    // What holds no address goes on as it is, byte for byte.
    if doors.is_empty() {
        return Ok(frame.clone());
    }
    answer.replace(&doors);
    frame::whole(&answer.write()?)
}
