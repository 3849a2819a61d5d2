//! Where a batch lies: a stretch of the table, or rows named one by one.

use rusqlite::types::Value as SqlValue;

/// Where the records of the next batch lie.
#[derive(Debug)]
pub(super) struct Strike {
    first: Vec<SqlValue>,
    last: Vec<SqlValue>,
    /// The row numbers one by one, where the records do not lie together.
    picks: Option<Vec<i64>>,
    /// Where a walk by start stands after the last of them.
    start: Option<SqlValue>,
    /// How many records it was found to have.
    pub(super) count: usize,
}

/// What is known of the batch that comes next.
#[derive(Debug, Default)]
pub(super) enum Next {
    /// Nothing yet.
    #[default]
    Unknown,
    /// There is none.
    End,
    /// Where it lies.
    At(Strike),
}

impl Strike {
    /// The first record: its handle in the first columns, its start in the next one.
    pub(super) fn begin(
        row: &rusqlite::Row<'_>,
        handle: usize,
        picks: bool,
        follows_start: bool,
    ) -> rusqlite::Result<Self> {
        let mut strike = Self {
            first: Vec::new(),
            last: Vec::new(),
            picks: picks.then(Vec::new),
            start: follows_start.then_some(SqlValue::Null),
            count: 0,
        };
        strike.extend(row, handle)?;
        strike.first.clone_from(&strike.last);
        Ok(strike)
    }

    /// The next record.
    pub(super) fn extend(&mut self, row: &rusqlite::Row<'_>, handle: usize) -> rusqlite::Result<()> {
        self.count += 1;
        self.last.clear();
        for at in 0..handle {
            self.last.push(row.get(at)?);
        }
        if let Some(picks) = &mut self.picks {
            picks.push(row.get(0)?);
        }
        if let Some(start) = &mut self.start {
            *start = row.get(handle)?;
        }
        Ok(())
    }

    /// The condition that only these rows meet. It binds the last of `values`, so that it can also stand alone.
    pub(super) fn condition(&self, handle: &[String], values: &mut Vec<SqlValue>) -> String {
        let mut bind = |value: SqlValue| {
            values.push(value);
            format!("?{}", values.len())
        };
        if let Some(picks) = &self.picks {
            let list: Vec<String> = picks.iter().map(i64::to_string).collect();
            let place = bind(SqlValue::Text(format!("[{}]", list.join(","))));
            return format!("{} IN (SELECT value FROM json_each({place}))", handle[0]);
        }
        let mut places =
            |end: &[SqlValue]| -> Vec<String> { end.iter().map(|value| bind(value.clone())).collect() };
        let (first, last) = (places(&self.first).join(", "), places(&self.last).join(", "));
        let handle = handle.join(", ");
        format!("({handle}) >= ({first}) AND ({handle}) <= ({last})")
    }

    /// The row number of the last record, if rows are found by that alone.
    pub(super) fn last_number(&self) -> Option<i64> {
        match self.last[..] {
            [SqlValue::Integer(number)] => Some(number),
            _ => None,
        }
    }

    /// Where the walk stands after it.
    pub(super) fn cursor(&self) -> Vec<SqlValue> {
        self.start.iter().chain(&self.last).cloned().collect()
    }
}
