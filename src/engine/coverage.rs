//! Whether every table and every top directory of every store is covered by a policy, declared out of scope, or a gap:
//! data of which nobody has decided how long it may be kept.

use std::collections::BTreeMap;

use crate::adapter::api::{Inspect, Named, Outline, StoreError};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::out_of_scope::OutOfScope;
use crate::model::pattern::Pattern;
use crate::policy::rule::{Policy, Stage};

use super::Engine;

/// One store.
#[derive(Debug)]
pub struct StoreCoverage {
    /// The store.
    pub store: StoreName,
    /// Its tables or top directories, in the order of their names; why they cannot be listed.
    pub parts: Result<Vec<Part>, StoreError>,
    /// Declared out of scope, but not there.
    pub missing: Vec<String>,
}

/// A table or a top directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name; of a tree a directory's ends with `/`, and `.` stands for the files at its top.
    pub name: String,
    /// What is known of it.
    pub state: State,
    /// Why it cannot be read.
    pub unread: Option<String>,
}

/// What is known of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// These policies bind it, let it go with their records, or fill it with counts of them.
    Covered(Vec<PolicyId>),
    /// These policies are about it, and all of them wait for somebody to decide the rule.
    Unresolved(Vec<PolicyId>),
    /// It needs no policy.
    OutOfScope(String),
    /// Nobody has said anything.
    Gap,
}

impl StoreCoverage {
    /// How many gaps; none that are known of where the store does not answer.
    pub fn gaps(&self) -> u64 {
        let parts = self.parts.iter().flatten();
        parts.filter(|part| part.state == State::Gap).count() as u64
    }

    /// Covered by a policy that cannot read it.
    pub fn unread(&self) -> impl Iterator<Item = (&Part, &str)> {
        let covered = self.parts.iter().flatten().filter(|part| matches!(part.state, State::Covered(_)));
        covered.filter_map(|part| Some((part, part.unread.as_deref()?)))
    }
}

/// The stores that have gaps, with how many.
pub fn gaps(found: &[StoreCoverage]) -> Vec<(StoreName, u64)> {
    found.iter().map(|one| (one.store.clone(), one.gaps())).filter(|(_, gaps)| *gaps > 0).collect()
}

/// Asks each registered store what it has.
pub fn coverage(
    engine: &Engine,
    policies: &[Policy],
    declared: &BTreeMap<StoreName, Vec<OutOfScope>>,
) -> Vec<StoreCoverage> {
    let nothing = Vec::new();
    let one = |store: &StoreName| {
        let declared = declared.get(store).unwrap_or(&nothing);
        let listed = engine.inspect(store).and_then(Inspect::outline);
        let (parts, missing) = match listed {
            Ok(outline) => {
                let parts = parts(&outline, store, policies, declared);
                let is_missing = |name: &&String| !parts.iter().any(|part| names(part, name));
                let declared = declared.iter().flat_map(|one| &one.collections);
                let missing = declared.filter(is_missing).cloned().collect();
                (Ok(parts), missing)
            }
            Err(error) => (Err(error), Vec::new()),
        };
        StoreCoverage { store: store.clone(), parts, missing }
    };
    engine.stores.keys().map(one).collect()
}

fn names(part: &Part, name: &str) -> bool {
    part.name == name || part.name.strip_suffix('/') == Some(name)
}

fn parts(outline: &Outline, store: &StoreName, policies: &[Policy], declared: &[OutOfScope]) -> Vec<Part> {
    let judged = |name: String, unread: Option<String>, is_bound: &dyn Fn(&str) -> bool| {
        let by: Vec<&Policy> = policies.iter().filter(|policy| reaches(policy, store, is_bound)).collect();
        let ids = || by.iter().map(|policy| policy.id.clone()).collect();
        let part = Part { name, state: State::Gap, unread };
        let reason = declared.iter().find(|one| one.collections.iter().any(|name| names(&part, name)));
        let state = if by.iter().any(|policy| policy.unresolved.is_none()) {
            State::Covered(ids())
        } else if !by.is_empty() {
            State::Unresolved(ids())
        } else if let Some(out) = reason {
            State::OutOfScope(out.reason.clone())
        } else {
            State::Gap
        };
        Part { state, ..part }
    };
    match outline {
        Outline::Collections(tables) => {
            let judged =
                |Named { name, unread }: &Named| judged(name.clone(), unread.clone(), &|bound| bound == name);
            tables.iter().map(judged).collect()
        }
        Outline::Tree { directories, files } => {
            let mut parts = Vec::new();
            if *files {
                parts.push(judged(".".to_owned(), None, &at_the_top));
            }
            parts.extend(directories.iter().map(|directory| {
                let name = format!("{}/", String::from_utf8_lossy(directory));
                judged(name, None, &|bound| goes_into(bound, directory))
            }));
            parts
        }
    }
}

/// Whether a policy binds a collection of the store, lets one go with its records, or counts them in it before they go.
fn reaches(policy: &Policy, store: &StoreName, is_bound: &dyn Fn(&str) -> bool) -> bool {
    policy.data.iter().any(|data| {
        let target = &data.target;
        let counts =
            |(_, stage): (_, &Stage)| stage.aggregate.as_ref().is_some_and(|counts| is_bound(&counts.into));
        (target.store == *store && (is_bound(&target.collection) || data.stages().any(counts)))
            || target.goes_along().any(|(there, collection)| there == store && is_bound(collection))
    })
}

/// Whether a pattern can match anything below a directory at the top.
fn goes_into(pattern: &str, directory: &[u8]) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.enter(pattern.top(), directory).is_some())
}

/// Whether a pattern can match files at the top.
fn at_the_top(pattern: &str) -> bool {
    !pattern.contains('/') || pattern.starts_with("**/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_the_directories_that_it_can_go_into() {
        assert!(goes_into("cam{camera}/*.mp4", b"cam1") && !goes_into("cam{camera}/*.mp4", b"log"));
        assert!(goes_into("**/*.mp4", b"anything") && !goes_into("*.mp4", b"anything"));
        assert!(goes_into("{applicant_id}/**", b"17"));
        assert!(at_the_top("*.mp4") && at_the_top("**") && at_the_top("**/*.mp4") && !at_the_top("a/*.mp4"));
    }
}
