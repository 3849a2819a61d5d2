//! One record among many millions: found, and its certificate issued and checked.

use std::path::Path;
use std::time::Instant;

use chrono::{TimeDelta, TimeZone as _, Utc};
use forfall::audit::entry::{Intent, Outcome};
use forfall::audit::{certificate, commitment};
use forfall::engine::certify::{self, Record};
use forfall::model::batch::BatchLabel;
use forfall::model::ids::{BatchId, PolicyId, RunId, StoreName};
use forfall::model::key::{Key, KeyForm, hex};
use forfall::state::api::{Planned, StateStore as _};
use forfall::state::sqlite::SqliteState;

const BATCH: i64 = 50_000;

/// Batches of 50,000 records in a real state; then one record is looked for.
pub(crate) fn find_one_among(dir: &Path, records: i64) {
    let dir = dir.join(format!("forfall-bench-find-{}", std::process::id()));
    fs_err::create_dir_all(&dir).unwrap();
    let start = Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap();
    let state = SqliteState::open(&dir.join("state.db"), start).unwrap();
    let epoch = state.epoch_key().unwrap();
    let (store, collection) = (StoreName::new("pbx"), "call_log");
    let (mut commitments, mut written) = (0.0, 0.0);
    for number in 0..records / BATCH {
        let now = start + TimeDelta::seconds(number);
        let keys: Vec<Key> = (number * BATCH..(number + 1) * BATCH).map(Key::from_int).collect();
        let label = BatchLabel {
            batch: BatchId::at(now),
            run: RunId::at(start),
            policy: PolicyId::new("calls"),
            store: store.clone(),
            collection: collection.into(),
            class: None,
            stage: 1,
            action: "delete".into(),
        };
        let began = Instant::now();
        let mut all = commitment::commit_all(&epoch.key, &label.batch, &store, collection, &keys);
        let root = commitment::records_root(&mut all);
        commitments += began.elapsed().as_secs_f64();
        let began = Instant::now();
        state.keep_manifest(&label.batch, &all).unwrap();
        let outcome = Outcome {
            batch: label.batch,
            run: label.run,
            policy: label.policy.clone(),
            done: keys.len() as u64,
            skipped: 0,
            failed: 0,
            not_done: Vec::new(),
            basis: "marked".into(),
        };
        let intent = Intent {
            label,
            hash: "ab".repeat(32),
            count: keys.len() as u64,
            root: hex(&root),
            epoch: epoch.epoch,
            companions: Vec::new(),
        };
        state.record_intent(now, &intent, "0/-/1", &keys, &[], &Planned::default()).unwrap();
        state.record_outcome(now, None, &outcome).unwrap();
        written += began.elapsed().as_secs_f64();
    }
    let batches = (records / BATCH) as f64;
    println!("find, {records} records in {batches} batches of {BATCH}:");
    println!("  commitments and root      {:8.1} ms a batch", commitments / batches * 1e3);
    println!("  list, intent and outcome  {:8.1} ms a batch, synced", written / batches * 1e3);
    for number in [0, records / 2 + 7, records - 1] {
        let record = Record {
            store: store.clone(),
            collection: collection.into(),
            form: KeyForm::Columns,
            key: Key::from_int(number),
        };
        let began = Instant::now();
        let mut issued = certify::certify(&state, &record, None).unwrap();
        let took = began.elapsed();
        let (_, found) = issued.certificates.pop().unwrap();
        let began = Instant::now();
        let report = certificate::check(&found.to_string(), &state.verifier_key().unwrap(), &[]);
        assert!(report.ok, "{report:#?}");
        println!(
            "  record {number}: found and certified in {:.0} ms, checked in {:.1} ms",
            took.as_secs_f64() * 1e3,
            began.elapsed().as_secs_f64() * 1e3
        );
    }
    drop(state);
    fs_err::remove_dir_all(dir).unwrap();
}
