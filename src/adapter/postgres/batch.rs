//! One batch: a transaction that is open until the intent is durable.

use std::collections::HashMap;

use super::catalogue::quoted;
use super::coarse;
use super::fate::{self, Spool};
use super::value::{self, Bind, KeyType};
use super::walk::{Examined, PostgresWalk, Stretch};
use crate::adapter::api::{Act, Basis, Prepared, StoreError, StoreErrorKind};
use crate::adapter::sql::{How, Record, Work, unfit};
use crate::model::batch::Applied;
use crate::model::ids::PolicyId;
use crate::model::key::Key;
use crate::model::schema::Column;
use crate::model::value::{Field, Fields as _, Value};

/// A batch whose changes are made and not committed.
#[derive(Debug)]
pub(super) struct Frozen<'a> {
    walk: &'a mut PostgresWalk,
    open: bool,
    end: String,
    transaction: String,
    records: Vec<Key>,
    /// So many of the records were struck; the others, behind them, hold what a method cannot work on.
    struck: usize,
    companions: Vec<(String, Vec<Key>)>,
}

impl<'a> Frozen<'a> {
    /// Opens the transaction and does everything but commit.
    pub(super) fn freeze(
        walk: &'a mut PostgresWalk,
        stretch: &Stretch,
        policy: &PolicyId,
    ) -> Result<Self, StoreError> {
        walk.session.begin()?;
        let mut frozen = Self {
            walk,
            open: true,
            end: stretch.end.clone(),
            transaction: String::new(),
            records: Vec::new(),
            struck: 0,
            companions: Vec::new(),
        };
        // From here on an error drops `frozen`, which takes everything back.
        frozen.act(stretch, policy)?;
        frozen.transaction = frozen.walk.check_tables()?;
        if frozen.records.is_empty() {
            // Nothing of this stretch is meant: it is not looked at again.
            frozen.walk.cursor = Some(frozen.end.clone());
            if frozen.walk.examined.is_some() {
                frozen.walk.cursor = Some(next_place(&frozen.end));
            }
        }
        Ok(frozen)
    }

