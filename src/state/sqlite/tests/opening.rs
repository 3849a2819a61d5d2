//! New, old, lost, foreign and damaged state files.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::*;
use crate::audit::entry::Body;
use crate::model::hold::HoldScope;
use crate::state::api::{Planned, StateError, StateStore};
use crate::state::check;
use crate::state::contract::sample::{approval, batch, bodies, by, hold, later, policy, size};

#[test]
fn what_was_written_is_there_after_reopening() {
    let (state, dir) = fixture();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    state
        .add_hold(
            &by(),
            &hold(HoldScope { key: Some(crate::model::key::Key::from_int(99)), ..HoldScope::default() }),
        )
        .unwrap();
    batch(&state, later(1), 0..3);
    let before = (bodies(&state), state.checkpoint(noon()).unwrap(), state.verifier_key().unwrap());
    let (holds, key) = (state.holds().unwrap(), state.epoch_key().unwrap().key);
    drop(state);
    let state = open(&path(&dir));
    assert_eq!((bodies(&state), state.checkpoint(noon()).unwrap(), state.verifier_key().unwrap()), before);
    assert_eq!((state.holds().unwrap(), state.epoch_key().unwrap().key), (holds, key));
    assert!(state.approval(&policy()).unwrap().is_some());
    batch(&state, later(2), 3..6);
    assert!(check::verify(&state, Some(&before.1)).unwrap().ok);
}

#[test]
fn a_log_has_the_name_that_it_began_with() {
    let dir = tempfile::tempdir().unwrap();
    let named = SqliteState::open_as(&path(&dir), noon(), Some("archive.example/log")).unwrap();
    assert!(named.verifier_key().unwrap().starts_with("archive.example/log+"));
    drop(named);
    let again = SqliteState::open_as(&path(&dir), noon(), Some("another.example")).unwrap();
    assert!(again.verifier_key().unwrap().starts_with("archive.example/log+"));
    let other = tempfile::tempdir().unwrap();
    assert!(SqliteState::open_as(&path(&other), noon(), Some("a b")).is_err());
    let (unnamed, _kept) = fixture();
    assert!(unnamed.verifier_key().unwrap().starts_with("forfall/"));
}

#[test]
fn a_lost_state_is_no_new_state() {
    for emptied in [false, true] {
        let (state, dir) = fixture();
        drop(state);
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = fs_err::remove_file(dir.path().join(name));
        }
        if emptied {
            fs_err::write(path(&dir), b"").unwrap();
        }
        let error = SqliteState::open(&path(&dir), noon()).unwrap_err();
        assert!(matches!(error, StateError::Lost { .. }), "{error}");
        assert_eq!(path(&dir).exists(), emptied, "a refusal leaves no file behind");
        let error = SqliteState::open(&path(&dir), noon()).unwrap_err();
        assert!(matches!(error, StateError::Lost { .. }), "trying again changes nothing: {error}");
        // The way out that the message names.
        fs_err::rename(dir.path().join("keys"), dir.path().join("old-keys")).unwrap();
        assert_eq!(size(&open(&path(&dir))), 1);
    }
}

#[test]
fn a_database_emptied_of_its_log_is_no_new_state() {
    let (state, dir) = fixture();
    drop(state);
    let raw = Connection::open(path(&dir)).unwrap();
    raw.execute_batch("DELETE FROM meta; DELETE FROM head; DELETE FROM log").unwrap();
    drop(raw);
    assert!(matches!(SqliteState::open(&path(&dir), noon()), Err(StateError::Lost { .. })));
}

#[test]
fn a_creation_that_was_interrupted_is_finished_or_begun_again() {
    // After the genesis entry and before the key has its name.
    let (state, dir) = fixture();
    let vkey = state.verifier_key().unwrap();
    drop(state);
    let (key, new) = (dir.path().join("keys/log.key"), dir.path().join("keys/log.key.new"));
    fs_err::rename(&key, &new).unwrap();
    assert_eq!(open(&path(&dir)).verifier_key().unwrap(), vkey);
    assert!(key.exists() && !new.exists());

    // Before the genesis entry: the tables may be there or not.
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("keys")).unwrap();
    fs_err::write(dir.path().join("keys/log.key.new"), [9; 32]).unwrap();
    fs_err::write(path(&dir), b"").unwrap();
    assert_eq!(size(&open(&path(&dir))), 1);
}

