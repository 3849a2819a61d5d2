//! The typed tree that policies are compiled to and adapters carry out.
//!
//! Answers are three-valued, as in SQL: true, false, unknown. `All`, `Any` and `Not` follow Kleene's logic.
//! A record is acted upon only where the whole predicate is true, so unknown keeps it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::key::Key;
use super::method::Method;
use super::start::Start;
use super::value::{Field, Value};
use crate::time::{Instant, StartSet};

/// A condition on one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The same for every record.
    Always(bool),
    /// All of them; true if there are none.
    All(Vec<Predicate>),
    /// At least one of them; false if there are none.
    Any(Vec<Predicate>),
    /// The opposite; unknown stays unknown.
    Not(Box<Predicate>),
    /// The field is absent. Never unknown, except for a field of a link that leads to no row.
    IsNull(Field),
    /// The field is compared with a value of the same type; unknown where the field is NULL or of another type.
    Compare {
        /// The field on the left.
        field: Field,
        /// The comparison.
        op: Comparison,
        /// What stands on the right.
        with: Operand,
    },
    /// The field is one of the values; unknown where it is NULL or of another type than all of them.
    OneOf {
        /// The field.
        field: Field,
        /// The values, of one type, never NULL.
        values: Vec<Value>,
    },
    /// A test of a text field; unknown where it is NULL or no text.
    Text {
        /// The field.
        field: Field,
        /// The test. Case counts.
        test: TextTest,
        /// What is looked for.
        needle: String,
    },
    /// That event is recorded. Never unknown.
    Event {
        /// The event's name.
        name: String,
        /// The field whose value is the event's key; `None` for the record's own key.
        of: Option<Field>,
    },
    /// The start is in that state. Never unknown.
    Start {
        /// How the start is read.
        start: Arc<Start>,
        /// The state asked for.
        is: StartIs,
    },
    /// True where the inner predicate is true, else false. Never unknown.
    Surely(Box<Predicate>),
    /// True where the inner predicate is unknown, else false. Never unknown.
    Unknown(Box<Predicate>),
    /// The field already has the form that the method leaves behind. Never unknown.
    Done {
        /// The record's own column.
        column: String,
        /// The method.
        method: Arc<Method>,
    },
    /// The record's key is one of these. Never unknown.
    KeyIn(Arc<HashSet<Key>>),
    /// Some row of another collection of the same store refers to this record. Never unknown.
    Reached(Reach),
}

/// A reference from a row that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The collection that refers.
    pub collection: String,
    /// Its column.
    pub by: String,
    /// The column of ours that it names.
    pub key: String,
}

/// What may stand on the right of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A literal, never NULL.
    Value(Value),
    /// Another field.
    Field(Field),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A test of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// It begins so.
    StartsWith,
    /// It ends so.
    EndsWith,
    /// It has this somewhere.
    Contains,
}

/// A state of the start that a predicate can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum StartIs {
    /// Known, and in the set. (Every value in such a set is plausible or before `earliest`; the latter is
    /// undetermined and so never in it.)
    In(StartSet),
    /// Known and plausible, whenever.
    Known {
        /// The time of asking.
        now: Instant,
    },
    /// Not yet happened.
    Waiting {
        /// The time of asking.
        now: Instant,
    },
    /// It cannot be known.
    Undetermined {
        /// The time of asking.
        now: Instant,
    },
}

impl Predicate {
    /// Both; flat, and without what is always true.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always(true), one) | (one, Self::Always(true)) => one,
            (Self::Always(false), _) | (_, Self::Always(false)) => Self::Always(false),
            (Self::All(mut many), Self::All(more)) => {
                many.extend(more);
                Self::All(many)
            }
            (Self::All(mut many), one) => {
                many.push(one);
                Self::All(many)
            }
            (one, Self::All(mut many)) => {
                many.insert(0, one);
                Self::All(many)
            }
            (one, two) => Self::All(vec![one, two]),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Always(answer) => Self::Always(!answer),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether it is plain from the words alone that it is true or unknown of no record.
    pub fn is_never(&self) -> bool {
        match self {
            Self::Always(answer) => !answer,
            Self::All(parts) => parts.iter().any(Self::is_never),
            Self::Any(parts) => parts.iter().all(Self::is_never),
            Self::Not(inner) => inner.is_everywhere(),
            _ => false,
        }
    }

    /// Whether it is plain from the words alone that it is true of every record.
    fn is_everywhere(&self) -> bool {
        match self {
            Self::Always(answer) => *answer,
            Self::All(parts) => parts.iter().all(Self::is_everywhere),
            Self::Any(parts) => parts.iter().any(Self::is_everywhere),
            Self::Not(inner) => inner.is_never(),
            _ => false,
        }
    }

    /// True where this is true, else false.
    #[must_use]
    pub fn surely(self) -> Self {
        match self {
            Self::Always(answer) => Self::Always(answer),
            other => Self::Surely(Box::new(other)),
        }
    }

    /// True where this is unknown, else false.
    #[must_use]
    pub fn unknown(self) -> Self {
        match self {
            Self::Always(_) => Self::Always(false),
            other => Self::Unknown(Box::new(other)),
        }
    }

    /// Every field that the answer depends on, apart from starts and methods: they are protected.
    pub fn fields(&self) -> Vec<&Field> {
        let mut found = Vec::new();
        self.visit(&mut |part| match part {
            Self::IsNull(field) | Self::OneOf { field, .. } | Self::Text { field, .. } => found.push(field),
            Self::Compare { field, with, .. } => {
                found.push(field);
                if let Operand::Field(other) = with {
                    found.push(other);
                }
            }
            Self::Event { of, .. } => found.extend(of),
            _ => {}
        });
        found
    }

    /// Calls `see` for this predicate and everything inside, outermost first.
    pub fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) | Self::Surely(inner) | Self::Unknown(inner) => inner.visit(see),
            _ => {}
        }
    }
}

/// The events recorded in the ledger: name, then key, then when it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventBook(BTreeMap<String, BTreeMap<String, Instant>>);

impl EventBook {
    /// Adds an event; a later entry for the same name and key replaces the earlier.
    pub fn record(&mut self, name: impl Into<String>, key: impl Into<String>, at: Instant) {
        self.0.entry(name.into()).or_default().insert(key.into(), at);
    }

    /// Takes an event out again.
    pub fn forget(&mut self, name: &str, key: &str) {
        if let Some(keys) = self.0.get_mut(name) {
            keys.remove(key);
        }
    }

    /// The keys for which an event of that name is recorded.
    pub fn keys(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// When it happened, if it is recorded.
    pub fn at(&self, name: &str, key: &str) -> Option<Instant> {
        self.0.get(name)?.get(key).copied()
    }
}
