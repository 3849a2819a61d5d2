//! What stands for a record in the log: a keyed digest that says nothing without the key, and cannot be opened to
//! another record.
//!
//! `r = HMAC-SHA256(K, "open" | batch | store | collection | key)` opens one record of one batch, and
//! `C = HMAC-SHA256(r, store | collection | key)` is what the tree of the batch holds. Each field has its length before
//! it, as a big-endian u32. Whoever is given `r` and the key of a record can check `C`; once the secret `K` of the
//! epoch is erased, nobody can make any other `r`. `tests/vectors/commitment.jsonl` fixes both: old certificates
//! depend on them.

use std::cmp::Ordering;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::lanes::{self, Keyed, LANES, Lanes};
use super::tree::{self, Hash};
use crate::model::ids::{BatchId, CaseId, HoldId, StoreName};
use crate::model::key::{Key, KeyList};

type HmacSha256 = Hmac<Sha256>;

/// From how many keys on a second thread is worth its start.
const MANY: usize = 4096;
/// More threads would take the machine away from the store.
const THREADS: usize = 4;

/// The value that opens one record's commitment to whoever is given it.
pub fn opening(secret: &[u8; 32], batch: &BatchId, store: &StoreName, collection: &str, key: &Key) -> Hash {
    let mut mac = keyed(secret);
    for part in [b"open".as_slice(), batch.as_bytes(), store.as_str().as_bytes(), collection.as_bytes()] {
        field(&mut mac, part);
    }
    field(&mut mac, key.as_bytes());
    mac.finalize().into_bytes().into()
}

/// The commitment that an opening and a record's key lead to: what a certificate is checked with.
pub fn commitment(opening: &Hash, store: &StoreName, collection: &str, key: &Key) -> Hash {
    let mut mac = keyed(opening);
    for part in [store.as_str().as_bytes(), collection.as_bytes(), key.as_bytes()] {
        field(&mut mac, part);
    }
    mac.finalize().into_bytes().into()
}

/// The commitments of a batch whose keys come part by part, made by one thread beside the others.
pub fn commit_part(
    secret: &[u8; 32],
    batch: &BatchId,
    store: &StoreName,
    collection: &str,
    keys: &KeyList,
    into: &mut Vec<Hash>,
) {
    Committing::begin(secret, batch, store, collection).commit(keys.encoded(), |made| into.extend(made));
}

/// The commitments of a batch, in the order of the keys.
pub fn commit_all(
    secret: &[u8; 32],
    batch: &BatchId,
    store: &StoreName,
    collection: &str,
    keys: &[Key],
) -> Vec<Hash> {
    let committing = Committing::begin(secret, batch, store, collection);
    let commit = |keys: &[Key], into: &mut [Hash]| {
        let mut into = into.iter_mut();
        committing.commit(keys.iter().map(Key::as_bytes), |made| {
            made.iter().zip(&mut into).for_each(|(made, into)| *into = *made);
        });
    };
    let mut all = vec![[0; 32]; keys.len()];
    if keys.len() < MANY {
        commit(keys, &mut all);
        return all;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let part = keys.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for (keys, into) in keys.chunks(part).zip(all.chunks_mut(part)) {
            scope.spawn(|| commit(keys, into));
        }
    });
    all
}

/// Sorts the commitments and returns the root of the RFC 6962 tree over them: what an intent holds.
pub fn records_root(commitments: &mut [Hash]) -> Hash {
    sort(commitments);
    root_of_sorted(commitments)
}

/// The order in which commitments are listed and stand in the tree: that of their bytes. They are as good as random, so the
/// first eight nearly always decide.
pub fn order(one: &Hash, other: &Hash) -> Ordering {
    let first = |hash: &Hash| hash.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
    first(one).cmp(&first(other)).then_with(|| one.cmp(other))
}

/// Sorts the commitments.
pub fn sort(commitments: &mut [Hash]) {
    if commitments.len() < MANY {
        return commitments.sort_unstable_by(order);
    }
    let (left, right) = commitments.split_at_mut(commitments.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| left.sort_unstable_by(order));
        right.sort_unstable_by(order);
    });
    merge_halves(commitments);
}

/// The root of the RFC 6962 tree over commitments that are sorted.
pub fn root_of_sorted(sorted: &[Hash]) -> Hash {
    if sorted.len() < MANY {
        return root_of(sorted);
    }
    // Cut where RFC 6962 cuts, so that the halves are the two subtrees under the root.
    let (left, right) = sorted.split_at(1 << (sorted.len() - 1).ilog2());
    std::thread::scope(|scope| {
        let left = scope.spawn(|| root_of(left));
        let right = root_of(right);
        tree::node_hash(&left.join().expect("hashing does not panic"), &right)
    })
}

/// The stable sort finds the two sorted runs and merges them.
fn merge_halves(sorted: &mut [Hash]) {
    sorted.sort_by(order);
}

