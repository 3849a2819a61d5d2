//! A directory with a configuration, a policy or two, and real stores.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use forfall::model::ids::PolicyId;
use forfall::state::api::{Actor, Release, StateStore as _};
use forfall::state::sqlite::SqliteState;
use forfall::time::{Clock as _, Instant, SystemClock};
use serde_json::Value;

/// A temporary installation.
pub(crate) struct Fixture {
    dir: tempfile::TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}\n{}", self.out, self.err))
    }

    /// Panics with everything it said if the exit code is another one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

const CALLS: &str = r#"
title = "Switchboard call log"
owner = "it-operations"

[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"

[[stage]]
after  = "30 days"
action = "delete"
"#;

const CLIPS: &str = r#"
title = "Cameras"
owner = "security"

[[data]]
store       = "cameras"
collection  = "cam{camera}/*.mp4"
start.field = "modified"

[[stage]]
after  = "7 days"
action = "delete"
"#;

impl Fixture {
    /// A call log of `due` rows that are due and `kept` that are not, and a camera tree likewise.
    pub(crate) fn new(due: usize, kept: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Self { dir };
        fs_err::create_dir_all(fixture.path("policies")).unwrap();
        fs_err::write(fixture.path("policies/calls.toml"), CALLS).unwrap();
        fs_err::write(fixture.path("policies/clips.toml"), CLIPS).unwrap();
        let config = "timezone = \"Europe/Oslo\"\nschedule = \"0 3 * * *\"\nstate = \"sqlite:state/state.db\"\n\
                      policies = \"policies\"\n\n[store.calls]\nadapter = \"sqlite\"\npath = \"calls.db\"\n\n\
                      [store.cameras]\nadapter = \"filesystem\"\nroot = \"cameras\"\n";
        fs_err::write(fixture.path("forfall.toml"), config).unwrap();
        fixture.fill_calls(due, kept);
        fixture.fill_cameras(due, kept);
        fixture
    }

    fn fill_calls(&self, due: usize, kept: usize) {
        let mut database = rusqlite::Connection::open(self.path("calls.db")).unwrap();
        let inserts = database.transaction().unwrap();
        inserts
            .execute_batch(
                "create table call_log (id integer primary key, called_at text, caller text);
                 create index call_log_called_at on call_log (called_at)",
            )
            .unwrap();
        for row in 0..due + kept {
            let days = if row < due { 40 } else { 3 };
            inserts
                .execute(
                    "insert into call_log (called_at, caller) values (strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?1), ?2)",
                    (format!("-{days} days"), format!("+4799{row:06}")),
                )
                .unwrap();
        }
        inserts.commit().unwrap();
    }

    /// Adds rows that are due, with these ids.
    pub(crate) fn more_calls(&self, from: usize, count: usize) {
        let mut database = rusqlite::Connection::open(self.path("calls.db")).unwrap();
        let inserts = database.transaction().unwrap();
        for row in from..from + count {
            let sql = "insert into call_log (id, called_at, caller) \
                       values (?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-40 days'), ?2)";
            inserts.execute(sql, (i64::try_from(row).unwrap(), format!("+4798{row:06}"))).unwrap();
        }
        inserts.commit().unwrap();
    }

    fn fill_cameras(&self, due: usize, kept: usize) {
        for row in 0..due + kept {
            let days: u64 = if row < due { 8 } else { 1 };
            let directory = self.path(&format!("cameras/cam{}", row % 5));
            fs_err::create_dir_all(&directory).unwrap();
            Self::clip(&directory.join(format!("clip-{row:05}.mp4")), days);
        }
    }

    /// Adds clips that are due, with these numbers.
    pub(crate) fn more_clips(&self, from: usize, count: usize) {
        for row in from..from + count {
            Self::clip(&self.path(&format!("cameras/cam{}/clip-{row:05}.mp4", row % 5)), 8);
        }
    }

    /// A file that was modified so many days ago.
    pub(crate) fn clip(path: &Path, days: u64) {
        fs_err::write(path, format!("recording {}", path.display())).unwrap();
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap().into_file();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - std::time::Duration::from_secs(days * 86_400)).unwrap();
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// The command, not yet run.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
        command.arg("--config").arg(self.path("forfall.toml")).arg("--format").arg("json").args(words);
        command.env_remove("FORFALL_CONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.command(words).output().unwrap())
    }

    /// Approves a policy for exactly that many records.
    #[track_caller]
    pub(crate) fn approve(&self, policy: &str, count: usize) {
        self.run(&["approve", policy, "--count", &count.to_string()]).expect(0);
    }

    /// Two more people give the approval that is in force: the system's user of a test is always the same one, and, as
    /// the one who approved first, the policy's author.
    pub(crate) fn approve_as_two_others(&self, policy: &str) {
        self.approve_as(policy, "somebody else");
        self.approve_as(policy, "a third one");
    }

    /// Somebody else gives the approval that is in force too.
    pub(crate) fn approve_as(&self, policy: &str, who: &str) {
        let at = "2026-11-01T12:00:00Z".parse().unwrap();
        let state = SqliteState::open(&self.path("state/state.db"), at).unwrap();
        let approval = state.approval(&PolicyId::new(policy)).unwrap().unwrap();
        state.approve(approval.at, &Actor(who.to_owned()), &approval).unwrap();
    }

    /// Somebody else releases the hold, and a day passes for it.
    pub(crate) fn end_of_hold(&self, id: &str) {
        let now = now();
        let state = SqliteState::open(&self.path("state/state.db"), now).unwrap();
        let released =
            state.release_hold(now, &Actor("somebody else".to_owned()), &id.parse().unwrap(), true);
        assert!(matches!(released.unwrap(), Release::Done(_)));
        state.end_holds(now + chrono::TimeDelta::hours(24)).unwrap();
    }

    /// Rows in the call log.
    pub(crate) fn calls(&self) -> usize {
        let database = rusqlite::Connection::open(self.path("calls.db")).unwrap();
        let count: i64 = database.query_row("select count(*) from call_log", [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// Files in the camera tree, ours not counted.
    pub(crate) fn clips(&self) -> usize {
        let mut found = 0;
        for camera in fs_err::read_dir(self.path("cameras")).unwrap() {
            let camera = camera.unwrap();
            if camera.file_name() != ".forfall" {
                found += fs_err::read_dir(camera.path()).unwrap().count();
            }
        }
        found
    }

    /// Every entry of the audit log.
    pub(crate) fn entries(&self) -> Vec<Value> {
        self.run(&["audit", "list"]).expect(0).json()["entries"].as_array().unwrap().clone()
    }
}

/// The time: tests of the whole program have no other clock than the system's.
pub(crate) fn now() -> Instant {
    SystemClock::new().now()
}

/// The same command by somebody for whom the modes of files count: root passes them over unless that is taken away.
pub(crate) fn minding_modes(command: Command) -> Command {
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    let mut mindful = Command::new("setpriv");
    mindful.args(["--bounding-set=-dac_override,-dac_read_search", "--"]);
    mindful.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => mindful.env(name, value),
            None => mindful.env_remove(name),
        };
    }
    mindful.stdin(Stdio::null());
    mindful
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
