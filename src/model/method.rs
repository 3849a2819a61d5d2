//! What happens to a field's value, and how to recognise that it has happened.
//!
//! Every method is idempotent and knows its own output: a value is done exactly when applying the method leaves it
//! as it is. So a processed record is neither changed nor counted again.

mod address;
mod date;
mod masking;

use chrono::{DateTime, NaiveDate};
use thiserror::Error;

use super::predicate::Comparison;
use super::schema::{Column, ColumnKind};
use super::start::Format;
use super::value::Value;

/// A way to take information out of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// The value is removed.
    Null,
    /// The value is replaced by this one.
    Fixed(Value),
    /// The value is replaced by what says nothing in a column of that kind: zero, false, an empty text, 1970-01-01.
    /// For `keep-only` where NULL is refused.
    Neutral(ColumnKind),
    /// The last digits become `x`; in a value with fewer digits, every letter and digit.
    DropLastDigits {
        /// How many, at least 1.
        digits: usize,
    },
    /// Letters and digits become `x`, except some at the beginning and at the end; in a value that has no more
    /// than those, all of them.
    Mask {
        /// How many stay at the beginning.
        keep_first: usize,
        /// How many stay at the end.
        keep_last: usize,
    },
    /// The whole value becomes `xxx`.
    Hide,
    /// IPv4 to its /24, ending in `.0`; IPv6 to its /48; an IPv4 address mapped into IPv6 as IPv4. A text that is
    /// no address becomes `xxx`.
    TruncateIp,
    /// A day or an instant becomes the first one of its month or year.
    GeneralizeDate {
        /// To what.
        to: Granularity,
        /// How the column spells it, where its type does not settle it.
        format: Option<Format>,
    },
    /// The value becomes true, or 1: the flag column of `shield`.
    Flag,
}

/// How coarse a generalised date is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// The first day of the month.
    Month,
    /// The first of January.
    Year,
}

/// What a method honestly achieves (DESIGN 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The value is gone. May stand alone.
    Suppression,
    /// Part of it is hidden; who knows the rest may still recognise it. A deletion has to follow.
    Masking,
    /// It is coarser. May stand alone.
    Generalisation,
}

impl Claim {
    /// Whether data may stay like this for good, without a later deletion.
    pub fn may_stand_alone(self) -> bool {
        matches!(self, Self::Suppression | Self::Generalisation)
    }
}

/// A value that a method cannot work on. Says nothing of the value but its type.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MethodError {
    /// It is of the wrong type.
    #[error("`{method}` does not work on a value of type {kind}; use `null` or `fixed` for this column")]
    WrongType {
        /// The method's word.
        method: &'static str,
        /// The value's type.
        kind: &'static str,
    },
    /// It does not have the declared format.
    #[error("a value does not have the format that `{method}` was given; correct it or use `null`")]
    Unreadable {
        /// The method's word.
        method: &'static str,
    },
}

impl Method {
    /// Empties a column: by NULL where it may be, else by a typed neutral.
    pub fn emptying(column: &Column) -> Self {
        if column.nullable { Self::Null } else { Self::Neutral(column.kind) }
    }

