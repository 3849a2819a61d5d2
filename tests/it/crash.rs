//! Killed between any two steps of a batch, the next run asks the store: one outcome for each intent, what was done
//! is counted once, and nothing is lost.

use std::os::unix::process::ExitStatusExt;

use crate::fixture::Fixture;

/// Enough for two batches.
const DUE: usize = 2_600;
const KEPT: usize = 40;

fn killed_at(fixture: &Fixture, policy: &str, place: &str) {
    let output = fixture.command(&["run", policy]).env("FORFALL_CRASH_AT", place).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "at {place}: {}", String::from_utf8_lossy(&output.stderr));
}

/// After the crash the log verifies; after the next run everything is accounted for exactly once.
fn accounted_for(fixture: &Fixture, policy: &str, place: &str) {
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!(verified["ok"], true, "at {place}: {verified}");
    let run = fixture.run(&["run", policy]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "at {place}: {run}");
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!(verified["open"], 0, "at {place}");
    assert_eq!(verified["intents"], verified["outcomes"], "at {place}");
    let done: u64 = fixture
        .entries()
        .iter()
        .filter(|entry| entry["kind"] == "outcome")
        .map(|entry| entry["count"].as_u64().unwrap())
        .sum();
    assert_eq!(done, DUE as u64, "at {place}: each record is done in exactly one batch");
}

#[test]
fn a_database_run_survives_a_kill_between_any_two_steps() {
    for place in
        ["prepared", "manifest", "intent", "committed", "outcome", "prepared:2", "intent:2", "committed:2"]
    {
        let fixture = Fixture::new(DUE, KEPT);
        fixture.approve("calls", DUE);
        killed_at(&fixture, "calls", place);
        accounted_for(&fixture, "calls", place);
        assert_eq!(fixture.calls(), KEPT, "at {place}");
    }
}

#[test]
fn a_file_run_survives_a_kill_between_any_two_steps_and_in_the_middle_of_a_batch() {
    for place in [
        "prepared",
        "manifest",
        "intent",
        "moved",
        "moved:700",
        "unlinked",
        "unlinked:700",
        "committed",
        "outcome",
        "moved:2300",
    ] {
        let fixture = Fixture::new(DUE, KEPT);
        fixture.approve("clips", DUE);
        killed_at(&fixture, "clips", place);
        accounted_for(&fixture, "clips", place);
        assert_eq!(fixture.clips(), KEPT, "at {place}");
    }
}

#[test]
fn two_kills_in_a_row_change_nothing() {
    let fixture = Fixture::new(DUE, KEPT);
    fixture.approve("clips", DUE);
    killed_at(&fixture, "clips", "moved:100");
    killed_at(&fixture, "clips", "intent");
    accounted_for(&fixture, "clips", "twice");
    assert_eq!(fixture.clips(), KEPT);
}

/// Kills one after the other in one installation, at every place in turn, each third time followed by a run that gets
/// to its end. `FORFALL_CRASH_CYCLES=1000` for a night.
struct Night<'a> {
    policy: &'a str,
    places: &'a [&'a str],
    /// Adds so many records that are due, numbered from there.
    add: &'a dyn Fn(&Fixture, usize, usize),
    /// How many records are there.
    left: &'a dyn Fn(&Fixture) -> usize,
}

/// Few enough not to look like a mistake.
const EACH: usize = 10;

impl Night<'_> {
    fn pass(&self) {
        let wish = std::env::var("FORFALL_CRASH_CYCLES").ok().and_then(|text| text.parse().ok());
        let cycles: usize = wish.unwrap_or(4 * self.places.len());
        let fixture = Fixture::new(EACH, KEPT);
        fixture.approve(self.policy, EACH);
        let mut records = EACH;
        let more = |records: &mut usize| {
            (self.add)(&fixture, 1_000 + *records, EACH);
            *records += EACH;
        };
        for cycle in 0..cycles {
            let place = self.places[cycle % self.places.len()];
            let before = (self.left)(&fixture);
            killed_at(&fixture, self.policy, place);
            assert!((self.left)(&fixture) <= before, "cycle {cycle} at {place}");
            // Never none: then no batch would begin.
            more(&mut records);
            if cycle % 3 == 2 {
                let run = fixture.run(&["run", self.policy]).expect(0).json();
                assert_eq!(run["runs"][0]["state"], "complete", "cycle {cycle} at {place}: {run}");
                assert_eq!((self.left)(&fixture), KEPT, "cycle {cycle} at {place}");
                more(&mut records);
            }
        }
        fixture.run(&["run", self.policy]).expect(0);
        let verified = fixture.run(&["audit", "verify"]).expect(0).json();
        let standing = (verified["ok"].as_bool(), verified["open"].as_u64());
        assert_eq!(standing, (Some(true), Some(0)), "{verified}");
        assert_eq!(verified["intents"], verified["outcomes"]);
        let outcomes = fixture.run(&["audit", "list", "--kind", "outcome"]).expect(0).json();
        let done =
            outcomes["entries"].as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap());
        assert_eq!(done.sum::<u64>(), records as u64, "each record is done in exactly one batch");
        assert_eq!((self.left)(&fixture), KEPT);
    }
}

#[test]
fn kills_without_end_leave_one_outcome_for_each_intent_of_a_database() {
    let places = &["prepared", "manifest", "intent", "committed", "outcome"];
    Night { policy: "calls", places, add: &Fixture::more_calls, left: &Fixture::calls }.pass();
}

#[test]
fn kills_without_end_leave_one_outcome_for_each_intent_of_a_directory_tree() {
    let places = &[
        "prepared",
        "manifest",
        "intent",
        "moved",
        "moved:5",
        "unlinked",
        "unlinked:5",
        "committed",
        "outcome",
    ];
    Night { policy: "clips", places, add: &Fixture::more_clips, left: &Fixture::clips }.pass();
}

#[test]
fn another_database_in_the_place_of_the_approved_one_says_nothing_of_an_open_batch() {
    let fixture = Fixture::new(DUE, KEPT);
    fixture.approve("calls", DUE);
    killed_at(&fixture, "calls", "committed");
    // A copy from before the batch, with our marks in it: that batch's is not among them.
    let (path, aside) = (fixture.path("calls.db"), fixture.path("aside.db"));
    fs_err::rename(&path, &aside).unwrap();
    let database = rusqlite::Connection::open(&aside).unwrap();
    database.execute("vacuum into ?1", [path.to_str().unwrap()]).unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("delete from forfall_batch where length(batch) = 16", [])
        .unwrap();
    let run = fixture.run(&["run", "calls"]).expect(12).json();
    let reason = run["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("still open") && reason.contains("inode"), "{reason}");
    let verified = fixture.run(&["audit", "verify"]).expect(0).json();
    assert_eq!(verified["open"], 1, "{verified}");

    drop(database);
    fs_err::rename(&aside, &path).unwrap();
    accounted_for(&fixture, "calls", "swapped and back");
    assert_eq!(fixture.calls(), KEPT);
}
