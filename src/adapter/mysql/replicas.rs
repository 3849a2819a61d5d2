//! How far replicas are behind. The primary does not know: each replica is asked itself, over a connection that is kept.

use std::time::Duration;

use mysql_async::Row;

use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::Server;
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;

/// The replicas of a server, as the configuration names them.
#[derive(Debug)]
pub(super) struct Replicas {
    server: Server,
    limits: Limits,
    /// The connection to each, in their order; `None` before the first look, and after an error.
    open: Vec<Option<Session>>,
}

impl Replicas {
    pub(super) fn of(server: &Server, limits: Limits) -> Self {
        Self { open: server.replicas.iter().map(|_| None).collect(), server: server.clone(), limits }
    }

    /// Why the walk has to wait, if it has to: the first replica that is behind, or that does not say how far it is.
    pub(super) fn behind(&mut self) -> Option<String> {
        let replicas = self.server.replicas.iter().zip(&mut self.open);
        let mut looked = replicas.map(|(url, open)| {
            let why = look(open, &self.server, url, self.limits);
            if why.is_err() {
                *open = None;
            }
            why.unwrap_or_else(|error| Some(error.to_string()))
        });
        looked.find_map(|why| why)
    }
}

/// Asks one replica; an error is as good as a lag.
fn look(
    open: &mut Option<Session>,
    server: &Server,
    url: &Secret,
    limits: Limits,
) -> Result<Option<String>, StoreError> {
    let session = match open {
        Some(session) => session,
        None => open.insert(Session::watch(server, url, limits)?),
    };
    let rows = status(session)?;
    let (place, most) = (&session.place, server.max_replica_lag);
    if rows.is_empty() {
        return Ok(Some(format!("{place} says that it is no replica: correct `replicas`")));
    }
    Ok(rows.iter().find_map(|row| lag(row, most)).map(|why| format!("{place} {why}")))
}

/// One row for each server that the replica follows.
fn status(session: &Session) -> Result<Vec<Row>, StoreError> {
    if session.is_mariadb {
        return session.told("SHOW ALL SLAVES STATUS");
    }
    // The word is another one since MySQL 8.0.22, and the old one is gone since 8.4.
    session.told("SHOW REPLICA STATUS").or_else(|error| match error.kind {
        StoreErrorKind::Denied => Err(error),
        _ => session.told("SHOW SLAVE STATUS"),
    })
}

fn lag(row: &Row, most: Duration) -> Option<String> {
    let says = |names: [&str; 2]| {
        let told = names.into_iter().find_map(|name| row.get_opt::<Option<String>, _>(name));
        told.and_then(Result::ok).flatten()
    };
    let runs = |names| says(names).as_deref() == Some("Yes");
    if !runs(["Slave_SQL_Running", "Replica_SQL_Running"]) {
        return Some("carries out nothing: its SQL thread does not run".to_owned());
    }
    if !runs(["Slave_IO_Running", "Replica_IO_Running"]) {
        return Some("receives nothing: its connection to the primary does not run".to_owned());
    }
    let seconds: Option<u64> =
        says(["Seconds_Behind_Master", "Seconds_Behind_Source"]).and_then(|text| text.parse().ok());
    match seconds {
        None => Some("does not say how far it is behind".to_owned()),
        Some(seconds) if seconds > most.as_secs() => Some(format!("is {seconds} seconds behind")),
        Some(_) => None,
    }
}

/// A warning where the primary has replicas that nobody has named, as far as the user may see them.
pub(super) fn unnamed(session: &Session, server: &Server) -> Option<String> {
    if !server.replicas.is_empty() {
        return None;
    }
    let listed = "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    // What may not be asked is not answered: then nothing is known of replicas.
    let some = |sql: &str| session.told(sql).is_ok_and(|rows| !rows.is_empty());
    (some(listed) || some("SHOW SLAVE HOSTS") || some("SHOW REPLICAS")).then(|| {
        "the server has replicas, and nobody looks how far they are behind: name them with `replicas`, so that a run waits \
         for them"
            .to_owned()
    })
}
