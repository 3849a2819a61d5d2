//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Kind, Server, programs, start};

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
        programs: None,
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
        start: Box::new(|directory, port, settings| {
            let bin = postgres_programs();
            let (bin, directory) = (bin.display(), directory.display());
            format!(
                "{bin}/postgres -D {directory}/data -p {port} -c listen_addresses=127.0.0.1 \
                   -c unix_socket_directories={directory} -c max_connections=200 -c log_min_messages=log {settings}"
            )
        }),
        settings,
        ready: "database system is ready to accept",
        taken: "Address already in use",
    }
}

/// The server's programs: those that the environment names, else those of the newest version where Debian keeps them, which
/// is not in the path.
fn postgres_programs() -> PathBuf {
    if let Some(named) = programs("FORFALL_TEST_POSTGRES") {
        return named;
    }
    let versions = fs_err::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(version);
    newest.expect("PostgreSQL is missing: ./test installs it").join("bin")
}
