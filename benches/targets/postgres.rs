//! PostgreSQL: deletion against one raw DELETE, on a throwaway server with every safety of its own switched on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::median;
use crate::program::{Took, configure, forfall};
use crate::server::{self, Server};

/// Visits go after 30 days.
pub(crate) const POLICY: &str = r#"
title = "Visits"
owner = "bench"

[[data]]
store       = "desk"
collection  = "visits"
start.field = "at"

[[stage]]
after  = "30 days"
action = "delete"
"#;

/// Where the due rows lie.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Lie {
    Scattered,
    InOrder,
}

/// Runs statements one by one, each by itself.
pub(crate) fn sql(server: &Server, database: &str, statements: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", server.port);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        for statement in statements {
            client.batch_execute(statement).await.unwrap();
        }
    });
}

/// Of every hundred thousand rows, `due` are older than 30 days.
pub(crate) fn fill(server: &Server, rows: u64, due: u64, lie: Lie) {
    let spread = match lie {
        Lie::Scattered => "hashint8(n)::int8 + 2147483648".to_owned(),
        Lie::InOrder => format!("(n * 4294967295 / {rows})"),
    };
    let edge = 4_294_967_295 * due / 100_000;
    sql(server, "postgres", &["CREATE DATABASE template"]);
    sql(
        server,
        "template",
        &[
            "CREATE TABLE visits (id bigint PRIMARY KEY, at timestamptz NOT NULL, who text, room text, seconds int)",
            &format!(
                "INSERT INTO visits SELECT n, CASE WHEN place < {edge} \
                   THEN now() - interval '31 days' - (1 - place / {edge}::float8) * interval '900 days' \
                   ELSE now() - interval '1 hour' - (1 - (place - {edge}) / 4294967296.0) * interval '28 days' END, \
                   '+47990' || n % 100000, 'room ' || n % 77, n % 3600 \
                 FROM (SELECT n, {spread} AS place FROM generate_series(1, {rows}) n) numbered"
            ),
            "CREATE INDEX visits_at ON visits (at)",
            "VACUUM (FREEZE, ANALYZE) visits",
            "CHECKPOINT",
        ],
    );
}

fn copied(server: &Server, database: &str) {
    let copy = format!("CREATE DATABASE {database} TEMPLATE template STRATEGY FILE_COPY");
    sql(server, "postgres", &[&copy, "CHECKPOINT"]);
}

pub(crate) fn dropped(server: &Server, database: &str) {
    sql(server, "postgres", &[&format!("DROP DATABASE {database} WITH (FORCE)")]);
}

pub(crate) fn raw_delete(server: &Server, statement: &str) -> f64 {
    copied(server, "raw");
    sql(server, "raw", &["SELECT count(*) FROM visits"]);
    let began = Instant::now();
    sql(server, "raw", &[statement]);
    let seconds = began.elapsed().as_secs_f64();
    dropped(server, "raw");
    seconds
}

/// A fresh copy, and a policy that is approved for it.
pub(crate) fn approved(server: &Server, dir: &Path, policy: &str, parallel: u64, due: u64) {
    copied(server, "ours");
    let store = format!(
        "[store.desk]\nadapter = \"postgres\"\nurl = \"postgres://postgres@127.0.0.1:{}/ours\"\nparallel = {parallel}\n",
        server.port
    );
    configure(dir, &store, policy);
    forfall(dir, &["approve", "bench", "--count", &due.to_string()]);
}

/// The run alone.
pub(crate) fn carried_out(dir: &Path) -> Took {
    let took = forfall(dir, &["run", "bench"]);
    assert!(took.output.contains("\"complete\""), "{}", took.output);
    took
}

pub(crate) fn our_delete(server: &Server, dir: &Path, policy: &str, parallel: u64, due: u64) -> (f64, f64) {
    approved(server, dir, policy, parallel, due);
    let took = carried_out(dir);
    fs_err::remove_dir_all(dir).unwrap();
    dropped(server, "ours");
    (took.seconds, took.peak)
}

pub(crate) fn count(server: &Server) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("postgres://postgres@127.0.0.1:{}/template", server.port);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        let row =
            client.query_one("SELECT count(*) FROM visits WHERE at <= now() - interval '30 days'", &[]).await;
        u64::try_from(row.unwrap().get::<_, i64>(0)).unwrap()
    })
}

/// Whether the server compresses the images of pages that it logs. PostgreSQL does not unless it is told to.
pub(crate) fn compress(server: &Server, compressed: bool) {
    let set = format!("ALTER SYSTEM SET wal_compression = {}", if compressed { "on" } else { "off" });
    sql(server, "postgres", &[&set, "SELECT pg_reload_conf()"]);
}

/// `due` of every hundred thousand rows go, with us over one and two connections and with one statement.
pub(crate) fn deletion(dir: &Path, rows: u64, due: u64, lie: Lie, compressed: bool) {
    let server = server::durable_postgres();
    compress(server, compressed);
    fill(server, rows, due, lie);
    let due = count(server);
    let dir = dir.join(format!("forfall-bench-postgres-{}", std::process::id()));
    let mut raw = [0.0; 3];
    let mut ours = [[0.0; 3]; 2];
    let mut peak: f64 = 0.0;
    let watch = Watch::begin(server);
    for round in 0..3 {
        raw[round] = raw_delete(server, "DELETE FROM visits WHERE at <= now() - interval '30 days'");
        for (place, parallel) in [(0, 1), (1, 2)] {
            let (seconds, memory) = our_delete(server, &dir, POLICY, parallel, due);
            ours[place][round] = seconds;
            peak = peak.max(memory);
        }
    }
    dropped(server, "template");
    let longest = watch.end();
    let lies = if lie == Lie::Scattered { "scattered" } else { "in date order" };
    let log = if compressed { "compressed page images" } else { "page images as they are" };
    println!("postgres, {rows} rows {lies}, {due} due, {log}, medians of three (all: {raw:.2?} {ours:.2?}):");
    let (raw, due) = (median(raw), due as f64);
    println!("  one raw DELETE             {raw:6.2} s  {:9.0} rows/s", due / raw);
    for (place, parallel) in [(0, 1), (1, 2)] {
        let ours = median(ours[place]);
        println!(
            "  forfall run, parallel = {parallel}  {ours:6.2} s  {:9.0} rows/s  ratio {:.2}",
            due / ours,
            raw / ours
        );
    }
    println!("  memory at the highest      {peak:6.1} MiB (target: at most 64)");
    println!("  longest transaction of ours {longest:4.0} ms (target: at most 500)");
}

/// Looks every few milliseconds how long the oldest transaction that has written in the database `ours` is open.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<f64>,
}

impl Watch {
    fn begin(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, port) = (Arc::clone(&stop), server.port);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(async { drop(connection.await) });
                let mut longest: f64 = 0.0;
                while !asked.load(Ordering::Relaxed) {
                    let row = client.query_one(OLDEST, &[]).await.unwrap();
                    longest = longest.max(row.get::<_, Option<f64>>(0).unwrap_or(0.0));
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                longest
            })
        });
        Self { stop, thread }
    }

    /// In milliseconds.
    fn end(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

const OLDEST: &str = "SELECT max(extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8 \
    FROM pg_stat_activity WHERE datname = 'ours' AND backend_type = 'client backend' AND backend_xid IS NOT NULL";
