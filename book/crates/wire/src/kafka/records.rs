//! Batches of records, as <https://kafka.apache.org/documentation/#recordbatch> has them.

use bytes::Bytes;

use super::cursor::Cursor;
use super::{Partition, Record};

/// The bits of a batch's attributes that name its compression, and the one for a transaction's end.
const COMPRESSION: i16 = 0b111;
const CONTROL: i16 = 0b10_0000;

/// Reads batches into what is kept of a partition; `room` is how many bytes of keys and values may
/// still be kept. The last batch of a Fetch may be cut short.
pub(super) fn read(batches: &[u8], partition: &mut Partition, room: &mut usize) {
    let mut from = Cursor::new(batches, false);
    // What is broken is the receiver's to refuse.
    while batch(&mut from, partition, room).is_some() {}
}

fn batch(from: &mut Cursor<'_>, partition: &mut Partition, room: &mut usize) -> Option<()> {
    let base = from.i64()?;
    let length = usize::try_from(from.i32()?).ok()?;
    let mut batch = Cursor::new(from.take(length)?, false);
    // The leader's epoch.
    batch.i32()?;
    if batch.i8()? != 2 {
        return None;
    }
    // The checksum.
    batch.i32()?;
    let attributes = batch.i16()?;
    // The last offset, the first and the last time.
    batch.take(4 + 8 + 8)?;
    partition.producer_id = Some(batch.i64()?).filter(|id| *id >= 0);
    // The producer's epoch.
    batch.i16()?;
    let sequence = batch.i32()?;
    let count = batch.i32()?;
    if attributes & CONTROL != 0 {
        return Some(());
    }
    partition.sequence = partition.sequence.or(Some(sequence).filter(|it| *it >= 0));
    // Of a batch that is on its way to the broker the offset is 0, and means nothing.
    partition.offset = partition.offset.or(Some(base));
    partition.records = partition.records.saturating_add(u32::try_from(count).ok()?);
    if attributes & COMPRESSION == 0 {
        for _ in 0..count {
            if *room == 0 || record(&mut batch, base, partition, room).is_none() {
                break;
            }
        }
    }
    Some(())
}

fn record(
    from: &mut Cursor<'_>,
    base: i64,
    partition: &mut Partition,
    room: &mut usize,
) -> Option<()> {
    let length = usize::try_from(from.signed()?).ok()?;
    let mut from = Cursor::new(from.take(length)?, false);
    from.i8()?;
    // The time.
    from.signed()?;
    let offset = base.checked_add(from.signed()?)?;
    let key = field(&mut from, room)?;
    let value = field(&mut from, room)?;
    // So many empty records take memory, too.
    *room = room.saturating_sub(size_of::<Record>());
    partition.kept.push(Record { offset, key, value });
    Some(())
}

/// A key or a value, as far as there is room.
fn field(from: &mut Cursor<'_>, room: &mut usize) -> Option<Option<Bytes>> {
    let length = from.signed()?;
    if length < 0 {
        return Some(None);
    }
    let bytes = from.take(usize::try_from(length).ok()?)?;
    let kept = &bytes[..bytes.len().min(*room)];
    *room -= kept.len();
    Some(Some(Bytes::copy_from_slice(kept)))
}
