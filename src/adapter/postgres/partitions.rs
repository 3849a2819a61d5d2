//! Partitions that go as a whole: locked against every writer, found to hold nothing but due records, and dropped.
//!
//! The bounds only say which partitions are worth a look. What decides is the whole predicate, asked of every row
//! while a lock in SHARE mode keeps writers out. The drop itself locks the whole table for a moment, so it comes last.

use std::collections::VecDeque;

use super::catalogue::quoted;
use super::dialect::{self, Postgres};
use super::fate::{self, Spool};
use super::keys;
use super::schema::Bound;
use super::session::Session;
use super::value::Bind;
use super::walk::PostgresWalk;
use crate::adapter::api::{Part, StoreError, StoreErrorKind, Whole};
use crate::adapter::sql::Need;
use crate::adapter::sql::starts::{self, Axis};
use crate::model::key::KeyList;
use crate::model::predicate::{Predicate, StartIs};

/// A partition counts and reads at its own pace: the time-out of a batch is not for it.
const PATIENCE: &str = "SET LOCAL statement_timeout = '30min'";

/// A partition as the catalogue has it.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    oid: i64,
    schema: String,
    name: String,
}

impl Partition {
    fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    fn spelled(&self) -> String {
        format!("partition `{}`", self.name)
    }
}

/// The partitions whose whole range of keys is due by their bounds, oldest first. None where the table is not divided
/// by the start's own column.
pub(super) fn due(session: &Session, walk: &PostgresWalk) -> Result<VecDeque<Partition>, StoreError> {
    let (bound, job) = (&walk.bound, &walk.job);
    let Some((column, axis)) = starts::axis(&job.start, &bound.frame) else { return Ok(VecDeque::new()) };
    if bound.entry.partitioned_by.as_deref() != Some(column) {
        return Ok(VecDeque::new());
    }
    let rows = session.rows(
        "SELECT c.oid::int8, n.nspname::text, c.relname::text, pg_get_expr(c.relpartbound, c.oid) \
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE i.inhparent = $1::int8::oid AND c.relkind = 'r' \
         AND NOT coalesce((to_jsonb(i) ->> 'inhdetachpending')::bool, false)",
        &[Bind::Int(bound.entry.oid.into())],
    )?;
    let (mut partitions, mut places, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some(end) = upper_bound(row.get(3)) else { continue };
        places.push(i64::try_from(partitions.len()).unwrap_or(i64::MAX));
        ends.push(end);
        partitions.push(Partition { oid: row.get(0), schema: row.get(1), name: row.get(2) });
    }
    // The bound itself lies outside.
    let last = match axis {
        Axis::Instant => "last.bound::timestamptz - interval '1 microsecond'",
        Axis::Local => "last.bound::timestamp - interval '1 microsecond'",
        Axis::Date => "last.bound::date - 1",
        Axis::Number(_) => "last.bound::int8 - 1",
    };
    let mut dialect = Postgres::new(bound, &job.scope.events);
    let (places, ends) = (dialect.bind(Bind::Ints(places)), dialect.bind(Bind::Texts(ends)));
    let asked = starts::asked(&job.start, axis, &StartIs::In(job.due.clone()));
    let is_due = dialect.in_asked(&format!("({last})"), asked, Need::Truth);
    let sql = format!(
        "SELECT last.place FROM unnest({places}, {ends}) AS last(place, bound) WHERE {is_due} ORDER BY {last}"
    );
    let found = session.rows(&sql, &dialect.bound)?;
    let places = found.iter().filter_map(|row| usize::try_from(row.get::<_, i64>(0)).ok());
    Ok(places.filter_map(|place| partitions.get(place).cloned()).collect())
}

/// The upper end in the text of a partition's bounds; `None` where it has none.
fn upper_bound(bounds: Option<String>) -> Option<String> {
    let bounds = bounds?;
    let (_, end) = bounds.rsplit_once(" TO (")?;
    let end = end.strip_suffix(')')?;
    match end.strip_prefix('\'') {
        Some(quoted) => Some(quoted.strip_suffix('\'')?.replace("''", "'")),
        None if end == "MAXVALUE" || end == "MINVALUE" => None,
        None => Some(end.to_owned()),
    }
}

