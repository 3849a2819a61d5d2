//! A long log read once, and every bit of a short one flipped.

use std::convert::Infallible;
use std::time::Instant;

use chrono::{TimeDelta, TimeZone as _, Utc};
use forfall::audit::entry::{ApprovalGiven, Body, Entry, Genesis, Intent, Outcome};
use forfall::audit::leaf::Leaf;
use forfall::audit::note::LogKey;
use forfall::audit::tree::{Frontier, leaf_hash};
use forfall::audit::verify::Verifier;
use forfall::model::batch::BatchLabel;
use forfall::model::ids::{BatchId, PolicyId, RunId, StoreName};

use crate::{peak, processor_time};

fn key() -> LogKey {
    LogKey::new("forfall/bench", &[7; 32]).unwrap()
}

fn first(bodies: Vec<Body>) -> Vec<Vec<u8>> {
    bodies.into_iter().map(|body| Entry::new(start(), body).canonical()).collect()
}

fn start() -> chrono::DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap()
}

fn beginning() -> Vec<Vec<u8>> {
    let vkey = key().verifier().to_string();
    first(vec![
        Body::Genesis(Genesis { origin: "forfall/bench".into(), vkey, continues: None }),
        Body::Approval(ApprovalGiven {
            policy: PolicyId::new("cctv"),
            hash: "ab".repeat(32),
            by: "op-00000000".into(),
            count: 9,
            bound_to: "ab".repeat(32),
            author: None,
            cancelled: None,
        }),
    ])
}

/// The intent and the outcome of a batch of its own.
fn batch(number: u64) -> [Vec<u8>; 2] {
    let now = start() + TimeDelta::milliseconds(i64::try_from(number).unwrap());
    named(BatchId::at(now), now)
}

fn named(id: BatchId, now: chrono::DateTime<Utc>) -> [Vec<u8>; 2] {
    let label = BatchLabel {
        batch: id,
        run: RunId::at(start()),
        policy: PolicyId::new("cctv"),
        store: StoreName::new("cctv"),
        collection: "cam{camera}/*.mp4".into(),
        class: None,
        stage: 1,
        action: "delete".into(),
    };
    let outcome = Outcome {
        batch: label.batch,
        run: label.run,
        policy: label.policy.clone(),
        done: 2_000,
        skipped: 0,
        failed: 0,
        not_done: Vec::new(),
        basis: "marked".into(),
    };
    let intent = Intent {
        label,
        hash: "ab".repeat(32),
        count: 2_000,
        root: "cd".repeat(32),
        epoch: 1,
        companions: Vec::new(),
    };
    [Entry::new(now, Body::Intent(intent)).canonical(), Entry::new(now, Body::Outcome(outcome)).canonical()]
}

/// Many batches, made by writing other ids and times over those of one: making each of millions from its parts would
/// take longer than reading them.
struct Stamp {
    pair: [String; 2],
    id: String,
    time: String,
}

impl Stamp {
    fn new() -> Self {
        let id = BatchId::at(start());
        let pair = named(id, start()).map(|leaf| String::from_utf8(leaf).unwrap());
        Self { pair, id: id.to_string(), time: time(start()) }
    }

    fn batch(&self, number: u64) -> [Vec<u8>; 2] {
        let now = start() + TimeDelta::milliseconds(i64::try_from(number).unwrap());
        let (id, time) = (BatchId::at(now).to_string(), time(now));
        self.pair.each_ref().map(|text| text.replace(&self.id, &id).replace(&self.time, &time).into_bytes())
    }
}

fn time(at: chrono::DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// Reads a log of so many entries, as they would come from a file: made beforehand, a part at a time.
pub(crate) fn verify_many(entries: u64) {
    const PART: u64 = 200_000;
    let (mut digests, mut bytes) = (Frontier::new(), 0_u64);
    let (mut hashing, mut all, mut busy) = (0.0, 0.0, 0.0);
    let mut verifier = Verifier::new("", &key().verifier().to_string(), None);
    let mut half = 0.0;
    let mut number = 0;
    let stamp = Stamp::new();
    while digests.size() < entries {
        let mut part = if number == 0 { beginning() } else { Vec::new() };
        while (part.len() as u64) < PART {
            part.extend(stamp.batch(number));
            number += 1;
        }
        bytes += part.iter().map(|leaf| leaf.len() as u64).sum::<u64>();
        let began = Instant::now();
        for leaf in &part {
            digests.append(leaf_hash(leaf));
        }
        hashing += began.elapsed().as_secs_f64();
        let mut pages: Vec<Vec<Leaf>> =
            part.chunks(1_000).map(|page| page.iter().cloned().map(Leaf::Entry).collect()).rev().collect();
        drop(part);
        let (began, idle) = (Instant::now(), processor_time());
        let Ok(()) = verifier.read::<Infallible>(|| Ok(pages.pop().unwrap_or_default()));
        all += began.elapsed().as_secs_f64();
        busy += processor_time() - idle;
        if half == 0.0 && digests.size() >= entries / 2 {
            half = peak();
        }
    }
    let size = digests.size() as f64;
    let report = verifier.finish();
    assert_eq!((report.size, report.problems.len()), (digests.size(), 1), "only the head is missing");
    println!("verify, {size} entries, {:.0} bytes each:", bytes as f64 / size);
    println!("  tree alone                {:10.0} leaves/s", size / hashing);
    println!(
        "  tree and every entry read {:10.0} leaves/s, {:.2} us of processor time each",
        size / all,
        busy * 1e6 / size
    );
    println!("  largest resident set      {half:.1} MiB after half, {:.1} MiB at the end", peak());
}

/// Every bit of a log of 64 KiB, each time with the same signed head.
pub(crate) fn flip_every_bit() {
    let mut leaves = beginning();
    let mut number = 0;
    while leaves.iter().map(Vec::len).sum::<usize>() < 64 * 1024 {
        leaves.extend(batch(number));
        number += 1;
    }
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.append(leaf_hash(leaf));
    }
    let head = key().sign(frontier.size(), frontier.root());
    let mut before = Verifier::new(&head, &key().verifier().to_string(), None);
    let (mut flips, mut missed) = (0_u64, 0_u64);
    let began = Instant::now();
    for (place, leaf) in leaves.iter().enumerate() {
        let mut changed = leaf.clone();
        for bit in 0..leaf.len() * 8 {
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut verifier = before.clone();
            verifier.leaf(&changed);
            leaves[place + 1..].iter().for_each(|leaf| verifier.leaf(leaf));
            flips += 1;
            missed += u64::from(verifier.finish().ok);
            changed[bit / 8] ^= 1 << (bit % 8);
        }
        before.leaf(leaf);
    }
    assert!(before.finish().ok, "the log itself is in order");
    println!(
        "flips, {} entries, {flips} bits: {missed} not noticed, {:.0} s",
        leaves.len(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(missed, 0);
}
