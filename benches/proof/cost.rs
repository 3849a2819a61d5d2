//! What the evidence of a batch costs: the same batches with it and without it, in turn.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use forfall::adapter::api::{Act, Job};
use forfall::adapter::registry;
use forfall::audit::entry::{Intent, Outcome};
use forfall::config;
use forfall::engine::plan::{self, Circumstances};
use forfall::model::batch::BatchLabel;
use forfall::model::ids::{BatchId, RunId};
use forfall::state::api::{IntentAnswer, Planned, StateStore as _};
use forfall::state::sqlite::SqliteState;
use rusqlite::Connection;

const CONFIG: &str = "timezone = \"UTC\"\nschedule = \"0 3 * * *\"\nstate = \"sqlite:state/state.db\"\n\
                      policies = \"policies\"\n\n[store.calls]\nadapter = \"sqlite\"\npath = \"calls.db\"\n";
const POLICY: &str = "title = \"Calls\"\nowner = \"bench\"\n\n[[data]]\nstore = \"calls\"\ncollection = \"call_log\"\n\
                      start.field = \"called_at\"\nstart.format = \"unix\"\n\n[[stage]]\nafter = \"30 days\"\n\
                      action = \"delete\"\n";
const ROUNDS: usize = 5;

/// Runs over so many due rows with scattered dates. A batch without evidence has everything else: its keys, its
/// intent checked against holds, its commit, its outcome.
pub(crate) fn of_evidence(dir: &Path, rows: u64) {
    for journal in ["wal", "delete"] {
        with_journal(dir, rows, journal);
    }
}

fn with_journal(dir: &Path, rows: u64, journal: &str) {
    let dir = dir.join(format!("forfall-bench-cost-{}", std::process::id()));
    fs_err::create_dir_all(&dir).unwrap();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let place = dir.join(format!("{round}-with"));
        install(&place, rows, journal);
        let told = forfall(&place, &["run", "calls"]);
        let of = |name: &str| -> f64 {
            let values = told.lines().filter_map(|line| line.split_once(name)?.1.split_whitespace().next());
            values.map(|value| value.parse::<f64>().unwrap()).sum()
        };
        with.push((of("batches="), of("whole_us=") / 1e3, of("evidence_us=") / 1e3));
        fs_err::remove_dir_all(&place).unwrap();
        let place = dir.join(format!("{round}-without"));
        install(&place, rows, journal);
        without.push(bare(&place, rows));
        fs_err::remove_dir_all(&place).unwrap();
    }
    fs_err::remove_dir_all(dir).unwrap();
    with.sort_by(|one, other| one.1.total_cmp(&other.1));
    without.sort_by(|one, other| one.1.total_cmp(&other.1));
    let (batches, whole, waited) = with[ROUNDS / 2];
    let (bare_batches, bare, _) = without[ROUNDS / 2];
    let each = |runs: &[(f64, f64, f64)]| -> String {
        runs.iter().map(|run| format!("{:.0}", run.1)).collect::<Vec<_>>().join(" ")
    };
    println!("cost, {rows} rows of a SQLite database, journal {journal}, medians of {ROUNDS}:");
    println!("  each without: {} ms", each(&without));
    println!("  each with:    {} ms", each(&with));
    println!("  without evidence  {bare:8.1} ms in {bare_batches} batches");
    println!(
        "  with evidence     {whole:8.1} ms in {batches} batches, of which {waited:.1} ms waiting for it"
    );
    println!("  slowed by         {:8.1} %", (whole / bare - 1.0) * 100.0);
}

