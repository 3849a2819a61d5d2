//! What has to stand as it is under a walk: the tables, and what the role may do with them.

use super::effects::Companion;
use super::schema::Bound;
use super::session::Session;
use super::value::Bind;
use crate::adapter::api::{Act, StoreError, StoreErrorKind};

/// What must not change under a walk, in one question: columns, triggers, rules and references of the tables; and the
/// number of the transaction in which it is asked.
pub(super) const CHECK: &str = "SELECT md5(concat_ws(';', \
   (SELECT string_agg(concat_ws(',', attrelid, attname, atttypid, attnotnull), ' ' ORDER BY attrelid, attnum) \
      FROM pg_attribute WHERE attrelid = ANY($1::int8[]::oid[]) AND attnum > 0 AND NOT attisdropped), \
   (SELECT string_agg(concat_ws(',', oid, tgenabled), ' ' ORDER BY oid) FROM pg_trigger \
      WHERE tgrelid = ANY($1::int8[]::oid[])), \
   (SELECT string_agg(concat_ws(',', oid, ev_enabled), ' ' ORDER BY oid) FROM pg_rewrite \
      WHERE ev_class = ANY($1::int8[]::oid[])), \
   (SELECT string_agg(concat_ws(',', oid, confdeltype), ' ' ORDER BY oid) FROM pg_constraint \
      WHERE confrelid = ANY($1::int8[]::oid[])), \
   (SELECT string_agg(relname, ' ' ORDER BY oid) FROM pg_class WHERE oid = ANY($1::int8[]::oid[])))), \
   pg_current_xact_id()::text";

/// The tables are not as they were when the walk began.
pub(super) fn tables_changed(session: &Session) -> StoreError {
    session
        .trouble(StoreErrorKind::Changed, "its tables changed while the run was under way")
        .with_help("Nothing of the batch was done. Look at `forfall store show`, then approve again")
}

/// Refuses a connection over which nothing can be written.
pub(super) fn require_writable(session: &Session) -> Result<(), StoreError> {
    if session.one("SELECT pg_is_in_recovery()", &[])?.get(0) {
        return Err(session
            .trouble(StoreErrorKind::Unsupported, "this server is a replica and only reads")
            .with_help("Name the primary in the URL"));
    }
    if session.one("SELECT current_setting('default_transaction_read_only') = 'on'", &[])?.get(0) {
        let why = "what connects so only reads: default_transaction_read_only is on";
        return Err(session.trouble(StoreErrorKind::Denied, why).with_help(
            "Nothing was done. Connect with a role or database that may write, or switch it off",
        ));
    }
    Ok(())
}

/// One clear sentence before the first statement, instead of an error in the middle of a batch.
pub(super) fn require_privileges(
    session: &Session,
    bound: &Bound,
    act: &Act,
    companions: &[Companion],
) -> Result<(), StoreError> {
    let mut needed = Vec::new();
    match act {
        Act::Delete => needed.push((&bound.entry, "DELETE", Vec::new())),
        Act::Change(changes) => {
            let columns = changes.iter().map(|change| change.column.clone()).collect();
            needed.push((&bound.entry, "UPDATE", columns));
        }
    }
    needed.extend(companions.iter().map(|companion| (&companion.entry, "DELETE", Vec::new())));
    for (entry, privilege, columns) in needed {
        let missing: Vec<String> = if columns.is_empty() {
            let has = session.one(
                "SELECT has_table_privilege($1::int8::oid, $2::text)",
                &[Bind::Int(entry.oid.into()), Bind::Text(privilege.to_owned())],
            )?;
            if has.get(0) { Vec::new() } else { vec![entry.spelled.clone()] }
        } else {
            let mut missing = Vec::new();
            for column in columns.into_iter().filter(|column| entry.column(column).is_some()) {
                let has = session.one(
                    "SELECT has_column_privilege($1::int8::oid, $2::text, $3::text)",
                    &[
                        Bind::Int(entry.oid.into()),
                        Bind::Text(column.clone()),
                        Bind::Text(privilege.to_owned()),
                    ],
                )?;
                if !has.get::<_, bool>(0) {
                    missing.push(column);
                }
            }
            missing
        };
        if !missing.is_empty() {
            let why = format!("the role may not {privilege} in table `{}`", entry.spelled);
            return Err(session
                .trouble(StoreErrorKind::Denied, why)
                .with_help("Nothing was done. `forfall store grants` prints what each role needs"));
        }
    }
    Ok(())
}