/// The same root, made by one thread: beside others that have work to do.
pub fn root_of(sorted: &[Hash]) -> Hash {
    let mut frontier = tree::Frontier::new();
    // A power of two is a whole subtree, and so many leaves stay in the processor's cache.
    for part in sorted.chunks(1 << 10) {
        frontier.append(lanes::root(lanes::leaves(part)).expect("no chunk is empty"));
    }
    frontier.root()
}

/// The commitment to a held record's key in the entries of its hold.
pub fn hold_commitment(secret: &[u8; 32], hold: &HoldId, key: &Key) -> Hash {
    bare(secret, b"hold", hold.as_bytes(), key.as_bytes())
}

/// The commitment to a record's key in the entries of a review case in which it was decided over by itself.
pub fn review_commitment(secret: &[u8; 32], case: &CaseId, key: &Key) -> Hash {
    bare(secret, b"review", case.as_bytes(), key.as_bytes())
}

/// The commitment to the condition of a hold in its entries: it may name a value.
pub fn condition_commitment(secret: &[u8; 32], hold: &HoldId, condition: &str) -> Hash {
    bare(secret, b"hold-condition", hold.as_bytes(), condition.as_bytes())
}

/// The commitment to an event's key. The same for each entry about the same event, so that a withdrawal can be matched.
pub fn event_commitment(secret: &[u8; 32], name: &str, key: &str) -> Hash {
    bare(secret, b"event", name.as_bytes(), key.as_bytes())
}

/// What stands for a record that has no start yet, while it has none. It never stands in the log.
pub fn mark(secret: &[u8; 32], store: &StoreName, collection: &str, key: &Key) -> [u8; 16] {
    let mut mac = keyed(secret);
    for part in [b"unsettled".as_slice(), store.as_str().as_bytes(), collection.as_bytes(), key.as_bytes()] {
        field(&mut mac, part);
    }
    let whole: Hash = mac.finalize().into_bytes().into();
    *whole.first_chunk().expect("a digest has 32 bytes")
}

/// `HMAC(HMAC(K, kind | name | key), key)`: opened like a record's, without a store.
fn bare(secret: &[u8; 32], kind: &[u8], name: &[u8], key: &[u8]) -> Hash {
    let mut mac = keyed(secret);
    field(&mut mac, kind);
    field(&mut mac, name);
    field(&mut mac, key);
    let mut outer = keyed(&mac.finalize().into_bytes().into());
    field(&mut outer, key);
    outer.finalize().into_bytes().into()
}

/// Makes commitments of one batch, several at once.
struct Committing {
    /// The keyed state after everything that all openings have in common.
    opening: Keyed,
    /// What all commitments have in common.
    named: Vec<u8>,
}

impl Committing {
    fn begin(secret: &[u8; 32], batch: &BatchId, store: &StoreName, collection: &str) -> Self {
        let fields = |parts: &[&[u8]]| -> Vec<u8> {
            parts.iter().flat_map(|part| [&length(part), *part].concat()).collect()
        };
        let (store, collection) = (store.as_str().as_bytes(), collection.as_bytes());
        let opened = fields(&[b"open", batch.as_bytes(), store, collection]);
        Self { opening: Keyed::begin(secret, &opened), named: fields(&[store, collection]) }
    }

    /// Gives the commitments in the order of the keys, as they come.
    fn commit<'k>(&self, keys: impl Iterator<Item = &'k [u8]>, mut made: impl FnMut(&[Hash])) {
        let (mut lanes, mut keys) = (Lanes::default(), keys.peekable());
        while keys.peek().is_some() {
            let mut some: [&[u8]; LANES] = [&[]; LANES];
            let many = some.iter_mut().zip(&mut keys).map(|(place, key)| *place = key).count();
            let openings = lanes.under_one(&self.opening, &some[..many]);
            made(&lanes.under_each(&openings, &self.named, &some[..many])[..many]);
        }
    }
}

/// HMAC fills a key that is shorter than a block of the hash up with zeros.
fn keyed(secret: &[u8; 32]) -> HmacSha256 {
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(secret);
    HmacSha256::new((&*block).into())
}

