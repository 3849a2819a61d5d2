//! What became of a batch whose outcome was never written: the mark says it, which was written before there was an
//! intent. It is there, or it was taken back.
//!
//! Or the transaction that wrote it is still open on the server, perhaps with its commit on the way, because the
//! server does not know yet that we lost the connection. Then that connection is ended first. Each walk holds a lock by
//! a name that nobody else has: whoever holds it is that connection.

use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::unfit;
use crate::model::batch::Fate;
use crate::model::ids::BatchId;
use crate::model::key::hex;

/// What is kept beside an intent until its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spool {
    /// The lock that the walk's connection holds as long as it lives.
    lock: String,
}

const MAGIC: &str = "forfall mysql 1 ";

impl Spool {
    /// Takes a lock of a new name.
    pub(super) fn open(session: &Session) -> Result<Self, StoreError> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(|error| {
            let why = format!("the system gives no random numbers: {error}");
            session.trouble(StoreErrorKind::Unavailable, why)
        })?;
        let lock = format!("forfall-{}", hex(&name));
        let taken: Vec<(Option<i64>,)> = session.asked("SELECT GET_LOCK(?, 0)", &[&lock])?;
        if taken.first().is_none_or(|(got,)| *got != Some(1)) {
            return Err(session.trouble(StoreErrorKind::Unavailable, "the server gives no lock by name"));
        }
        Ok(Self { lock })
    }

    /// Version 1: a line with the lock's name; then what [`unfit::encode`] gave.
    pub(super) fn encode(&self, unfit: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{MAGIC}{}\n", self.lock).into_bytes();
        bytes.extend(unfit);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let lock = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?;
        let named = lock.strip_prefix("forfall-")?;
        let is_ours = named.len() == 32 && named.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| (Self { lock: lock.to_owned() }, &bytes[end + 1..]))
    }
}

/// Asks the server.
pub(super) fn resolve(session: &Session, batch: &BatchId, bytes: &[u8]) -> Result<Fate, StoreError> {
    let damaged = || {
        session
            .trouble(StoreErrorKind::Damaged, "what was kept of the batch cannot be read")
            .with_help("The batch stays open: see the state's own messages")
    };
    let (spool, rest) = Spool::decode(bytes).ok_or_else(damaged)?;
    let is_marked = match session.is_marked(batch, false) {
        Err(error) if error.kind == StoreErrorKind::Busy => {
            end(session, &spool)?;
            session.is_marked(batch, true)?
        }
        known => known?,
    };
    if !is_marked {
        return Ok(Fate::NotDone);
    }
    if rest.is_empty() {
        return Ok(Fate::Done);
    }
    unfit::decode(rest).map(Fate::Each).ok_or_else(damaged)
}

/// Ends the connection that holds the lock, and comes back when it is gone.
fn end(session: &Session, spool: &Spool) -> Result<(), StoreError> {
    let holder = || -> Result<Option<u64>, StoreError> {
        let found: Vec<(Option<u64>,)> = session.asked("SELECT IS_USED_LOCK(?)", &[&spool.lock])?;
        Ok(found.into_iter().next().and_then(|(holder,)| holder))
    };
    let Some(connection) = holder()? else { return Ok(()) };
    // It may have ended by itself meanwhile: what counts is whether the lock becomes free.
    let ended = session.run(&format!("KILL CONNECTION {connection}"));
    let free: Vec<(Option<i64>,)> = session.asked("SELECT GET_LOCK(?, 10)", &[&spool.lock])?;
    if free.first().is_some_and(|(got,)| *got == Some(1)) {
        return session.asked::<(Option<i64>,)>("SELECT RELEASE_LOCK(?)", &[&spool.lock]).map(|_| ());
    }
    ended?;
    Err(session
        .trouble(
            StoreErrorKind::Busy,
            format!("the batch's connection {connection} is still open on the server"),
        )
        .with_help("Wait, or end it there with KILL if it hangs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let spool = Spool { lock: format!("forfall-{}", "0f".repeat(16)) };
        let bytes = spool.encode(b"rest\n");
        assert_eq!(Spool::decode(&bytes), Some((spool, b"rest\n".as_slice())));
        for wrong in
            [&b""[..], b"forfall rows 1\n", b"forfall mysql 1 forfall-\n", b"forfall mysql 1 x'; DROP\n"]
        {
            assert_eq!(Spool::decode(wrong), None);
        }
    }
}
