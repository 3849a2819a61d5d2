//! What a declared type means to SQLite, and to us.

use crate::model::schema::ColumnKind;

/// How SQLite converts what is stored in a column (section 3.1 of its page on data types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Numbers stay or become text.
    Text,
    /// Texts that look like numbers become numbers.
    Number,
    /// Everything stays as it is.
    None,
}

/// The affinity of a declared type. `ANY` keeps everything in a STRICT table and converts elsewhere; taken as a
/// converting one it is never used for more than is right for both.
pub(super) fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        Affinity::Number
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || declared.is_empty() {
        Affinity::None
    } else {
        Affinity::Number
    }
}

/// What values a column's declared type promises. SQLite has no type for time: a column declared so may hold
/// anything, and the policy has to say how it spells an instant.
pub(super) fn kind(declared: &str) -> ColumnKind {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("BOOL") {
        ColumnKind::Bool
    } else if has("INT") {
        ColumnKind::Int
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        ColumnKind::Text
    } else if has("BLOB") {
        ColumnKind::Bytes
    } else if has("REAL") || has("FLOA") || has("DOUB") || has("DEC") || has("NUMERIC") {
        ColumnKind::Real
    } else {
        ColumnKind::Any
    }
}

/// Whether every number in a column of this type is kept as a floating-point number.
pub(super) fn is_floating(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    affinity(&declared) == Affinity::Number && !has("INT") && (has("REAL") || has("FLOA") || has("DOUB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_sqlite_reads_them() {
        for (declared, expected) in [
            ("INTEGER", (Affinity::Number, ColumnKind::Int)),
            ("bigint unsigned", (Affinity::Number, ColumnKind::Int)),
            ("varchar(20)", (Affinity::Text, ColumnKind::Text)),
            ("", (Affinity::None, ColumnKind::Any)),
            ("BLOB", (Affinity::None, ColumnKind::Bytes)),
            ("double", (Affinity::Number, ColumnKind::Real)),
            ("DECIMAL(10,2)", (Affinity::Number, ColumnKind::Real)),
            ("boolean", (Affinity::Number, ColumnKind::Bool)),
            ("DATETIME", (Affinity::Number, ColumnKind::Any)),
            ("timestamp", (Affinity::Number, ColumnKind::Any)),
            ("DATE", (Affinity::Number, ColumnKind::Any)),
        ] {
            assert_eq!((affinity(declared), kind(declared)), expected, "{declared}");
        }
    }
}
