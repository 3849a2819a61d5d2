//! Bindings of several policies held against each other: one rule for one record, rows that others still need, and
//! tables that receive counts.

mod along;
mod counted;
mod pattern;

use std::sync::Arc;

use crate::model::ids::PolicyId;
use crate::model::predicate::{Comparison, Operand, Predicate, Reach};
use crate::model::target::Target;
use crate::model::value::{Field, Value};
use crate::policy::rule::{Data, Policy};

/// Two `[[data]]` tables that may bind the same record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The policy that is read later, and which of its `[[data]]`, from 0.
    pub second: (PolicyId, usize),
    /// The policy that binds the data already, and which of its `[[data]]`, from 0.
    pub first: (PolicyId, usize),
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Every pair of bindings that is not certainly disjoint, within one policy too. Two bindings of one collection are
/// disjoint only if both `where`s compare the same field with different literals. What goes with the records of one
/// binding is nobody else's either: it would go whatever another rule says of it.
pub fn overlaps(policies: &[Policy]) -> Vec<Overlap> {
    let bound: Vec<(&Policy, &Data)> =
        policies.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data))).collect();
    let mut found = Vec::new();
    for (index, (policy, data)) in bound.iter().enumerate() {
        let mut report = |(other, earlier): (&Policy, &Data), message: String, help: String| {
            found.push(Overlap {
                second: (policy.id.clone(), data.index),
                first: (other.id.clone(), earlier.index),
                message,
                help,
            });
        };
        if let Some((store, collection)) = along::of_itself(data) {
            report((policy, data), along::message_of_itself(store, collection), along::HELP.to_owned());
        }
        for (other, earlier) in &bound[..index] {
            let whose = whose(policy, other, earlier);
            if same_records(&earlier.target, &data.target) && !apart(&earlier.scope, &data.scope) {
                report((other, earlier), message(data, earlier, &whose), help(data));
            } else if let Some(message) = along::shared(data, earlier, &whose) {
                report((other, earlier), message, along::HELP.to_owned());
            } else if let Some((message, help)) = counted::shared((policy, data), (other, earlier)) {
                report((other, earlier), message, help);
            }
        }
    }
    found
}

/// Tells every collection which rows elsewhere keep its records alive: each `[[data.link]]` of any policy that leads
/// into it. `primary_key` names the key column of a collection whose links do not name one; where it cannot, the
/// reach has a blank column, which adapters refuse, so that nothing needed is deleted unseen.
pub fn reaches(policies: &mut [Policy], primary_key: &dyn Fn(&Target) -> Option<String>) {
    let bound: Vec<Arc<Target>> =
        policies.iter().flat_map(|policy| policy.data.iter().map(|data| Arc::clone(&data.target))).collect();
    for data in policies.iter_mut().flat_map(|policy| &mut policy.data) {
        let own = &data.target;
        let mut reached_by: Vec<Reach> = Vec::new();
        for from in bound.iter().filter(|from| from.store == own.store && !same_name(from, own)) {
            for link in from.links.iter().filter(|link| same_table(&link.collection, &own.collection)) {
                let key = link.key.clone().or_else(|| only_key(own)).or_else(|| primary_key(own));
                let reach = Reach {
                    collection: from.collection.clone(),
                    by: link.by.clone(),
                    key: key.unwrap_or_default(),
                };
                if !reached_by.contains(&reach) {
                    reached_by.push(reach);
                }
            }
        }
        if data.target.reached_by != reached_by {
            Arc::make_mut(&mut data.target).reached_by = reached_by;
        }
    }
}

fn whose(policy: &Policy, other: &Policy, earlier: &Data) -> String {
    if policy.id == other.id {
        format!("`[[data]]` {} of this policy", earlier.index + 1)
    } else {
        format!("policy `{}`", other.id)
    }
}

fn message(data: &Data, earlier: &Data, whose: &str) -> String {
    let (store, collection) = (&data.target.store, &data.target.collection);
    if data.target.collection == earlier.target.collection {
        format!("`{collection}` in store `{store}` is bound by {whose} too")
    } else {
        format!(
            "`{collection}` in store `{store}` may match what {whose} binds as `{}`",
            earlier.target.collection
        )
    }
}

fn help(data: &Data) -> String {
    let apart = if pattern::is_pattern(&data.target.collection) {
        "write the patterns so that no path can match both, such as with a date's format or a literal directory"
    } else {
        "let both `where`s compare the same field with different values"
    };
    format!("one record has one rule: {apart}, or make one policy with classes of the two")
}

fn same_records(one: &Target, other: &Target) -> bool {
    one.store == other.store && may_share(&one.collection, &other.collection)
}

/// Whether two collections of one store may have a record in common.
fn may_share(one: &str, other: &str) -> bool {
    same_table(one, other) || pattern::may_meet(one, other)
}

fn same_name(one: &Target, other: &Target) -> bool {
    same_table(&one.collection, &other.collection)
}

/// SQL names go without regard to case, and a schema before the name may be left out.
pub(super) fn same_table(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    if pattern::is_pattern(one) || pattern::is_pattern(other) {
        return one == other;
    }
    if one.contains('.') && other.contains('.') {
        return one.eq_ignore_ascii_case(other);
    }
    bare(one) == bare(other)
}

fn only_key(target: &Target) -> Option<String> {
    match target.key.as_deref() {
        Some([column]) => Some(column.clone()),
        _ => None,
    }
}

