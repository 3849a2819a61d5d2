//! What the server's own catalogue says of the tables of one database: columns, keys, indexes, foreign keys, triggers.

use super::marks::MARKS;
use super::session::Session;
use super::value;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::Keys;
use crate::adapter::sql::counts::CELLS;
use crate::model::schema::Column;

/// A table as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its name, in the server's own spelling.
    pub(super) name: String,
    /// Its columns, in their order.
    pub(super) columns: Vec<Column>,
    /// The columns of its primary key, in key order.
    pub(super) key: Vec<String>,
    /// The columns of each unique index.
    unique: Vec<Vec<String>>,
    /// Each index, with the column that it begins with.
    leads: Vec<(String, String)>,
    /// Rows, as the server guesses.
    pub(super) estimate: Option<u64>,
    /// Its triggers: name and the event that sets them off.
    pub(super) triggers: Vec<(String, String)>,
}

/// A foreign key: rows of `child` refer to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The constraint's name.
    pub(super) name: String,
    /// The table that refers.
    pub(super) child: String,
    /// Its database, where that is another one.
    pub(super) elsewhere: Option<String>,
    /// Each column of the child with the one that it names.
    pub(super) columns: Vec<(String, String)>,
    /// What happens on a deletion, such as `CASCADE`.
    pub(super) on_delete: String,
}

/// A row of the catalogue: name, kind, engine, rows.
type Named = (String, String, Option<String>, Option<u64>);

/// Where foreign keys are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In this database.
    Here,
    /// In every one.
    Anywhere,
}

impl Entry {
    /// Whether the index begins with that column.
    pub(super) fn begins_with(&self, index: &str, column: &str) -> bool {
        self.leads.iter().any(|(name, first)| name == index && first == column)
    }

    /// The column of that name; case does not count.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// What its keys are.
    pub(super) fn keys<'a>(&'a self, place: &'a str) -> Keys<'a> {
        Keys {
            place,
            table: &self.name,
            columns: &self.columns,
            primary: &self.key,
            unique: &self.unique,
            same: |one, other| one.eq_ignore_ascii_case(other),
        }
    }
}

impl Session {
    /// Everything that is named like a table, or what has that name, with its kind, its engine and how many rows it may have.
    fn named(&self, name: Option<&str>) -> Result<Vec<Named>, StoreError> {
        let only = if name.is_some() { format!(" AND {}", is_named("TABLE_NAME")) } else { String::new() };
        self.asked(
            &format!(
                "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = DATABASE(){only} ORDER BY TABLE_NAME"
            ),
            &name.map_or_else(Vec::new, |name| vec![name, name]),
        )
    }

    /// The tables that hold records, by name; not our own.
    pub(super) fn table_names(&self) -> Result<Vec<String>, StoreError> {
        let named = self.named(None)?;
        let is_table = |(name, kind, ..): &Named| kind == "BASE TABLE" && name != MARKS && name != CELLS;
        Ok(named.into_iter().filter(is_table).map(|(name, ..)| name).collect())
    }

    /// The table of that name: exactly spelled, or the only one that differs by case alone. Refuses what holds no
    /// records of its own, and what cannot take a batch back.
    pub(super) fn table(&self, asked: &str) -> Result<Entry, StoreError> {
        let mut named = self.named(Some(asked))?;
        if named.is_empty() {
            named = self.named(None)?;
        }
        let alike: Vec<_> = named.iter().filter(|(name, ..)| name.eq_ignore_ascii_case(asked)).collect();
        let found = alike.iter().find(|(name, ..)| name == asked).or(match alike.as_slice() {
            [one] => Some(one),
            _ => None,
        });
        let refused =
            |kind, why: String, help: &str| Err(StoreError::new(kind, &self.place, why).with_help(help));
        let Some((name, kind, engine, rows)) = found else {
            return Err(self.unknown(asked, &named));
        };
        if kind != "BASE TABLE" {
            let why = format!("`{name}` is no table but a {}", kind.to_lowercase());
            return refused(StoreErrorKind::Unsupported, why, "Name the table that holds the records");
        }
        let engine = engine.as_deref().unwrap_or("an unknown engine");
        if !engine.eq_ignore_ascii_case("InnoDB") {
            let why = format!("table `{name}` is kept by {engine}, which cannot take a batch back");
            return refused(
                StoreErrorKind::Unsupported,
                why,
                "Convert it with `ALTER TABLE ... ENGINE = InnoDB`",
            );
        }
        self.entry(name, *rows)
    }

