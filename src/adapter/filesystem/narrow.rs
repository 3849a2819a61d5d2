//! What a predicate already says about where its records lie, so that a walk need not look everywhere.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::key::Key;
use crate::model::pattern::Pattern;
use crate::model::predicate::Predicate;
use crate::model::value::Value;

/// Where to look. It may be too wide, never too narrow: the predicate still decides.
pub(super) struct Range {
    /// The pattern, with the values that parts can only have.
    pub(super) pattern: Pattern,
    /// The records' keys, where they can only be these.
    pub(super) keys: Option<Arc<HashSet<Key>>>,
}

pub(super) fn range(pattern: &Pattern, predicate: &Predicate) -> Range {
    let mut range = Range { pattern: pattern.clone(), keys: None };
    range.add(predicate);
    range
}

impl Range {
    fn add(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::All(parts) => parts.iter().for_each(|part| self.add(part)),
            Predicate::Surely(inner) => self.add(inner),
            Predicate::KeyIn(keys) => {
                if self.keys.as_ref().is_none_or(|known| keys.len() < known.len()) {
                    self.keys = Some(Arc::clone(keys));
                }
            }
            Predicate::OneOf { field, values } if field.link.is_none() => {
                let texts: Option<Vec<&str>> = values
                    .iter()
                    .map(|value| match value {
                        Value::Text(text) => Some(text.as_str()),
                        _ => None,
                    })
                    .collect();
                if let Some(texts) = texts {
                    self.pattern.restrict(&field.column, &texts);
                }
            }
            _ => {}
        }
    }
}
