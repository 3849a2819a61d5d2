//! A log over many years, on real files.

use chrono::TimeZone as _;

use super::*;
use crate::audit::commitment;
use crate::model::hold::HoldScope;
use crate::model::key::Key;
use crate::state::check;
use crate::state::contract::sample::{approval, batch, begin, by, hold, keys, other};
use crate::state::sqlite::SqliteState;

fn at(year: i32, month: u32) -> Instant {
    chrono::Utc.with_ymd_and_hms(year, month, 1, 12, 0, 0).unwrap()
}

fn oslo() -> Zone {
    "Europe/Oslo".parse().unwrap()
}

fn new() -> (SqliteState, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.db"), at(2026, 11)).unwrap();
    state.approve(at(2026, 11), &by(), &approval(3, Vec::new())).unwrap();
    (state, dir)
}

fn keep(state: &SqliteState, now: Instant) -> Kept {
    super::keep(state, &Retention::default(), oslo(), now).unwrap()
}

fn manifest(state: &SqliteState, intent: &crate::audit::entry::Intent) {
    let secret = state.epoch_key().unwrap().key;
    let label = &intent.label;
    let mut all = commitment::commit_all(&secret, &label.batch, &label.store, &label.collection, &keys(0..3));
    commitment::records_root(&mut all);
    state.keep_manifest(&label.batch, &all).unwrap();
}

#[test]
fn an_idle_log_shows_each_day_that_it_is_alive() {
    let (state, _dir) = new();
    let start = at(2026, 11);
    assert_eq!(keep(&state, start), Kept::default());
    for hours in 1..24 {
        assert!(!keep(&state, start + chrono::TimeDelta::hours(hours)).heartbeat);
    }
    assert!(keep(&state, start + chrono::TimeDelta::hours(24)).heartbeat);
    assert!(!keep(&state, start + chrono::TimeDelta::hours(47)).heartbeat);
    assert!(keep(&state, start + chrono::TimeDelta::hours(48)).heartbeat);
}

#[test]
fn keys_and_lists_go_two_years_after_their_year_and_entries_after_ten() {
    let (state, _dir) = new();
    let intent = batch(&state, at(2026, 11), 0..3);
    manifest(&state, &intent);
    let secret = state.epoch_key_of(1).unwrap().unwrap();
    // A new epoch begins with each year.
    assert_eq!(keep(&state, at(2027, 1)).new_epoch, Some(2));
    assert_eq!(keep(&state, at(2027, 2)).new_epoch, None);
    for year in 2028..=2029 {
        assert!(keep(&state, at(year, 1)).new_epoch.is_some());
    }
    // The first epoch ended in January 2027: it goes when 2029 has ended.
    assert_eq!(keep(&state, at(2029, 12)).destroyed, [] as [u32; 0]);
    assert!(state.epoch_key_of(1).unwrap().is_some());
    let commitments = state.manifest(&intent.label.batch).unwrap().unwrap();
    assert_eq!(keep(&state, at(2030, 1)).destroyed, [1]);
    assert!(state.epoch_key_of(1).unwrap().is_none());
    assert_eq!(state.manifest(&intent.label.batch).unwrap(), None);
    assert!(state.epoch_key_of(2).unwrap().is_some());
    let report = check::verify(&state, None).unwrap();
    assert!(report.ok, "{report:#?}");
    // The commitment of a record can still be checked by whoever was given its opening before.
    let label = &intent.label;
    let key = Key::from_int(1);
    let opening = commitment::opening(&secret.key, &label.batch, &label.store, &label.collection, &key);
    assert!(commitments.contains(&commitment::commitment(&opening, &label.store, &label.collection, &key)));

    // Entries of 2026 go when 2036 has ended.
    let kept = keep(&state, at(2036, 12));
    assert_eq!((kept.pruned, state.keeper().unwrap().minimum_index().unwrap()), (0, 0));
    let old_head = state.last_checkpoint().unwrap().unwrap();
    let kept = keep(&state, at(2037, 1));
    assert_eq!(kept.pruned, 4, "genesis, approval, intent, outcome: {kept:?}");
    assert_eq!(state.entries(0, 1).unwrap()[0].index, 4);
    let report = check::verify(&state, Some(&old_head)).unwrap();
    assert!(report.ok && report.pruned == 4, "{report:#?}");
    let bytes = state.tree(0, 5).unwrap();
    assert!(
        matches!(bytes[3], crate::state::api::Leaf::Pruned(_))
            && matches!(bytes[4], crate::state::api::Leaf::Entry(_))
    );
    assert_eq!(keep(&state, at(2037, 2)).pruned, 0);
}

