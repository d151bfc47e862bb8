//! What requests say.

use super::cursor::Cursor;
use super::{ApiKey, Fields, Partition, Topics, records};
use crate::reader::KEPT;

/// How many partitions of a frame are kept.
pub(super) const MOST: usize = 1_000;

/// Reads what follows api, version and number. What cannot be read stays empty.
pub(super) fn read(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    // The client's id is no compact string in any version.
    let flexible = std::mem::replace(&mut from.flexible, false);
    fields.client = from.optional_text()?;
    from.flexible = flexible;
    from.end()?;
    let version = fields.version;
    match ApiKey::of(fields.api)? {
        ApiKey::Produce => produce(from, topics, fields),
        ApiKey::Fetch => fetch(from, topics, fields),
        ApiKey::OffsetCommit => offset_commit(from, topics, fields),
        ApiKey::OffsetFetch if version <= 7 => {
            fields.group = Some(from.text()?);
            Some(())
        }
        ApiKey::OffsetFetch => from.array(|it| {
            let group = it.text()?;
            fields.group.get_or_insert(group);
            // The first group will do: a consumer has one.
            None
        }),
        ApiKey::JoinGroup => {
            fields.group = Some(from.text()?);
            from.i32()?;
            if version >= 1 {
                from.i32()?;
            }
            fields.member = Some(from.text()?);
            Some(())
        }
        ApiKey::SyncGroup | ApiKey::Heartbeat | ApiKey::ConsumerGroupHeartbeat => {
            fields.group = Some(from.text()?);
            if fields.api == ApiKey::ConsumerGroupHeartbeat as i16 {
                fields.member = Some(from.text()?);
                fields.generation = Some(from.i32()?);
            } else {
                fields.generation = Some(from.i32()?);
                fields.member = Some(from.text()?);
            }
            Some(())
        }
        ApiKey::LeaveGroup => {
            fields.group = Some(from.text()?);
            if version <= 2 {
                fields.member = Some(from.text()?);
                return Some(());
            }
            from.array(|it| {
                let member = it.text()?;
                fields.member.get_or_insert(member);
                None
            })
        }
        ApiKey::FindCoordinator if version <= 3 => {
            fields.group = Some(from.text()?);
            Some(())
        }
        ApiKey::FindCoordinator => {
            from.i8()?;
            from.array(|it| {
                let key = it.text()?;
                fields.group.get_or_insert(key);
                Some(())
            })
        }
        ApiKey::InitProducerId => {
            fields.transactional_id = from.optional_text()?;
            Some(())
        }
        ApiKey::AddPartitionsToTxn if version <= 3 => {
            transaction(&mut from, fields)?;
            each_partition(&mut from, true, topics, fields, |it, partition| {
                partition.partition = it.i32()?;
                Some(())
            })
        }
        ApiKey::AddOffsetsToTxn => {
            transaction(&mut from, fields)?;
            fields.group = Some(from.text()?);
            Some(())
        }
        ApiKey::EndTxn => {
            transaction(&mut from, fields)?;
            fields.committed = Some(from.bool()?);
            Some(())
        }
        ApiKey::TxnOffsetCommit => txn_offset_commit(from, topics, fields),
        _ => Some(()),
    }
}

fn produce(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    let named = fields.version <= 12;
    fields.transactional_id = from.optional_text()?;
    fields.acks = Some(from.i16()?);
    from.i32()?;
    let mut room = KEPT;
    each_partition(&mut from, named, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        records::read(it.bytes()?, partition, &mut room);
        // It will have its offset from the broker.
        partition.offset = None;
        it.end()
    })
}

fn fetch(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    let version = fields.version;
    if version <= 14 {
        from.i32()?;
    }
    // The longest wait, and the least and the most bytes; the isolation.
    from.take(4 + 4 + 4 + 1)?;
    if version >= 7 {
        // The session, and where it is.
        from.take(4 + 4)?;
    }
    each_partition(&mut from, version <= 12, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        if version >= 9 {
            it.i32()?;
        }
        partition.offset = Some(it.i64()?);
        if version >= 12 {
            it.i32()?;
        }
        if version >= 5 {
            it.i64()?;
        }
        it.i32()?;
        it.end()
    })
}

fn offset_commit(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    let version = fields.version;
    fields.group = Some(from.text()?);
    if version >= 1 {
        fields.generation = Some(from.i32()?);
        fields.member = Some(from.text()?);
    }
    if version >= 7 {
        from.optional_text()?;
    }
    if (2..=4).contains(&version) {
        from.i64()?;
    }
    each_partition(&mut from, version <= 9, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        partition.offset = Some(it.i64()?);
        if version >= 6 {
            it.i32()?;
        }
        if version == 1 {
            it.i64()?;
        }
        it.optional_text()?;
        it.end()
    })
}

fn txn_offset_commit(mut from: Cursor<'_>, topics: &Topics, fields: &mut Fields) -> Option<()> {
    let version = fields.version;
    fields.transactional_id = Some(from.text()?);
    fields.group = Some(from.text()?);
    fields.producer_id = Some(from.i64()?);
    from.i16()?;
    if version >= 3 {
        fields.generation = Some(from.i32()?);
        fields.member = Some(from.text()?);
        from.optional_text()?;
    }
    each_partition(&mut from, true, topics, fields, |it, partition| {
        partition.partition = it.i32()?;
        partition.offset = Some(it.i64()?);
        if version >= 2 {
            it.i32()?;
        }
        it.optional_text()?;
        it.end()
    })
}

/// The transactional id, the producer's id and its epoch.
fn transaction(from: &mut Cursor<'_>, fields: &mut Fields) -> Option<()> {
    fields.transactional_id = Some(from.text()?);
    fields.producer_id = Some(from.i64()?);
    from.i16()?;
    Some(())
}

/// An array of topics, each with an array of partitions. A topic has its name, or since lately its id.
pub(super) fn each_partition(
    from: &mut Cursor<'_>,
    named: bool,
    topics: &Topics,
    fields: &mut Fields,
    mut read: impl FnMut(&mut Cursor<'_>, &mut Partition) -> Option<()>,
) -> Option<()> {
    from.array(|it| {
        let topic = match named {
            true => it.text()?,
            false => topics.name(it.take(16)?),
        };
        it.array(|it| {
            let mut partition = Partition {
                topic: topic.clone(),
                ..Partition::default()
            };
            read(it, &mut partition)?;
            if fields.partitions.len() < MOST {
                fields.partitions.push(partition);
            }
            Some(())
        })?;
        it.end()
    })
}
