//! Which columns name a record, as a server's catalogue lets them.

use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::schema::Column;

/// What is known of a table's columns and keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    /// The store as messages name it.
    pub(crate) place: &'a str,
    /// The table as messages name it.
    pub(crate) table: &'a str,
    pub(crate) columns: &'a [Column],
    /// The columns of the primary key, in its order; empty without one.
    pub(crate) primary: &'a [String],
    /// The columns of each unique index.
    pub(crate) unique: &'a [Vec<String>],
    /// Whether two spellings are one name.
    pub(crate) same: fn(&str, &str) -> bool,
}

impl Keys<'_> {
    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| (self.same)(&column.name, name))
    }

    /// Whether no two rows have the same values in these columns.
    pub(crate) fn is_unique(&self, names: &[&str]) -> bool {
        let among = |column: &String| names.iter().any(|name| (self.same)(name, column));
        self.unique.iter().any(|columns| columns.len() <= names.len() && columns.iter().all(among))
    }

    /// The column in its own spelling.
    pub(crate) fn require(&self, name: &str) -> Result<String, StoreError> {
        self.column(name).map(|column| column.name.clone()).ok_or_else(|| {
            let why = format!("table `{}` has no column `{name}`", self.table);
            let count = if (self.same)("a", "A") { "" } else { "; capital letters count" };
            StoreError::new(StoreErrorKind::NotFound, self.place, why)
                .with_help(format!("Correct the policy, or the database{count}"))
        })
    }

    /// The key: what the policy names, else the primary key.
    pub(crate) fn key(&self, chosen: Option<&[String]>) -> Result<Vec<String>, StoreError> {
        let Some(chosen) = chosen else {
            if self.primary.is_empty() {
                let why = format!("table `{}` has no primary key", self.table);
                let help = "Name a unique column that is never NULL with `key`, or add a primary key";
                return Err(self.unsupported(why, help));
            }
            return Ok(self.primary.to_vec());
        };
        let key: Vec<String> = chosen.iter().map(|name| self.require(name)).collect::<Result<_, _>>()?;
        let names: Vec<&str> = key.iter().map(String::as_str).collect();
        if names.is_empty() || !self.is_unique(&names) {
            let why = format!(
                "the key ({}) of table `{}` is not unique, so one key may mean several records",
                names.join(", "),
                self.table
            );
            return Err(self.unsupported(why, "Leave `key` out, or add a unique index over these columns"));
        }
        let may_be_null = |name: &&&str| self.column(name).is_some_and(|column| column.nullable);
        if let Some(nullable) = names.iter().find(may_be_null) {
            let why = format!("key column `{nullable}` of table `{}` may be NULL", self.table);
            return Err(self.unsupported(why, "Leave `key` out, or make the column NOT NULL"));
        }
        Ok(key)
    }

    /// The one column that is the primary key of a table that a link leads to.
    pub(crate) fn only(&self, link: &str) -> Result<String, StoreError> {
        if let [one] = self.key(None)?.as_slice() {
            return Ok(one.clone());
        }
        let why = format!(
            "table `{}` has a primary key of several columns, which link `{link}` cannot name",
            self.table
        );
        Err(self.unsupported(why, "Set the link's `key`"))
    }

    fn unsupported(&self, why: String, help: &str) -> StoreError {
        StoreError::new(StoreErrorKind::Unsupported, self.place, why).with_help(help)
    }
}