/// Why no partition at all can go as a whole, whatever is in it.
pub(super) fn objection(walk: &PostgresWalk) -> Option<&'static str> {
    if walk.counting.is_some() {
        Some("each record is counted before it goes (`aggregate`)")
    } else if walk.examined.is_some() {
        Some("each record has to be looked at before it goes, which SQL alone cannot do for this rule")
    } else if !walk.job.scope.target.reached_by.is_empty() {
        Some("other rows may refer to its records")
    } else {
        None
    }
}

/// Locks a partition and looks whether everything in it is due.
pub(super) fn try_whole(walk: &mut PostgresWalk, partition: Partition) -> Result<Whole<'_>, StoreError> {
    let mut seized = Seized { bound: of(&walk.bound, &partition), walk, partition, open: true };
    match seized.seize() {
        Ok(None) => Ok(Whole::Ready(Box::new(seized))),
        Ok(Some(why)) => seized.left(why),
        Err(error) if error.kind == StoreErrorKind::Denied => seized.left(NOT_OURS.to_owned()),
        Err(error) if passes(error.kind) => seized.left(error.why),
        Err(error) => Err(error),
    }
}

/// Who may not lock it does not own it either.
const NOT_OURS: &str = "the role does not own it, and only its owner may drop it";

/// What concerns this partition alone: its records may still go in batches.
fn passes(kind: StoreErrorKind) -> bool {
    !matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::Foreign | StoreErrorKind::Damaged)
}

/// The target with the partition in the table's place.
fn of(bound: &Bound, partition: &Partition) -> Bound {
    let mut bound = bound.clone();
    bound.entry.schema.clone_from(&partition.schema);
    bound.entry.name.clone_from(&partition.name);
    bound.entry.partitioned = false;
    bound
}

/// A partition that we hold.
struct Seized<'a> {
    walk: &'a mut PostgresWalk,
    partition: Partition,
    bound: Bound,
    open: bool,
}

impl Seized<'_> {
    /// Gives it back; the walk goes on without it.
    fn left<'a>(mut self, why: String) -> Result<Whole<'a>, StoreError> {
        self.close("ROLLBACK")?;
        Ok(Whole::Left { name: self.partition.spelled(), why })
    }

    fn close(&mut self, sql: &str) -> Result<(), StoreError> {
        self.open = false;
        self.walk.session.run(sql)
    }

    /// Says what stands in the way, if anything does.
    fn seize(&mut self) -> Result<Option<String>, StoreError> {
        let session = &self.walk.session;
        session.begin()?;
        session.run(PATIENCE)?;
        session.run(&format!("LOCK TABLE ONLY {} IN SHARE MODE", self.partition.sql()))?;
        let parent = i64::from(self.walk.bound.entry.oid);
        let bound = [
            Bind::Int(self.partition.oid),
            Bind::Int(parent),
            Bind::Text(self.partition.schema.clone()),
            Bind::Text(self.partition.name.clone()),
        ];
        let objections = session.rows(OBJECTIONS, &bound)?;
        if let Some(row) = objections.first() {
            return Ok(Some(row.get(0)));
        }
        self.not_due()
    }

    /// The whole predicate, asked of every row. Bounds would not be enough: they know of no class, hold or NULL.
    fn not_due(&self) -> Result<Option<String>, StoreError> {
        let job = &self.walk.job;
        let question = dialect::question(&self.bound, &job.scope.events, &job.predicate)?;
        if question.left.is_some() {
            return Ok(Some("SQL alone cannot answer its rule".to_owned()));
        }
        let mut reasons: Vec<(&str, u64)> = Vec::new();
        let stays = self.count(&question.sql, &question.bound)?;
        if stays == 0 {
            return Ok(None);
        }
        for (what, part) in grounds(&job.predicate) {
            let question = dialect::question(&self.bound, &job.scope.events, part)?;
            let many = if question.left.is_some() { 0 } else { self.count(&question.sql, &question.bound)? };
            if many > 0 {
                reasons.push((what, many));
            }
        }
        let reasons: Vec<String> = reasons.iter().map(|(what, many)| format!("{many} {what}")).collect();
        let which = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        Ok(Some(format!("records of it that do not go: {stays}{which}")))
    }

    /// How many rows do not meet a condition; an answer that is unknown does not meet it.
    fn count(&self, condition: &str, bound: &[Bind]) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {} WHERE ({condition}) IS NOT TRUE", self.bound.from());
        Ok(u64::try_from(self.walk.session.one(&sql, bound)?.get::<_, i64>(0)).unwrap_or(0))
    }
}

