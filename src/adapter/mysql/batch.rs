//! One batch: a transaction that is open until the intent is durable.

use std::collections::{BTreeMap, HashMap, HashSet};

use mysql_async::Value as SqlValue;

use super::catalogue::quoted;
use super::coarse;
use super::dialect::bytes;
use super::effects::Companion;
use super::rows::{at_place, key_of};
use super::value::{self, Bind};
use super::walk::{Cursor, Examined, MySqlWalk, Stretch, parts_of};
use crate::adapter::api::{Act, Basis, Prepared, StoreError, StoreErrorKind};
use crate::adapter::sql::{How, Record, Work, unfit};
use crate::model::batch::{Applied, BatchLabel};
use crate::model::ids::{BatchId, PolicyId};
use crate::model::key::{Key, KeyPart};
use crate::model::schema::{Column, ColumnKind};
use crate::model::value::{Field, Fields as _};

/// A batch whose changes are made and not committed.
#[derive(Debug)]
pub(super) struct Frozen<'a> {
    walk: &'a mut MySqlWalk,
    open: bool,
    batch: BatchId,
    stretch: Stretch,
    records: Vec<Key>,
    /// So many of the records were struck; the others, behind them, hold what a method cannot work on.
    struck: usize,
    companions: Vec<(String, Vec<Key>)>,
}

impl<'a> Frozen<'a> {
    /// Opens the transaction and does everything but commit.
    pub(super) fn freeze(
        walk: &'a mut MySqlWalk,
        label: &BatchLabel,
        stretch: Stretch,
        forget: bool,
    ) -> Result<Self, StoreError> {
        walk.session.run("START TRANSACTION READ WRITE")?;
        let mut frozen = Self {
            walk,
            open: true,
            batch: label.batch,
            stretch,
            records: Vec::new(),
            struck: 0,
            companions: Vec::new(),
        };
        // From here on an error drops `frozen`, which takes everything back.
        frozen.act(&label.policy)?;
        frozen.walk.check_tables()?;
        frozen.walk.session.mark(&frozen.batch, frozen.walk.settled.as_ref())?;
        if forget {
            frozen.walk.session.forget_old_marks(frozen.walk.job.scope.now)?;
        }
        if frozen.records.is_empty() {
            // Nothing of this stretch is meant: it is not looked at again.
            frozen.walk.cursor = Some(frozen.stretch.end());
        }
        Ok(frozen)
    }

    fn act(&mut self, policy: &PolicyId) -> Result<(), StoreError> {
        let walk = &*self.walk;
        let (whole, bound) = walk.condition(&self.stretch)?;
        let Some(examined) = &walk.examined else {
            let list = walk.bound.key_list();
            let sql = format!("DELETE FROM {} WHERE {whole} RETURNING {list}", walk.bound.from());
            self.records = keys(walk, &sql, &bound, &walk.bound.key)?;
            self.records.sort_unstable();
            self.struck = self.records.len();
            return Ok(());
        };
        let (found, summed) = examine(walk, examined, &whole, &bound)?;
        if let Some(counting) = &walk.counting {
            let records = found.iter().zip(&summed).map(|(record, summed)| (record, summed.as_deref()));
            counting.count(&walk.session, policy, records)?;
        }
        for companion in &walk.companions {
            self.companions.push((companion.collection.clone(), delete_companions(walk, companion, &found)?));
        }
        let (struck, unfit) = match &walk.job.act {
            Act::Delete => (delete(walk, &found)?, Vec::new()),
            Act::Change(_) => change(walk, examined, &found)?,
        };
        self.struck = struck.len();
        self.records = struck;
        self.records.extend(unfit);
        Ok(())
    }

    fn close(&mut self, sql: &str) -> Result<(), StoreError> {
        self.open = false;
        self.walk.session.run(sql)
    }
}

impl Stretch {
    fn end(&self) -> Cursor {
        match self {
            Self::Through(key) => Cursor::Key(key.clone()),
            Self::Named(_, end) => end.clone(),
        }
    }
}