    /// The table of exactly that name, whatever engine keeps it.
    pub(super) fn described(&self, name: &str) -> Result<Entry, StoreError> {
        self.entry(name, None)
    }

    fn entry(&self, name: &str, estimate: Option<u64>) -> Result<Entry, StoreError> {
        let indexes: Vec<(String, u64, u64, Option<String>)> = self.asked(
            &format!(
                "SELECT INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME FROM information_schema.STATISTICS \
                 WHERE TABLE_SCHEMA = DATABASE() AND {} ORDER BY INDEX_NAME, SEQ_IN_INDEX",
                is_named("TABLE_NAME")
            ),
            &[name, name],
        )?;
        let begins = |column: &str| -> Vec<_> {
            let first = |(_, _, at, of): &&(String, u64, u64, Option<String>)| {
                *at == 1 && of.as_deref() == Some(column)
            };
            indexes.iter().filter(first).collect()
        };
        let alone = |index: &str| indexes.iter().filter(|(other, ..)| other == index).count() == 1;
        let columns: Vec<(String, String, String, String)> = self.asked(
            &format!(
                "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS \
                 WHERE TABLE_SCHEMA = DATABASE() AND {} ORDER BY ORDINAL_POSITION",
                is_named("TABLE_NAME")
            ),
            &[name, name],
        )?;
        let checked = self.checked_as_json(name, &columns)?;
        let columns = columns.into_iter().map(|(column, data_type, declared, nullable)| Column {
            json: data_type == "json" || checked.contains(&format!("json_valid({})", quoted(&column))),
            kind: value::kind(&data_type, &declared),
            nullable: nullable == "YES",
            indexed: !begins(&column).is_empty(),
            unique: begins(&column).iter().any(|(index, repeats, ..)| *repeats == 0 && alone(index)),
            name: column,
            declared,
        });
        let of_key = indexes.iter().filter(|(index, ..)| index == "PRIMARY");
        Ok(Entry {
            name: name.to_owned(),
            columns: columns.collect(),
            key: of_key.filter_map(|(.., column)| column.clone()).collect(),
            unique: unique(&indexes),
            leads: (indexes.iter().filter(|(_, _, at, _)| *at == 1))
                .filter_map(|(index, .., column)| Some((index.clone(), column.clone()?)))
                .collect(),
            estimate,
            triggers: self.asked(
                &format!(
                    "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
                     WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND {} ORDER BY 1",
                    is_named("EVENT_OBJECT_TABLE")
                ),
                &[name, name],
            )?,
        })
    }

    /// The checks of a table. MariaDB has no type for JSON: a column declared so is a LONGTEXT that is checked for it.
    fn checked_as_json(
        &self,
        table: &str,
        columns: &[(String, String, String, String)],
    ) -> Result<Vec<String>, StoreError> {
        if !self.is_mariadb || columns.iter().all(|(_, data_type, ..)| data_type != "longtext") {
            return Ok(Vec::new());
        }
        let found: Vec<(String,)> = self.asked(
            "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = DATABASE() AND CAST(TABLE_NAME AS BINARY) = ?",
            &[table],
        )?;
        Ok(found.into_iter().map(|(clause,)| clause).collect())
    }

    fn unknown(&self, asked: &str, named: &[Named]) -> StoreError {
        let near = named
            .iter()
            .map(|(name, ..)| (strsim::damerau_levenshtein(name, asked), name))
            .min()
            .filter(|(distance, _)| *distance <= 2.max(asked.len() / 3));
        let help = match near {
            Some((_, near)) => format!("Did you mean `{near}`?"),
            None => "`forfall store show` lists the tables".to_owned(),
        };
        self.trouble(StoreErrorKind::NotFound, format!("there is no table `{asked}`")).with_help(help)
    }

