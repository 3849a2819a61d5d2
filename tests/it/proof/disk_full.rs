//! A full disk under the state: whatever could not be told is not done.

use std::io::Write as _;
use std::process::Command;

use super::{DUE, KEPT, configured};
use crate::fixture::{Fixture, said};

/// Enough for two batches.
const MANY: usize = 2_600;

/// What became of the files is what the log says of them, and a run with room finishes the rest.
fn told(fixture: &Fixture, rows: usize, place: &str) {
    let announced: u64 = counts(fixture, "intent");
    let gone = (rows + KEPT - fixture.clips()) as u64;
    assert!(gone <= announced, "{place}: {gone} files are gone, and {announced} were announced");
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{place}: {verified}");
}

fn counts(fixture: &Fixture, kind: &str) -> u64 {
    let counted = |entry: &serde_json::Value| entry["count"].as_u64().unwrap();
    fixture.entries().iter().filter(|entry| entry["kind"] == kind).map(counted).sum()
}

fn finish(fixture: &Fixture, rows: usize) {
    fixture.run(&["run", "clips"]).expect(0);
    assert_eq!((fixture.clips(), counts(fixture, "outcome")), (KEPT, rows as u64));
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!(verified["intents"], verified["outcomes"]);
}

/// A limit on the size of files does what a full disk does, for everybody and at any place: each write beyond it fails.
#[test]
fn nothing_is_deleted_that_could_not_be_written_down() {
    let fixture = Fixture::new(MANY, KEPT);
    fixture.approve("clips", MANY);
    let mut failed = 0;
    for kibibytes in [0, 4, 8, 16, 24, 32, 48, 64, 80, 96, 128] {
        let before = fixture.clips();
        let command = fixture.command(&["run", "clips"]);
        // Ignored, the signal becomes an error of the write.
        let shell = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        let mut limited = Command::new("bash");
        limited.args(["-c", &shell]).arg(command.get_program()).args(command.get_args());
        limited.env_remove("FORFALL_CONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1");
        let said = said(limited.output().unwrap());
        if said.code != Some(0) {
            failed += 1;
            assert!(!said.err.contains("panicked"), "{kibibytes} KiB: {}", said.err);
            assert!(matches!(said.code, Some(11 | 12 | 70)), "{kibibytes} KiB: {:?} {}", said.code, said.err);
        }
        if kibibytes == 0 {
            assert_eq!(fixture.clips(), before, "not one byte could be written");
        }
        told(&fixture, MANY, &format!("{kibibytes} KiB"));
    }
    assert!(failed >= 3, "only {failed} of the limits were met");
    finish(&fixture, MANY);
}

/// The real thing, where a file system can be mounted: as root.
#[test]
fn on_a_file_system_that_is_full_nothing_is_deleted() {
    let possible = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        // Past the harness, which keeps what a test that passes has printed to itself.
        writeln!(std::io::stderr(), "SKIPPED: a full file system needs root and `unshare -m`").unwrap();
        return;
    }
    let fixture = configured("");
    fixture.approve("clips", DUE);
    // The state moves into a small file system, is filled up, and comes back afterwards.
    let script = "set -e; mkdir full; mount -t tmpfs -o size=1m tmpfs full; cp -a state/. full/; \
                  mount --bind full state; cat /dev/zero > state/filler 2>/dev/null || true; set +e; \
                  \"$@\"; code=$?; rm state/filler; mkdir saved; cp -a state/. saved/; exit $code";
    let command = fixture.command(&["run", "clips"]);
    let mut inside = Command::new("unshare");
    inside.args(["-m", "sh", "-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    inside.current_dir(fixture.path("")).env_remove("FORFALL_CONFIG").env("NO_COLOR", "1");
    let said = said(inside.output().unwrap());
    assert!(matches!(said.code, Some(11 | 12 | 70)), "{:?}: {}{}", said.code, said.out, said.err);
    assert!(said.err.contains("full") || said.err.contains("No space"), "{}", said.err);
    assert_eq!(fixture.clips(), DUE + KEPT, "nothing was deleted");
    fs_err::remove_dir_all(fixture.path("state")).unwrap();
    fs_err::rename(fixture.path("saved"), fixture.path("state")).unwrap();
    told(&fixture, DUE, "on a full file system");
    finish(&fixture, DUE);
}