/// Whether no record can satisfy both, because both compare the same field with different literals.
fn apart(one: &Predicate, other: &Predicate) -> bool {
    let (left, right) = (literals(one), literals(other));
    left.iter().any(|(field, values)| {
        right
            .iter()
            .any(|(other, others)| field == other && values.iter().all(|value| differs(value, others)))
    })
}

/// Values of different types do not count as different: a store may hold `'1'` where another reads 1.
fn differs(value: &Value, others: &[Value]) -> bool {
    others.iter().all(|other| Comparison::Equal.answer(value, other) == Some(false))
}

/// The fields that the predicate ties to literals, each with the literals that it may have.
fn literals(predicate: &Predicate) -> Vec<(Field, Vec<Value>)> {
    match predicate {
        Predicate::All(parts) => parts.iter().flat_map(literals).collect(),
        Predicate::Compare { field, op: Comparison::Equal, with: Operand::Value(value) } => {
            vec![(field.clone(), vec![value.clone()])]
        }
        Predicate::OneOf { field, values } => vec![(field.clone(), values.clone())],
        Predicate::Not(inner) => match inner.as_ref() {
            Predicate::Compare { field, op: Comparison::Equal, with: Operand::Value(Value::Bool(value)) } => {
                vec![(field.clone(), vec![Value::Bool(!value)])]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::StoreName;
    use crate::model::target::Link;
    use crate::policy::condition::{Names, compile};
    use crate::policy::sample;

    fn bound(id: &str, store: &str, collection: &str, scope: &str) -> Policy {
        let mut data = sample::data(Vec::new());
        data.target = Arc::new(Target::new(StoreName::new(store), collection));
        data.scope = compile(scope, &Names::default()).unwrap();
        Policy { id: PolicyId::new(id), ..sample::policy(vec![data]) }
    }

    fn overlap(one: (&str, &str), other: (&str, &str)) -> bool {
        let policies = [bound("a", "s", one.0, one.1), bound("b", "s", other.0, other.1)];
        let turned = [policies[1].clone(), policies[0].clone()];
        let found = !overlaps(&policies).is_empty();
        assert_eq!(found, !overlaps(&turned).is_empty(), "{one:?} {other:?}");
        found
    }

    #[test]
    fn only_different_literals_of_one_field_keep_two_bindings_apart() {
        for (one, other, expected) in [
            ("true", "true", true),
            ("kind == 'a'", "true", true),
            ("kind == 'a'", "kind == 'b'", false),
            ("kind == 'a' && x", "y && kind == 'b'", false),
            ("kind == 'a'", "kind == 'a'", true),
            ("kind == 'a'", "other == 'b'", true),
            ("kind in ['a', 'b']", "kind in ['c', 'd']", false),
            ("kind in ['a', 'b']", "kind in ['b', 'c']", true),
            ("kind == 'a' || x", "kind == 'b' || x", true),
            ("kind != 'a'", "kind == 'a'", true),
            ("kind == 1", "kind == 1.0", true),
            ("kind == 1", "kind == '2'", true),
            ("kind == 1", "kind == 2", false),
            ("open", "!open", false),
            ("open == true", "open == false", false),
        ] {
            assert_eq!(overlap(("t", one), ("t", other)), expected, "{one} / {other}");
        }
    }

    #[test]
    fn collections_are_compared_as_stores_read_them() {
        for (one, other, expected) in [
            ("call_log", "CALL_LOG", true),
            ("public.call_log", "call_log", true),
            ("public.call_log", "old.call_log", false),
            ("call_log", "voicemail", false),
            ("cam/*.mp4", "cam/a.mp4", true),
            ("cam/*.mp4", "cam/*.jpg", false),
        ] {
            assert_eq!(overlap((one, "true"), (other, "true")), expected, "{one} / {other}");
        }
        assert_eq!(overlaps(&[bound("a", "s", "t", "true"), bound("b", "other", "t", "true")]), []);
    }

    #[test]
    fn two_tables_of_one_policy_overlap_too_and_the_message_names_the_other() {
        let mut policy = bound("a", "s", "t", "true");
        let again = Data { index: 1, ..policy.data[0].clone() };
        policy.data.push(again);
        let found = overlaps(std::slice::from_ref(&policy));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "`t` in store `s` is bound by `[[data]]` 1 of this policy too");
        let found = overlaps(&[bound("a", "s", "x/**", "true"), bound("b", "s", "x/*.log", "true")]);
        assert_eq!(found[0].message, "`x/*.log` in store `s` may match what policy `a` binds as `x/**`");
    }

    #[test]
    fn a_link_makes_its_end_know_who_reaches_it() {
        let mut from = bound("applicants", "s", "applicant", "true");
        let link = |key: Option<&str>| Link {
            name: "recruitment".into(),
            collection: "recruitment".into(),
            key: key.map(Into::into),
            by: "recruitment_id".into(),
        };
        Arc::make_mut(&mut from.data[0].target).links = vec![link(None), link(Some("code"))];
        let elsewhere = bound("elsewhere", "other", "recruitment", "true");
        let mut policies = [from, bound("recruitments", "s", "Recruitment", "true"), elsewhere];
        reaches(&mut policies, &|target| (target.collection == "Recruitment").then(|| "id".to_owned()));
        let reach = |key: &str| Reach {
            collection: "applicant".into(),
            by: "recruitment_id".into(),
            key: key.into(),
        };
        assert_eq!(policies[1].data[0].target.reached_by, [reach("id"), reach("code")]);
        assert!(policies[0].data[0].target.reached_by.is_empty());
        assert!(policies[2].data[0].target.reached_by.is_empty());
    }
}
