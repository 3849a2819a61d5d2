//! How far replicas are behind: somebody reads from them, or takes over with them.

use std::time::Duration;

use super::session::Session;
use crate::adapter::api::StoreError;

/// So many bytes behind, a replica that tells no time is taken to be behind.
const UNTOLD: i64 = 16 << 20;
/// So many bytes behind, it is behind whatever it tells: while it does not replay, the time stands still.
const FAR: i64 = 64 << 20;

/// Why the walk has to wait, if it has to. A lag that is not known counts as one.
pub(super) fn behind(session: &Session, most: Duration) -> Result<Option<String>, StoreError> {
    let rows = session.rows(
        "SELECT coalesce(application_name, ''), state IS NOT NULL, \
         pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8, extract(epoch FROM replay_lag)::float8 \
         FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'",
        &[],
    )?;
    for row in rows {
        let (name, told): (String, bool) = (row.get(0), row.get(1));
        let (bytes, seconds): (Option<i64>, Option<f64>) = (row.get(2), row.get(3));
        if !told {
            return Ok(Some(
                "how far a replica is behind cannot be seen: GRANT pg_read_all_stats to the role".to_owned(),
            ));
        }
        let why = match (bytes, seconds) {
            (None, _) => Some("has not said yet how far it is".to_owned()),
            (Some(bytes), _) if bytes > FAR => Some(format!("is {} MiB behind", bytes >> 20)),
            (Some(bytes), Some(seconds)) if bytes > 0 && seconds > most.as_secs_f64() => {
                Some(format!("is {seconds:.0} seconds behind"))
            }
            (Some(bytes), None) if bytes > UNTOLD => Some(format!("is {} MiB behind", bytes >> 20)),
            _ => None,
        };
        if let Some(why) = why {
            return Ok(Some(format!("replica `{name}` {why}")));
        }
    }
    Ok(None)
}
