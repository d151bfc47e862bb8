//! Kafka's protocol: requests, and the answers to them.
//!
//! The messages are those of <https://kafka.apache.org/protocol>.

mod answers;
mod api;
mod cursor;
mod frame;
mod places;
mod records;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::frame::Fields as Any;
use crate::reader::{Tells, Unit};
use crate::{Error, Kind, Way};
use cursor::Cursor;

pub use api::ApiKey;
pub(crate) use frame::{Asked, Request};
pub(crate) use places::Places;

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

/// What a request or an answer says. What it does not have is none, empty, 0 or false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The API's number, [`ApiKey`] as a rule.
    pub api: i16,
    /// In which version of the protocol.
    pub version: i16,
    /// The number that a request and its answer share, on their connection.
    pub correlation: i32,
    /// Who says that it asks: `client.id`.
    pub client: Option<String>,
    /// The consumer group; of FindCoordinator what a coordinator is wanted for.
    pub group: Option<String>,
    /// The member of the group.
    pub member: Option<String>,
    /// The group's generation, or the member's epoch with the consumer protocol of KIP-848.
    pub generation: Option<i32>,
    /// The `transactional.id`.
    pub transactional_id: Option<String>,
    /// The producer's id, of a request in a transaction and the answer to InitProducerId.
    pub producer_id: Option<i64>,
    /// Produce: how many replicas are to have the records before the answer; -1 for all in sync.
    pub acks: Option<i16>,
    /// EndTxn: the transaction is committed, or else aborted.
    pub committed: Option<bool>,
    /// The code of an error that concerns the whole answer; 0 is none.
    pub error: i16,
    /// The partitions that it is about, the first 1,000.
    pub partitions: Vec<Partition>,
}

/// What a request or an answer says of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The topic's name; its id in hexadecimal digits where no Metadata has told its name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Where a Fetch begins, what a group commits or has committed, or the first offset of the records
    /// that were stored or fetched.
    pub offset: Option<i64>,
    /// How many records there are.
    pub records: u32,
    /// The first of them, up to 4 KiB of keys and values for the whole frame; none of a batch that is
    /// compressed.
    pub kept: Vec<Record>,
    /// The id of the producer of the last batch, where it has one.
    pub producer_id: Option<i64>,
    /// The sequence number of the first record, where its producer is idempotent.
    pub sequence: Option<i32>,
    /// The code of an error; 0 is none.
    pub error: i16,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset; on its way to the broker its place in the batch.
    pub offset: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; none is a tombstone.
    pub value: Option<Bytes>,
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.correlation)?;
        if let Some(group) = &self.group {
            write!(f, ", group {group}")?;
        }
        if let Some(generation) = self.generation {
            write!(f, ", generation {generation}")?;
        }
        if self.error != 0 {
            write!(f, ", error {}", self.error)?;
        }
        for partition in &self.partitions {
            write!(f, ", {} {}", partition.topic, partition.partition)?;
            if let Some(offset) = partition.offset {
                write!(f, " at {offset}")?;
            }
            match partition.records {
                0 => {}
                1 => write!(f, ": 1 record")?,
                count => write!(f, ": {count} records")?,
            }
            if partition.error != 0 {
                write!(f, ": error {}", partition.error)?;
            }
        }
        Ok(())
    }
}

/// The names of topics by their ids, which a proxy learns from Metadata.
#[derive(Default)]
pub(crate) struct Topics(Mutex<BTreeMap<Vec<u8>, String>>);

impl Topics {
    /// How many are kept.
    const MOST: usize = 10_000;

    fn learn(&self, id: &[u8], name: String) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < Topics::MOST {
            names.insert(id.to_vec(), name);
        }
    }

    fn name(&self, id: &[u8]) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get(id) {
            Some(name) => name.clone(),
            None => id.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// Reads one way of a connection.
pub(crate) struct Reader {
    way: Way,
    asked: Arc<Asked>,
    topics: Arc<Topics>,
}

impl Reader {
    pub(crate) fn new(way: Way, asked: Arc<Asked>, topics: Arc<Topics>) -> Reader {
        Reader { way, asked, topics }
    }

    /// Takes a frame off the front of what has come.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Error> {
        let Some(bytes) = frame::next(buffer)? else {
            return Ok(None);
        };
        let body = bytes.slice(frame::LENGTH..);
        if self.way == Way::ToBroker {
            return Ok(Some(match Request::read(&body) {
                Some(request) => self.request(request, bytes, &body),
                None => Unit::new(bytes, crate::UNREAD, Any::None),
            }));
        }
        match (self.asked.recall(&body), self.asked.lost()) {
            (Some(request), _) => self.answer(request, bytes, &body).map(Some),
            // It may tell a broker's own address.
            (None, Some(length)) => Err(Error::Size(length)),
            (None, None) => Ok(Some(Unit::new(bytes, STRAY, Any::None))),
        }
    }

    /// Whether an error is of the client's making, and so the broker's to refuse: what came is no frame,
    /// it may be TLS. What follows on this way is not read any more.
    pub(crate) fn gives_up(&self, error: &Error) -> bool {
        match error {
            Error::Size(length) if self.way == Way::ToBroker => {
                self.asked.lose(*length);
                true
            }
            _ => false,
        }
    }

    fn request(&self, request: Request, bytes: Bytes, body: &[u8]) -> Unit {
        self.asked.remember(request);
        let mut fields = request.fields();
        let api = ApiKey::of(request.api);
        let flexible = api.is_some_and(|api| api.is_flexible(request.version));
        let from = Cursor::new(&body[Request::LENGTH..], flexible);
        // What is broken is the broker's to refuse.
        let _ = requests::read(from, &self.topics, &mut fields);
        let fields = Any::Kafka(Box::new(fields));
        Unit::new(bytes, Kind::request(request.api), fields)
    }

    fn answer(&self, request: Request, bytes: Bytes, body: &[u8]) -> Result<Unit, Error> {
        let (mut fields, mut places) = (request.fields(), Places::default());
        if let Some(api) = ApiKey::of(request.api) {
            let version = request.version;
            let mut from = Cursor::new(body, api.is_flexible(version));
            // The number.
            from.i32();
            let read = answers::read(from, &self.topics, &mut fields, &mut places);
            let broken = || Some("it is cut short, or no such answer".to_owned());
            let unread = match answers::unknown(api, version) {
                _ if !answers::tells_addresses(api, version) => None,
                None if read.is_none() => broken(),
                unknown => unknown,
            };
            if let Some(why) = unread {
                return Err(Error::Answer { api, version, why });
            }
        }
        Ok(Unit {
            bytes,
            kind: Kind::answer(request.api),
            fields: Any::Kafka(Box::new(fields)),
            tells: match places.is_empty() {
                true => Tells::Nothing,
                false => Tells::Places(places),
            },
        })
    }
}
