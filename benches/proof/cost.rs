//! What the evidence of a batch costs: its commitments and their list, beside the batch itself.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

const CONFIG: &str = "timezone = \"UTC\"\nschedule = \"0 3 * * *\"\nstate = \"sqlite:state/state.db\"\n\
                      policies = \"policies\"\n\n[store.calls]\nadapter = \"sqlite\"\npath = \"calls.db\"\n";
const POLICY: &str = "title = \"Calls\"\nowner = \"bench\"\n\n[[data]]\nstore = \"calls\"\ncollection = \"call_log\"\n\
                      start.field = \"called_at\"\nstart.format = \"unix\"\n\n[[stage]]\nafter = \"30 days\"\n\
                      action = \"delete\"\n";

/// A run over so many due rows with scattered dates: the share of the evidence in the time of its batches.
pub(crate) fn of_evidence(dir: &Path, rows: u64) {
    let dir = dir.join(format!("forfall-bench-cost-{}", std::process::id()));
    fs_err::create_dir_all(dir.join("policies")).unwrap();
    fs_err::write(dir.join("forfall.toml"), CONFIG).unwrap();
    fs_err::write(dir.join("policies/calls.toml"), POLICY).unwrap();
    fill(&dir.join("calls.db"), rows);
    let forfall = |words: &[&str]| -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
        command.arg("--config").arg(dir.join("forfall.toml")).args(words).stdin(Stdio::null());
        command.env("RUST_LOG", "forfall::engine=debug").env("NO_COLOR", "1");
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    };
    forfall(&["approve", "calls", "--count", &rows.to_string()]);
    let told = forfall(&["run", "calls"]);
    let of = |name: &str| -> f64 {
        let values = told.lines().filter_map(|line| line.split_once(name)?.1.split_whitespace().next());
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    };
    let (batches, evidence, whole) = (of("batches="), of("evidence_us="), of("whole_us="));
    println!("cost, {rows} rows in {batches} batches of a SQLite database:");
    println!("  a batch without evidence {:8.1} ms", (whole - evidence) / batches / 1e3);
    println!("  commitments and list     {:8.1} ms", evidence / batches / 1e3);
    println!("  slowed by                {:8.1} %", evidence / (whole - evidence) * 100.0);
    fs_err::remove_dir_all(dir).unwrap();
}

fn fill(path: &Path, rows: u64) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "pragma journal_mode = wal; pragma synchronous = off;
             create table call_log (id integer primary key, called_at integer not null, caller text, seconds integer);
             begin",
        )
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
