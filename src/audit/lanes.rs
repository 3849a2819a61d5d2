//! Several digests side by side: SHA-256 (FIPS 180-4), and HMAC (FIPS 198-1) and tree nodes (RFC 6962 2.1) made of it.
//!
//! Within one digest each step waits for the step before it, and the processor for most of the time with it. So each step
//! is taken for several digests in turn, which do not wait for each other.

use sha2::block_api::compress256;
use zeroize::Zeroize as _;

use super::tree::Hash;

/// So many digests go side by side; more would be no quicker.
pub(super) const LANES: usize = 8;

type State = [u32; 8];
type Block = [u8; 64];

/// The state before the first block (FIPS 180-4, 5.3.3).
const FIRST: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A message in whole blocks, as long as it may be. Its memory is used again.
type Message = Vec<u8>;

/// HMAC-SHA256 whose key and first bytes are known.
#[derive(Clone)]
pub(super) struct Keyed {
    inner: State,
    outer: State,
    /// So many bytes are in `inner`, the key's block among them.
    taken: u64,
    /// What comes after those and does not fill a block.
    rest: Vec<u8>,
}

/// What the key makes of them is as good as the key.
impl Drop for Keyed {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl Keyed {
    /// Begins with a key of 32 bytes and what every message begins with.
    pub(super) fn begin(key: &Hash, first: &[u8]) -> Self {
        let mut inner = [FIRST];
        step(&mut inner, &[key_block(key, INNER)]);
        let (blocks, rest) = first.as_chunks::<64>();
        for block in blocks {
            step(&mut inner, &[*block]);
        }
        let mut outer = [FIRST];
        step(&mut outer, &[key_block(key, OUTER)]);
        let taken = 64 + (first.len() - rest.len()) as u64;
        Self { inner: inner[0], outer: outer[0], taken, rest: rest.to_vec() }
    }
}

/// Room for the messages of as many lanes.
#[derive(Default)]
pub(super) struct Lanes([Message; LANES]);

impl Lanes {
    /// `HMAC(keyed, key)` for each of at most [`LANES`] keys, each with its length before it.
    pub(super) fn under_one(&mut self, keyed: &Keyed, keys: &[&[u8]]) -> [Hash; LANES] {
        self.put(keyed.taken, &keyed.rest, keys);
        self.hmac([keyed.inner; LANES], [keyed.outer; LANES], keys.len())
    }

    /// `HMAC(secret, first | key)` for each of at most [`LANES`] keys with its own secret.
    pub(super) fn under_each(
        &mut self,
        secrets: &[Hash; LANES],
        first: &[u8],
        keys: &[&[u8]],
    ) -> [Hash; LANES] {
        let many = keys.len();
        let (mut inner, mut outer) = ([FIRST; LANES], [FIRST; LANES]);
        step(&mut inner[..many], &secrets.map(|secret| key_block(&secret, INNER)));
        step(&mut outer[..many], &secrets.map(|secret| key_block(&secret, OUTER)));
        self.put(64, first, keys);
        self.hmac(inner, outer, many)
    }

    fn put(&mut self, taken: u64, first: &[u8], keys: &[&[u8]]) {
        for (message, key) in self.0.iter_mut().zip(keys) {
            let length = u32::try_from(key.len()).expect("keys are far shorter than 4 GiB").to_be_bytes();
            pad(message, taken, &[first, &length, key]);
        }
    }

    fn hmac(&self, mut inner: [State; LANES], mut outer: [State; LANES], many: usize) -> [Hash; LANES] {
        let longest = self.0[..many].iter().map(Vec::len).max().unwrap_or(0);
        for block in 0..longest / 64 {
            for (state, message) in inner.iter_mut().zip(&self.0[..many]) {
                if let Some(block) = message.as_chunks().0.get(block) {
                    compress256(state, std::slice::from_ref(block));
                }
            }
        }
        step(&mut outer[..many], &inner.map(|state| last_block(&bytes(&state))));
        outer.map(|state| bytes(&state))
    }
}

/// Takes as many leaves as there are, and gives their hashes (RFC 6962 2.1).
pub(super) fn leaves(leaves: &[Hash]) -> Vec<Hash> {
    let mut hashes = Vec::with_capacity(leaves.len());
    for leaves in leaves.chunks(LANES) {
        let (mut states, mut blocks) = ([FIRST; LANES], [[0; 64]; LANES]);
        for (block, leaf) in blocks.iter_mut().zip(leaves) {
            block[1..33].copy_from_slice(leaf);
            end(block, 33, 33);
        }
        step(&mut states[..leaves.len()], &blocks);
        hashes.extend(states[..leaves.len()].iter().map(bytes));
    }
    hashes
}

/// The root of the tree over these nodes, level by level: the last one of a level may have no partner, and goes up as it
/// is. That is where RFC 6962 cuts.
pub(super) fn root(mut nodes: Vec<Hash>) -> Option<Hash> {
    while nodes.len() > 1 {
        let pairs = nodes.len() / 2;
        for first in (0..pairs).step_by(LANES) {
            let many = LANES.min(pairs - first);
            let mut states = [FIRST; LANES];
            let (mut blocks, mut ends) = ([[1; 64]; LANES], [[0; 64]; LANES]);
            let (children, _) = nodes[2 * first..2 * (first + many)].as_flattened().as_chunks::<64>();
            for ((block, last), both) in blocks.iter_mut().zip(&mut ends).zip(children) {
                block[1..].copy_from_slice(&both[..63]);
                last[0] = both[63];
                end(last, 1, 65);
            }
            step(&mut states[..many], &blocks);
            step(&mut states[..many], &ends);
            for (node, state) in nodes[first..first + many].iter_mut().zip(&states) {
                *node = bytes(state);
            }
        }
        if nodes.len() % 2 == 1 {
            nodes.swap(pairs, 2 * pairs);
        }
        nodes.truncate(nodes.len().div_ceil(2));
    }
    nodes.first().copied()
}

/// One block for each.
fn step(states: &mut [State], blocks: &[Block]) {
    for (state, block) in states.iter_mut().zip(blocks) {
        compress256(state, std::slice::from_ref(block));
    }
}

const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

/// The block that a key makes, filled up with zeros (FIPS 198-1, 4).
fn key_block(key: &Hash, pad: u8) -> Block {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    block
}

/// The block that the outer digest of HMAC ends with.
fn last_block(inner: &Hash) -> Block {
    let mut block = [0; 64];
    block[..32].copy_from_slice(inner);
    end(&mut block, 32, 64 + 32);
    block
}

/// Ends a message of `length` bytes in its last block, of which it has `filled` (FIPS 180-4, 5.1.1).
fn end(block: &mut Block, filled: usize, length: u64) {
    block[filled] = 0x80;
    block[56..].copy_from_slice(&(length * 8).to_be_bytes());
}

/// A message of these parts behind `taken` bytes, filled up to whole blocks.
fn pad(message: &mut Message, taken: u64, parts: &[&[u8]]) {
    message.clear();
    for part in parts {
        message.extend_from_slice(part);
    }
    let length = taken + message.len() as u64;
    message.push(0x80);
    message.resize((message.len() + 8).next_multiple_of(64) - 8, 0);
    message.extend_from_slice(&(length * 8).to_be_bytes());
}

fn bytes(state: &State) -> Hash {
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}
