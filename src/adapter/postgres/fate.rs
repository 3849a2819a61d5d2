//! What became of a batch whose outcome was never written: the server knows it by the transaction's number.

use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::unfit;
use crate::model::batch::Fate;

/// Which history a transaction's number belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Drawn when the cluster was made.
    system: String,
    /// Counts how often a replica has become a primary.
    timeline: String,
}

impl Server {
    pub(super) fn ask(session: &Session) -> Result<Self, StoreError> {
        let row = session.one(
            "SELECT (SELECT system_identifier::text FROM pg_control_system()), \
             (SELECT timeline_id::text FROM pg_control_checkpoint())",
            &[],
        )?;
        Ok(Self { system: row.get(0), timeline: row.get(1) })
    }
}

/// What is kept beside an intent until its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spool {
    pub(super) server: Server,
    /// The transaction's number with its epoch (`xid8`), which never comes again.
    pub(super) transaction: String,
}

const MAGIC: &str = "forfall postgres 1";

/// Version 1: a line with system, timeline and transaction; then what [`unfit::encode`] gave.
pub(super) fn encode(spool: &Spool, unfit: &[u8]) -> Vec<u8> {
    let Server { system, timeline } = &spool.server;
    let mut bytes = format!("{MAGIC} {system} {timeline} {}\n", spool.transaction).into_bytes();
    bytes.extend(unfit);
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Spool, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?;
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let server = Server { system: words.next()?, timeline: words.next()? };
    let spool = Spool { server, transaction: words.next()? };
    words.next().is_none().then_some((spool, &bytes[end + 1..]))
}

/// Asks the server. A transaction that is still open there belongs to a connection that we lost: it is ended, and the
/// question put again.
pub(super) fn resolve(session: &Session, bytes: &[u8]) -> Result<Fate, StoreError> {
    let Some((spool, rest)) = decode(bytes) else {
        return Err(session
            .trouble(StoreErrorKind::Damaged, "what was kept of the batch cannot be read")
            .with_help("The batch stays open: see the state's own messages"));
    };
    let now = Server::ask(session)?;
    if now.system != spool.server.system {
        return Err(session
            .trouble(
                StoreErrorKind::Foreign,
                "this is another server than the one on which the batch was begun",
            )
            .with_help("Correct the URL; the batch stays open until its own server answers"));
    }
    if now.timeline != spool.server.timeline {
        let why = "the server is a replica that took over since the batch was begun: it cannot tell what became of it";
        return Err(session
            .trouble(StoreErrorKind::Foreign, why)
            .with_help("Ask the former primary by putting its URL there for one run"));
    }
    for _ in 0..3 {
        let number = [Bind::Text(spool.transaction.clone())];
        // A number that the server has not given out yet is an error there, and would mean that it lost its end.
        let status: Option<String> = session.one("SELECT pg_xact_status($1::text::xid8)", &number)?.get(0);
        match status.as_deref() {
            Some("committed") if rest.is_empty() => return Ok(Fate::Done),
            Some("committed") => {
                return unfit::decode(rest).map(Fate::Each).ok_or_else(|| {
                    session.trouble(StoreErrorKind::Damaged, "what was kept of the batch cannot be read")
                });
            }
            Some("aborted") => return Ok(Fate::NotDone),
            Some(_) => {
                session.rows(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                     WHERE backend_xid = ($1::text::xid8)::xid AND pid <> pg_backend_pid()",
                    &number,
                )?;
            }
            None => {
                return Err(session
                    .trouble(
                        StoreErrorKind::Unavailable,
                        "the server no longer remembers the batch's transaction",
                    )
                    .with_help("The batch stays open: compare its keys with the table by hand"));
            }
        }
    }
    Err(session
        .trouble(StoreErrorKind::Busy, "the batch's transaction is still open on the server")
        .with_help("Wait, or end it there (pg_terminate_backend) if it hangs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let server = Server { system: "7400".to_owned(), timeline: "1".to_owned() };
        let spool = Spool { server, transaction: "4294967296001".to_owned() };
        let bytes = encode(&spool, b"rest\n");
        assert_eq!(decode(&bytes), Some((spool, b"rest\n".as_slice())));
        for wrong in
            [&b""[..], b"forfall rows 1\n", b"forfall postgres 1 7400 1\n", b"forfall postgres 1 a b c d\n"]
        {
            assert_eq!(decode(wrong), None);
        }
    }
}
