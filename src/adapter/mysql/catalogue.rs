//! What the server's own catalogue says of the tables of one database: columns, keys, indexes, foreign keys, triggers.

use mysql_async::Value as SqlValue;
use mysql_async::prelude::FromRow;

use super::session::Session;
use super::value;
use crate::adapter::api::{StoreError, StoreErrorKind};
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
    /// Its triggers: name and the event that sets them off.
    pub(super) triggers: Vec<(String, String)>,
}

/// One column of a foreign key: rows of `child` refer to rows of `parent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The constraint's name.
    pub(super) name: String,
    /// The table that refers, with its database if that is another one.
    pub(super) child: String,
    /// Its column.
    pub(super) by: String,
    /// The column that it names.
    pub(super) key: String,
    /// What happens to it on a deletion, such as `CASCADE`.
    pub(super) on_delete: String,
}

impl Session {
    /// Everything that is named like a table, with its kind and its engine.
    fn named(&self) -> Result<Vec<(String, String, Option<String>)>, StoreError> {
        self.asked(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME",
            &[],
        )
    }

    /// The tables that hold records, by name.
    pub(super) fn table_names(&self) -> Result<Vec<String>, StoreError> {
        let named = self.named()?;
        Ok(named.into_iter().filter(|(_, kind, _)| kind == "BASE TABLE").map(|(name, ..)| name).collect())
    }

    /// The table of that name: exactly spelled, or the only one that differs by case alone. Refuses what holds no
    /// records of its own, what cannot take a batch back, and what has no key by which a record could be named.
    pub(super) fn table(&self, asked: &str) -> Result<Entry, StoreError> {
        let named = self.named()?;
        let alike: Vec<_> = named.iter().filter(|(name, ..)| name.eq_ignore_ascii_case(asked)).collect();
        let found = alike.iter().find(|(name, ..)| name == asked).or(match alike.as_slice() {
            [one] => Some(one),
            _ => None,
        });
        let refused =
            |kind, why: String, help: &str| Err(StoreError::new(kind, &self.place, why).with_help(help));
        let Some((name, kind, engine)) = found else {
            let why = format!("it has no table `{asked}`");
            return refused(StoreErrorKind::NotFound, why, "`forfall store show` lists the tables");
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
        let entry = self.entry(name)?;
        if entry.key.is_empty() {
            let why = format!("table `{name}` has no primary key, so that no record could be named");
            return refused(StoreErrorKind::Unsupported, why, "Give it a primary key");
        }
        let wide = |column: &&Column| {
            column.declared.to_ascii_lowercase().contains("bigint") && column.declared.contains("unsigned")
        };
        for column in entry.columns.iter().filter(|column| entry.key.contains(&column.name)).filter(wide) {
            let beyond: Vec<(u64,)> = self.asked(
                &format!(
                    "SELECT 1 FROM {} WHERE {} > 9223372036854775807 LIMIT 1",
                    quoted(name),
                    quoted(&column.name)
                ),
                &[],
            )?;
            if !beyond.is_empty() {
                let why = format!("table `{name}` has keys in `{}` beyond 9223372036854775807", column.name);
                return refused(StoreErrorKind::Unsupported, why, "Such numbers cannot be keys here");
            }
        }
        Ok(entry)
    }

    fn entry(&self, name: &str) -> Result<Entry, StoreError> {
        let indexes: Vec<(String, u64, u64, Option<String>)> = self.asked(
            "SELECT INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = DATABASE() AND CAST(TABLE_NAME AS BINARY) = ? AND SUB_PART IS NULL \
             ORDER BY INDEX_NAME, SEQ_IN_INDEX",
            &[name],
        )?;
        let begins = |column: &str| -> Vec<_> {
            let first = |(_, _, at, of): &&(String, u64, u64, Option<String>)| {
                *at == 1 && of.as_deref() == Some(column)
            };
            indexes.iter().filter(first).collect()
        };
        let alone = |index: &str| indexes.iter().filter(|(other, ..)| other == index).count() == 1;
        let columns: Vec<(String, String, String, String)> = self.asked(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND CAST(TABLE_NAME AS BINARY) = ? ORDER BY ORDINAL_POSITION",
            &[name],
        )?;
        let columns = columns.into_iter().map(|(column, data_type, declared, nullable)| Column {
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
            triggers: self.asked(
                "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND CAST(EVENT_OBJECT_TABLE AS BINARY) = ? ORDER BY 1",
                &[name],
            )?,
        })
    }

    /// The foreign keys that refer to a table, from whatever database.
    pub(super) fn references_to(&self, table: &str) -> Result<Vec<Reference>, StoreError> {
        let found: Vec<(String, String, String, String, String)> = self.asked(
            "SELECT k.CONSTRAINT_NAME, \
               IF(k.TABLE_SCHEMA = DATABASE(), k.TABLE_NAME, CONCAT(k.TABLE_SCHEMA, '.', k.TABLE_NAME)), \
               k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE \
             FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
               ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
               AND r.TABLE_NAME = k.TABLE_NAME \
             WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE() AND CAST(k.REFERENCED_TABLE_NAME AS BINARY) = ? \
             ORDER BY 2, 1, k.ORDINAL_POSITION",
            &[table],
        )?;
        let reference = |(name, child, by, key, on_delete)| Reference { name, child, by, key, on_delete };
        Ok(found.into_iter().map(reference).collect())
    }

    fn asked<T: FromRow>(&self, sql: &str, bound: &[&str]) -> Result<Vec<T>, StoreError> {
        let bound = bound.iter().map(|text| SqlValue::from(*text)).collect();
        let rows = self.rows(sql, bound)?.into_iter().map(mysql_async::from_row_opt);
        rows.collect::<Result<_, _>>().map_err(|_| {
            StoreError::new(StoreErrorKind::Damaged, &self.place, "the catalogue answers in another form")
        })
    }
}

/// A name between backquotes.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::super::session::tests::database;
    use crate::model::schema::ColumnKind;

