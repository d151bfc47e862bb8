//! What answers say, and where they hold addresses of brokers.

use super::cursor::Cursor;
use super::places::Places;
use super::requests::each_partition;
use super::{ApiKey, Fields, Topics, records};
use crate::reader::KEPT;

/// The newest versions of the answers with addresses that are read here, and the first version that
/// holds any: a broker says since KIP-951 where a partition has gone.
const TELL: [(ApiKey, i16, i16); 5] = [
    (ApiKey::Metadata, 0, 13),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::Produce, 10, 13),
    (ApiKey::Fetch, 16, 18),
];

/// Whether an answer may hold addresses.
pub(super) fn tells_addresses(api: ApiKey, version: i16) -> bool {
    let tells = |(one, first, _): &(ApiKey, i16, i16)| *one == api && *first <= version;
    TELL.iter().any(tells)
}

/// Why addresses cannot be read in this version.
pub(super) fn unknown(api: ApiKey, version: i16) -> Option<String> {
    let (_, _, last) = TELL.iter().find(|(one, ..)| *one == api)?;
    let newer = !(0..=*last).contains(&version);
    newer.then(|| format!("only versions up to {last} are known"))
}

/// Reads what follows the number. What cannot be read stays empty.
pub(super) fn read(
    mut from: Cursor<'_>,
    topics: &Topics,
    fields: &mut Fields,
    places: &mut Places,
) -> Option<()> {
    let version = fields.version;
    from.end()?;
    match ApiKey::of(fields.api)? {
        ApiKey::Metadata => metadata(from, version, topics, places),
        ApiKey::FindCoordinator => coordinator(from, fields, places),
        ApiKey::DescribeCluster => cluster(from, fields, places),
        ApiKey::Produce => produced(from, topics, fields, places),
        ApiKey::Fetch => fetched(from, topics, fields, places),
        ApiKey::OffsetCommit => {
            if version >= 3 {
                from.i32()?;
            }
            offsets_stored(from, version <= 9, topics, fields)
        }
        ApiKey::TxnOffsetCommit => {
            from.i32()?;
            offsets_stored(from, true, topics, fields)
        }
        ApiKey::OffsetFetch => offsets_fetched(from, topics, fields),
        ApiKey::JoinGroup => {
            if version >= 2 {
                from.i32()?;
            }
            fields.error = from.i16()?;
            fields.generation = Some(from.i32()?);
            if version >= 7 {
                from.optional_text()?;
            }
            from.optional_text()?;
            // The leader.
            from.text()?;
            if version >= 9 {
                from.bool()?;
            }
            fields.member = Some(from.text()?);
            Some(())
        }
        ApiKey::SyncGroup | ApiKey::Heartbeat | ApiKey::LeaveGroup => {
            if version >= 1 {
                from.i32()?;
            }
            fields.error = from.i16()?;
            Some(())
        }
        ApiKey::AddOffsetsToTxn | ApiKey::EndTxn => {
            from.i32()?;
            fields.error = from.i16()?;
            Some(())
        }
        ApiKey::InitProducerId => {
            from.i32()?;
            fields.error = from.i16()?;
            fields.producer_id = Some(from.i64()?);
            Some(())
        }
        ApiKey::ConsumerGroupHeartbeat => {
            from.i32()?;
            fields.error = from.i16()?;
            from.optional_text()?;
            fields.member = from.optional_text()?;
            fields.generation = Some(from.i32()?);
            Some(())
        }
        _ => Some(()),
    }
}

fn metadata(
    mut from: Cursor<'_>,
    version: i16,
    topics: &Topics,
    places: &mut Places,
) -> Option<()> {
    if version >= 3 {
        from.i32()?;
    }
    from.array(|it| {
        it.i32()?;
        places.read(it)?;
        if version >= 1 {
            it.optional_text()?;
        }
        it.end()
    })?;
    // The topics' ids: other answers name them by nothing else.
    if version < 10 {
        return Some(());
    }
    from.optional_text()?;
    from.i32()?;
    from.array(|it| {
        it.i16()?;
        let name = it.optional_text()?;
        let id = it.take(16)?;
        if let Some(name) = name {
            topics.learn(id, name);
        }
        it.bool()?;
        it.array(|it| {
            // Error, partition, leader and epoch.
            it.take(2 + 4 + 4 + 4)?;
            // All replicas, those in sync, those offline.
            for _ in 0..3 {
                it.array(|it| it.i32().map(drop))?;
            }
            it.end()
        })?;
        it.i32()?;
        it.end()
    })
}