    /// The word in TOML, JSON and messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Fixed(_) => "fixed",
            Self::Neutral(_) => "neutral",
            Self::DropLastDigits { .. } => "drop-last-digits",
            Self::Mask { .. } => "mask",
            Self::Hide => "hide",
            Self::TruncateIp => "truncate-ip",
            Self::GeneralizeDate { .. } => "generalize-date",
            Self::Flag => "flag",
        }
    }

    /// What the method achieves.
    pub fn claim(&self) -> Claim {
        match self {
            Self::Null | Self::Fixed(_) | Self::Neutral(_) => Claim::Suppression,
            Self::DropLastDigits { .. } | Self::Mask { .. } | Self::Hide | Self::TruncateIp | Self::Flag => {
                Claim::Masking
            }
            Self::GeneralizeDate { .. } => Claim::Generalisation,
        }
    }

    /// The value as the method leaves it. NULL stays NULL, except under `Flag`.
    pub fn apply(&self, value: &Value) -> Result<Value, MethodError> {
        if value.is_null() && *self != Self::Flag {
            return Ok(Value::Null);
        }
        Ok(match self {
            Self::Null => Value::Null,
            Self::Fixed(fixed) => kept_or(value, fixed.clone()),
            Self::Neutral(kind) => kept_or(value, neutral(*kind)),
            Self::DropLastDigits { digits } => {
                self.on_text(value, |text| masking::drop_last(text, *digits))?
            }
            Self::Mask { keep_first, keep_last } => {
                self.on_text(value, |text| masking::mask(text, *keep_first, *keep_last))?
            }
            Self::Hide => Value::Text(masking::HIDDEN.to_owned()),
            Self::TruncateIp => match value {
                Value::Bytes(bytes) => {
                    address::truncate_packed(bytes).ok_or_else(|| self.wrong_type(value))?
                }
                _ => self.on_text(value, address::truncate)?,
            },
            Self::GeneralizeDate { to, format } => date::generalize(value, *to, format.as_ref())
                .ok_or(MethodError::Unreadable { method: self.word() })?,
            Self::Flag => match value {
                Value::Int(_) => Value::Int(1),
                _ => Value::Bool(true),
            },
        })
    }

    /// What the method leaves in a column of that kind, whatever stood there; `None` where that depends on what stood
    /// there. NULL stays NULL all the same, except under `Flag`.
    pub fn leaves(&self, kind: ColumnKind) -> Option<Value> {
        match (self, kind) {
            (Self::Null, _) => Some(Value::Null),
            // A column of numbers holds truth as a number.
            (Self::Fixed(Value::Bool(truth)), ColumnKind::Int) => Some(Value::Int(i64::from(*truth))),
            (Self::Fixed(fixed), _) => Some(fixed.clone()),
            (Self::Neutral(kind), _) => Some(neutral(*kind)),
            (Self::Hide, ColumnKind::Text) => Some(Value::Text(masking::HIDDEN.to_owned())),
            (Self::Flag, ColumnKind::Bool) => Some(Value::Bool(true)),
            (Self::Flag, ColumnKind::Int) => Some(Value::Int(1)),
            _ => None,
        }
    }

    /// Whether the value already has the form that the method leaves behind. A value that the method cannot work on
    /// is not done.
    pub fn is_done(&self, value: &Value) -> bool {
        self.apply(value).is_ok_and(|after| after == *value)
    }

    /// Says in a sentence why the column cannot hold what the method leaves behind.
    pub fn fits(&self, column: &Column) -> Result<(), String> {
        let (name, word, kind) = (&column.name, self.word(), column.kind);
        if column.unique && !matches!(self, Self::Null) {
            return Err(format!(
                "`{word}` would give several records the same `{name}`, which must be unique: use `null`"
            ));
        }
        let holds = match self {
            Self::Null if !column.nullable => {
                return Err(format!(
                    "`null` cannot be used for `{name}`, which may not be NULL: use `fixed` with a value"
                ));
            }
            Self::Null | Self::Neutral(_) => true,
            Self::Fixed(value) => fixed_fits(value, kind),
            Self::DropLastDigits { .. } | Self::Mask { .. } | Self::Hide => holds_text(kind),
            Self::TruncateIp => holds_text(kind) || kind == ColumnKind::Bytes,
            Self::Flag => matches!(kind, ColumnKind::Bool | ColumnKind::Int | ColumnKind::Any),
            Self::GeneralizeDate { format, .. } => match format {
                None => kind.settles_time(),
                Some(format) if format.count().is_some() => {
                    matches!(kind, ColumnKind::Int | ColumnKind::Real | ColumnKind::Any)
                }
                Some(Format::Pattern(_)) => holds_text(kind) || kind == ColumnKind::Int,
                Some(_) => holds_text(kind),
            },
        };
        if holds {
            return Ok(());
        }
        let kind = kind.text();
        Err(match self {
            Self::GeneralizeDate { format: None, .. } => {
                format!(
                    "the type of `{name}` ({kind}) does not say how it spells a date: `{word}` needs `format`"
                )
            }
            Self::GeneralizeDate { .. } => {
                format!("`{name}` is {kind} and cannot have the format that `{word}` was given")
            }
            _ => format!("`{name}` is {kind} and cannot hold what `{word}` leaves: use `null` or `fixed`"),
        })
    }

    fn on_text(&self, value: &Value, hide: impl FnOnce(&str) -> String) -> Result<Value, MethodError> {
        match value {
            Value::Text(text) => Ok(Value::Text(hide(text))),
            // An untyped column may hold a telephone number as a whole number; what is hidden is text.
            Value::Int(number) => Ok(Value::Text(hide(&number.to_string()))),
            _ => Err(self.wrong_type(value)),
        }
    }

    fn wrong_type(&self, value: &Value) -> MethodError {
        MethodError::WrongType { method: self.word(), kind: value.kind() }
    }
}

/// Some stores give a number back in another type than it was written in; then it stands as it is.
fn kept_or(value: &Value, wanted: Value) -> Value {
    let as_number = |value: &Value| match value {
        Value::Bool(flag) => Value::Int(i64::from(*flag)),
        other => other.clone(),
    };
    let same = Comparison::Equal.answer(&as_number(value), &as_number(&wanted)) == Some(true);
    if same { value.clone() } else { wanted }
}

fn neutral(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Int => Value::Int(0),
        ColumnKind::Real => Value::Real(0.0),
        ColumnKind::Text | ColumnKind::Any | ColumnKind::Inside => Value::Text(String::new()),
        ColumnKind::Bytes => Value::Bytes(Vec::new()),
        ColumnKind::Bool => Value::Bool(false),
        ColumnKind::Instant => Value::Instant(DateTime::UNIX_EPOCH),
        ColumnKind::Date => Value::Date(NaiveDate::default()),
    }
}

fn holds_text(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Text | ColumnKind::Any)
}

fn fixed_fits(value: &Value, kind: ColumnKind) -> bool {
    match value {
        Value::Null | Value::Other => false,
        Value::Bool(_) => matches!(kind, ColumnKind::Bool | ColumnKind::Int | ColumnKind::Any),
        Value::Int(_) => matches!(kind, ColumnKind::Int | ColumnKind::Real | ColumnKind::Any),
        Value::Real(_) => matches!(kind, ColumnKind::Real | ColumnKind::Any),
        Value::Text(_) => holds_text(kind),
        Value::Bytes(_) => matches!(kind, ColumnKind::Bytes | ColumnKind::Any),
        Value::Instant(_) => kind == ColumnKind::Instant,
        Value::Date(_) => kind == ColumnKind::Date,
    }
}

#[cfg(test)]
mod tests;