fn field(mac: &mut HmacSha256, bytes: &[u8]) {
    mac.update(&length(bytes));
    mac.update(bytes);
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("names and keys are far shorter than 4 GiB").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::{hex, unhex};
    use proptest::prelude::*;

    fn batch() -> BatchId {
        "019a3f6e-0000-7000-8000-000000000001".parse().unwrap()
    }

    #[test]
    fn the_published_vectors_hold() {
        let vectors = include_str!("../../tests/vectors/commitment.jsonl");
        let mut seen = 0;
        for line in vectors.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |member: &str| case[member].as_str().unwrap().to_owned();
            let list = |member: &str| -> Vec<String> {
                case[member]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|text| text.as_str().unwrap().to_owned())
                    .collect()
            };
            let secret: [u8; 32] = unhex(&text("secret")).unwrap().try_into().unwrap();
            let batch: BatchId = text("batch").parse().unwrap();
            let (store, collection) = (StoreName::new(text("store")), text("collection"));
            let keys: Vec<Key> =
                list("keys").iter().map(|digits| Key::from_encoded(unhex(digits).unwrap())).collect();
            let openings: Vec<String> =
                keys.iter().map(|key| hex(&opening(&secret, &batch, &store, &collection, key))).collect();
            assert_eq!(openings, list("r"));
            let mut all = commit_all(&secret, &batch, &store, &collection, &keys);
            assert_eq!(all.iter().map(|c| hex(c)).collect::<Vec<_>>(), list("c"));
            assert_eq!(hex(&records_root(&mut all)), text("root"));
            seen += 1;
        }
        assert_eq!(seen, 8);
    }

    #[test]
    fn several_threads_give_the_same_as_one() {
        let (store, secret) = (StoreName::new("s"), [3; 32]);
        let keys: Vec<Key> = (0..5000).map(Key::from_int).collect();
        let mut all = commit_all(&secret, &batch(), &store, "c", &keys);
        for place in [0, 1, 2499, 2500, 4999] {
            let opening = opening(&secret, &batch(), &store, "c", &keys[place]);
            assert_eq!(all[place], commitment(&opening, &store, "c", &keys[place]));
        }
        let mut alone = all.clone();
        let root = records_root(&mut all);
        alone.sort_unstable();
        assert_eq!(all, alone);
        assert_eq!(root, root_of(&alone));
    }

    #[test]
    fn nothing_of_the_context_can_be_exchanged() {
        let (store, key) = (StoreName::new("ab"), Key::from_int(1));
        let base = commit_all(&[1; 32], &batch(), &store, "c", std::slice::from_ref(&key));
        let other: BatchId = "019a3f6e-0000-7000-8000-000000000002".parse().unwrap();
        for changed in [
            commit_all(&[2; 32], &batch(), &store, "c", std::slice::from_ref(&key)),
            commit_all(&[1; 32], &other, &store, "c", std::slice::from_ref(&key)),
            commit_all(&[1; 32], &batch(), &StoreName::new("a"), "bc", std::slice::from_ref(&key)),
            commit_all(&[1; 32], &batch(), &store, "c", &[Key::from_int(2)]),
        ] {
            assert_ne!(base, changed);
        }
        let hold: HoldId = "019a3f6e-0000-7000-8000-000000000001".parse().unwrap();
        let case: CaseId = "019a3f6e-0000-7000-8000-000000000001".parse().unwrap();
        assert_ne!(hold_commitment(&[1; 32], &hold, &key), base[0]);
        assert_ne!(hold_commitment(&[1; 32], &hold, &key), review_commitment(&[1; 32], &case, &key));
        assert_ne!(event_commitment(&[1; 32], "ab", "c"), event_commitment(&[1; 32], "a", "bc"));
    }

    #[test]
    fn the_root_is_that_of_leaves_appended_one_by_one() {
        let all: Vec<Hash> = (0..3_000_u32).map(|number| tree::leaf_hash(&number.to_be_bytes())).collect();
        for many in (0..40).chain([1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3_000]) {
            let one_by_one =
                tree::Frontier::over(&all[..many].iter().map(|c| tree::leaf_hash(c)).collect::<Vec<_>>());
            assert_eq!(root_of(&all[..many]), one_by_one.root(), "{many}");
        }
    }

    proptest! {
        /// Of every length, and of several lengths side by side.
        #[test]
        fn many_at_once_are_the_same_as_each_by_itself(
            keys in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..40),
            (store, collection) in ("[a-z]{1,80}", "[a-z]{1,80}"),
            secret in any::<[u8; 32]>(),
        ) {
            let (store, keys) = (StoreName::new(store), keys.into_iter().map(Key::from_encoded).collect::<Vec<_>>());
            let alone = |key| commitment(&opening(&secret, &batch(), &store, &collection, key), &store, &collection, key);
            let alone: Vec<Hash> = keys.iter().map(alone).collect();
            prop_assert_eq!(&commit_all(&secret, &batch(), &store, &collection, &keys), &alone);
            let (mut list, mut made) = (KeyList::default(), Vec::new());
            for key in &keys {
                list.push(key);
            }
            commit_part(&secret, &batch(), &store, &collection, &list, &mut made);
            prop_assert_eq!(made, alone);
        }

        #[test]
        fn the_order_of_the_records_does_not_change_the_root(numbers in proptest::collection::hash_set(any::<i64>(), 0..50)) {
            let keys: Vec<Key> = numbers.iter().map(|number| Key::from_int(*number)).collect();
            let mut one = commit_all(&[9; 32], &batch(), &StoreName::new("s"), "c", &keys);
            let mut two: Vec<Hash> = one.iter().rev().copied().collect();
            prop_assert_eq!(records_root(&mut one), records_root(&mut two));
        }
    }
}
