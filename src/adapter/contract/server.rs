//! Database servers for tests: real ones, made for one test process and gone with it.
//!
//! Each lives in a temporary directory of its own, listens on this machine only, and is started when a test first asks
//! for it. A server of the system is never looked at. One that cannot start fails the test that asked.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its directory, in which the socket stands.
    pub directory: PathBuf,
    databases: AtomicU32,
}

/// What it takes to make and start one kind of server.
struct Kind {
    name: &'static str,
    /// The user under whom it runs if the tests run as root.
    user: &'static str,
    /// Makes the data directory `$1/data`.
    make: Box<dyn Fn(&Path) -> String>,
    /// Starts it in the foreground, on the port.
    start: fn(&Path, u16, &str) -> String,
    /// Further settings.
    settings: &'static str,
    /// What it says when it is ready.
    ready: &'static str,
    /// What it says when somebody else has the port.
    taken: &'static str,
}

/// The one PostgreSQL server of this process. The superuser is `postgres`; every role but `locked`
/// connects without a password. Durability is what a crash of the operating system would need; tests
/// only crash processes.
pub fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        start(&postgres_kind("-c fsync=off -c full_page_writes=off -c autovacuum=off -c shared_buffers=64MB"))
    })
}

/// Another one, as an installation would run it: for measuring.
pub fn durable_postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(&postgres_kind("-c shared_buffers=512MB -c max_wal_size=4GB")))
}

/// A new one, for tests that take something away from it.
pub fn another_postgres() -> Server {
    start(&postgres_kind("-c fsync=off -c autovacuum=off -c shared_buffers=64MB"))
}

/// A replica of a PostgreSQL server that carries out nothing after the next commit for an hour.
pub fn delayed_replica(of: &Server) -> Server {
    let port = of.port;
    let make = move |directory: &Path| {
        let bin = postgres_programs();
        let (bin, directory) = (bin.display(), directory.display());
        format!(
            "{bin}/pg_basebackup -h 127.0.0.1 -p {port} -U postgres -D {directory}/data -R --checkpoint=fast \
               --no-sync >{directory}/made 2>&1"
        )
    };
    start(&Kind { make: Box::new(make), ..postgres_kind("-c recovery_min_apply_delay=1h -c fsync=off") })
}

fn postgres_kind(settings: &'static str) -> Kind {
    Kind {
        name: "PostgreSQL",
        user: "postgres",
        make: Box::new(|directory| {
            let bin = postgres_programs();
            let (bin, directory) = (bin.display(), directory.display());
            format!(
                "{bin}/initdb --no-sync --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
                   --pgdata={directory}/data >{directory}/made 2>&1 && \
                 printf '%s\\n' 'local all all trust' 'host all locked 127.0.0.1/32 scram-sha-256' \
                   'host all all 127.0.0.1/32 trust' 'host replication all 127.0.0.1/32 trust' \
                   >{directory}/data/pg_hba.conf"
            )
        }),
        start: |directory, port, settings| {
            let bin = postgres_programs();
            let (bin, directory) = (bin.display(), directory.display());
            format!(
                "{bin}/postgres -D {directory}/data -p {port} -c listen_addresses=127.0.0.1 \
                   -c unix_socket_directories={directory} -c max_connections=200 -c log_min_messages=log {settings}"
            )
        },
        settings,
        ready: "database system is ready to accept",
        taken: "Address already in use",
    }
}

/// The one MariaDB server of this process. `root` connects without a password.
pub fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(&mariadb_kind("")))
}

/// Two others: one that keeps a log for replicas, and one that may become its replica. Nothing is replicated yet.
pub fn mariadb_pair() -> [Server; 2] {
    ["--server-id=1 --log-bin=changes --binlog-format=ROW", "--server-id=2 --skip-slave-start"]
        .map(|settings| start(&mariadb_kind(settings)))
}

/// A new one that keeps what it has confirmed, and comes back by itself when it was killed: for tests that take something
/// away from it.
pub fn another_mariadb() -> Server {
    start(&Kind {
        start: |directory, port, settings| {
            let server = mariadb_command(directory, port, settings);
            format!(
                "{{ trap 'kill -TERM \"$child\"; wait \"$child\"; exit' TERM; \
                    while :; do {server} & child=$!; wait \"$child\"; done; }}"
            )
        },
        ..mariadb_kind("--innodb-flush-log-at-trx-commit=1")
    })
}

fn mariadb_command(directory: &Path, port: u16, settings: &str) -> String {
    let directory = directory.display();
    format!(
        "mariadbd --no-defaults --datadir={directory}/data --socket={directory}/socket --port={port} \
           --bind-address=127.0.0.1 --pid-file={directory}/pid --innodb-flush-log-at-trx-commit=0 \
           --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --max-connections=200 \
           --ssl-cert={directory}/server.pem --ssl-key={directory}/server.key {settings}"
    )
}

