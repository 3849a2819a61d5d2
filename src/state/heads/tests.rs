//! Published heads against real states, restored from real backups.

use super::*;
use crate::audit::entry::Body;
use crate::audit::verify::verify;
use crate::state::api::Actor;
use crate::state::check;
use crate::state::contract::sample::{approval, batch, by, later, noon};
use crate::state::sqlite::SqliteState;
use tempfile::TempDir;

fn state(dir: &TempDir) -> SqliteState {
    SqliteState::open(&dir.path().join("state.db"), noon()).unwrap()
}

fn publisher(dir: &TempDir) -> Publisher {
    Publisher::new(vec![Target::Directory(dir.path().join("published"))])
}

/// Copies the state file as a backup would, and puts it back.
fn backup(dir: &TempDir, restore: bool) {
    let (live, kept) = (dir.path().join("state.db"), dir.path().join("backup.db"));
    let (from, to) = if restore { (kept, live) } else { (live, kept) };
    for end in ["-wal", "-shm"] {
        let _ = fs_err::remove_file(format!("{}{end}", to.display()));
    }
    fs_err::copy(from, to).unwrap();
}

#[test]
fn heads_are_copied_once_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let (state, publisher) = (state(&dir), publisher(&dir));
    assert_eq!(publisher.publish(&state, noon()).unwrap(), [] as [String; 0]);
    let Published { heads, missing } = publisher.published();
    assert_eq!(heads[0].1, state.last_checkpoint().unwrap().unwrap());
    assert!(missing.is_empty());
    assert!(dir.path().join("published/heads/2026-11-01").is_file());
    fs_err::remove_file(dir.path().join("published/checkpoint")).unwrap();
    publisher.publish(&state, noon()).unwrap();
    assert!(publisher.published().heads.is_empty(), "the same head is not written twice");
    state.append(noon(), Body::Heartbeat {}).unwrap();
    publisher.publish(&state, noon()).unwrap();
    assert_eq!(compare(&state, &publisher.published().heads[0].1).unwrap(), Standing::Follows);
}

#[test]
fn a_command_gets_the_head_and_its_refusal_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir);
    let out = dir.path().join("out");
    let command = |text: String| Publisher::new(vec![Target::Command(vec!["sh".into(), "-c".into(), text])]);
    command(format!("cat > '{}'", out.display())).publish(&state, noon()).unwrap();
    assert_eq!(fs_err::read_to_string(out).unwrap(), state.last_checkpoint().unwrap().unwrap());
    let refusing = command("exit 3".into());
    assert!(refusing.publish(&state, noon()).unwrap()[0].contains("exit status: 3"));
    assert_eq!(refusing.publish(&state, noon()).unwrap().len(), 1, "it is tried again");
    let missing = Publisher::new(vec![Target::Command(vec!["/nonexistent/program".into()])]);
    assert!(missing.publish(&state, noon()).unwrap()[0].contains("/nonexistent/program"));
}

#[test]
fn a_state_from_an_older_backup_signs_nothing_until_it_is_recovered() {
    let dir = tempfile::tempdir().unwrap();
    let publisher = publisher(&dir);
    {
        let state = state(&dir);
        state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
        batch(&state, noon(), 0..3);
        state.settle().unwrap();
        backup(&dir, false);
        for second in 1..=4 {
            state.append(later(second), Body::Heartbeat {}).unwrap();
        }
        publisher.publish(&state, later(4)).unwrap();
    }
    let lost = publisher.published().heads.remove(0).1;
    backup(&dir, true);
    let state = state(&dir);
    let before = state.last_checkpoint().unwrap();
    let warnings = guard(&state, &publisher.published()).unwrap();
    assert!(warnings[0].contains("audit recover"), "{warnings:?}");
    let refused = state.append(later(9), Body::Heartbeat {}).unwrap_err();
    assert!(refused.to_string().contains("older backup"), "{refused}");
    assert_eq!(state.last_checkpoint().unwrap(), before, "no other head was signed");
    let other = Publisher::new(vec![Target::Directory(dir.path().join("published"))]);
    assert!(other.publish(&state, later(9)).unwrap()[0].contains("left as it is"));

    let head = Checkpoint::unverified(&lost).unwrap();
    let old_vkey = state.verifier_key().unwrap();
    state.keeper().unwrap().allow_writes();
    let vkey = state.keeper().unwrap().continue_log(later(9), &Actor("kari".into()), &head).unwrap();
    assert_eq!(state.verifier_key().unwrap(), vkey);
    state.append(later(10), Body::Heartbeat {}).unwrap();
    assert_eq!(guard(&state, &publisher.published()).unwrap(), [] as [String; 0]);
    let report = check::verify(&state, None).unwrap();
    assert!(report.ok, "{report:#?}");
    let report = check::verify(&state, Some(&lost)).unwrap();
    assert!(!report.ok && report.problems[0].text.contains("were lost"), "{report:#?}");
    let all = state.leaves(0, 100).unwrap();
    let newest = state.last_checkpoint().unwrap().unwrap();
    assert!(verify(&all, &newest, &old_vkey, None).ok, "whoever knows the old key is led to the new one");
    assert!(VerifierKey::parse(&old_vkey).unwrap().open(&newest).is_err(), "the old name signs no fork");
    assert_eq!(other.publish(&state, later(10)).unwrap(), [] as [String; 0]);
    drop(state);
    let again = self::state(&dir);
    again.append(later(11), Body::Heartbeat {}).unwrap();
    assert!(check::verify(&again, None).unwrap().ok);
}

#[test]
fn nothing_is_recovered_where_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir);
    let head = Checkpoint::unverified(&state.last_checkpoint().unwrap().unwrap()).unwrap();
    state.append(later(1), Body::Heartbeat {}).unwrap();
    let refused = state.keeper().unwrap().continue_log(later(2), &by(), &head).unwrap_err();
    assert!(refused.to_string().contains("nothing is lost"), "{refused}");
}

#[test]
fn a_head_of_another_log_is_told_and_stops_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (state(&dir), state(&other));
    let publisher = publisher(&dir);
    publisher.publish(&theirs, noon()).unwrap();
    assert!(guard(&ours, &publisher.published()).unwrap()[0].contains("not signed with a key of this log"));
    ours.append(later(1), Body::Heartbeat {}).unwrap();
    assert!(
        guard(&ours, &Publisher::new(vec![Target::Directory("/nonexistent".into())]).published()).unwrap()[0]
            .contains("not compared")
    );
}

#[test]
fn a_log_that_was_changed_behind_its_head_is_a_fork() {
    let dir = tempfile::tempdir().unwrap();
    let (twin, publisher) = (tempfile::tempdir().unwrap(), publisher(&dir));
    let one = state(&dir);
    one.settle().unwrap();
    fs_err::copy(dir.path().join("state.db"), twin.path().join("state.db")).unwrap();
    fs_err::create_dir_all(twin.path().join("keys")).unwrap();
    for name in ["log.key", "epoch-1.key"] {
        fs_err::copy(dir.path().join("keys").join(name), twin.path().join("keys").join(name)).unwrap();
    }
    one.append(later(1), Body::Heartbeat {}).unwrap();
    publisher.publish(&one, noon()).unwrap();
    let other = state(&twin);
    other.append(later(2), Body::Heartbeat {}).unwrap();
    other.append(later(3), Body::Heartbeat {}).unwrap();
    assert!(guard(&other, &publisher.published()).unwrap()[0].contains("does not lead to"));
    assert!(other.append(later(4), Body::Heartbeat {}).is_err());
}
