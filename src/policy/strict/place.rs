//! Finds the key that an error is about, and takes it out.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The way from the outermost table to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    steps: Vec<Step>,
    /// The error is about the last key itself, not about its value.
    pub(super) on_key: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

impl Way {
    /// The last key on the way, leaving out places in lists.
    pub(super) fn last_key(&self) -> Option<&String> {
        self.keys().next_back()
    }

    /// All keys on the way.
    pub(super) fn keys(&self) -> impl DoubleEndedIterator<Item = &String> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key),
            Step::Item(_) => None,
        })
    }

    /// The last key as its author would write it: with the keys of the tables that stand inline before it.
    pub(super) fn written(&self, homes: &[super::Home]) -> String {
        let mut keys: Vec<&str> = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                // Inside a list of tables the keys begin anew; a list's own element is named by its key.
                Step::Item(_) if at + 1 < self.steps.len() => keys.clear(),
                Step::Item(_) => {}
                Step::Key(key) => {
                    let header = format!("[{}]", keys.join("."));
                    if homes.iter().any(|home| home.name == header) {
                        keys.clear();
                    }
                    keys.push(key);
                }
            }
        }
        keys.join(".")
    }

    /// Whether the last step is an element of a list.
    pub(super) fn is_item(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Item(_)))
    }
}

/// The key or element that has exactly this place, the outermost if there are several; else the deepest whose place
/// holds it. (A list of tables has the place of its first header, and so has its first table: an error there is about
/// the list. The header of `[[data.link]]` holds the word `data`, and an error there is about `data`.)
pub(super) fn locate(root: &Spanned<DeTable<'_>>, span: &Range<usize>) -> Option<Way> {
    let mut steps = Vec::new();
    let exact = exactly(root.get_ref(), span, &mut steps);
    let on_key = exact.or_else(|| in_table(root.get_ref(), span, &mut steps))?;
    Some(Way { steps, on_key })
}

fn exactly(table: &DeTable<'_>, span: &Range<usize>, steps: &mut Vec<Step>) -> Option<bool> {
    for (key, value) in table {
        steps.push(Step::Key(key.get_ref().to_string()));
        if key.span() == *span {
            return Some(true);
        }
        if let Some(found) = exact_value(value, span, steps) {
            return Some(found);
        }
        steps.pop();
    }
    None
}

fn exact_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, steps: &mut Vec<Step>) -> Option<bool> {
    if value.span() == *span {
        return Some(false);
    }
    match value.get_ref() {
        DeValue::Table(inner) => exactly(inner, span, steps),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Item(index));
                if let Some(found) = exact_value(item, span, steps) {
                    return Some(found);
                }
                steps.pop();
            }
            None
        }
        _ => None,
    }
}

fn in_table(table: &DeTable<'_>, span: &Range<usize>, steps: &mut Vec<Step>) -> Option<bool> {
    // Deeper first: the span of a table is that of its header or first key, and may hold those of its children.
    for (key, value) in table {
        steps.push(Step::Key(key.get_ref().to_string()));
        if let Some(found) = in_value(value, span, steps) {
            return Some(found);
        }
        steps.pop();
    }
    table.iter().find_map(|(key, value)| {
        let on_key = holds(&key.span(), span);
        (on_key || holds(&value.span(), span)).then(|| {
            steps.push(Step::Key(key.get_ref().to_string()));
            on_key
        })
    })
}

fn in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, steps: &mut Vec<Step>) -> Option<bool> {
    match value.get_ref() {
        DeValue::Table(inner) => in_table(inner, span, steps),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Item(index));
                if let Some(found) = in_value(item, span, steps) {
                    return Some(found);
                }
                if holds(&item.span(), span) {
                    return Some(false);
                }
                steps.pop();
            }
            None
        }
        _ => None,
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && !outer.is_empty()
}

/// The value at the end of the way.
pub(super) fn value<'a, 'i>(root: &'a Spanned<DeTable<'i>>, way: &Way) -> Option<&'a Spanned<DeValue<'i>>> {
    let (Step::Key(first), rest) = way.steps.split_first()? else { return None };
    let mut found = root.get_ref().get(first.as_str())?;
    for step in rest {
        found = match (step, found.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => table.get(key.as_str())?,
            (Step::Item(index), DeValue::Array(items)) => items.get(*index)?,
            _ => return None,
        };
    }
    Some(found)
}

/// Takes the last key or element on the way out of its table or list.
pub(super) fn remove(root: &mut Spanned<DeTable<'_>>, way: &Way) {
    let Some((last, before)) = way.steps.split_last() else { return };
    let mut table = root.get_mut();
    let mut steps = before.iter().peekable();
    while let Some(step) = steps.next() {
        let Step::Key(key) = step else { return };
        let Some(mut value) = table.get_mut(key.as_str()).map(Spanned::get_mut) else { return };
        while let (Some(Step::Item(index)), DeValue::Array(_)) = (steps.peek(), &*value) {
            let DeValue::Array(items) = value else { return };
            let Some(item) = items.get_mut(*index) else { return };
            value = item.get_mut();
            steps.next();
        }
        match value {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(items) => {
                if let Step::Item(index) = last {
                    without(items, *index);
                }
                return;
            }
            _ => return,
        }
    }
    if let Step::Key(key) = last {
        table.remove(key.as_str());
    }
}

/// The list type of the parser can grow but not shrink.
fn without(items: &mut DeArray<'_>, index: usize) {
    let mut kept = DeArray::new();
    items.iter().enumerate().filter(|(at, _)| *at != index).for_each(|(_, item)| kept.push(item.clone()));
    *items = kept;
}