/// A process that is killed right after creating leaves the log in SQLite's write-ahead log, and the file itself must
/// not look as if nothing had ever been in it.
#[test]
fn a_new_state_that_was_never_closed_is_not_lost() {
    let (state, dir) = fixture();
    let vkey = state.verifier_key().unwrap();
    let copy = tempfile::tempdir().unwrap();
    fs_err::create_dir(copy.path().join("keys")).unwrap();
    for name in ["state.db", "state.db-wal", "keys/log.key", "keys/epoch-1.key"] {
        fs_err::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(open(&path(&copy)).verifier_key().unwrap(), vkey);
}

#[test]
fn another_key_or_none_is_refused() {
    let (state, dir) = fixture();
    drop(state);
    let key = dir.path().join("keys/log.key");
    for bad in [[7; 32].as_slice(), &[7; 31], &[7; 33]] {
        fs_err::write(&key, bad).unwrap();
        assert!(SqliteState::open(&path(&dir), noon()).is_err());
    }
    fs_err::remove_file(&key).unwrap();
    let error = SqliteState::open(&path(&dir), noon()).unwrap_err();
    assert!(error.to_string().contains("keys/log.key"), "{error}");
}

#[test]
fn without_its_commitment_key_the_log_goes_on_and_batches_do_not() {
    let (state, dir) = fixture();
    fs_err::remove_file(dir.path().join("keys/epoch-1.key")).unwrap();
    assert!(state.epoch_key().is_err());
    assert!(state.append(noon(), Body::Heartbeat {}).is_ok());
}

#[test]
fn a_newer_file_is_left_alone() {
    let (state, dir) = fixture();
    drop(state);
    let raw = Connection::open(path(&dir)).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let before = fs_err::read(path(&dir)).unwrap();
    let error = SqliteState::open(&path(&dir), noon()).unwrap_err();
    assert!(matches!(error, StateError::Newer { found: 99, .. }), "{error}");
    assert_eq!(fs_err::read(path(&dir)).unwrap(), before);
}

#[test]
fn a_foreign_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let raw = Connection::open(path(&dir)).unwrap();
    raw.execute_batch("CREATE TABLE call_log (id INTEGER PRIMARY KEY)").unwrap();
    drop(raw);
    let before = fs_err::read(path(&dir)).unwrap();
    assert!(SqliteState::open(&path(&dir), noon()).is_err());
    assert_eq!(fs_err::read(path(&dir)).unwrap(), before);
    fs_err::write(path(&dir), b"not a database at all, but long enough to look like something").unwrap();
    assert!(SqliteState::open(&path(&dir), noon()).is_err());
}

#[test]
fn nobody_else_can_read_it() {
    let (state, dir) = fixture();
    state.keep_manifest(&crate::model::ids::BatchId::at(noon()), &[[1; 32]]).unwrap();
    let _lease = state.lease(&policy()).unwrap();
    let mut pending = vec![dir.path().to_owned()];
    let mut seen = 0;
    while let Some(place) = pending.pop() {
        for entry in fs_err::read_dir(place).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", entry.path().display());
            if metadata.is_dir() {
                pending.push(entry.path());
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn an_entry_changed_in_the_file_is_noticed() {
    let (state, dir) = fixture();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    batch(&state, later(1), 0..3);
    assert!(check::verify(&state, None).unwrap().ok);
    let raw = Connection::open(path(&dir)).unwrap();
    let changed = raw
        .execute("UPDATE log SET leaf = CAST(replace(leaf, '\"done\":3', '\"done\":2') AS BLOB) WHERE kind = 'outcome'", ())
        .unwrap();
    assert_eq!(changed, 1);
    assert!(!check::verify(&state, None).unwrap().ok);
    drop(state);
    raw.execute("DELETE FROM log WHERE idx = (SELECT max(idx) FROM log)", ()).unwrap();
    let error = SqliteState::open(&path(&dir), noon()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
}

#[test]
fn keys_in_clear_are_gone_with_the_outcome() {
    let (state, dir) = fixture();
    let (secret, intent) = (b"a-very-personal-key".repeat(500), crate::state::contract::sample::intent(1));
    let keys = crate::state::contract::sample::keys(0..1);
    state.record_intent(noon(), &intent, "0/-/1", &keys, &secret, &Planned::default()).unwrap();
    let found = || {
        let files = ["state.db", "state.db-wal"].map(|name| fs_err::read(dir.path().join(name)).unwrap());
        files.concat().windows(19).any(|bytes| bytes == b"a-very-personal-key")
    };
    assert!(found(), "the search can find it");
    let outcome = crate::state::contract::sample::outcome(&intent, 1, 0);
    state.record_outcome(noon(), None, &outcome).unwrap();
    state.settle().unwrap();
    assert!(!found());
}
