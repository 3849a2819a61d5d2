//! Whether two collections may hold the same record, as far as their names tell. In doubt they may.

use crate::model::pattern::Pattern;

/// Whether it has wildcards or directories, so that it cannot be a table's name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '{', '/'])
}

/// Whether some path may match both.
pub(super) fn may_meet(one: &str, other: &str) -> bool {
    if !is_pattern(one) && !is_pattern(other) {
        return one == other;
    }
    match (Pattern::parse(one), Pattern::parse(other)) {
        (Ok(one), Ok(other)) => one.may_meet(&other),
        // What cannot be read is reported elsewhere; until it is corrected it may mean anything.
        _ => true,
    }
}