    /// The foreign keys that refer to a table: those of this database, which are quickly found, or those of whatever
    /// database the user may see. Of one whose rule is hidden the worst is believed.
    pub(super) fn references_to(&self, table: &str, from: Where) -> Result<Vec<Reference>, StoreError> {
        let (within, of_rules) = match from {
            Where::Here => (" AND k.TABLE_SCHEMA = DATABASE()", " AND CONSTRAINT_SCHEMA = DATABASE()"),
            Where::Anywhere => ("", ""),
        };
        let parts: Vec<(String, String, Option<String>, String, String, String)> = self.asked(
            &format!(
                "SELECT k.TABLE_SCHEMA, k.CONSTRAINT_NAME, NULLIF(k.TABLE_SCHEMA, DATABASE()), k.TABLE_NAME, \
                   k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE k \
                 WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE() AND CAST(k.REFERENCED_TABLE_NAME AS BINARY) = ?{within} \
                 ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
            ),
            &[table],
        )?;
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        // Not joined by the server, which takes ten times as long over that, in each batch.
        let rules: Vec<(String, String, String, String)> = self.asked(
            &format!(
                "SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_NAME, DELETE_RULE \
                 FROM information_schema.REFERENTIAL_CONSTRAINTS \
                 WHERE UNIQUE_CONSTRAINT_SCHEMA = DATABASE() \
                   AND CAST(REFERENCED_TABLE_NAME AS BINARY) = ?{of_rules}"
            ),
            &[table],
        )?;
        let mut found: Vec<Reference> = Vec::new();
        for (schema, name, elsewhere, child, by, key) in parts {
            let same = |last: &&mut Reference| {
                last.name == name && last.child == child && last.elsewhere == elsewhere
            };
            if let Some(last) = found.last_mut().filter(same) {
                last.columns.push((by, key));
                continue;
            }
            let rule =
                rules.iter().find(|(of, rule, table, _)| (of, rule, table) == (&schema, &name, &child));
            let on_delete = rule.map_or_else(|| "CASCADE".to_owned(), |(.., rule)| rule.clone());
            found.push(Reference { name, child, elsewhere, columns: vec![(by, key)], on_delete });
        }
        Ok(found)
    }
}

/// The columns of each unique index over plain columns. What is unique in its first characters is unique as a whole.
fn unique(indexes: &[(String, u64, u64, Option<String>)]) -> Vec<Vec<String>> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    let computed = |index: &str| indexes.iter().any(|(other, .., column)| other == index && column.is_none());
    for (index, repeats, _, column) in indexes {
        let Some(column) = column.clone().filter(|_| *repeats == 0 && !computed(index)) else { continue };
        match found.last_mut().filter(|(last, _)| last == index) {
            Some((_, columns)) => columns.push(column),
            None => found.push((index, vec![column])),
        }
    }
    found.into_iter().map(|(_, columns)| columns).collect()
}

/// That a column of the catalogue is a name, to the letter; the name is bound twice. The first half alone lets the server
/// look at one table instead of all of them.
fn is_named(column: &str) -> String {
    format!("{column} = ? AND CAST({column} AS BINARY) = ?")
}

/// A name between backquotes.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::super::session::tests::database;
    use super::Where;
    use crate::model::schema::ColumnKind;

    #[test]
    fn a_table_comes_with_its_key_columns_and_what_refers_to_it() {
        let session = database();
        session
            .run("CREATE TABLE `p``q` (b VARCHAR(9), a INT, at DATETIME(6), PRIMARY KEY (b, a), KEY (at))")
            .unwrap();
        session.run("CREATE TABLE one (id INT PRIMARY KEY, yes TINYINT(1))").unwrap();
        session
            .run("CREATE TABLE two (`of` INT, FOREIGN KEY f (`of`) REFERENCES one (id) ON DELETE CASCADE)")
            .unwrap();
        session.run("CREATE TRIGGER gone AFTER DELETE ON one FOR EACH ROW SET @x = 1").unwrap();
        let odd = session.table("P`Q").unwrap();
        assert_eq!((odd.name.as_str(), odd.key), ("p`q", vec!["b".to_owned(), "a".to_owned()]));
        assert!(odd.columns[2].indexed && !odd.columns[2].unique && odd.columns[2].kind == ColumnKind::Any);
        let one = session.table("one").unwrap();
        assert_eq!(one.triggers, [("gone".to_owned(), "DELETE".to_owned())]);
        assert!(one.columns[0].unique && one.columns[1].kind == ColumnKind::Bool);
        let [reference] = &session.references_to("one", Where::Anywhere).unwrap()[..] else {
            panic!("one foreign key")
        };
        assert_eq!((reference.child.as_str(), reference.on_delete.as_str()), ("two", "CASCADE"));
    }

    #[test]
    fn what_no_record_can_be_disposed_of_is_refused() {
        let session = database();
        session.run("CREATE TABLE one (id INT)").unwrap();
        session.run("CREATE VIEW seen AS SELECT * FROM one").unwrap();
        session.run("CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM").unwrap();
        for (name, part) in [
            ("seen", "is no table but a view"),
            ("old", "cannot take a batch back"),
            ("none", "there is no table"),
        ] {
            let refused = session.table(name).unwrap_err().to_string();
            assert!(refused.contains(part), "{name}: {refused}");
        }
    }
}
