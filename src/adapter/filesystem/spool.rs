//! What a batch planned, as bytes: enough to find out after a crash what became of each file.
//!
//! Version 1: `forfall files 1\n`, the store's mark (16 bytes), the number of records, the number of items, then the
//! items: flags, the directory unless it is that of the item before, the owner where it is a companion, name, inode,
//! size, seconds and nanoseconds of the last change. Numbers are LEB128; texts have their length in front.

use std::ffi::CString;
use std::sync::Arc;

use uuid::Uuid;

use super::aside::{Item, Stamp};
use super::tree::Moment;

const MAGIC: &[u8] = b"forfall files 1\n";
const SAME_DIRECTORY: u8 = 1;
const COMPANION: u8 = 2;

/// A batch as it was planned.
pub(super) struct Spooled {
    pub(super) mark: Uuid,
    /// The first so many items are the batch's records; the others go with them.
    pub(super) records: usize,
    pub(super) items: Vec<Item>,
}

pub(super) fn encode(mark: Uuid, records: usize, items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + items.len() * 48);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(mark.as_bytes());
    number(&mut bytes, records as u64);
    number(&mut bytes, items.len() as u64);
    let mut directory: Option<&[u8]> = None;
    for item in items {
        let same = directory == Some(&*item.directory);
        let same_flag = if same { SAME_DIRECTORY } else { 0 };
        bytes.push(same_flag | if item.owner.is_some() { COMPANION } else { 0 });
        if !same {
            text(&mut bytes, &item.directory);
            directory = Some(&item.directory);
        }
        if let Some(owner) = item.owner {
            number(&mut bytes, owner as u64);
        }
        text(&mut bytes, item.name.to_bytes());
        number(&mut bytes, item.stamp.inode);
        number(&mut bytes, item.stamp.size);
        let seconds = item.stamp.modified.seconds;
        number(&mut bytes, ((seconds << 1) ^ (seconds >> 63)).cast_unsigned());
        number(&mut bytes, item.stamp.modified.nanos.into());
    }
    bytes
}

/// Reads it back; `None` for anything that [`encode`] did not write.
pub(super) fn decode(bytes: &[u8]) -> Option<Spooled> {
    let mut rest = Reader(bytes.strip_prefix(MAGIC)?);
    let mark = Uuid::from_slice(rest.take(16)?).ok()?;
    let records = rest.length()?;
    let count = rest.length()?;
    let mut items: Vec<Item> = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        let flags = *rest.take(1)?.first()?;
        let directory = if flags & SAME_DIRECTORY != 0 {
            Arc::clone(&items.last()?.directory)
        } else {
            Arc::from(rest.text()?)
        };
        let owner = if flags & COMPANION != 0 { Some(rest.length()?) } else { None };
        let name = CString::new(rest.text()?).ok()?;
        let (inode, size) = (rest.number()?, rest.number()?);
        let seconds = rest.number()?;
        let seconds = (seconds >> 1).cast_signed() ^ -(seconds & 1).cast_signed();
        let nanos = u32::try_from(rest.number()?).ok()?;
        let stamp = Stamp { inode, size, modified: Moment { seconds, nanos } };
        items.push(Item { directory, name: name.into_boxed_c_str(), stamp, links: 1, owner });
    }
    (rest.0.is_empty() && records <= items.len()).then_some(Spooled { mark, records, items })
}

fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    number(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let item = ("[a-c/]{0,3}", "[^\0/]{1,9}", any::<(u64, u64, i64, u32)>(), any::<Option<u16>>());
        let item = item.prop_map(|(directory, name, (inode, size, seconds, nanos), owner)| Item {
            directory: Arc::from(directory.as_bytes()),
            name: CString::new(name).unwrap().into_boxed_c_str(),
            stamp: Stamp { inode, size, modified: Moment { seconds, nanos } },
            links: 1,
            owner: owner.map(usize::from),
        });
        proptest::collection::vec(item, 0..20)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back_and_nothing_else_is(items in items(), cut in any::<prop::sample::Index>()) {
            let mark = Uuid::from_u128(7);
            let bytes = encode(mark, items.len(), &items);
            let read = decode(&bytes).unwrap();
            prop_assert_eq!((read.mark, read.records), (mark, items.len()));
            prop_assert!(read.items == items);
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_none());
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&[MAGIC, &[0; 16], &bytes].concat());
            prop_assert!(decode(&bytes).is_none());
        }
    }
}
