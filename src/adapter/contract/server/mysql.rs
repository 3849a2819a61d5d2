//! MariaDB, or MySQL in its place: which of the two is told by the programs that the environment names.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Kind, Server, programs, start};

const MARIADB: &str = "MariaDB";

/// The one MariaDB server of this process, or the one of MySQL. `root` connects without a password.
pub fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(&kind(["", ""])))
}

/// Two others: one that keeps a log for replicas, and one that may become its replica. Nothing is replicated yet.
pub fn mariadb_pair() -> [Server; 2] {
    [
        [
            "--server-id=1 --log-bin=changes --binlog-format=ROW",
            "--server-id=1 --log-bin=changes --gtid-mode=ON --enforce-gtid-consistency=ON",
        ],
        [
            "--server-id=2 --skip-slave-start",
            "--server-id=2 --skip-replica-start --gtid-mode=ON --enforce-gtid-consistency=ON",
        ],
    ]
    .map(|settings| start(&kind(settings)))
}

/// A new one that keeps what it has confirmed, and comes back by itself when it was killed: for tests that take something
/// away from it.
pub fn another_mariadb() -> Server {
    let kind = kind(["--innodb-flush-log-at-trx-commit=1"; 2]);
    let once = kind.start;
    start(&Kind {
        start: Box::new(move |directory, port, settings| {
            let server = once(directory, port, settings);
            format!(
                "{{ trap 'kill -TERM \"$child\"; wait \"$child\"; exit' TERM; \
                    while :; do {server} & child=$!; wait \"$child\"; done; }}"
            )
        }),
        ..kind
    })
}

impl Server {
    /// Its version as a server of MariaDB or MySQL says it in its greeting.
    pub fn version(&self) -> String {
        let mut greeting = BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        // Four bytes before the packet, and the protocol's version in it.
        let (mut head, mut text) = ([0; 5], Vec::new());
        greeting.read_exact(&mut head).unwrap();
        greeting.read_until(0, &mut text).unwrap();
        String::from_utf8(text).unwrap().trim_end_matches('\0').to_owned()
    }

    /// Whether it is MariaDB, and not MySQL.
    pub fn is_mariadb(&self) -> bool {
        self.name == MARIADB
    }

    /// Whether a case that is about MariaDB alone can be tried; else it is told that it was not, and why: past the harness,
    /// which keeps what a test that passes has printed to itself.
    pub fn can_only_be_mariadb(&self, why: &str) -> bool {
        let can = self.is_mariadb();
        if !can {
            let told = format!("SKIPPED: not for MySQL {}: {why}\n", self.version());
            std::io::stderr().write_all(told.as_bytes()).unwrap();
        }
        can
    }
}

/// Rows of one column `seq` with the numbers from 1, in words that both servers understand.
pub fn up_to(count: impl Display) -> String {
    format!(
        "JSON_TABLE(CONCAT('[1', REPEAT(',1', {count} - 1), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
    )
}

/// Of the two settings, the first is for MariaDB and the other for MySQL.
fn kind([of_mariadb, of_mysql]: [&'static str; 2]) -> Kind {
    let Some(named) = programs("FORFALL_TEST_MYSQL") else { return mariadb_kind(None, of_mariadb) };
    if named.join("mariadbd").exists() {
        return mariadb_kind(Some(named), of_mariadb);
    }
    let has_mysql = named.join("mysqld").exists();
    assert!(has_mysql, "FORFALL_TEST_MYSQL: there is neither mariadbd nor mysqld in {}", named.display());
    mysql_kind(named, of_mysql)
}

fn mariadb_kind(programs: Option<PathBuf>, settings: &'static str) -> Kind {
    Kind {
        name: MARIADB,
        programs,
        user: "mysql",
        make: Box::new(|directory| {
            let directory = directory.display();
            format!(
                "mariadb-install-db --no-defaults --datadir={directory}/data \
                   --auth-root-authentication-method=normal --skip-test-db >{directory}/made 2>&1 \
                 && {certificate}",
                certificate = certificate(&directory.to_string()),
            )
        }),
        settings,
        start: Box::new(|directory, port, settings| {
            format!("mariadbd {} --innodb-log-file-size=16M {settings}", common(directory, port))
        }),
        ready: "ready for connections",
        taken: "Address already in use",
    }
}

/// MySQL makes its own directory, and would listen for another protocol and keep a log for replicas unless told not to.
fn mysql_kind(programs: PathBuf, settings: &'static str) -> Kind {
    Kind {
        name: "MySQL",
        programs: Some(programs),
        make: Box::new(|directory| {
            let directory = directory.display();
            format!(
                "mysqld --no-defaults --initialize-insecure --datadir={directory}/data >{directory}/made 2>&1 \
                 && {certificate}",
                certificate = certificate(&directory.to_string()),
            )
        }),
        settings,
        start: Box::new(|directory, port, settings| {
            let log = if settings.contains("--log-bin") { "" } else { "--disable-log-bin" };
            format!(
                "mysqld {} --innodb-redo-log-capacity=32M --mysqlx=OFF --secure-file-priv= {log} {settings}",
                common(directory, port)
            )
        }),
        ..mariadb_kind(None, "")
    }
}

/// The settings of both.
fn common(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "--no-defaults --datadir={directory}/data --socket={directory}/socket --port={port} --bind-address=127.0.0.1 \
           --pid-file={directory}/pid --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M \
           --max-connections=200 --ssl-cert={directory}/server.pem --ssl-key={directory}/server.key"
    )
}

/// Makes a certificate for 127.0.0.1, `server.pem`, and that of who issued it, `ca.pem`.
fn certificate(directory: &str) -> String {
    let new = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256";
    format!(
        "{{ openssl req -x509 {new} -keyout {directory}/ca.key -out {directory}/ca.pem -days 2 -subj /CN=issuer \
           && openssl req {new} -keyout {directory}/server.key -out {directory}/asked -subj /CN=server \
           && printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >{directory}/more \
           && openssl x509 -req -in {directory}/asked -CA {directory}/ca.pem -CAkey {directory}/ca.key \
             -CAcreateserial -days 2 -extfile {directory}/more -out {directory}/server.pem; \
         }} >>{directory}/made 2>&1"
    )
}
