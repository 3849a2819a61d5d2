//! What has to stand as it is under a walk: the tables, and what the role may do with them.

use super::catalogue::{Entry, quoted};
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
    privileges(session, bound, act, companions)?.into_iter().collect()
}

/// For each table: whether the role may do what disposing needs.
pub(super) fn privileges(
    session: &Session,
    bound: &Bound,
    act: &Act,
    companions: &[Companion],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let may = |entry: &Entry, privilege: &str| -> Result<bool, StoreError> {
        let bound = [Bind::Int(entry.oid.into()), Bind::Text(privilege.to_owned())];
        Ok(session.one("SELECT has_table_privilege($1::int8::oid, $2::text)", &bound)?.get(0))
    };
    let may_update = |column: &str| -> Result<bool, StoreError> {
        let bound = [Bind::Int(bound.entry.oid.into()), Bind::Text(column.to_owned())];
        let sql = "SELECT has_column_privilege($1::int8::oid, $2::text, 'UPDATE')";
        Ok(session.one(sql, &bound)?.get(0))
    };
    let mut found = Vec::new();
    match act {
        Act::Delete => {
            for entry in std::iter::once(&bound.entry).chain(companions.iter().map(|along| &along.entry)) {
                let lacks = if may(entry, "DELETE")? { None } else { Some("DELETE") };
                found.push(lacks.map_or(Ok(()), |lacks| Err(lacking(session, entry, lacks))));
            }
        }
        Act::Change(changes) => {
            let mut missing = Vec::new();
            for change in changes.iter().filter(|change| bound.entry.column(&change.column).is_some()) {
                if !may_update(&change.column)? {
                    missing.push(quoted(&change.column));
                }
            }
            found.push(match missing.as_slice() {
                [] => Ok(()),
                missing => Err(lacking(session, &bound.entry, &format!("UPDATE ({})", missing.join(", ")))),
            });
        }
    }
    Ok(found)
}

/// What the role lacks of a table, and the statement that gives it.
pub(super) fn lacking(session: &Session, entry: &Entry, privileges: &str) -> StoreError {
    let why = format!("the role may not {privileges} in table `{}`", entry.spelled);
    let granting = granting(session, entry, privileges);
    session.trouble(StoreErrorKind::Denied, why).with_help(format!("Nothing was done. {granting}"))
}

/// How the role gets what it lacks of a table.
pub(super) fn granting(session: &Session, entry: &Entry, privileges: &str) -> String {
    let schema = quoted(&entry.schema);
    let asked = session.one(
        "SELECT quote_ident(current_user::text), has_schema_privilege($1::text, 'USAGE')",
        &[Bind::Text(entry.schema.clone())],
    );
    // Where it cannot be asked who it is, its name is left to whoever reads this.
    let (role, uses): (String, bool) =
        asked.map_or_else(|_| ("the role in the URL".to_owned(), true), |row| (row.get(0), row.get(1)));
    let usage = if uses { String::new() } else { format!("GRANT USAGE ON SCHEMA {schema} TO {role}; ") };
    format!(
        "Let the database's administrator run: {usage}GRANT {privileges} ON {schema}.{} TO {role}. `forfall store grants` \
         prints all that each role needs",
        quoted(&entry.name)
    )
}
