//! The server's own catalogue: tables, columns, keys, references, triggers.

use super::session::Session;
use super::standing::granting;
use super::value::Bind;
use crate::adapter::api::{Named, StoreError, StoreErrorKind};
use crate::adapter::sql::Keys;
use crate::model::schema::{Column, ColumnKind};

/// A table as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// As messages and `collection` name it: with its schema where it would not be found without.
    pub(super) spelled: String,
    /// It is divided into partitions.
    pub(super) partitioned: bool,
    /// The column by whose ranges it is divided, if it is by those of one column.
    pub(super) partitioned_by: Option<String>,
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key, in its order.
    pub(super) primary_key: Vec<String>,
    /// The columns of each unique index over plain columns.
    pub(super) unique: Vec<Vec<String>>,
    /// Rows as the last ANALYZE or VACUUM saw them; `None` if none ever ran.
    pub(super) estimate: Option<f64>,
    /// What runs by itself: the name, its definition, and whether deleting and updating set it off.
    pub(super) triggers: Vec<Trigger>,
    /// The present role owns it.
    pub(super) owned: bool,
    /// Why the present role cannot read it.
    pub(super) unread: Option<String>,
}

/// How a table is found by its name: one that can be read ([`table`]), or any ([`described`]).
pub(super) type Find = fn(&Session, &str) -> Result<Entry, StoreError>;

/// A trigger or a rule.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) text: String,
}

/// A foreign key.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) child: String,
    pub(super) parent: String,
    pub(super) parent_oid: u32,
    /// Each column of the child with the one that it names.
    pub(super) columns: Vec<(String, String)>,
    /// What happens when the parent goes: `a` nothing, `r` restrict, `c` cascade, `n` null, `d` default.
    pub(super) on_delete: char,
}