    #[test]
    fn a_table_comes_with_its_key_columns_and_what_refers_to_it() {
        let session = database();
        session
            .run("CREATE TABLE `p``q` (b VARCHAR(9), a INT, at DATETIME(6), PRIMARY KEY (b, a), KEY (at))")
            .unwrap();
        session.run("CREATE TABLE one (id INT PRIMARY KEY, yes TINYINT(1))").unwrap();
        session
            .run("CREATE TABLE two (of INT, FOREIGN KEY f (of) REFERENCES one (id) ON DELETE CASCADE)")
            .unwrap();
        session.run("CREATE TRIGGER gone AFTER DELETE ON one FOR EACH ROW SET @x = 1").unwrap();
        let odd = session.table("P`Q").unwrap();
        assert_eq!((odd.name.as_str(), odd.key), ("p`q", vec!["b".to_owned(), "a".to_owned()]));
        assert!(odd.columns[2].indexed && !odd.columns[2].unique && odd.columns[2].kind == ColumnKind::Text);
        let one = session.table("one").unwrap();
        assert_eq!(one.triggers, [("gone".to_owned(), "DELETE".to_owned())]);
        assert!(one.columns[0].unique && one.columns[1].kind == ColumnKind::Bool);
        let [reference] = &session.references_to("one").unwrap()[..] else { panic!("one foreign key") };
        assert_eq!((reference.child.as_str(), reference.on_delete.as_str()), ("two", "CASCADE"));
    }

    #[test]
    fn what_no_record_can_be_disposed_of_is_refused() {
        let session = database();
        session.run("CREATE TABLE one (id INT)").unwrap();
        session.run("CREATE VIEW seen AS SELECT * FROM one").unwrap();
        session.run("CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM").unwrap();
        session.run("CREATE TABLE wide (id BIGINT UNSIGNED PRIMARY KEY)").unwrap();
        assert!(session.table("wide").is_ok());
        session.run("INSERT INTO wide VALUES (18446744073709551615)").unwrap();
        for (name, part) in [
            ("one", "no primary key"),
            ("seen", "is no table but a view"),
            ("old", "cannot take a batch back"),
            ("wide", "beyond"),
            ("none", "has no table"),
        ] {
            let refused = session.table(name).unwrap_err().to_string();
            assert!(refused.contains(part), "{name}: {refused}");
        }
    }
}
