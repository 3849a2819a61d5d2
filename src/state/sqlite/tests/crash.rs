//! Deaths and full disks: what was acknowledged is there, and nothing is there by half.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::audit::entry::{Body, Recovery};
use crate::state::api::{Planned, StateStore};
use crate::state::check;
use crate::state::contract::sample::{approval, batch, begin, by, outcome, policy, size};

/// Tells the test below that it is a child, and where its state is.
const STATE: &str = "FORFALL_TEST_STATE";

/// Not a test of its own: what [`child`] runs. Writes batches for ever and tells of each entry that it was promised.
#[test]
fn write_until_killed() {
    let Some(path) = std::env::var_os(STATE) else { return };
    let state = open(Path::new(&path));
    let _lease = state.lease(&policy()).unwrap().expect("the one who had it is dead");
    let mut number = 0;
    loop {
        for open in state.open_intents().unwrap() {
            let recovery = Recovery { batch: open.intent.label.batch, fate: "not-done".to_owned() };
            let outcome = outcome(&open.intent, 0, open.intent.count);
            if let Err(error) = state.record_outcome(noon(), Some(&recovery), &outcome) {
                return stopped(&state, &error.to_string());
            }
        }
        let intent = crate::state::contract::sample::intent(3);
        let keys = crate::state::contract::sample::keys(number..number + 3);
        match state.record_intent(noon(), &intent, "0/-/1", &keys, &[b'k'; 300], &Planned::default()) {
            Ok(_) => println!("\nwritten {}", size(&state)),
            Err(error) => return stopped(&state, &error.to_string()),
        }
        match state.record_outcome(noon(), None, &outcome(&intent, 3, 0)) {
            Ok(()) => println!("\nwritten {}", size(&state)),
            Err(error) => return stopped(&state, &error.to_string()),
        }
        number += 3;
    }
}

/// The disk refused. Nothing may be written after that, even where it would seem to work.
fn stopped(state: &SqliteState, error: &str) {
    println!("\nstopped {error}");
    let next = state.append(noon(), Body::Heartbeat {}).unwrap_err();
    println!("\nafter {next}");
}

/// Runs this test binary's [`write_until_killed`], through `sh` with the commands given before it.
fn child(path: &Path, before: &str) -> Child {
    let test = format!("{}::write_until_killed", module_path!().split_once("::").unwrap().1);
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(STATE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn assert_whole(path: &Path, acknowledged: u64) {
    let state = open(path);
    assert!(size(&state) >= acknowledged, "{} entries of {acknowledged} are there", size(&state));
    let report = check::verify(&state, None).unwrap();
    assert!(report.ok && report.size == size(&state), "{report:#?}");
    assert_eq!(report.open, state.open_intents().unwrap().len() as u64);
    let integrity: String =
        state.read(|db| Ok(db.query_row("PRAGMA integrity_check", (), |row| row.get(0))?)).unwrap();
    assert_eq!(integrity, "ok");
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let (state, dir) = fixture();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    drop(state);
    let mut acknowledged = 0;
    for lines in [1, 2, 5, 12, 31, 44, 60, 3] {
        let mut child = child(&path(&dir), "");
        let out = BufReader::new(child.stdout.take().unwrap());
        let told = out
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("written ").map(|size| size.parse::<u64>().unwrap()));
        let mut told = told.take(lines);
        let mut count = 0;
        for size in &mut told {
            acknowledged = size;
            count += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(count, lines, "the child died by itself");
        assert_whole(&path(&dir), acknowledged);
    }
}

#[test]
fn a_file_that_cannot_grow_stops_everything_and_loses_nothing() {
    let (state, dir) = fixture();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    drop(state);
    // No file may grow beyond 400 blocks of 512 bytes; writing more is an error instead of a signal.
    let mut child = child(&path(&dir), "trap '' XFSZ; ulimit -f 400;");
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<String> = out.lines().map_while(Result::ok).collect();
    child.wait().unwrap();
    let acknowledged = lines.iter().filter_map(|line| line.strip_prefix("written ")).next_back();
    assert!(lines.iter().any(|line| line.starts_with("stopped ")), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.starts_with("after ") && line.contains("closed for writing")),
        "{lines:#?}"
    );
    assert_whole(&path(&dir), acknowledged.unwrap().parse().unwrap());
}

#[test]
fn a_full_disk_stops_everything_and_loses_nothing() {
    let (state, dir) = fixture();
    state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
    let limit = |pages: i64| {
        let writer = state.writer.lock().unwrap();
        writer.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0)).unwrap()
    };
    let pages = limit(1);
    limit(pages + 8);
    let mut acknowledged = size(&state);
    let mut number = 0;
    let error = loop {
        let intent = crate::state::contract::sample::intent(3);
        let keys = crate::state::contract::sample::keys(number..number + 3);
        match state.record_intent(noon(), &intent, "0/-/1", &keys, &[b'k'; 3000], &Planned::default()) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        number += 3;
    };
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(size(&state), acknowledged, "the entry that did not fit left no trace");
    assert!(acknowledged > 3);
    assert_whole(&path(&dir), acknowledged);
    // Space that comes back is used: nothing was lost, so nothing has to be started again.
    limit(1_000_000);
    for open in state.open_intents().unwrap() {
        state.record_outcome(noon(), None, &outcome(&open.intent, 3, 0)).unwrap();
    }
    batch(&state, noon(), 1000..1003);
    begin(&state, noon(), 2000..2001);
    assert_whole(&path(&dir), acknowledged);
}
