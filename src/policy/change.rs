//! What an edit of a policy means for its approval: harmless only if no record can be acted upon that was safe before.
//!
//! The comparison is of compiled policies, so a comment or another spelling is no change. It never tries to be clever:
//! what is not certainly a narrowing is dangerous and needs a new approval.

mod course;

use crate::model::predicate::Predicate;
use crate::model::target::Target;
use crate::policy::rule::{Branch, Data, Limit, Policy};
use crate::policy::select::running;
use crate::time::Period;

/// What an edit means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The text is the same.
    Same,
    /// No record is acted upon that was not before; the approval stays. Says what changed.
    Harmless(String),
    /// Records may be acted upon that were not before, or a safeguard is weaker: each a phrase for the approver.
    Dangerous(Vec<String>),
}

/// What the edit from the approved policy to the present one means.
pub fn compare(old: &Policy, new: &Policy) -> Edit {
    if old.text == new.text && same_rule(old, new) {
        return Edit::Same;
    }
    let mut dangers = Vec::new();
    if old.id != new.id {
        dangers.push(format!("it is another policy than `{}`", old.id));
    }
    if old.zone != new.zone {
        dangers.push(format!("other time zone: {} instead of {}", new.zone, old.zone));
    }
    minimum(old.keep_at_least, new.keep_at_least, &mut dangers);
    safeguards(old, new, &mut dangers);
    for data in &new.data {
        bindings(old, new, data, &mut dangers);
    }
    dangers.dedup();
    if dangers.is_empty() { Edit::Harmless(harmless(old, new)) } else { Edit::Dangerous(dangers) }
}

/// The same compiled rule: everything that decides what happens to a record.
fn same_rule(old: &Policy, new: &Policy) -> bool {
    let data = old.data.len() == new.data.len()
        && old.data.iter().zip(&new.data).all(|(one, other)| {
            one.target == other.target
                && one.scope == other.scope
                && course::same_branches(&one.branches, &other.branches)
        });
    data && old.id == new.id
        && old.zone == new.zone
        && old.keep_at_least == new.keep_at_least
        && old.unresolved == new.unresolved
        && (old.approvers, old.wait, old.grace) == (new.approvers, new.wait, new.grace)
        && (&old.limit, old.window, &old.schedule) == (&new.limit, new.window, &new.schedule)
}

fn harmless(old: &Policy, new: &Policy) -> String {
    if same_rule(old, new) {
        "only what is written for people changed".to_owned()
    } else if old.data.iter().any(|data| !data.branches.is_empty()) && new.data.is_empty() {
        "no data is bound any more".to_owned()
    } else {
        "no record can be acted upon earlier than before".to_owned()
    }
}

fn minimum(old: Option<Period>, new: Option<Period>, dangers: &mut Vec<String>) {
    match (old, new) {
        (Some(old), None) => dangers.push(format!("`keep-at-least` is gone; it was {old}")),
        (Some(old), Some(new)) if !new.is_certainly_at_least(old) => {
            dangers.push(format!("lower `keep-at-least`: {new} instead of {old}"));
        }
        _ => {}
    }
}

/// Hard caps and the rules on approval itself.
fn safeguards(old: &Policy, new: &Policy, dangers: &mut Vec<String>) {
    if new.approvers < old.approvers {
        dangers.push(format!("fewer approvers: {} instead of {}", new.approvers, old.approvers));
    }
    let shorter = match (old.wait, new.wait) {
        (Some(_), None) => true,
        (Some(old), Some(new)) => !new.is_certainly_at_least(old),
        (None, _) => false,
    };
    if shorter {
        dangers.push("shorter `wait` between approval and action".to_owned());
    }
    let Limit { records, share, may_empty } = &new.limit;
    if old.limit.records.is_some_and(|old| records.is_none_or(|new| new > old)) {
        dangers.push("higher `limit.records`".to_owned());
    }
    if old.limit.share.is_some_and(|old| share.is_none_or(|new| new > old)) {
        dangers.push("higher `limit.share`".to_owned());
    }
    if *may_empty && !old.limit.may_empty {
        dangers.push("it may empty its collection now".to_owned());
    }
}

/// Each `[[data]]` must have been there before, with the same records or more, under the same course or a milder one.
fn bindings(old: &Policy, new: &Policy, data: &Data, dangers: &mut Vec<String>) {
    if data.branches.iter().all(|branch| running(new, branch).is_empty()) {
        return;
    }
    let name = format!("`{}` in store `{}`", data.target.collection, data.target.store);
    let same_place = |other: &&Data| {
        other.target.store == data.target.store && other.target.collection == data.target.collection
    };
    let mut nearest: Option<Vec<String>> = None;
    for before in old.data.iter().filter(same_place) {
        let mut found = Vec::new();
        target(&before.target, &data.target, &name, &mut found);
        if !narrower(&before.scope, &data.scope) {
            found.push(format!("wider or other `where` for {name}"));
        }
        let reached = !before.target.reached_by.is_empty();
        course::compare((old, &before.branches), (new, &data.branches), reached, &mut found);
        if nearest.as_ref().is_none_or(|nearest| found.len() < nearest.len()) {
            nearest = Some(found);
        }
    }
    dangers.extend(nearest.unwrap_or_else(|| vec![format!("other data: {name} was not bound before")]));
}

fn target(old: &Target, new: &Target, name: &str, found: &mut Vec<String>) {
    if old.key != new.key {
        found.push(format!("other `key` for {name}"));
    }
    if new.prune_empty_dirs && !old.prune_empty_dirs {
        found.push(format!("empty directories of {name} are removed now"));
    }
    if new.drop_partitions && !old.drop_partitions {
        found.push(format!("whole partitions of {name} are dropped now"));
    }
    if old.links != new.links {
        found.push(format!("other `[[data.link]]` for {name}"));
    }
    if new.with.iter().any(|with| !old.with.contains(with)) {
        found.push(format!("more goes with each record of {name}: `[[data.with]]`"));
    }
    if old.reached_by.iter().any(|reach| !new.reached_by.contains(reach)) {
        found.push(format!("fewer rows keep the records of {name} alive"));
    }
}

/// Whether every record for which `new` is true is one for which `old` is: it has all of its parts.
fn narrower(old: &Predicate, new: &Predicate) -> bool {
    if *old == Predicate::Always(true) || *new == Predicate::Always(false) || old == new {
        return true;
    }
    let parts = |predicate: &Predicate| match predicate {
        Predicate::All(parts) => parts.clone(),
        one => vec![one.clone()],
    };
    let new = parts(new);
    parts(old).iter().all(|part| new.contains(part) || new.iter().any(|other| chosen_from(part, other)))
}

/// A list that has lost some of its values.
fn chosen_from(old: &Predicate, new: &Predicate) -> bool {
    match (old, new) {
        (Predicate::OneOf { field, values }, Predicate::OneOf { field: same, values: fewer }) => {
            field == same && fewer.iter().all(|value| values.contains(value))
        }
        _ => false,
    }
}

/// The class's name, or what stands for none.
fn whose(branch: &Branch) -> String {
    branch
        .class
        .as_ref()
        .map_or_else(|| "the policy's own stages".to_owned(), |class| format!("class `{class}`"))
}

#[cfg(test)]
mod tests;