/// Locks the rows of a stretch and what they depend on, and keeps those for which the whole predicate is true; each with
/// the text of what is added up of it, where records are counted.
fn examine(
    walk: &MySqlWalk,
    examined: &Examined,
    whole: &str,
    bound: &[Bind],
) -> Result<(Vec<Record>, Vec<Option<String>>), StoreError> {
    let from = by_key(walk);
    if !examined.links.is_empty() {
        // First the records, so that they cannot name other rows any more; then the rows that decide. What is read
        // after that is what stays.
        let sql = format!("SELECT {} FROM {from} WHERE {whole} FOR UPDATE", walk.bound.key_list());
        let rows = walk.session.rows(&sql, bound)?;
        let locked =
            rows.iter().map(|row| parts_of(&walk.session, &key_of(&walk.session, row, &walk.bound.key)?));
        let locked = walk.bound.key_is_one_of(&locked.collect::<Result<Vec<_>, StoreError>>()?);
        let from = walk.bound.from();
        for link in &examined.links {
            let linked = walk.bound.frame.link(link)?;
            let key = quoted(&linked.key);
            let sql = format!(
                "SELECT 1 FROM {} AS link WHERE link.{key} IN (SELECT {} FROM {from} WHERE {locked}) \
                 ORDER BY link.{key} LOCK IN SHARE MODE",
                quoted(&linked.table.name),
                walk.bound.column(&linked.link.by),
            );
            walk.session.rows(&sql, &[])?;
        }
    }
    let order = walk.bound.key_list();
    let list = &examined.reader.list;
    let more = walk.counting.as_ref().map_or("NULL", |counting| counting.summed.as_str());
    let sql = format!("SELECT {list}, {more} FROM {from} WHERE {whole} ORDER BY {order} FOR UPDATE");
    let (mut found, mut summed) = (Vec::new(), Vec::new());
    for row in walk.session.rows(&sql, bound)? {
        let record = examined.reader.read(&walk.session, &row)?;
        if walk.question.left.as_ref().is_none_or(|left| record.holds(left, &walk.job.scope.events)) {
            found.push(record);
            summed.push(text_of(at_place(&walk.session, &row, row.len() - 1)?));
        }
    }
    Ok((found, summed))
}

