//! PostgreSQL: whole partitions dropped and proven, against one raw DELETE of the same records.

use std::fmt::Write as _;
use std::path::Path;

use crate::median;
use crate::postgres::{compress, dropped, our_delete, raw_delete, sql};
use crate::server;

const POLICY: &str = r#"
title = "Visits"
owner = "bench"

[[data]]
store           = "desk"
collection      = "visits"
start.field     = "at"
start.cutoff    = "end-of-day"
drop-partitions = true

[[stage]]
after  = "30 days"
action = "delete"
"#;

/// `rows` records in `partitions` of so many days each, two thirds of which are due as a whole.
fn fill(server: &server::Server, rows: u64, partitions: u64, days: u64) -> u64 {
    let due = partitions * 2 / 3;
    let each = rows / partitions;
    sql(server, "postgres", &["CREATE DATABASE template"]);
    let mut made = String::new();
    for place in 0..partitions {
        let edge = |place: u64| {
            // The last due one ends 30 days ago at midnight.
            format!(
                "date_trunc('day', now()) - interval '30 days' - interval '{days} days' * ({due} - {place})"
            )
        };
        let (from, to) = (edge(place), edge(place + 1));
        write!(
            made,
            "DO $$ BEGIN EXECUTE format('CREATE TABLE visits_{place} PARTITION OF visits FOR VALUES FROM (%L) TO (%L)', \
               {from}, {to}); END $$; \
             INSERT INTO visits SELECT {place} * {each} + n, {from} + n * (interval '{days} days' / {}), \
               '+47990' || n % 100000, 'room ' || n % 77, n % 3600 FROM generate_series(1, {each}) n; ",
            each + 1,
        )
        .unwrap();
    }
    sql(
        server,
        "template",
        &[
            "SET timezone = 'UTC'; CREATE TABLE visits (id bigint, at timestamptz, who text, room text, seconds int, \
               PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE INDEX visits_at ON visits (at)",
            &format!("SET timezone = 'UTC'; {made}"),
            "VACUUM (FREEZE, ANALYZE) visits",
            "CHECKPOINT",
        ],
    );
    due * each
}

/// With us by whole partitions, and with one statement.
pub(crate) fn deletion(dir: &Path, rows: u64, partitions: u64, days: u64) {
    let server = server::durable_postgres();
    compress(server, false);
    let due = fill(server, rows, partitions, days);
    let dir = dir.join(format!("forfall-bench-partitions-{}", std::process::id()));
    let raw_sql =
        "SET timezone = 'UTC'; DELETE FROM visits WHERE at < date_trunc('day', now()) - interval '30 days'";
    let (mut raw, mut ours, mut peak) = ([0.0; 3], [0.0; 3], 0.0_f64);
    for round in 0..3 {
        raw[round] = raw_delete(server, raw_sql);
        let (seconds, memory) = our_delete(server, &dir, POLICY, 1, due);
        ours[round] = seconds;
        peak = peak.max(memory);
    }
    dropped(server, "template");
    println!(
        "postgres, {rows} rows in {partitions} partitions, {due} due, medians of three (all: {raw:.2?} {ours:.2?}):"
    );
    let (raw, ours, due) = (median(raw), median(ours), due as f64);
    println!("  one raw DELETE             {raw:6.2} s  {:9.0} rows/s", due / raw);
    println!("  forfall run, dropping      {ours:6.2} s  {:9.0} rows/s  ratio {:.2}", due / ours, raw / ours);
    println!("  memory at the highest      {peak:6.1} MiB (target: at most 64)");
}