#[test]
fn nothing_of_the_log_goes_while_a_hold_covers_it() {
    let (state, _dir) = new();
    keep(&state, at(2027, 1));
    let scopes =
        [HoldScope::default(), HoldScope { store: Some(StoreName::new(LOG)), ..HoldScope::default() }];
    for scope in scopes {
        let hold = Hold { since: at(2027, 2), ..hold(scope) };
        state.add_hold(&by(), &hold).unwrap();
        let kept = keep(&state, at(2040, 1));
        assert!(kept.destroyed.is_empty() && kept.pruned == 0, "{kept:?}");
        assert!(kept.refused.unwrap().contains("covers the audit log"));
        state.release_hold(at(2040, 1), &other(), &hold.id, false).unwrap();
        state.end_holds(at(2040, 2)).unwrap();
    }
    let elsewhere = hold(HoldScope { store: Some(StoreName::new("cameras")), ..HoldScope::default() });
    state.add_hold(&by(), &Hold { since: at(2040, 1), ..elsewhere }).unwrap();
    assert_eq!(keep(&state, at(2040, 2)).destroyed.first(), Some(&1));
}

#[test]
fn an_open_batch_keeps_its_entries_and_its_key() {
    let (state, _dir) = new();
    let open = begin(&state, at(2026, 11), 0..3);
    keep(&state, at(2027, 1));
    let keeper = state.keeper().unwrap();
    let refused = keeper.destroy_epoch(at(2030, 1), &by(), 1, false).unwrap_err();
    assert!(refused.to_string().contains("no outcome yet"), "{refused}");
    assert_eq!(keeper.prune_entries(at(2040, 1), &by(), 100).unwrap(), 2, "genesis and approval");
    state.record_outcome(at(2040, 1), None, &crate::state::contract::sample::outcome(&open, 3, 0)).unwrap();
    assert!(check::verify(&state, None).unwrap().ok);
}

#[test]
fn the_epoch_in_force_and_unknown_ones_are_not_destroyed() {
    let (state, _dir) = new();
    let keeper = state.keeper().unwrap();
    assert!(
        keeper.destroy_epoch(at(2026, 12), &by(), 1, false).unwrap_err().to_string().contains("in force")
    );
    assert!(
        keeper
            .destroy_epoch(at(2026, 12), &by(), 7, false)
            .unwrap_err()
            .to_string()
            .contains("none with that number")
    );
    keeper.rotate_epoch(at(2026, 12), &by()).unwrap();
    keeper.destroy_epoch(at(2026, 12), &by(), 1, false).unwrap();
    // After a crash in the middle it can be done again.
    keeper.destroy_epoch(at(2026, 12), &by(), 1, false).unwrap();
    assert_eq!(state.epoch_key().unwrap().epoch, 2);
}

#[test]
fn a_new_key_of_the_log_signs_beside_the_old_one_for_a_while() {
    let (state, dir) = new();
    let old = state.verifier_key().unwrap();
    let other = SqliteState::open(&dir.path().join("state.db"), at(2026, 11)).unwrap();
    let new = state.keeper().unwrap().rotate_log_key(at(2026, 11), &by(), at(2026, 12)).unwrap();
    let signed_by = |vkey: &str| {
        let note = state.last_checkpoint().unwrap().unwrap();
        crate::audit::note::VerifierKey::parse(vkey).unwrap().open(&note).is_ok()
    };
    assert!(signed_by(&old) && signed_by(&new), "the head over the handover");
    assert!(check::verify(&state, None).unwrap().ok);
    // A process that was open before signs with the new key too.
    other.append(at(2026, 11), Body::Heartbeat {}).unwrap();
    assert!(signed_by(&old) && signed_by(&new));
    other.append(at(2027, 1), Body::Heartbeat {}).unwrap();
    assert!(!signed_by(&old) && signed_by(&new));
    assert!(check::verify(&other, None).unwrap().ok);
    let all = state.leaves(0, 100).unwrap();
    let head = state.last_checkpoint().unwrap().unwrap();
    assert!(crate::audit::verify::verify(&all, &head, &old, None).ok, "the old key leads to the new one");
}

#[test]
fn lists_that_belong_to_no_batch_are_removed_after_a_day() {
    let (state, _dir) = new();
    let intent = batch(&state, at(2026, 11), 0..3);
    manifest(&state, &intent);
    let orphan = crate::model::ids::BatchId::at(at(2026, 11));
    state.keep_manifest(&orphan, &[[1; 32]]).unwrap();
    let keeper = state.keeper().unwrap();
    let written = Instant::from(std::time::SystemTime::UNIX_EPOCH);
    assert_eq!(keeper.remove_orphans(written).unwrap(), 0, "it is younger than a day");
    assert_eq!(keeper.remove_orphans(at(2100, 1)).unwrap(), 1);
    assert!(state.manifest(&orphan).unwrap().is_none());
    assert!(state.manifest(&intent.label.batch).unwrap().is_some());
}