/// The batches of the policy as the engine makes them, only without commitments and their list.
fn bare(place: &Path, rows: u64) -> (f64, f64, f64) {
    let now = Utc::now();
    let loaded = config::load(&place.join("forfall.toml"), now.date_naive());
    let (config, policy) = (loaded.config.unwrap(), &loaded.policies[0]);
    let (data, at) = (&policy.data[0], &config.stores[0]);
    let store = registry::open(&at.adapter, &at.name, &at.place).unwrap();
    let state = SqliteState::open(&place.join("state/state.db"), now).unwrap();
    let circumstances = Circumstances {
        now,
        log: 0,
        overdue_at: None,
        events: Arc::default(),
        holds: Arc::default(),
        cases: Arc::default(),
        samples: 0,
    };
    let plan = plan::plan(store.inspect(), policy, data, &circumstances).unwrap();
    let selection = &plan.selections.stages[0];
    let mut scope = plan::scope(data, &circumstances);
    scope.target = Arc::clone(&plan.target);
    let job = Job {
        scope,
        predicate: selection.acts.clone(),
        start: selection.start.clone().unwrap(),
        due: selection.due.clone(),
        act: Act::Delete,
        aggregate: None,
        expected: plan.stages[0].due,
    };
    let mut walk = store.walk(job).unwrap();
    let (mut size, mut batches, mut done, mut whole) = (2_000, 0, 0, Duration::ZERO);
    loop {
        let began = Instant::now();
        let label = BatchLabel {
            batch: BatchId::at(Utc::now()),
            run: RunId::at(now),
            policy: policy.id.clone(),
            store: data.target.store.clone(),
            collection: data.target.collection.clone(),
            class: None,
            stage: 1,
            action: "delete".into(),
        };
        let Some(prepared) = walk.prepare(&label, size, &HashSet::new()).unwrap() else { break };
        let intent = Intent {
            label: label.clone(),
            hash: policy.hash.clone(),
            count: prepared.records().len() as u64,
            root: "00".repeat(32),
            epoch: 1,
            companions: Vec::new(),
        };
        let spool = prepared.spool();
        let planned = Planned::default();
        let answer =
            state.record_intent(Utc::now(), &intent, "0/-/1", prepared.records(), &spool, &planned).unwrap();
        assert!(matches!(answer, IntentAnswer::Written(_)));
        let applied = prepared.commit().unwrap();
        let outcome = Outcome {
            batch: label.batch,
            run: label.run,
            policy: label.policy,
            done: applied.done,
            skipped: 0,
            failed: 0,
            not_done: Vec::new(),
            basis: "marked".into(),
        };
        state.record_outcome(Utc::now(), None, &outcome).unwrap();
        (whole, batches, done) = (whole + began.elapsed(), batches + 1, done + applied.done);
        size = (size * 4).min(50_000);
    }
    assert_eq!(done, rows, "all of them went");
    (f64::from(batches), whole.as_secs_f64() * 1e3, 0.0)
}

fn install(place: &Path, rows: u64, journal: &str) {
    fs_err::create_dir_all(place.join("policies")).unwrap();
    fs_err::write(place.join("forfall.toml"), CONFIG).unwrap();
    fs_err::write(place.join("policies/calls.toml"), POLICY).unwrap();
    fill(&place.join("calls.db"), rows, journal);
    forfall(place, &["approve", "calls", "--count", &rows.to_string()]);
}

fn forfall(place: &Path, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
    command.arg("--config").arg(place.join("forfall.toml")).args(words).stdin(Stdio::null());
    command.env("RUST_LOG", "forfall::engine=debug").env("NO_COLOR", "1");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

fn fill(path: &Path, rows: u64, journal: &str) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(&format!(
            "pragma journal_mode = {journal}; pragma synchronous = off;
             create table call_log (id integer primary key, called_at integer not null, caller text, seconds integer);
             begin",
        ))
        .unwrap();
    let sql = "insert into call_log (called_at, caller, seconds) \
               values (unixepoch() - 86400 * (31 + abs(random()) % 29), ?1, ?2)";
    let mut insert = database.prepare(sql).unwrap();
    for row in 0..rows {
        insert.execute((format!("+4799{row:06}"), i64::try_from(row % 600).unwrap())).unwrap();
    }
    drop(insert);
    database.execute_batch("commit; create index by_time on call_log (called_at)").unwrap();
}
