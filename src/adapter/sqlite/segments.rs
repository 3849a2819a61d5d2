//! Sets of column values in the order in which an index holds them: NULL, then numbers, then everything else.
//!
//! A start that is kept as a number and asked for by ranges is such a set, and so is any combination of them. What
//! the index counts is then exactly the answer, without a look at the rows.

use std::cmp::Ordering;

use rusqlite::types::Value as SqlValue;

use crate::model::predicate::Comparison;
use crate::model::value::Value;

/// A number as SQLite keeps it. Never NaN, which SQLite stores as NULL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i64),
    Real(f64),
}

/// An end between two numbers: all up to and including this number lie below it. `None` lies at the outside.
type Cut = Option<Number>;

/// A set of values. Ranges are disjoint, ascending and not empty; each begins after its first cut and ends with its
/// second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segments {
    /// NULL is in it.
    pub(super) nulls: bool,
    /// The numbers in it.
    pub(super) numbers: Vec<(Cut, Cut)>,
    /// Texts and bytes are in it.
    pub(super) others: bool,
}

impl Number {
    fn value(self) -> Value {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Real(number) => Value::Real(number),
        }
    }

    /// As it is bound.
    pub(super) fn bound(self) -> SqlValue {
        match self {
            Self::Int(number) => SqlValue::Integer(number),
            Self::Real(number) => SqlValue::Real(number),
        }
    }

    fn order(self, other: Self) -> Ordering {
        let (one, other) = (self.value(), other.value());
        if Comparison::Less.answer(&one, &other) == Some(true) {
            Ordering::Less
        } else if Comparison::Equal.answer(&one, &other) == Some(true) {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.order(*other).is_eq()
    }
}

/// The order of lower ends, where `None` is the lowest.
fn lower(one: Cut, other: Cut) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(one), Some(other)) => one.order(other),
    }
}

/// The order of upper ends, where `None` is the highest.
fn upper(one: Cut, other: Cut) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.order(other),
        _ => lower(other, one),
    }
}

fn is_empty(above: Cut, through: Cut) -> bool {
    matches!((above, through), (Some(above), Some(through)) if above.order(through).is_ge())
}

impl Segments {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self { nulls: false, numbers: Vec::new(), others: false }
    }

    /// Everything.
    pub(super) fn all() -> Self {
        Self { nulls: true, numbers: vec![(None, None)], others: true }
    }

    /// NULL alone.
    pub(super) fn null() -> Self {
        Self { nulls: true, ..Self::none() }
    }

    /// The numbers after `above`, up to and including `through`.
    pub(super) fn range(above: Cut, through: Cut) -> Self {
        let numbers = if is_empty(above, through) { Vec::new() } else { vec![(above, through)] };
        Self { numbers, ..Self::none() }
    }

    /// Whether nothing is in it.
    pub(super) fn is_none(&self) -> bool {
        !self.nulls && !self.others && self.numbers.is_empty()
    }

    /// What is not in it.
    pub(super) fn complement(&self) -> Self {
        let mut numbers = Vec::with_capacity(self.numbers.len() + 1);
        let mut above = None;
        let mut open = true;
        for (from, through) in &self.numbers {
            if from.is_some() {
                numbers.push((above, *from));
            }
            above = *through;
            open = through.is_some();
        }
        if open {
            numbers.push((above, None));
        }
        numbers.retain(|(above, through)| !is_empty(*above, *through));
        Self { nulls: !self.nulls, numbers, others: !self.others }
    }

    /// What is in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut numbers = Vec::new();
        let (mut one, mut two) = (self.numbers.iter().peekable(), other.numbers.iter().peekable());
        while let (Some((from, through)), Some((other_from, other_through))) = (one.peek(), two.peek()) {
            let above = if lower(*from, *other_from).is_gt() { *from } else { *other_from };
            let first_ends = upper(*through, *other_through).is_le();
            let until = if first_ends { *through } else { *other_through };
            if !is_empty(above, until) {
                numbers.push((above, until));
            }
            if first_ends {
                one.next()
            } else {
                two.next()
            };
        }
        Self { nulls: self.nulls && other.nulls, numbers, others: self.others && other.others }
    }

    /// What is in at least one.
    pub(super) fn or(&self, other: &Self) -> Self {
        self.complement().and(&other.complement()).complement()
    }

    /// What is in this and not in the other.
    pub(super) fn without(&self, other: &Self) -> Self {
        self.and(&other.complement())
    }

    /// Whether a value is in it.
    #[cfg(test)]
    pub(super) fn contains(&self, value: &Value) -> bool {
        let number = match value {
            Value::Null => return self.nulls,
            Value::Int(number) => Number::Int(*number),
            Value::Real(number) => Number::Real(*number),
            _ => return self.others,
        };
        self.numbers.iter().any(|(above, through)| {
            above.is_none_or(|above| above.order(number).is_lt())
                && through.is_none_or(|through| number.order(through).is_le())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            (-5_i64..5).prop_map(Number::Int),
            (-10_i8..10).prop_map(|n| Number::Real(f64::from(n) / 2.0))
        ]
    }

    fn segments() -> impl Strategy<Value = Segments> {
        let range = (proptest::option::of(number()), proptest::option::of(number()))
            .prop_map(|(above, through)| Segments::range(above, through));
        let leaf = prop_oneof![Just(Segments::none()), Just(Segments::all()), Just(Segments::null()), range];
        leaf.prop_recursive(3, 12, 2, |inner| (inner.clone(), inner).prop_map(|(one, other)| one.or(&other)))
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![Just(Value::Null), Just(Value::Text("x".to_owned())), number().prop_map(Number::value)]
    }

    proptest! {
        #[test]
        fn combinations_hold_what_their_parts_say(one in segments(), other in segments(), value in value()) {
            let (in_one, in_other) = (one.contains(&value), other.contains(&value));
            prop_assert_eq!(one.complement().contains(&value), !in_one);
            prop_assert_eq!(one.and(&other).contains(&value), in_one && in_other);
            prop_assert_eq!(one.or(&other).contains(&value), in_one || in_other);
            prop_assert_eq!(one.without(&other).contains(&value), in_one && !in_other);
        }

        #[test]
        fn ranges_stay_apart_and_in_order(one in segments(), other in segments()) {
            for set in [one.and(&other), one.or(&other), one.complement()] {
                for (above, through) in &set.numbers {
                    prop_assert!(!is_empty(*above, *through));
                }
                for pair in set.numbers.windows(2) {
                    prop_assert_eq!(upper(pair[0].1, pair[1].0), Ordering::Less);
                }
            }
        }
    }
}