/// The parts of a predicate of which an operator would want to know that they keep a record.
fn grounds(predicate: &Predicate) -> Vec<(&'static str, &Predicate)> {
    let parts = match predicate {
        Predicate::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let name = |part: &Predicate| match part {
        Predicate::Start { is: StartIs::In(_), .. } => {
            Some("with a start that is not due or cannot be known")
        }
        Predicate::Not(inner) if matches!(**inner, Predicate::KeyIn(_)) => Some("held"),
        _ => None,
    };
    parts.iter().filter_map(|part| Some((name(part)?, part))).collect()
}

/// Everything but its rows that stands in the way: one sentence for each row.
const OBJECTIONS: &str = "WITH part AS (SELECT c.oid, c.relowner, n.nspowner FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_inherits i ON i.inhrelid = c.oid \
     WHERE c.oid = $1::int8::oid AND i.inhparent = $2::int8::oid AND c.relkind = 'r' \
     AND n.nspname = $3::text AND c.relname = $4::text), \
   tables AS (SELECT $1::int8::oid AS oid UNION SELECT relid FROM pg_partition_ancestors($1::int8::oid)) \
   SELECT 'it is no longer a partition of this table' WHERE NOT EXISTS (SELECT 1 FROM part) \
   UNION ALL SELECT 'the role does not own it, and only its owner may drop it' FROM part \
     WHERE NOT pg_has_role(relowner, 'USAGE') AND NOT pg_has_role(nspowner, 'USAGE') \
   UNION ALL SELECT 'trigger `' || tgname || '` would not run' FROM pg_trigger \
     WHERE tgrelid = $1::int8::oid AND NOT tgisinternal AND tgenabled <> 'D' AND (tgtype & 40) <> 0 \
   UNION ALL SELECT 'foreign key `' || conname || '` refers to its records' FROM pg_constraint \
     WHERE contype = 'f' AND confrelid IN (SELECT oid FROM tables) \
   UNION ALL SELECT 'event trigger `' || evtname || '` would be set off' FROM pg_event_trigger \
     WHERE evtenabled <> 'D' AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop') \
   UNION ALL SELECT 'publication `' || pubname || '` tells its subscribers of deleted rows, and not of a dropped table' \
     FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname \
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE c.oid IN (SELECT oid FROM tables) \
   UNION ALL SELECT pg_describe_object(classid, objid, 0) || ' depends on it' FROM pg_depend \
     WHERE refclassid = 'pg_class'::regclass AND refobjid = $1::int8::oid AND deptype = 'n' \
     AND classid <> 'pg_class'::regclass";

impl Part for Seized<'_> {
    fn name(&self) -> &str {
        &self.partition.name
    }

    fn keys(&mut self, take: &mut dyn FnMut(KeyList) -> bool) -> Result<(), StoreError> {
        keys::each(&self.walk.session, &self.bound, take)
    }

    fn strike(&mut self) -> Result<Vec<u8>, StoreError> {
        let transaction = self.walk.check_tables()?;
        // Nothing but the partition: what depends on it makes this fail.
        self.walk.session.run(&format!("DROP TABLE {} RESTRICT", self.partition.sql()))?;
        Ok(fate::encode(&Spool { server: self.walk.server.clone(), transaction }, &[]))
    }

    fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.close("COMMIT")?;
        self.walk.acted = true;
        Ok(())
    }

    fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.close("ROLLBACK")
    }
}

impl Drop for Seized<'_> {
    fn drop(&mut self) {
        if self.open {
            // An error here means that the connection is gone, and the server takes everything back by itself.
            drop(self.walk.session.run("ROLLBACK"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    #[test]
    fn the_upper_end_is_read_from_the_bounds() {
        let of = |text: &str| upper_bound(Some(text.to_owned()));
        assert_eq!(of("FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')").as_deref(), Some("2026-02-01"));
        assert_eq!(of("FOR VALUES FROM (MINVALUE) TO (100)").as_deref(), Some("100"));
        assert_eq!(of("FOR VALUES FROM ('-5') TO ('-3')").as_deref(), Some("-3"));
        assert_eq!(of("FOR VALUES FROM (100) TO (MAXVALUE)"), None);
        assert_eq!(of("DEFAULT"), None);
        assert_eq!(upper_bound(None), None);
    }
}
