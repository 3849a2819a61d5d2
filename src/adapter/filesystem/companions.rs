//! Files of the same store that go with a record: its sidecars (`[[data.with]]`).

use std::sync::Arc;

use super::super::api::{StoreError, StoreErrorKind};
use super::aside::Item;
use super::crawl::Crawl;
use super::narrow::Range;
use super::record::Seen;
use super::tree::Tree;
use super::walk::Collecting;
use crate::model::pattern::Pattern;
use crate::model::target::{Target, With};
use crate::model::value::{Field, Fields, Value};

/// What goes with records in their own store.
pub(super) fn own(target: &Target) -> impl Iterator<Item = &With> {
    target.with.iter().filter(|with| with.store.as_ref().is_none_or(|store| *store == target.store))
}

/// Whether everything that goes with a record can be found by the record's path.
pub(super) fn check(target: &Target, pattern: &Pattern) -> Result<(), StoreError> {
    for with in own(target) {
        read(target, pattern, with)?;
    }
    Ok(())
}

fn read(target: &Target, pattern: &Pattern, with: &With) -> Result<Pattern, StoreError> {
    let refuse = |why: String, help: &str| {
        let what = format!("pattern `{}` in `[[data.with]]`, store `{}`", with.collection, target.store);
        StoreError::new(StoreErrorKind::Unsupported, what, why).with_help(help)
    };
    if with.by.is_some() {
        return Err(refuse("`by` is for tables".to_owned(), "Name the record's parts in braces instead"));
    }
    let read = Pattern::parse(&with.collection)
        .map_err(|error| refuse(error.to_string(), "Correct it in the policy"))?;
    if read.parts().is_empty() {
        let why = "it names the same files for every record".to_owned();
        return Err(refuse(why, "Let a part of the record's path stand in it"));
    }
    for part in read.parts() {
        if part.format.is_some() || !pattern.parts().iter().any(|known| known.name == part.name) {
            let why = format!("`{}` is no part of the record's path `{}`", part.name, target.collection);
            return Err(refuse(why, "Use the parts that the collection names, without a format"));
        }
    }
    Ok(read)
}

/// Finds what goes with records.
pub(super) struct Companions {
    pattern: Pattern,
    /// Each pattern with the name of its collection.
    with: Vec<(String, Pattern)>,
}

/// One record's companions, for each `[[data.with]]`, or why they cannot be known.
pub(super) type Found = Result<Vec<Vec<Item>>, String>;

impl Companions {
    /// `None` if nothing goes with them.
    pub(super) fn of(target: &Target, pattern: &Pattern) -> Result<Option<Self>, StoreError> {
        let with = own(target)
            .map(|with| Ok((with.collection.clone(), read(target, pattern, with)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok((!with.is_empty()).then(|| Self { pattern: pattern.clone(), with }))
    }

    /// The names of the collections, in the order of [`Found`].
    pub(super) fn collections(&self) -> impl Iterator<Item = &str> {
        self.with.iter().map(|(collection, _)| collection.as_str())
    }

    /// What goes with this record now.
    pub(super) fn find(&self, tree: &Arc<Tree>, record: &Item, place: usize) -> Found {
        let key = record.key();
        let unasked = || Err(rustix::io::Errno::NOENT);
        let seen = Seen::new(&self.pattern, key.as_bytes(), None, &unasked);
        let value = |part: &str| match seen.get(&Field::own(part))? {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let mut found = Vec::new();
        for (_, with) in &self.with {
            let pattern =
                with.bind(value).map_err(|error| format!("what goes with it cannot be named: {error}"))?;
            let crawl = Crawl::new(Arc::clone(tree), Range { pattern, keys: None });
            let mut collected = crawl.with(vec![Collecting::default()]).pop().unwrap_or_default().items;
            if !crawl.take_found().into_gaps().is_empty() {
                return Err("what goes with it cannot be looked for: a directory cannot be read".to_owned());
            }
            collected.retain(|item| item.key() != key);
            for item in &mut collected {
                item.owner = Some(place);
            }
            found.push(collected);
        }
        Ok(found)
    }
}