    fn act(&mut self, stretch: &Stretch, policy: &PolicyId) -> Result<(), StoreError> {
        let walk = &*self.walk;
        let mut bound = walk.question.bound.clone();
        bound.extend(stretch.bound.iter().cloned());
        let whole = format!("{} AND {}", stretch.sql, walk.question.sql);
        let Some(examined) = &walk.examined else {
            let sql = format!(
                "DELETE FROM {} WHERE {whole} RETURNING {}",
                walk.bound.from(),
                walk.bound.key_list()
            );
            self.records = keys(walk, &sql, &bound, &walk.bound.key)?;
            self.struck = self.records.len();
            return Ok(());
        };
        let found = examine(walk, examined, &whole, bound)?;
        if let Some(counting) = &walk.counting {
            let records = found.iter().map(|one| (&one.record, one.summed.as_deref()));
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

/// The place behind one on the same page, or on the next.
fn next_place(place: &str) -> String {
    let inner = place.trim_matches(['(', ')']);
    let parsed = inner.split_once(',').and_then(|(page, row)| Some((page.parse().ok()?, row.parse().ok()?)));
    match parsed {
        Some((page, row)) => {
            let (page, row): (u64, u64) = (page, row);
            if row < 65_535 { format!("({page},{})", row + 1) } else { format!("({},0)", page + 1) }
        }
        None => place.to_owned(),
    }
}

/// A row that is locked and meant, with its place.
#[derive(Debug)]
struct Found {
    place: String,
    table: i64,
    record: Record,
    /// What is added up of it, where records are counted.
    summed: Option<String>,
}

/// Locks the rows of a stretch and what they depend on, and keeps those for which the whole predicate is true.
fn examine(
    walk: &PostgresWalk,
    examined: &Examined,
    whole: &str,
    mut bound: Vec<Bind>,
) -> Result<Vec<Found>, StoreError> {
    let alias = quoted(&walk.bound.frame.own.name);
    let from = walk.bound.from();
    let mut whole = whole.to_owned();
    if !examined.links.is_empty() {
        // First the rows that decide, so that they cannot change any more; then the records, judged by what is locked.
        let sql = format!("SELECT {alias}.ctid::text FROM {from} WHERE {whole}");
        let places = walk.session.rows(&sql, &bound)?.iter().map(|row| row.get(0)).collect();
        let places = Bind::Texts(places);
        for link in &examined.links {
            let linked = walk.bound.frame.link(link)?;
            let table = walk.bound.linked.get(link).expect("every link was bound");
            let sql = format!(
                "SELECT 1 FROM {table} AS link WHERE link.{} IN (SELECT {} FROM {from} \
                 WHERE {alias}.ctid = ANY($1::text[]::tid[])) ORDER BY link.{} FOR SHARE OF link",
                quoted(&linked.key),
                walk.bound.column(&linked.link.by),
                quoted(&linked.key),
            );
            walk.session.rows(&sql, std::slice::from_ref(&places))?;
        }
        bound.push(places);
        whole = format!("{whole} AND {alias}.ctid = ANY(${}::text[]::tid[])", bound.len());
    }
    let sql = format!(
        "SELECT {alias}.ctid::text, {alias}.tableoid::int8, {}, {} FROM {from} WHERE {whole} FOR UPDATE OF {alias}",
        walk.counting.as_ref().map_or("NULL::text", |counting| counting.summed.as_str()),
        examined.reader.list
    );
    let mut found = Vec::new();
    for row in walk.session.rows(&sql, &bound)? {
        let record = examined.reader.read(&walk.session, &row, 3)?;
        if walk.question.left.as_ref().is_none_or(|left| record.holds(left, &walk.job.scope.events)) {
            found.push(Found { place: row.get(0), table: row.get(1), summed: row.get(2), record });
        }
    }
    Ok(found)
}

/// The condition that only these rows meet, with the whole predicate as far as SQL can say it.
fn these(walk: &PostgresWalk, found: &[Found]) -> (String, Vec<Bind>) {
    let alias = quoted(&walk.bound.frame.own.name);
    let mut bound = walk.question.bound.clone();
    bound.push(Bind::Texts(found.iter().map(|found| found.place.clone()).collect()));
    let places = format!("${}::text[]::tid[]", bound.len());
    let mut sql = format!("{alias}.ctid = ANY({places})");
    if walk.bound.entry.partitioned {
        bound.push(Bind::Ints(found.iter().map(|found| found.table).collect()));
        let pairs = format!("SELECT * FROM unnest(${}::int8[], {places})", bound.len());
        sql = format!("{sql} AND ({alias}.tableoid::int8, {alias}.ctid) IN ({pairs})");
    }
    (format!("{sql} AND {}", walk.question.sql), bound)
}

fn delete(walk: &PostgresWalk, found: &[Found]) -> Result<Vec<Key>, StoreError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let (whole, bound) = these(walk, found);
    let sql = format!("DELETE FROM {} WHERE {whole} RETURNING {}", walk.bound.from(), walk.bound.key_list());
    let gone = keys(walk, &sql, &bound, &walk.bound.key)?;
    all_of(walk, gone, found)
}

/// The rows were locked: a statement about them touches each of them, or something is wrong.
fn all_of(walk: &PostgresWalk, keys: Vec<Key>, found: &[Found]) -> Result<Vec<Key>, StoreError> {
    if keys.len() == found.len() {
        return Ok(keys);
    }
    let why = "rows that go with a record decide whether it goes, or something stands in the way";
    Err(walk
        .session
        .trouble(StoreErrorKind::Changed, why)
        .with_help("Nothing of the batch was done. Take their table out of the policy's conditions"))
}

fn delete_companions(
    walk: &PostgresWalk,
    companion: &super::effects::Companion,
    found: &[Found],
) -> Result<Vec<Key>, StoreError> {
    let own = walk.bound.key[0];
    let parts = found.iter().filter_map(|found| found.record.key().parts().ok()?.pop());
    let parts = parts.filter_map(|part| own.bind(&part)).collect();
    let types: Vec<KeyType> = companion
        .entry
        .primary_key
        .iter()
        .filter_map(|name| companion.entry.column(name))
        .map(|column| KeyType::of(column.kind, &column.declared))
        .collect();
    let names = companion.entry.primary_key.iter().zip(&types);
    let list: Vec<String> =
        names.map(|(name, kind)| kind.selected(&format!("there.{}", quoted(name)))).collect();
    let array = own.array(parts);
    let by = format!("there.{}", quoted(&companion.by));
    let by = if own == KeyType::Text { format!("{by}::text") } else { by };
    let sql = format!(
        "DELETE FROM {} AS there WHERE {by} = ANY($1::{}) RETURNING {}",
        companion.entry.sql(),
        array.cast(),
        list.join(", ")
    );
    keys(walk, &sql, &[array], &types)
}

/// Changes the rows; gives the keys of those that were changed and of those that a method cannot work on.
fn change(
    walk: &PostgresWalk,
    examined: &Examined,
    found: &[Found],
) -> Result<(Vec<Key>, Vec<Key>), StoreError> {
    let work = examined.work.as_ref().expect("a change has its work");
    let (mut places, mut tables, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
    let computed = work.parts().filter(|(_, how)| matches!(how, How::Computed)).count();
    let mut values: Vec<Vec<Option<String>>> = vec![Vec::new(); computed];
    let mut before: HashMap<Key, &Record> = HashMap::new();
    for one in found {
        let Some(new) = work.values(&one.record) else {
            unfit.extend(Some(one.record.key()).filter(|key| !walk.unfit.contains(key)));
            continue;
        };
        places.push(one.place.clone());
        tables.push(one.table);
        values.iter_mut().zip(new).for_each(|(column, value)| column.push(value::text(&value)));
        before.insert(one.record.key(), &one.record);
    }
    if places.is_empty() {
        return Ok((Vec::new(), unfit));
    }
    let alias = quoted(&walk.bound.frame.own.name);
    let mut bound = walk.question.bound.clone();
    let mut lists = Vec::new();
    for array in
        [Bind::Texts(places), Bind::Ints(tables)].into_iter().chain(values.into_iter().map(Bind::Maybes))
    {
        let cast = array.cast();
        bound.push(array);
        lists.push(format!("${}::{cast}", bound.len()));
    }
    let mut names = vec!["place".to_owned(), "part".to_owned()];
    names.extend((0..computed).map(|at| format!("c{at}")));
    let set = set(walk, work, &mut bound);
    let sql = format!(
        "UPDATE {} SET {} FROM unnest({}) AS new({}) WHERE {alias}.ctid = new.place::tid \
         AND {alias}.tableoid::int8 = new.part AND {} RETURNING {}",
        walk.bound.from(),
        set.join(", "),
        lists.join(", "),
        names.join(", "),
        walk.question.sql,
        examined.reader.list,
    );
    let mut changed = Vec::new();
    for row in walk.session.rows(&sql, &bound)? {
        let after = examined.reader.read(&walk.session, &row, 0)?;
        let key = after.key();
        let same = |field: &Field| -> bool {
            let value = |record: &Record| -> Option<Value> { record.get(field) };
            before.get(&key).is_some_and(|before| value(before) == value(&after))
        };
        if !walk.job.start.fields().into_iter().all(same) {
            return Err(walk
                .session
                .trouble(
                    StoreErrorKind::Changed,
                    "the change also changed when records are due, perhaps by a trigger",
                )
                .with_help("Nothing was changed. Use another start, or take the trigger away"));
        }
        changed.push(key);
    }
    if changed.len() != before.len() {
        return Err(walk
            .session
            .trouble(StoreErrorKind::Changed, "not every record of the batch could be changed")
            .with_help("Nothing of the batch was done"));
    }
    Ok((changed, unfit))
}

/// The assignments. Constants are bound behind everything else; what was computed stands under `new`, in order.
fn set(walk: &PostgresWalk, work: &Work, bound: &mut Vec<Bind>) -> Vec<String> {
    let mut computed = 0..;
    let one = |(column, how): (&Column, &How)| {
        // A text is assigned, not cast: a cast would cut what is too long without a word.
        let declared = column.declared.as_str();
        let is_text = declared == "text" || declared.starts_with("character");
        let cast = if is_text { String::new() } else { format!("::{declared}") };
        let mut constant = |value: &Value| match value::text(value) {
            None => "NULL".to_owned(),
            Some(text) => {
                bound.push(Bind::Text(text));
                format!("${}::text{cast}", bound.len())
            }
        };
        let own = walk.bound.column(&column.name);
        let value = match how {
            How::Always(value) => constant(value),
            How::UnlessNull(value) => format!("CASE WHEN {own} IS NOT NULL THEN {} END", constant(value)),
            How::Coarser(to) => coarse::first(&own, column.kind, *to),
            How::Computed => format!("new.c{}{cast}", computed.next().unwrap_or_default()),
        };
        format!("{} = {value}", quoted(&column.name))
    };
    work.parts().map(one).collect()
}

fn keys(walk: &PostgresWalk, sql: &str, bound: &[Bind], types: &[KeyType]) -> Result<Vec<Key>, StoreError> {
    let mut keys = Vec::new();
    walk.session.each(sql, bound, |row| {
        let key = value::key(row, 0, types)
            .map_err(|error| walk.session.trouble(StoreErrorKind::Changed, error.to_string()))?;
        keys.push(key.ok_or_else(|| {
            let why = "a row that was to go has no key by which it could be named";
            walk.session.trouble(StoreErrorKind::Unsupported, why)
        })?);
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
        let unfit = unfit::encode(self.struck, &self.records);
        fate::encode(
            &Spool { server: self.walk.server.clone(), transaction: self.transaction.clone() },
            &unfit,
        )
    }

    fn basis(&self) -> Basis {
        Basis::Marked
    }

    fn commit(mut self: Box<Self>) -> Result<Applied, StoreError> {
        self.close("COMMIT")?;
        self.walk.acted = true;
        self.walk.unfit.extend(self.records[self.struck..].iter().cloned());
        let end = std::mem::take(&mut self.end);
        // Rows that were looked at and stay are not looked at again; those that a statement chose are gone.
        self.walk.cursor = Some(if self.walk.examined.is_some() { next_place(&end) } else { end });
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
