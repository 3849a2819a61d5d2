//! Database servers for tests: real ones, made for one test process and gone with it.
//!
//! Each lives in a temporary directory of its own, listens on this machine only, and is started when a test first asks
//! for it. A server of the system is never looked at. One that cannot start fails the test that asked.
//!
//! The programs are those that Debian's packages have installed. `FORFALL_TEST_POSTGRES` and `FORFALL_TEST_MYSQL` name a
//! directory with those of another server instead, which may be of another version or, for the second, MySQL itself.

// Named by their paths, because the measurements take in this file by its own.
#[path = "server/mysql.rs"]
mod mysql;
#[path = "server/postgres.rs"]
mod postgres;

pub use mysql::{another_mariadb, mariadb, mariadb_pair, up_to};
pub use postgres::{another_postgres, delayed_replica, durable_postgres, postgres};

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its directory, in which the socket stands.
    pub directory: PathBuf,
    /// What it is.
    name: &'static str,
    databases: AtomicU32,
}

/// The directory with the programs of another server, if the environment names one.
fn programs(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Makes the command that starts a server: its directory, its port, further settings.
type Start = Box<dyn Fn(&Path, u16, &str) -> String>;

/// What it takes to make and start one kind of server.
struct Kind {
    name: &'static str,
    /// Where its programs are looked for first.
    programs: Option<PathBuf>,
    /// The user under whom it runs if the tests run as root.
    user: &'static str,
    /// Makes the data directory `data` in the one given.
    make: Box<dyn Fn(&Path) -> String>,
    /// Starts it in the foreground, on the port.
    start: Start,
    /// Further settings.
    settings: &'static str,
    /// What it says when it is ready.
    ready: &'static str,
    /// What it says when somebody else has the port.
    taken: &'static str,
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

fn start(kind: &Kind) -> Server {
    for _ in 0..8 {
        // Between choosing a port and listening on it somebody else may take it: then another one is chosen.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Short, because a socket's path may have 107 bytes only.
        let directory = PathBuf::from(format!("/tmp/forfall-server-{}", uuid::Uuid::now_v7().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        match started(kind, &directory, port) {
            Ok(()) => return Server { port, directory, name: kind.name, databases: AtomicU32::new(0) },
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
         PATH={first}$PATH:/usr/sbin
         cd '{directory}'
         mkdir -p tmp && export TMPDIR='{directory}/tmp'
         {make} || {{ cat '{directory}/made'; end; }}
         {start} 2>&1 & server=$!
         wait \"$server\"; server=; end",
        directory = directory.display(),
        first = kind.programs.as_ref().map(|path| format!("'{}':", path.display())).unwrap_or_default(),
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
