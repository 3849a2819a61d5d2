//! SQLite: deletion against one raw DELETE, memory, and a plan against one count.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;

use crate::median;
use crate::program::{configure, forfall};

const POLICY: &str = r#"
title = "Calls"
owner = "bench"

[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "unix"

[[stage]]
after  = "30 days"
action = "delete"
"#;

const STORE: &str = "[store.calls]\nadapter = \"sqlite\"\npath = \"calls.db\"\n";
const DAY: i64 = 86_400;

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// Rows with scattered dates; of every `of`, `due` are older than 30 days.
fn fill(path: &Path, rows: u64, due: u64, of: u64, journal: &str) {
    let database = Connection::open(path).unwrap();
    let _: String =
        database.query_row(&format!("pragma journal_mode = {journal}"), [], |row| row.get(0)).unwrap();
    let now = now();
    database
        .execute_batch(
            "pragma synchronous = off;
             create table call_log (id integer primary key, called_at integer not null, caller text, callee text, seconds integer);
             begin",
        )
        .unwrap();
    let mut insert = database
        .prepare("insert into call_log (called_at, caller, callee, seconds) values (?1, ?2, ?3, ?4)")
        .unwrap();
    // A fixed multiplier scatters the dates without a random number generator, the same in every run.
    let mut scatter: u64 = 88_172_645_463_325_252;
    for row in 0..rows {
        scatter ^= scatter << 13;
        scatter ^= scatter >> 7;
        scatter ^= scatter << 17;
        let within = i64::try_from(scatter % (29 * DAY as u64)).unwrap();
        let called_at = if scatter / 7 % of < due { now - 31 * DAY - within } else { now - within };
        insert
            .execute((
                called_at,
                format!("+47990{:05}", row % 100_000),
                format!("+47220{:05}", row % 77_777),
                i64::try_from(row % 3_600).unwrap(),
            ))
            .unwrap();
    }
    drop(insert);
    database
        .execute_batch("commit; create index call_log_called_at on call_log (called_at); analyze")
        .unwrap();
    let _ = database.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
}

fn fresh(dir: &Path, name: &str) -> PathBuf {
    let dir = dir.join(format!("forfall-bench-{name}-{}", std::process::id()));
    fs_err::create_dir_all(&dir).unwrap();
    dir
}

/// Deletes half of the rows with us and with one statement.
pub(crate) fn deletion(dir: &Path, rows: u64, journal: &str) {
    let dir = fresh(dir, "sqlite");
    let template = dir.join("template.db");
    fill(&template, rows, 1, 2, journal);
    let (mut raw, mut ours) = ([0.0; 3], [0.0; 3]);
    for round in 0..3 {
        raw[round] = raw_delete(&dir, &template);
        ours[round] = our_delete(&dir, &template, round);
    }
    let (raw, ours) = (median(raw), median(ours));
    let due = due(&template) as f64;
    println!("sqlite ({journal} journal, secure_delete on), {rows} rows, {due} due, medians of three:");
    println!("  one raw DELETE      {raw:6.2} s  {:9.0} rows/s", due / raw);
    println!("  forfall run         {ours:6.2} s  {:9.0} rows/s", due / ours);
    println!("  ratio               {:6.2}    (target: at least 0.8)", raw / ours);
    fs_err::remove_dir_all(dir).unwrap();
}

fn due(template: &Path) -> u64 {
    let database = Connection::open(template).unwrap();
    let count: i64 = database
        .query_row("select count(*) from call_log where called_at <= ?1", [now() - 30 * DAY], |row| {
            row.get(0)
        })
        .unwrap();
    count.try_into().unwrap()
}

fn raw_delete(dir: &Path, template: &Path) -> f64 {
    let path = dir.join("raw.db");
    fs_err::copy(template, &path).unwrap();
    let database = Connection::open(&path).unwrap();
    database.execute_batch("pragma secure_delete = on; pragma synchronous = full").unwrap();
    let began = Instant::now();
    database.execute("delete from call_log where called_at <= ?1", [now() - 30 * DAY]).unwrap();
    drop(database);
    let seconds = began.elapsed().as_secs_f64();
    fs_err::remove_file(path).unwrap();
    seconds
}

fn our_delete(dir: &Path, template: &Path, round: usize) -> f64 {
    let dir = dir.join(format!("ours-{round}"));
    configure(&dir, STORE, POLICY);
    fs_err::copy(template, dir.join("calls.db")).unwrap();
    let due = due(template).to_string();
    forfall(&dir, &["approve", "bench", "--count", &due]);
    let took = forfall(&dir, &["run", "bench"]);
    assert!(took.output.contains("\"complete\""), "{}", took.output);
    fs_err::remove_dir_all(dir).unwrap();
    took.seconds
}

/// Deletes all but a few of the rows and watches the memory.
pub(crate) fn memory(dir: &Path, due: u64) {
    let dir = fresh(dir, "memory");
    configure(&dir, STORE, POLICY);
    let path = dir.join("calls.db");
    fill(&path, due * 10 / 9, 9, 10, "wal");
    let found = self::due(&path).to_string();
    let approve = forfall(&dir, &["approve", "bench", "--count", &found]);
    let run = forfall(&dir, &["run", "bench"]);
    assert!(run.output.contains("\"complete\""), "{}", run.output);
    println!(
        "memory, {found} due rows in SQLite: approve {:.1} MiB, run {:.1} MiB (target: at most 64)",
        approve.peak, run.peak
    );
    println!("  run took {:.1} s, {:.0} rows/s", run.seconds, found.parse::<f64>().unwrap() / run.seconds);
    fs_err::remove_dir_all(dir).unwrap();
}

/// A plan against one count of the due rows.
pub(crate) fn plan(dir: &Path, rows: u64) {
    let dir = fresh(dir, "plan");
    configure(&dir, STORE, POLICY);
    let path = dir.join("calls.db");
    fill(&path, rows, 1, 10, "wal");
    let (mut count, mut plan) = ([0.0; 3], [0.0; 3]);
    for round in 0..3 {
        let began = Instant::now();
        let due = due(&path);
        count[round] = began.elapsed().as_secs_f64();
        let took = forfall(&dir, &["plan"]);
        plan[round] = took.seconds;
        assert!(
            took.output.contains(&format!("\"due\":{due}"))
                || took.output.contains(&format!("\"due\": {due}"))
        );
    }
    let (count, plan) = (median(count), median(plan));
    println!("plan, {rows} rows of which a tenth is due, medians of three:");
    println!("  select count(*) of the due rows {:7.1} ms", count * 1e3);
    println!("  forfall plan                    {:7.1} ms", plan * 1e3);
    println!("  limit (2 x count + 50 ms)       {:7.1} ms", count * 2e3 + 50.0);
    fs_err::remove_dir_all(dir).unwrap();
}
