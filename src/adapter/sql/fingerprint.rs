//! What an approval is bound to: whatever may change what a deletion means.

use sha2::{Digest, Sha256};

use super::Frame;
use crate::model::key::hex;

/// A digest over names, types and keys of the tables, with what the store adds in front and behind: triggers and
/// foreign keys, say. An index may come and go.
pub(crate) fn fingerprint<'a>(
    front: impl IntoIterator<Item = &'a str>,
    frame: &'a Frame,
    behind: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &str| {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    };
    front.into_iter().for_each(&mut add);
    let links = frame.links.iter().map(|linked| (linked.link.name.as_str(), &linked.table));
    for (name, table) in std::iter::once(("", &frame.own)).chain(links) {
        add(name);
        add(&table.name);
        for column in &table.columns {
            add(&column.name);
            add(&column.declared);
            add(if column.nullable { "nullable" } else { "not null" });
        }
        add("key");
        table.key.iter().for_each(|column| add(column));
    }
    behind.into_iter().for_each(&mut add);
    hex(&digest.finalize())
}
