//! The records of a batch that stay as they are, because a method cannot work on what they hold: named beside the
//! intent, so that after a crash they are not taken for done.
//!
//! Version 1: `forfall rows 1\n`, how many records were struck, then each key with its length in front. Numbers are
//! u32 big-endian. Empty where every record was struck: then the mark alone says what became of the batch.

use crate::model::batch::{Applied, Leftover};
use crate::model::key::Key;

const MAGIC: &[u8] = b"forfall rows 1\n";

/// The first `struck` records were struck, the others not.
pub(crate) fn encode(struck: usize, records: &[Key]) -> Vec<u8> {
    if struck == records.len() {
        return Vec::new();
    }
    let number = |value: usize| u32::try_from(value).expect("a batch is smaller than 4 GiB").to_be_bytes();
    let mut bytes = [MAGIC, &number(struck)].concat();
    for key in &records[struck..] {
        bytes.extend(number(key.as_bytes().len()));
        bytes.extend(key.as_bytes());
    }
    bytes
}

/// What a committed batch came to, with the keys of what was left; `None` for anything that [`encode`] did not write.
pub(crate) fn decode(bytes: &[u8]) -> Option<Applied> {
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (taken, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(taken)
    }
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let number = |rest: &mut &[u8]| {
        let bytes = take(rest, 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let struck = number(&mut rest)?;
    let mut left = Vec::new();
    while !rest.is_empty() {
        let length = number(&mut rest)?;
        left.push(Key::from_encoded(take(&mut rest, length)?.to_vec()));
    }
    Some(outcome(struck, &left))
}

/// The same without a crash.
pub(crate) fn applied(struck: usize, records: &[Key]) -> Applied {
    outcome(struck, &records[struck..])
}

fn outcome(struck: usize, left: &[Key]) -> Applied {
    let reason = "it holds a value that the method cannot work on";
    let left = (struck..).zip(left).map(|(place, key)| Leftover {
        place,
        reason: reason.to_owned(),
        key: Some(key.clone()),
    });
    Applied { done: struck as u64, failed: left.collect(), ..Applied::default() }
}
