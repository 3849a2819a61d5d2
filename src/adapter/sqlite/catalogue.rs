//! What SQLite's own catalogue says of tables: columns, indexes, foreign keys, triggers.

use rusqlite::{Connection, Row};

use super::marks::MARKS;
use super::open::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::counts::CELLS;

/// A table as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name as it was created.
    pub(super) name: String,
    /// It has no row numbers: its primary key is its order.
    pub(super) without_rowid: bool,
    /// Its columns.
    pub(super) columns: Vec<RawColumn>,
    /// Its indexes.
    pub(super) indexes: Vec<Index>,
    /// Its triggers: name and text.
    pub(super) triggers: Vec<(String, String)>,
}

/// A column as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct RawColumn {
    pub(super) name: String,
    pub(super) declared: String,
    pub(super) not_null: bool,
    /// Its place in the primary key, from 1; 0 if it is not in it.
    pub(super) in_key: u32,
}

/// An index.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalogue")]
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    /// It leaves rows out.
    pub(super) partial: bool,
    /// Made for the primary key.
    pub(super) of_key: bool,
    /// Its first column sorts byte by byte, as our comparisons do.
    pub(super) binary: bool,
    /// All its columns do.
    pub(super) exact: bool,
    /// Its columns; `None` for an expression.
    pub(super) columns: Vec<Option<String>>,
}

/// A foreign key: rows of `child` refer to rows of `parent`.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) child: String,
    pub(super) parent: String,
    /// Columns of the child with those of the parent.
    pub(super) columns: Vec<(String, String)>,
    pub(super) on_delete: String,
}

impl Entry {
    /// The columns of the primary key, in its order.
    pub(super) fn primary_key(&self) -> Vec<&RawColumn> {
        let mut key: Vec<&RawColumn> = self.columns.iter().filter(|column| column.in_key > 0).collect();
        key.sort_by_key(|column| column.in_key);
        key
    }

    /// The column that is the row number itself (`INTEGER PRIMARY KEY`).
    pub(super) fn row_number_column(&self) -> Option<&RawColumn> {
        let [column] = self.primary_key()[..] else { return None };
        let is_alias = !self.without_rowid
            && column.declared.eq_ignore_ascii_case("INTEGER")
            && !self.indexes.iter().any(|index| index.of_key);
        is_alias.then_some(column)
    }

    /// The name under which the row number can be asked for: `None` without one, or if columns hide all its names.
    pub(super) fn row_number(&self) -> Option<&str> {
        if self.without_rowid {
            return None;
        }
        if let Some(column) = self.row_number_column() {
            return Some(&column.name);
        }
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| !self.has(name))
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// An index that begins with the column and leaves no row out.
    pub(super) fn index_on(&self, column: &str) -> Option<&Index> {
        let begins = |index: &&Index| {
            !index.partial
                && index.binary
                && index
                    .columns
                    .first()
                    .and_then(Option::as_deref)
                    .is_some_and(|first| first.eq_ignore_ascii_case(column))
        };
        self.indexes.iter().filter(begins).min_by_key(|index| index.columns.len())
    }

    /// Whether a column can be looked up without reading the whole table.
    pub(super) fn is_indexed(&self, column: &str) -> bool {
        self.index_on(column).is_some()
            || self.row_number().is_some_and(|name| name.eq_ignore_ascii_case(column))
    }

    /// Whether no two rows have the same values in these columns.
    pub(super) fn is_unique(&self, columns: &[&str]) -> bool {
        let same = |others: &[&str]| {
            others.len() == columns.len()
                && columns.iter().all(|name| others.iter().any(|other| other.eq_ignore_ascii_case(name)))
        };
        let key: Vec<&str> = self.primary_key().iter().map(|column| column.name.as_str()).collect();
        let unique_index = |index: &Index| {
            let names: Option<Vec<&str>> = index.columns.iter().map(Option::as_deref).collect();
            index.unique && !index.partial && names.is_some_and(|names| same(&names))
        };
        (!key.is_empty() && same(&key))
            || self.row_number().is_some_and(|name| same(&[name]))
            || self.indexes.iter().any(unique_index)
    }
}

impl Session {
    /// The tables that hold records, by name.
    pub(super) fn table_names(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.listed()?;
        Ok(listed.into_iter().filter(|(_, kind, _)| kind == "table").map(|(name, _, _)| name).collect())
    }

    /// The tables that hold data of their own, virtual ones included.
    pub(super) fn names_of_all(&self) -> Result<Vec<String>, StoreError> {
        let holds = |kind: &str| kind == "table" || kind == "virtual";
        Ok(self.listed()?.into_iter().filter(|(_, kind, _)| holds(kind)).map(|(name, _, _)| name).collect())
    }

