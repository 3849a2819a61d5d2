//! The daemon as a service manager sees it: signals, reload, and the lease that it shares with the command line.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Fixture;

/// A running daemon whose log is read line by line: waiting means reading.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    fn start(fixture: &Fixture) -> Self {
        let mut command = fixture.command(&["daemon"]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET");
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads on until a line has this text, and returns it.
    fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the daemon ended without {text:?}:\n{seen}"
            );
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn every_minute(fixture: &Fixture) {
    let path = fixture.path("policies/calls.toml");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(path, format!("schedule = \"* * * * *\"\n{text}")).unwrap();
}

#[test]
fn sigterm_ends_it_with_success() {
    let fixture = Fixture::new(30, 30);
    let mut daemon = Daemon::start(&fixture);
    daemon.until("ready");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn a_reload_with_an_invalid_policy_keeps_the_old_set() {
    let fixture = Fixture::new(30, 30);
    let mut daemon = Daemon::start(&fixture);
    daemon.until("ready");
    let path = fixture.path("policies/calls.toml");
    let good = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, "title = 7").unwrap();
    daemon.signal(Signal::HUP);
    daemon.until("the old one stays");
    fs_err::write(&path, good).unwrap();
    daemon.signal(Signal::HUP);
    daemon.until("reloaded");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(), Some(0));
}

fn add(fixture: &Fixture, tables: &str) {
    let file = fixture.path("forfall.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(file, format!("{text}\n{tables}")).unwrap();
}

#[test]
fn monitoring_reads_how_things_stand_from_a_file() {
    let fixture = Fixture::new(3, 2);
    add(&fixture, "[metrics]\ntextfile = \"forfall.prom\"\n");
    let mut daemon = Daemon::start(&fixture);
    daemon.until("metrics are written");
    let text = fs_err::read_to_string(fixture.path("forfall.prom")).unwrap();
    for line in [
        "# TYPE forfall_overdue_records gauge",
        "forfall_overdue_records{policy=\"calls\"} 3",
        "forfall_breach{policy=\"calls\"} 1",
        "forfall_policy_state{policy=\"calls\",state=\"not approved\"} 1",
        "forfall_undetermined_records{policy=\"clips\"} 0",
        "forfall_coverage_gaps 0",
        "forfall_notices_undelivered 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
    }
    assert!(!fixture.path("forfall.prom.new").exists());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn people_are_told_of_a_breach_although_no_slot_has_come() {
    let fixture = Fixture::new(3, 2);
    let told = fixture.path("told.json");
    add(
        &fixture,
        &format!(
            "[notify.command.page]\nrun = [\"/usr/bin/tee\", {:?}]\n\n[notify.role.it-operations]\n\
             command = \"page\"\nkinds = [\"overdue\"]\n",
            told.display().to_string()
        ),
    );
    let mut daemon = Daemon::start(&fixture);
    daemon.until("notices delivered");
    let told: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(told).unwrap()).unwrap();
    let data = &told["data"];
    assert_eq!(
        (&data["policy"], &data["level"], &data["records"]),
        (&"calls".into(), &"breach".into(), &3.into())
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(), Some(0));
}

/// The one test that lets a real slot come: it waits for the next full minute, at most.
#[test]
fn an_approved_policy_runs_at_its_slot() {
    let fixture = Fixture::new(30, 30);
    every_minute(&fixture);
    fixture.approve("calls", 30);
    let mut daemon = Daemon::start(&fixture);
    daemon.until("ready");
    let line = daemon.until("run ended");
    assert!(line.contains("complete"), "{line}");
    assert_eq!(fixture.calls(), 30);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(), Some(0));
}
