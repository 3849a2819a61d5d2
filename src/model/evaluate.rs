//! Evaluates predicates in memory, with the same three-valued answers as the SQL that adapters make of them.

use std::cmp::Ordering;

use super::predicate::{Comparison, EventBook, Operand, Predicate, Reach, StartIs, TextTest};
use super::start::{Start, StartState};
use super::value::{Field, Fields, Value};
use crate::time::Instant;

/// What an answer depends on besides the record itself.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The events recorded now.
    pub events: &'a EventBook,
    /// Whether some row refers to the record in question.
    pub reached: &'a dyn Fn(&Reach) -> bool,
}

impl Predicate {
    /// True, false, or `None` for unknown.
    pub fn answer(&self, record: &dyn Fields, world: &World<'_>) -> Option<bool> {
        match self {
            Self::Always(answer) => Some(*answer),
            Self::All(parts) => quantified(parts, false, record, world),
            Self::Any(parts) => quantified(parts, true, record, world),
            Self::Not(inner) => inner.answer(record, world).map(|answer| !answer),
            Self::IsNull(field) => record.get(field).map(|value| value.is_null()),
            Self::Compare { field, op, with } => compared(record, field, *op, with),
            Self::OneOf { field, values } => one_of(&record.get(field)?, values),
            Self::Text { field, test, needle } => test.answer(&record.get(field)?, needle),
            Self::Event { name, of } => Some(is_recorded(record, world, name, of.as_ref())),
            Self::Start { start, is } => Some(is.holds(start, record, world)),
            Self::Surely(inner) => Some(inner.answer(record, world) == Some(true)),
            Self::Unknown(inner) => Some(inner.answer(record, world).is_none()),
            Self::Done { column, method } => {
                let value = || record.get(&Field::own(column.as_str()));
                let said = record.is_done(column, method);
                said.or_else(|| Some(value().is_some_and(|value| method.is_done(&value))))
            }
            Self::KeyIn(keys) => Some(keys.contains(&record.key())),
            Self::Reached(reach) => Some((world.reached)(reach)),
        }
    }

    /// Whether the answer is true: only then is a record acted upon.
    pub fn holds(&self, record: &dyn Fields, world: &World<'_>) -> bool {
        self.answer(record, world) == Some(true)
    }
}

/// Kleene's `any` where one `decisive` true settles it, and `all` where one false does.
fn quantified(parts: &[Predicate], decisive: bool, record: &dyn Fields, world: &World<'_>) -> Option<bool> {
    let mut answer = Some(!decisive);
    for part in parts {
        match part.answer(record, world) {
            Some(one) if one == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn compared(record: &dyn Fields, field: &Field, op: Comparison, with: &Operand) -> Option<bool> {
    let left = record.get(field)?;
    match with {
        Operand::Value(right) => op.answer(&left, right),
        Operand::Field(other) => op.answer(&left, &record.get(other)?),
    }
}

/// Whether the value is one of these; unknown for NULL, and where none is of its type.
pub(crate) fn one_of(value: &Value, values: &[Value]) -> Option<bool> {
    if value.is_null() {
        return None;
    }
    let answers: Vec<_> = values.iter().map(|one| Comparison::Equal.answer(value, one)).collect();
    if answers.contains(&Some(true)) {
        return Some(true);
    }
    (answers.is_empty() || answers.contains(&Some(false))).then_some(false)
}

fn is_recorded(record: &dyn Fields, world: &World<'_>, name: &str, of: Option<&Field>) -> bool {
    let key = match of {
        None => Some(record.event_key()),
        Some(field) => record.get(field).and_then(|value| value.as_event_key()),
    };
    key.is_some_and(|key| world.events.at(name, &key).is_some())
}

impl StartIs {
    fn holds(&self, start: &Start, record: &dyn Fields, world: &World<'_>) -> bool {
        let at = |now: &Instant| start.read(record, world.events, *now);
        match self {
            Self::In(set) => start.read_known(record, world.events).is_some_and(|value| set.contains(value)),
            Self::Known { now } => matches!(at(now), StartState::Known(_)),
            Self::Waiting { now } => at(now) == StartState::Waiting,
            Self::Undetermined { now } => matches!(at(now), StartState::Undetermined(_)),
        }
    }
}

impl Comparison {
    /// Compares two values of one type; a whole number also with a floating-point one, exactly. Texts go by code
    /// point, truth values have no order, and NULL, NaN or another type give unknown.
    pub fn answer(self, left: &Value, right: &Value) -> Option<bool> {
        let order = match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => {
                return match self {
                    Self::Equal => Some(left == right),
                    Self::NotEqual => Some(left != right),
                    _ => None,
                };
            }
            (Value::Int(left), Value::Int(right)) => left.cmp(right),
            (Value::Real(left), Value::Real(right)) => left.partial_cmp(right)?,
            (Value::Int(left), Value::Real(right)) => int_with_real(*left, *right)?,
            (Value::Real(left), Value::Int(right)) => int_with_real(*right, *left)?.reverse(),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
            (Value::Instant(left), Value::Instant(right)) => left.cmp(right),
            (Value::Date(left), Value::Date(right)) => left.cmp(right),
            _ => return None,
        };
        Some(match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// Beyond 2^53 a conversion of the whole number would round it; the floating-point one's whole part is exact.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked before the cast")]
fn int_with_real(int: i64, real: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        None
    } else if real >= TWO_TO_63 {
        Some(Ordering::Less)
    } else if real < -TWO_TO_63 {
        Some(Ordering::Greater)
    } else {
        let whole = real.floor();
        Some(int.cmp(&(whole as i64)).then(if real > whole { Ordering::Less } else { Ordering::Equal }))
    }
}

impl TextTest {
    /// Unknown for what is no text.
    pub(crate) fn answer(self, value: &Value, needle: &str) -> Option<bool> {
        let Value::Text(text) = value else { return None };
        Some(match self {
            Self::StartsWith => text.starts_with(needle),
            Self::EndsWith => text.ends_with(needle),
            Self::Contains => text.contains(needle),
        })
    }
}

#[cfg(test)]
mod tests;