    /// Name, kind, and whether it is WITHOUT ROWID, for everything that looks like a table and is not SQLite's or ours.
    fn listed(&self) -> Result<Vec<(String, String, bool)>, StoreError> {
        let sql = "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name";
        let mut listed = self.rows(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        listed.retain(|(name, _, _): &(String, String, bool)| {
            !name.to_ascii_lowercase().starts_with("sqlite_")
                && ![MARKS, CELLS].iter().any(|ours| name.eq_ignore_ascii_case(ours))
        });
        Ok(listed)
    }

    /// The table of that name; case does not count. Whatever cannot hold records is refused.
    pub(super) fn table(&self, name: &str) -> Result<Entry, StoreError> {
        let listed = self.listed()?;
        let Some((found, kind, without_rowid)) =
            listed.iter().find(|(other, _, _)| other.eq_ignore_ascii_case(name))
        else {
            let near = nearest(name, listed.iter().filter(|entry| entry.1 == "table").map(|entry| &*entry.0));
            let help = near.map_or("It has no tables; is it the right file?".to_owned(), |near| {
                format!("Did you mean `{near}`? `forfall store show` lists all tables")
            });
            return Err(self
                .trouble(StoreErrorKind::NotFound, format!("there is no table `{name}`"))
                .with_help(help));
        };
        let what = match kind.as_str() {
            "table" => return self.entry(found, *without_rowid),
            "view" => "is a view; rows are deleted from tables. Name the table that it reads from",
            "virtual" => "is a virtual table, whose rows may live anywhere. Name an ordinary table",
            _ => "belongs to a virtual table. Name an ordinary table",
        };
        Err(self.trouble(StoreErrorKind::Unsupported, format!("`{found}` {what}")))
    }

    fn entry(&self, name: &str, without_rowid: bool) -> Result<Entry, StoreError> {
        let columns = self.rows(
            "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
            [name],
            |row| {
                Ok(RawColumn {
                    name: row.get(0)?,
                    declared: row.get(1)?,
                    not_null: row.get(2)?,
                    in_key: row.get(3)?,
                })
            },
        )?;
        let mut indexes = self.rows(
            "SELECT name, \"unique\", partial, origin = 'pk' FROM pragma_index_list(?1) ORDER BY seq",
            [name],
            |row| {
                Ok(Index {
                    name: row.get(0)?,
                    unique: row.get(1)?,
                    partial: row.get(2)?,
                    of_key: row.get(3)?,
                    binary: false,
                    exact: false,
                    columns: Vec::new(),
                })
            },
        )?;
        for index in &mut indexes {
            let columns: Vec<(Option<String>, String)> = self.rows(
                "SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno",
                [index.name.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            index.binary = columns.first().is_some_and(|(_, collation)| collation == "BINARY");
            index.exact = columns.iter().all(|(_, collation)| collation == "BINARY");
            index.columns = columns.into_iter().map(|(name, _)| name).collect();
        }
        let triggers = self.rows(
            "SELECT name, coalesce(sql, '') FROM sqlite_schema \
             WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY name",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Entry { name: name.to_owned(), without_rowid, columns, indexes, triggers })
    }

    /// Every foreign key of the database.
    pub(super) fn references(&self) -> Result<Vec<Reference>, StoreError> {
        let mut found: Vec<Reference> = Vec::new();
        let mut last: Option<(String, i64)> = None;
        let parts: Vec<(String, i64, String, String, Option<String>, String)> = self.rows(
            "SELECT t.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_delete \
             FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS f \
             WHERE t.schema = 'main' AND t.type = 'table' ORDER BY t.name, f.id, f.seq",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)),
        )?;
        for (child, id, parent, from, to, on_delete) in parts {
            let place = Some((child.clone(), id));
            if place != last {
                found.push(Reference { child, parent, columns: Vec::new(), on_delete });
                last = place;
            }
            if let Some(reference) = found.last_mut() {
                reference.columns.push((from, to.unwrap_or_default()));
            }
        }
        for reference in &mut found {
            self.name_the_key(reference)?;
        }
        Ok(found)
    }

    /// A foreign key that names no columns of its parent means the primary key.
    fn name_the_key(&self, reference: &mut Reference) -> Result<(), StoreError> {
        if reference.columns.iter().all(|(_, to)| !to.is_empty()) {
            return Ok(());
        }
        let key: Vec<String> = self.rows(
            "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk",
            [reference.parent.as_str()],
            |row| row.get(0),
        )?;
        for ((_, to), name) in reference.columns.iter_mut().zip(key) {
            *to = name;
        }
        Ok(())
    }

    /// All rows of a query about the catalogue.
    pub(super) fn rows<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        parameters: P,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let all = |connection: &Connection| -> rusqlite::Result<Vec<T>> {
            connection.prepare(sql)?.query_map(parameters, read)?.collect()
        };
        all(&self.connection).map_err(|error| self.error(&error))
    }
}

fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    names.min_by_key(|other| strsim::damerau_levenshtein(&other.to_lowercase(), &wanted))
}
