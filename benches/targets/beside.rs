//! PostgreSQL: how long other people's transactions take while we delete, against how long they take without us.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::median;
use crate::postgres::{Lie, POLICY, approved, carried_out, compress, count, dropped, fill, sql};
use crate::server::{self, Server};

/// pgbench's own mix of reads and writes, so many a second, over two connections.
const RATE: &str = "200";
/// Longer than a run takes beside it, and so long before and behind a run.
const SECONDS: &str = "60";
const HEAD: Duration = Duration::from_secs(2);

/// The latency that 99 of 100 transactions do not exceed, in milliseconds, of those that began in `when`.
fn p99(log: &str, when: std::ops::Range<f64>) -> f64 {
    let mut taken: Vec<f64> = log
        .lines()
        .filter_map(|line| {
            // client, number, latency with the wait for its turn, script, seconds, microseconds, wait.
            let fields: Vec<f64> = line.split_whitespace().map(|field| field.parse().unwrap()).collect();
            let (latency, ended) = (fields[2], fields[4] + fields[5] / 1e6);
            when.contains(&(ended - latency / 1e6)).then_some(latency / 1e3)
        })
        .collect();
    assert!(taken.len() > 100, "too few transactions to say anything: {}", taken.len());
    taken.sort_by(f64::total_cmp);
    taken[taken.len() * 99 / 100]
}

fn epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Runs pgbench, and `meanwhile` in the middle; gives the p99 of that time.
fn under_load(dir: &Path, server: &Server, meanwhile: impl FnOnce()) -> f64 {
    fs_err::create_dir_all(dir).unwrap();
    let port = server.port.to_string();
    let mut load = Command::new("pgbench");
    load.args(["-n", "-h", "127.0.0.1", "-U", "postgres", "-p", &port, "-c", "2", "-R", RATE, "-T", SECONDS]);
    load.args(["--log", "load"]).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
    let mut load = load.spawn().unwrap();
    std::thread::sleep(HEAD);
    let began = epoch();
    meanwhile();
    let ended = epoch();
    assert!(load.wait().unwrap().success(), "pgbench");
    let mut log = String::new();
    for file in fs_err::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pgbench_log")) {
            log += &fs_err::read_to_string(&path).unwrap();
        }
    }
    fs_err::remove_dir_all(dir).unwrap();
    p99(&log, began..ended)
}

/// Two thirds of the rows go, over one connection and over two.
pub(crate) fn deletion(dir: &Path, rows: u64) {
    let server = server::durable_postgres();
    compress(server, false);
    fill(server, rows, 66_500, Lie::Scattered);
    let due = count(server);
    sql(server, "postgres", &["CREATE DATABASE load"]);
    let mut make = Command::new("pgbench");
    make.args(["-i", "-q", "-s", "10", "-h", "127.0.0.1", "-U", "postgres", "-p", &server.port.to_string()]);
    assert!(
        make.arg("load").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(),
        "pgbench -i"
    );
    let dir = dir.join(format!("forfall-bench-beside-{}", std::process::id()));
    let (ours, logs) = (dir.join("ours"), dir.join("logs"));
    let (mut without, mut with) = ([0.0; 3], [[0.0; 3]; 2]);
    for round in 0..3 {
        without[round] = under_load(&logs, server, || std::thread::sleep(Duration::from_secs(5)));
        for parallel in [1, 2] {
            approved(server, &ours, POLICY, parallel as u64, due);
            with[parallel - 1][round] = under_load(&logs, server, || {
                carried_out(&ours);
            });
            fs_err::remove_dir_all(&ours).unwrap();
            dropped(server, "ours");
        }
    }
    sql(server, "postgres", &["DROP DATABASE load WITH (FORCE)"]);
    dropped(server, "template");
    fs_err::remove_dir_all(&dir).unwrap();
    println!(
        "pgbench, {RATE} transactions a second, beside a deletion of {due} of {rows} rows, p99, medians of three"
    );
    println!("  (all: {without:.2?} {with:.2?})");
    let without = median(without);
    println!("  without us             {without:6.2} ms");
    for (place, parallel) in [(0, 1), (1, 2)] {
        let with = median(with[place]);
        println!(
            "  with us, parallel = {parallel}  {with:6.2} ms  ratio {:.2} (target: at most 1.5)",
            with / without
        );
    }
}