fn text_of(value: &SqlValue) -> Option<String> {
    match value {
        SqlValue::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// The condition that only these records meet, with the whole predicate as far as SQL can say it.
fn these(walk: &MySqlWalk, keys: &[Vec<KeyPart>]) -> String {
    format!("{} AND {}", walk.bound.key_is_one_of(keys), walk.question.sql)
}

/// The record's table where rows are named by their keys, and found by them: by any other way, or from end to end, the
/// server would lock rows on the way that are not meant, and wait for who is at work on those.
fn by_key(walk: &MySqlWalk) -> String {
    if walk.bound.is_by_one_key() { walk.bound.table_by_key() } else { walk.bound.from() }
}

fn delete(walk: &MySqlWalk, found: &[Record]) -> Result<Vec<Key>, StoreError> {
    let keys: Vec<Key> = found.iter().map(Record::key).collect();
    if keys.is_empty() {
        return Ok(keys);
    }
    let parts = keys.iter().map(|key| parts_of(&walk.session, key)).collect::<Result<Vec<_>, _>>()?;
    let (from, these) = (walk.bound.from(), these(walk, &parts));
    let sql = if walk.question.sql.contains(&format!("FROM {from} ")) {
        // What is asked about the same table again, MariaDB takes in this form only, and MySQL in none.
        format!("DELETE FROM {from} WHERE {these}")
    } else {
        // The table's name twice is the form of DELETE that may say by which index.
        format!("DELETE {from} FROM {} WHERE {these}", by_key(walk))
    };
    let gone = walk.session.change(&sql, &walk.question.bound)?;
    require_all(walk, gone, keys.len(), "rows that go with a record decide whether it goes")?;
    Ok(keys)
}

/// The rows were locked: a statement about them touches each of them, or something is wrong.
fn require_all(walk: &MySqlWalk, touched: u64, meant: usize, why: &str) -> Result<(), StoreError> {
    if usize::try_from(touched).is_ok_and(|touched| touched == meant) {
        return Ok(());
    }
    let why = format!("{why}, or something stands in the way");
    Err(walk
        .session
        .trouble(StoreErrorKind::Changed, why)
        .with_help("Nothing of the batch was done. Take their table out of the policy's conditions"))
}

/// Deletes what refers to the records, and gives its keys.
fn delete_companions(
    walk: &MySqlWalk,
    companion: &Companion,
    found: &[Record],
) -> Result<Vec<Key>, StoreError> {
    let parts: Vec<KeyPart> = found.iter().filter_map(|record| record.key().parts().ok()?.pop()).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let table = quoted(&companion.entry.name);
    let by = format!("{table}.{}", quoted(&companion.by));
    let list = |literal: fn(&KeyPart) -> String| parts.iter().map(literal).collect::<Vec<_>>().join(", ");
    let mut refers = format!("{by} IN ({})", list(value::indexed_part));
    if walk.bound.key == [ColumnKind::Text] {
        refers = format!("({refers} AND {} IN ({}))", bytes(&by), list(value::literal_part));
    }
    let names = &companion.entry.key;
    let kinds: Vec<ColumnKind> =
        names.iter().filter_map(|name| companion.entry.column(name)).map(|column| column.kind).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{table}.{}", quoted(name))).collect();
    let sql = format!("SELECT {} FROM {table} WHERE {refers} FOR UPDATE", columns.join(", "));
    let keys = keys(walk, &sql, &[], &kinds)?;
    if !keys.is_empty() {
        let gone = walk.session.change(&format!("DELETE FROM {table} WHERE {refers}"), &[])?;
        require_all(walk, gone, keys.len(), "rows that go with a record were added at that moment")?;
    }
    Ok(keys)
}

/// Changes the rows; gives the keys of those that were changed and of those that a method cannot work on.
fn change(
    walk: &MySqlWalk,
    examined: &Examined,
    found: &[Record],
) -> Result<(Vec<Key>, Vec<Key>), StoreError> {
    let work = examined.work.as_ref().expect("a change has its work");
    // Records that get the same values are changed by one statement: all of them, where nothing is computed.
    let mut groups: BTreeMap<String, (Vec<Bind>, Vec<Vec<KeyPart>>)> = BTreeMap::new();
    let (mut unfit, mut before) = (Vec::new(), HashMap::new());
    let stay = that_cannot_be_cut(walk, work, found)?;
    for record in found {
        let key = record.key();
        let Some(values) = work.values(record).filter(|_| !stay.contains(&key)) else {
            unfit.extend(Some(key).filter(|key| !walk.unfit.contains(key)));
            continue;
        };
        let values: Vec<Bind> = values.iter().map(Bind::of).collect();
        let spelled: Vec<String> = values.iter().map(|value| value.0.as_sql(true)).collect();
        let group = groups.entry(spelled.join(",")).or_insert_with(|| (values, Vec::new()));
        group.1.push(parts_of(&walk.session, &key)?);
        before.insert(key, record);
    }
    if before.is_empty() {
        return Ok((Vec::new(), unfit));
    }
    let from = walk.bound.from();
    let mut all = Vec::new();
    for (values, keys) in groups.into_values() {
        let mut bound = walk.question.bound.clone();
        let set = set(walk, work, values, &mut bound).join(", ");
        let sql = format!("UPDATE {} SET {set} WHERE {}", by_key(walk), these(walk, &keys));
        let touched = walk.session.change(&sql, &bound)?;
        require_all(walk, touched, keys.len(), "not every record of the batch could be changed")?;
        all.extend(keys);
    }
    let sql = format!("SELECT {} FROM {from} WHERE {}", examined.reader.list, walk.bound.key_is_one_of(&all));
    let mut changed = Vec::new();
    for row in walk.session.rows(&sql, &[])? {
        let after = examined.reader.read(&walk.session, &row)?;
        let key = after.key();
        let same =
            |field: &Field| before.get(&key).is_some_and(|before| before.get(field) == after.get(field));
        if !walk.job.start.fields().into_iter().all(same) {
            let why = "the change also changed when records are due, perhaps by ON UPDATE CURRENT_TIMESTAMP";
            return Err(walk
                .session
                .trouble(StoreErrorKind::Changed, why)
                .with_help("Nothing was changed. Use another start, or take that clause away"));
        }
        changed.push(key);
    }
    require_all(walk, changed.len() as u64, before.len(), "not every record of the batch could be changed")?;
    Ok((changed, unfit))
}

/// The records that hold what the server cannot make coarser, such as a zero date.
fn that_cannot_be_cut(walk: &MySqlWalk, work: &Work, found: &[Record]) -> Result<HashSet<Key>, StoreError> {
    let works = work.parts().filter_map(|(column, how)| match how {
        How::Coarser(to) => Some(coarse::works(&walk.bound.column(&column.name), column.kind, *to)),
        _ => None,
    });
    let works: Vec<String> = works.collect();
    if works.is_empty() || found.is_empty() {
        return Ok(HashSet::new());
    }
    let parts = found.iter().map(|record| parts_of(&walk.session, &record.key()));
    let these = walk.bound.key_is_one_of(&parts.collect::<Result<Vec<_>, _>>()?);
    let (list, from) = (walk.bound.key_list(), walk.bound.from());
    let sql = format!("SELECT {list} FROM {from} WHERE {these} AND NOT ({})", works.join(" AND "));
    Ok(keys(walk, &sql, &[], &walk.bound.key)?.into_iter().collect())
}

/// The assignments; the values that were computed come in their order.
fn set(walk: &MySqlWalk, work: &Work, values: Vec<Bind>, bound: &mut Vec<Bind>) -> Vec<String> {
    let mut values = values.into_iter();
    let one = |(column, how): (&Column, &How)| {
        let own = walk.bound.column(&column.name);
        let mut place = |value: Bind| {
            bound.push(value);
            value::place(bound.len())
        };
        let value = match how {
            How::Always(value) => place(Bind::of(value)),
            How::UnlessNull(value) => format!("IF({own} <=> NULL, NULL, {})", place(Bind::of(value))),
            How::Coarser(to) => coarse::first(&own, column.kind, *to),
            How::Computed => place(values.next().expect("there is a value for each column that is computed")),
        };
        format!("{own} = {value}")
    };
    work.parts().map(one).collect()
}

fn keys(walk: &MySqlWalk, sql: &str, bound: &[Bind], kinds: &[ColumnKind]) -> Result<Vec<Key>, StoreError> {
    let mut keys = Vec::new();
    walk.session.each(sql, bound, |row| {
        keys.push(key_of(&walk.session, row, kinds)?);
        Ok(())
    })?;
    Ok(keys)
}

impl Prepared for Frozen<'_> {
    fn records(&self) -> &[Key] {
        &self.records
    }

    fn companions(&self) -> Vec<(String, Vec<Key>)> {
        self.companions.clone()
    }

    fn spool(&self) -> Vec<u8> {
        self.walk.spool.encode(&unfit::encode(self.struck, &self.records))
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        self.close("COMMIT")?;
        self.walk.settled = Some(self.batch);
        self.walk.acted = true;
        self.walk.unfit.extend(self.records[self.struck..].iter().cloned());
        self.walk.cursor = Some(self.stretch.end());
        let mut applied = unfit::applied(self.struck, &self.records);
        applied.failed.iter_mut().for_each(|left| left.key = None);
        Ok(applied)
    }

    fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.close("ROLLBACK")
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if self.open {
            // An error here means that the connection is gone, and the server takes everything back by itself.
            drop(self.walk.session.run("ROLLBACK"));
        }
    }
}