fn coordinator(mut from: Cursor<'_>, fields: &mut Fields, places: &mut Places) -> Option<()> {
    let version = fields.version;
    if version >= 1 {
        from.i32()?;
    }
    if version >= 4 {
        return from.array(|it| {
            let key = it.text()?;
            fields.group.get_or_insert(key);
            it.i32()?;
            places.read(it)?;
            fields.error = it.i16()?;
            it.optional_text()?;
            it.end()
        });
    }
    fields.error = from.i16()?;
    if version >= 1 {
        from.optional_text()?;
    }
    from.i32()?;
    places.read(&mut from)
}

fn cluster(mut from: Cursor<'_>, fields: &mut Fields, places: &mut Places) -> Option<()> {
    let version = fields.version;
    from.i32()?;
    fields.error = from.i16()?;
    from.optional_text()?;
    if version >= 1 {
        from.i8()?;
    }
    from.text()?;
    from.i32()?;
    from.array(|it| {
        it.i32()?;
        places.read(it)?;
        it.optional_text()?;
        if version >= 2 {
            it.bool()?;
        }
        it.end()
    })
}

fn produced(
    mut from: Cursor<'_>,
    topics: &Topics,
    fields: &mut Fields,
    places: &mut Places,
) -> Option<()> {
    let version = fields.version;
    each_partition(&mut from, version <= 12, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        partition.error = it.i16()?;
        partition.offset = Some(it.i64()?).filter(|offset| *offset >= 0);
        if version >= 2 {
            it.i64()?;
        }
        if version >= 5 {
            it.i64()?;
        }
        if version >= 8 {
            it.array(|it| {
                it.i32()?;
                it.optional_text()?;
                it.end()
            })?;
            it.optional_text()?;
        }
        it.end()
    })?;
    if version >= 1 {
        from.i32()?;
    }
    leaders(from, places)
}

fn fetched(
    mut from: Cursor<'_>,
    topics: &Topics,
    fields: &mut Fields,
    places: &mut Places,
) -> Option<()> {
    let version = fields.version;
    if version >= 1 {
        from.i32()?;
    }
    if version >= 7 {
        fields.error = from.i16()?;
        from.i32()?;
    }
    let mut room = KEPT;
    each_partition(&mut from, version <= 12, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        partition.error = it.i16()?;
        // The high watermark.
        it.i64()?;
        if version >= 4 {
            // The last stable offset.
            it.i64()?;
        }
        if version >= 5 {
            it.i64()?;
        }
        if version >= 4 {
            it.array(|it| {
                it.take(8 + 8)?;
                it.end()
            })?;
        }
        if version >= 11 {
            it.i32()?;
        }
        records::read(it.bytes()?, partition, &mut room);
        it.end()
    })?;
    leaders(from, places)
}

/// The answer's tag 0: the brokers that lead partitions which have moved.
fn leaders(mut from: Cursor<'_>, places: &mut Places) -> Option<()> {
    from.tags(|tag, it| match tag.number {
        0 => places.read_tag(tag, it),
        _ => Some(()),
    })
}

fn offsets_stored(
    mut from: Cursor<'_>,
    named: bool,
    topics: &Topics,
    fields: &mut Fields,
) -> Option<()> {
    each_partition(&mut from, named, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        partition.error = it.i16()?;
        it.end()
    })
}

fn offsets_fetched(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    let version = fields.version;
    if version >= 3 {
        from.i32()?;
    }
    let read = |it: &mut Cursor<'_>, partition: &mut super::Partition| {
        partition.partition = it.i32()?;
        partition.offset = Some(it.i64()?).filter(|offset| *offset >= 0);
        if version >= 5 {
            it.i32()?;
        }
        it.optional_text()?;
        partition.error = it.i16()?;
        it.end()
    };
    if version <= 7 {
        each_partition(&mut from, true, topics, fields, read)?;
        if version >= 2 {
            fields.error = from.i16()?;
        }
        return Some(());
    }
    from.array(|it| {
        let group = it.text()?;
        fields.group.get_or_insert(group);
        each_partition(it, version <= 9, topics, fields, read)?;
        fields.error = it.i16()?;
        it.end()
    })
}
