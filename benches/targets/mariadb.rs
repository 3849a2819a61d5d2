//! MariaDB: deletion against one raw DELETE and against pt-archiver, on a server of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::median;
use crate::program::{configure, forfall};

const POLICY: &str = r#"
title = "Calls"
owner = "bench"

[[data]]
store       = "calls"
collection  = "calls"
start.field = "called_at"

[[stage]]
after  = "30 days"
action = "delete"
"#;

const DUE: &str = "called_at < UTC_TIMESTAMP() - INTERVAL 30 DAY";

/// A server that confirms a commit when it is on the disk, as Debian sets it up.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = dir.join("data");
        let mut make = as_mysql(dir, "mariadb-install-db");
        make.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        make.arg(format!("--datadir={}", data.display())).stdout(Stdio::null());
        assert!(make.status().unwrap().success(), "mariadb-install-db");
        let mut start = as_mysql(dir, "mariadbd");
        start.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        start.arg(format!("--socket={}", dir.join("socket").display())).arg(format!("--port={port}"));
        start.args([
            "--bind-address=127.0.0.1",
            "--innodb-buffer-pool-size=512M",
            "--innodb-log-file-size=512M",
        ]);
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let server = Self { child: start.stderr(log).stdout(Stdio::null()).spawn().unwrap(), port };
        for _ in 0..600 {
            if server.client("mysql", "SELECT 1").output().unwrap().status.success() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not answer: {}", fs_err::read_to_string(dir.join("log")).unwrap());
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-N", "-h", "127.0.0.1", "-u", "root", "-P", &self.port.to_string()]);
        client.args([database, "-e", sql]);
        client
    }

    fn sql(&self, sql: &str) -> String {
        let output = self.client("bench", sql).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The table as it was, with nothing left to be tidied up from before.
    fn restore(&self) {
        self.sql(
            "DROP TABLE IF EXISTS calls; CREATE TABLE calls LIKE template; \
             INSERT INTO calls SELECT * FROM template ORDER BY id; ANALYZE TABLE calls; \
             SET GLOBAL innodb_max_purge_lag_wait = 0; FLUSH TABLES calls FOR EXPORT; UNLOCK TABLES",
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.client("mysql", "SHUTDOWN").status());
        drop(self.child.wait());
    }
}

/// The server refuses to run as root.
fn as_mysql(dir: &Path, program: &str) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    assert!(Command::new("chown").arg("mysql").arg(dir).status().unwrap().success(), "chown");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "mysql", "--regid", "mysql", "--clear-groups", "--", program]);
    command
}

/// Two thirds of the rows are older than 30 days, scattered, with an index on the date.
fn fill(server: &Server, rows: u64) {
    assert!(server.client("mysql", "CREATE DATABASE bench").status().unwrap().success());
    server.sql(&format!(
        "CREATE TABLE template (id BIGINT AUTO_INCREMENT PRIMARY KEY, called_at TIMESTAMP NULL, \
           caller VARCHAR(20), callee VARCHAR(20), seconds INT, KEY (called_at)); \
         INSERT INTO template SELECT seq, UTC_TIMESTAMP() - \
             INTERVAL IF(CRC32(seq) % 3 < 2, 31 * 86400, 0) + CRC32(CONCAT('x', seq)) % (29 * 86400) SECOND, \
           CONCAT('+47990', LPAD(seq % 100000, 5, '0')), CONCAT('+47220', LPAD(seq % 77777, 5, '0')), seq % 3600 \
         FROM seq_1_to_{rows}"
    ));
}

fn timed(mut command: Command) -> f64 {
    let began = Instant::now();
    let output = command.output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    seconds
}

fn archiver(server: &Server) -> Command {
    let mut command = Command::new("pt-archiver");
    command.arg("--source").arg(format!("h=127.0.0.1,P={},D=bench,t=calls,u=root", server.port));
    command.args(["--where", DUE, "--purge", "--bulk-delete", "--limit", "10000", "--commit-each"]);
    command.args(["--primary-key-only", "--no-check-charset"]);
    command
}

fn ours(dir: &Path, server: &Server, due: &str, round: usize, parallel: usize) -> (f64, f64) {
    let dir: PathBuf = dir.join(format!("ours-{round}-{parallel}"));
    let url = format!("mariadb://root@127.0.0.1:{}/bench", server.port);
    let store = format!("[store.calls]\nadapter = \"mariadb\"\nurl = \"{url}\"\nparallel = {parallel}\n");
    configure(&dir, &store, POLICY);
    forfall(&dir, &["approve", "bench", "--count", due]);
    let took = forfall(&dir, &["run", "bench"]);
    assert!(took.output.contains("\"complete\""), "{}", took.output);
    (took.seconds, took.peak)
}

/// Deletes two thirds of the rows in three ways. The server takes deleted rows out of its pages later, while it is idle
/// or while we go on: so it is also told how long all of it took.
pub(crate) fn deletion(dir: &Path, rows: u64) {
    let dir = dir.join(format!("forfall-bench-mariadb-{}", std::process::id()));
    fs_err::create_dir_all(&dir).unwrap();
    let server = Server::start(&dir);
    fill(&server, rows);
    let due = server.sql(&format!("SELECT COUNT(*) FROM template WHERE {DUE}"));
    let names = ["one raw DELETE", "forfall run", "with parallel = 2", "pt-archiver"];
    let (mut took, mut purged, mut peak) = ([[0.0; 3]; 4], [[0.0; 3]; 4], 0.0_f64);
    for round in 0..3 {
        for (which, (took, purged)) in took.iter_mut().zip(&mut purged).enumerate() {
            server.restore();
            took[round] = match which {
                0 => timed(server.client("bench", &format!("DELETE FROM calls WHERE {DUE}"))),
                1 | 2 => {
                    let (seconds, memory) = ours(&dir, &server, &due, round, which);
                    peak = peak.max(memory);
                    seconds
                }
                _ => timed(archiver(&server)),
            };
            purged[round] =
                took[round] + timed(server.client("bench", "SET GLOBAL innodb_max_purge_lag_wait = 0"));
            println!("  {}: {:.2} s, {:.2} s with the purge", names[which], took[round], purged[round]);
        }
    }
    let number: f64 = due.parse().unwrap();
    println!("MariaDB, {rows} rows, {due} due, medians of three, and with the server's own purge:");
    let medians = took.map(median);
    for ((name, took), purged) in names.iter().zip(medians).zip(purged.map(median)) {
        println!("  {name:<17} {took:6.2} s  {:9.0} rows/s  {purged:6.2} s", number / took);
    }
    for (place, parallel) in [(1, 1), (2, 2)] {
        println!(
            "  over {parallel} connections, ratio to the DELETE   {:5.2}  (target: at least 1.0)",
            medians[0] / medians[place]
        );
        println!(
            "  over {parallel} connections, ratio to pt-archiver  {:5.2}  (target: at least 3)",
            medians[3] / medians[place]
        );
    }
    println!("  peak {peak:.1} MiB (target: at most 64)");
    drop(server);
    fs_err::remove_dir_all(dir).unwrap();
}
