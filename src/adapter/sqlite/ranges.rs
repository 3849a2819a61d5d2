//! Sets of column values as conditions that an index can answer.

use super::dialect::Sqlite;
use super::segments::Segments;
use crate::adapter::sql::{Dialect, Need};

impl Sqlite<'_> {
    /// The pieces of a set of column values: disjoint conditions, none of which an index has to be forgone for.
    pub(super) fn pieces(&mut self, column: &str, set: &Segments) -> Vec<String> {
        let mut pieces = Vec::new();
        if set.nulls {
            pieces.push(format!("{column} IS NULL"));
        }
        let mut others = set.others;
        for (above, through) in &set.numbers {
            let mut ends = Vec::new();
            if let Some(above) = above {
                ends.push(format!("{column} > {} COLLATE BINARY", self.bind(above.bound())));
            }
            match through {
                Some(through) => {
                    ends.push(format!("{column} <= {} COLLATE BINARY", self.bind(through.bound())));
                }
                // Texts come right after the last number.
                None if others => others = false,
                None => ends.push(format!("{column} < '' COLLATE BINARY")),
            }
            if ends.is_empty() {
                ends.push(format!("{column} IS NOT NULL"));
            }
            pieces.push(ends.join(" AND "));
        }
        if others {
            pieces.push(format!("{column} >= '' COLLATE BINARY"));
        }
        pieces
    }

    /// The set as one condition.
    pub(super) fn in_segments(&mut self, column: &str, set: &Segments, need: Need) -> String {
        let pieces = self.pieces(column, set);
        let sql = match pieces.as_slice() {
            [] => return self.truth(false).to_owned(),
            [one] => one.clone(),
            many => {
                let any = many.iter().map(|piece| format!("({piece})")).collect::<Vec<_>>().join(" OR ");
                match (set.numbers.first(), set.numbers.last()) {
                    // Most of the set is its first range: an index walks from end to end, and few rows between
                    // the ranges are looked at in vain.
                    (Some((above, _)), Some((_, through))) if !set.nulls && !set.others => {
                        let hull = Segments::range(*above, *through);
                        format!("{} AND ({any})", self.pieces(column, &hull).join(" AND "))
                    }
                    _ => any,
                }
            }
        };
        if need == Need::Truth { format!("({sql})") } else { format!("(({sql}) IS TRUE)") }
    }
}