impl Entry {
    /// What its keys are.
    pub(super) fn keys<'a>(&'a self, place: &'a str) -> Keys<'a> {
        Keys {
            place,
            table: &self.spelled,
            columns: &self.columns,
            primary: &self.primary_key,
            unique: &self.unique,
            same: |one, other| one == other,
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// As SQL writes it: this table alone, without tables that inherit from it.
    pub(super) fn sql(&self) -> String {
        let only = if self.partitioned { "" } else { "ONLY " };
        format!("{only}{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// A name between double quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Everybody may read the catalogue: it lists also what the role may not read.
const TABLES: &str = "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text \
     ELSE n.nspname || '.' || c.relname END, \
     CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'the role may not use its schema' \
     WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'the role may not read it' \
     WHEN row_security_active(c.oid) THEN 'row-level security hides rows of it from the role' END \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' \
     AND c.relname <> 'forfall_cell' AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
     AND n.nspname !~ '^pg_toast' ORDER BY 1";

/// Every table of the database but our own, and why the role cannot read it.
pub(super) fn tables(session: &Session) -> Result<Vec<Named>, StoreError> {
    let named = |row: &tokio_postgres::Row| Named { name: row.get(0), unread: row.get(1) };
    Ok(session.rows(TABLES, &[])?.iter().map(named).collect())
}

/// The table of that name, which the role may read.
pub(super) fn table(session: &Session, name: &str) -> Result<Entry, StoreError> {
    let entry = described(session, name)?;
    let Some(why) = &entry.unread else { return Ok(entry) };
    Err(session.trouble(StoreErrorKind::Denied, why.clone()).with_help(granting(session, &entry, "SELECT")))
}

/// The table of that name: found as SQL would find it, or with its schema in front. The catalogue tells everybody what
/// it looks like, also who may not read it.
pub(super) fn described(session: &Session, name: &str) -> Result<Entry, StoreError> {
    let found = session.rows(
        "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, pg_table_is_visible(c.oid), \
         c.reltuples::float8, pg_has_role(c.relowner, 'USAGE'), \
         has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), \
         (SELECT a.attname::text FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid \
           AND a.attnum = p.partattrs[0] WHERE p.partrelid = c.oid AND p.partstrat = 'r' AND p.partnatts = 1) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE (c.relname = $1::text AND pg_table_is_visible(c.oid) OR n.nspname || '.' || c.relname = $1::text) \
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'pg_catalog' \
         ORDER BY (c.relname = $1::text) DESC LIMIT 1",
        &[Bind::Text(name.to_owned())],
    )?;
    let Some(row) = found.first() else { return Err(unknown(session, name)?) };
    let kind: String = row.get(3);
    if let Some(what) = match kind.as_str() {
        "v" => Some("a view"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        _ => None,
    } {
        return Err(session
            .trouble(
                StoreErrorKind::Unsupported,
                format!("`{name}` is {what}, and not where the records are kept"),
            )
            .with_help("Name the table behind it"));
    }
    let readable: bool = row.get(7);
    let unread = (!readable).then(|| format!("the role may not read table `{name}`"));
    let oid: u32 = row.get(0);
    let (schema, name): (String, String) = (row.get(1), row.get(2));
    let visible: bool = row.get(4);
    let tuples: f64 = row.get(5);
    let spelled = if visible { name.clone() } else { format!("{schema}.{name}") };
    let (primary_key, unique, leading) = indexes(session, oid)?;
    Ok(Entry {
        oid,
        spelled,
        partitioned: kind == "p",
        partitioned_by: row.get(8),
        columns: columns(session, oid, &unique, &leading)?,
        primary_key,
        unique,
        estimate: (tuples >= 0.0).then_some(tuples),
        triggers: triggers(session, oid)?,
        owned: row.get(6),
        unread,
        schema,
        name,
    })
}

fn unknown(session: &Session, name: &str) -> Result<StoreError, StoreError> {
    let tables = tables(session)?;
    let near = tables
        .iter()
        .map(|Named { name: other, .. }| (strsim::damerau_levenshtein(other, name), other))
        .min()
        .filter(|(distance, _)| *distance <= 2.max(name.len() / 3));
    let help = match near {
        Some((_, near)) => format!("Did you mean `{near}`?"),
        None => {
            "`forfall store show` lists the tables; one outside the search path is written `schema.table`"
                .to_owned()
        }
    };
    Ok(session.trouble(StoreErrorKind::NotFound, format!("there is no table `{name}`")).with_help(help))
}

/// The primary key, the unique indexes over plain columns, and the columns with which an index begins.
#[expect(clippy::type_complexity, reason = "three lists that one question gives")]
fn indexes(session: &Session, oid: u32) -> Result<(Vec<String>, Vec<Vec<String>>, Vec<String>), StoreError> {
    let rows = session.rows(
        "SELECT i.indisprimary, i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL, \
         am.amname = 'btree' AND i.indpred IS NULL, \
         ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place) \
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
               WHERE k.place <= i.indnkeyatts ORDER BY k.place) \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
         WHERE i.indrelid = $1::int8::oid AND i.indisvalid AND i.indisready ORDER BY i.indexrelid",
        &[Bind::Int(oid.into())],
    )?;
    let (mut primary, mut unique, mut leading) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let columns: Vec<String> = row.get(3);
        if row.get(2) {
            leading.extend(columns.first().cloned());
        }
        if row.get(0) {
            primary.clone_from(&columns);
        }
        if row.get(1) {
            unique.push(columns);
        }
    }
    Ok((primary, unique, leading))
}

fn columns(
    session: &Session,
    oid: u32,
    unique: &[Vec<String>],
    leading: &[String],
) -> Result<Vec<Column>, StoreError> {
    let rows = session.rows(
        "SELECT a.attname::text, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), \
           CASE WHEN t.typbasetype = 0 THEN a.atttypmod ELSE t.typtypmod END), \
         coalesce(b.typname, t.typname)::text, a.attnotnull OR t.typnotnull, t.typcategory = 'A' \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0) \
         WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        &[Bind::Int(oid.into())],
    )?;
    let column = |row: &tokio_postgres::Row| {
        let name: String = row.get(0);
        let declared: String = row.get(1);
        Column {
            kind: kind(row.get(2)),
            json: matches!(declared.as_str(), "json" | "jsonb"),
            declared,
            nullable: !row.get::<_, bool>(3),
            indexed: leading.contains(&name),
            unique: unique.iter().any(|columns| columns.len() == 1 && columns[0] == name),
            name,
        }
    };
    Ok(rows.iter().map(column).collect())
}

/// What a type's values are to us. A timestamp without a zone is a text that the policy has to say how to read.
fn kind(name: &str) -> ColumnKind {
    match name {
        "int2" | "int4" | "int8" => ColumnKind::Int,
        "float4" | "float8" | "numeric" => ColumnKind::Real,
        "bool" => ColumnKind::Bool,
        "bytea" => ColumnKind::Bytes,
        "timestamptz" => ColumnKind::Instant,
        "date" => ColumnKind::Date,
        "timestamp" => ColumnKind::Any,
        _ => ColumnKind::Text,
    }
}

fn triggers(session: &Session, oid: u32) -> Result<Vec<Trigger>, StoreError> {
    // 8: on deletion, 16: on update. A rule rewrites the statement itself.
    let rows = session.rows(
        "SELECT tgname::text, pg_get_triggerdef(oid) FROM pg_trigger \
         WHERE (tgrelid = $1::int8::oid OR tgparentid = 0 \
           AND tgrelid IN (SELECT relid FROM pg_partition_tree($1::int8::oid))) \
         AND NOT tgisinternal AND tgenabled <> 'D' AND (tgtype & 24) <> 0 \
         UNION ALL SELECT rulename::text, pg_get_ruledef(oid) FROM pg_rewrite \
         WHERE ev_class = $1::int8::oid AND ev_type IN ('2', '4') AND ev_enabled <> 'D' ORDER BY 1",
        &[Bind::Int(oid.into())],
    )?;
    Ok(rows.iter().map(|row| Trigger { name: row.get(0), text: row.get(1) }).collect())
}

/// The foreign keys of all tables that refer to one of these.
pub(super) fn references(session: &Session, parents: &[u32]) -> Result<Vec<Reference>, StoreError> {
    let rows = session.rows(
        "SELECT c.conname::text, c.confrelid, \
         (SELECT CASE WHEN pg_table_is_visible(r.oid) THEN r.relname::text ELSE n.nspname || '.' || r.relname END \
            FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = c.conrelid), \
         (SELECT relname::text FROM pg_class WHERE oid = c.confrelid), c.confdeltype::text, \
         ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(number, place) \
               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place), \
         ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k(number, place) \
               JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place) \
         FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 \
         AND c.confrelid = ANY($1::int8[]::oid[]) ORDER BY c.conrelid::int8, c.conname",
        &[Bind::Ints(parents.iter().map(|oid| i64::from(*oid)).collect())],
    )?;
    let reference = |row: &tokio_postgres::Row| {
        let (from, to): (Vec<String>, Vec<String>) = (row.get(5), row.get(6));
        Reference {
            name: row.get(0),
            parent_oid: row.get(1),
            child: row.get(2),
            parent: row.get(3),
            on_delete: row.get::<_, String>(4).chars().next().unwrap_or('a'),
            columns: from.into_iter().zip(to).collect(),
        }
    };
    Ok(rows.iter().map(reference).collect())
}
