//! What the user behind a URL may see and do.
//!
//! The server tells what a foreign key does only to who may do more with its table than read (REFERENCES is the least
//! that suffices), and MySQL hides the triggers of a table from whoever may not make any; MariaDB from whoever may not
//! change the table, which nobody is who disposes of its records. What is hidden is not absent: a user who cannot see them
//! may look at records, never dispose of any.

use std::collections::HashSet;

use super::session::Session;
use super::{grants, privileges};
use crate::adapter::api::{StoreError, StoreErrorKind};

/// The user of a session.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding by itself")]
pub(super) struct Role {
    /// As the server spells it, such as `forfall@10.0.0.7`.
    name: String,
    /// It sees every trigger of the database.
    sees_triggers: bool,
    /// It sees every foreign key of the database, and so whatever refers to a record.
    sees_references: bool,
    /// It sees those of every other database as well.
    sees_databases: bool,
    /// It may do everything here, or much more than is needed.
    is_mighty: bool,
    /// After a power failure the server may have lost what it confirmed.
    may_lose: bool,
}

impl Session {
    /// What the session's user may see and do.
    pub(super) fn role(&self) -> Result<Role, StoreError> {
        // The privileges spell the grantee as `'user'@'host'`. Not one question about both tables together: MySQL writes
        // such a one down anew for itself, with escapes that our sql_mode does not know, and cannot read it any more.
        let me = "GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
                  SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
        let asked = |privilege: &str| {
            format!(
                "EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = '{privilege}' AND {me})"
            )
        };
        let sql = format!(
            "SELECT CURRENT_USER(), DATABASE(), {}, {}, {}, @@innodb_flush_log_at_trx_commit",
            asked("TRIGGER"),
            asked("REFERENCES"),
            asked("DROP")
        );
        let found: Vec<(String, String, bool, bool, bool, i64)> = self.asked(&sql, &[])?;
        let (name, database, triggers, references, drops, flush) =
            found.into_iter().next().ok_or_else(|| {
                self.trouble(StoreErrorKind::Damaged, "the server does not say who its user is")
            })?;
        let sql = format!(
            "SELECT TABLE_SCHEMA, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES \
             WHERE DATABASE() LIKE TABLE_SCHEMA ESCAPE '\\' AND {me}"
        );
        let granted = Granted { database, rows: self.asked(&sql, &[])? };
        // What was granted for everything may have been taken back for one database, which nothing tells of here.
        let sees_all = self.is_mariadb || !self.takes_back_in_part()?;
        Ok(Role {
            name,
            sees_triggers: self.is_mariadb || granted.has("TRIGGER") || (triggers && sees_all),
            sees_references: granted.has("REFERENCES") || (references && sees_all),
            sees_databases: references && sees_all,
            is_mighty: drops || granted.has("DROP"),
            may_lose: flush != 1,
        })
    }

    /// Whether this server of MySQL knows how to take back for one database what was granted for all of them.
    fn takes_back_in_part(&self) -> Result<bool, StoreError> {
        let sql = "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'";
        let found: Vec<(String, String)> = self.asked(sql, &[])?;
        Ok(found.iter().any(|(_, value)| value == "ON"))
    }
}

/// What was granted on databases whose name is meant by what the grant says.
struct Granted {
    database: String,
    /// As the grant names the database, and the privilege.
    rows: Vec<(String, String)>,
}

impl Granted {
    /// Whether the privilege is among what counts here: what was granted on exactly this database, or else on all patterns that
    /// mean it, because the server only goes by one of them.
    fn has(&self, privilege: &str) -> bool {
        let exactly = |name: &str| name.replace('\\', "") == self.database;
        let names: HashSet<&str> = self.rows.iter().map(|(name, _)| name.as_str()).collect();
        let exact = names.iter().copied().filter(|name| exactly(name)).collect::<HashSet<_>>();
        let counts = if exact.is_empty() { names } else { exact };
        let has = |name: &&str| self.rows.iter().any(|row| row.0 == **name && row.1 == privilege);
        !counts.is_empty() && counts.iter().all(has)
    }
}

impl Role {
    /// What an operator should know.
    pub(super) fn warnings(&self, table: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_mighty {
            warnings.push(format!(
                "user `{}` could drop table `{table}`: nothing but this program keeps it from deleting anything; \
                 `forfall store grants` prints what a user of its own needs",
                self.name
            ));
        }
        if let Some(hidden) = self.hidden() {
            warnings.push(format!(
                "user `{}` may not see {hidden}; with such a user nothing is disposed of, because what is hidden \
                 might go along",
                self.name
            ));
        }
        if !self.sees_databases {
            warnings.push(format!(
                "user `{0}` does not see the foreign keys of other databases: should one of them refer to this one, with ON \
                 DELETE CASCADE say, nobody would know. Where none does, nothing is amiss; `GRANT REFERENCES ON *.*` to \
                 `{0}` lets forfall see for itself",
                self.name
            ));
        }
        if self.may_lose {
            warnings.push(
                "the server runs with innodb_flush_log_at_trx_commit other than 1: after a power failure a deleted \
                 record may be back, although its deletion was reported"
                    .to_owned(),
            );
        }
        warnings
    }

    fn hidden(&self) -> Option<&'static str> {
        match (self.sees_triggers, self.sees_references) {
            (true, true) => None,
            (false, _) => Some("the triggers of this database"),
            (true, false) => Some("what the foreign keys of this database do"),
        }
    }

    /// Refuses a user from whom something may be hidden that would go along.
    pub(super) fn require_sight(&self, session: &Session) -> Result<(), StoreError> {
        let Some(hidden) = self.hidden() else { return Ok(()) };
        let why = format!("user `{}` may not see {hidden}", self.name);
        let privilege = if self.sees_triggers { "REFERENCES" } else { "TRIGGER" };
        let (database, user) = privileges::here(session)?;
        let database = grants::whole(&database);
        Err(session.trouble(StoreErrorKind::Denied, why).with_help(format!(
            "Nothing was done. Let the database's administrator run: GRANT {privilege} ON {database}.* TO {user}. `forfall \
             store grants` prints all that each role needs"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_on_the_database_itself_counts_before_patterns() {
        let has = |rows: &[(&str, &str)]| {
            let rows =
                rows.iter().map(|(name, privilege)| ((*name).to_owned(), (*privilege).to_owned())).collect();
            Granted { database: "app_1".to_owned(), rows }.has("TRIGGER")
        };
        assert!(!has(&[]));
        assert!(has(&[("app%", "SELECT"), ("app%", "TRIGGER")]));
        assert!(!has(&[("app%", "TRIGGER"), ("app\\_1", "SELECT")]), "the server goes by the second alone");
        assert!(has(&[("app%", "SELECT"), ("app\\_1", "TRIGGER")]));
        assert!(!has(&[("app%", "TRIGGER"), ("ap%", "SELECT")]), "one of the two, and we do not know which");
        assert!(has(&[("app%", "TRIGGER"), ("ap%", "TRIGGER")]));
    }
}