fn mariadb_kind(settings: &'static str) -> Kind {
    Kind {
        name: "MariaDB",
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
        start: mariadb_command,
        ready: "ready for connections",
        taken: "Address already in use",
    }
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

impl Server {
    /// The certificate of who issued the server's own, for a server that has one.
    pub fn issuer(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Lets a process of this server, and whatever it begins from now on, make no file larger than so many bytes, or than
    /// `unlimited`. Only whoever a process runs as may do that to it.
    pub fn limit_files(&self, process: &str, size: &str) {
        let mut command = Vec::new();
        if rustix::process::geteuid().is_root() {
            let owner = fs_err::metadata(&self.directory).unwrap();
            let [uid, gid] = [owner.uid(), owner.gid()].map(|number| number.to_string());
            let become_it = ["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups", "--"];
            command.extend(become_it.map(str::to_owned));
        }
        let limit = ["prlimit", "--pid", process, &format!("--fsize={size}:")];
        command.extend(limit.map(str::to_owned));
        let set = Command::new(&command[0]).args(&command[1..]).status();
        assert!(set.expect("util-linux is there").success(), "the server's files cannot be limited");
    }

    /// A name for a database that no other test of this process has.
    pub fn new_name(&self) -> String {
        format!("forfall_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where Debian keeps PostgreSQL's server programs, which are not in the path: the newest version.
fn postgres_programs() -> PathBuf {
    let versions = fs_err::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(version);
    newest.expect("PostgreSQL is missing: ./test installs it").join("bin")
}

fn start(kind: &Kind) -> Server {
    for _ in 0..8 {
        // Between choosing a port and listening on it somebody else may take it: then another one is chosen.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Short, because a socket's path may have 107 bytes only.
        let directory = PathBuf::from(format!("/tmp/forfall-server-{}", uuid::Uuid::now_v7().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        match started(kind, &directory, port) {
            Ok(()) => return Server { port, directory, databases: AtomicU32::new(0) },
            Err(said) if said.contains(kind.taken) => {}
            Err(said) => panic!("{} did not start:\n{said}", kind.name),
        }
    }
    panic!("{} found no free port", kind.name);
}

/// Starts the server from a thread that lives as long as this process: the kernel ends what it started with it.
fn started(kind: &Kind, directory: &Path, port: u16) -> Result<(), String> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = user(kind.user);
        std::os::unix::fs::chown(directory, Some(uid), Some(gid)).unwrap();
        command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
    }
    // A server of MariaDB that starts removes the temporary tables of every other one from the directory for such files.
    // The shell outlives the tests by the time that it takes to end the server and to tidy up. A limit on the size of
    // files, which a test may set, is an error of the write and not the server's end.
    let script = format!(
        "end() {{ trap '' TERM; [ -z \"$server\" ] || {{ kill -QUIT \"$server\"; kill -TERM \"$server\"; wait \"$server\"; }}; \
                  rm -rf -- '{directory}'; exit; }}
         trap end TERM
         trap '' XFSZ
         PATH=$PATH:/usr/sbin
         cd '{directory}'
         mkdir -p tmp && export TMPDIR='{directory}/tmp'
         {make} || {{ cat '{directory}/made'; end; }}
         {start} 2>&1 & server=$!
         wait \"$server\"; server=; end",
        directory = directory.display(),
        make = (kind.make)(directory),
        start = (kind.start)(directory, port, kind.settings),
    );
    command.args(["--", "sh", "-c", &script]);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let (tell, told) = mpsc::channel();
    let ready = kind.ready;
    std::thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || {
            let mut child = command.spawn().expect("setpriv (util-linux) starts the server");
            let output = BufReader::new(child.stdout.take().expect("it was asked for"));
            let mut said = String::new();
            let mut waiting = true;
            for line in output.lines() {
                let Ok(line) = line else { break };
                if waiting && line.contains(ready) {
                    waiting = false;
                    drop(tell.send(Ok(())));
                } else if waiting {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
            drop(child.wait());
            if waiting {
                drop(tell.send(Err(said)));
            }
        })
        .unwrap();
    told.recv().unwrap_or_else(|_| Err("its thread ended".to_owned()))
}

/// The number of a user and of its group.
fn user(name: &str) -> (u32, u32) {
    let number = |option: &str| -> u32 {
        let output = Command::new("id").args([option, name]).output().expect("id (coreutils) runs");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("there is no user {name}: ./test installs what makes it"))
    };
    (number("-u"), number("-g"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    /// Both answer on their port, as servers of their kind do.
    #[test]
    fn servers_start_and_listen_on_this_machine() {
        let mut greeting = [0; 5];
        let port = super::mariadb().port;
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap().read_exact(&mut greeting).unwrap();
        assert_eq!(greeting[4], 10, "the protocol's version 10");

        let mut stream = std::net::TcpStream::connect(("127.0.0.1", super::postgres().port)).unwrap();
        // The request for encryption, which this server declines.
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
}
