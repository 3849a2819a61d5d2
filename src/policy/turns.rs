//! In which order policies that are due together run: what keeps a record goes before the record.

use std::borrow::Borrow;

use super::overlap::same_table;
use super::rule::Policy;

/// The same policies, each after those whose records may keep its own. Otherwise their order stays; policies that
/// keep one another's records stay in it too, and what is needed goes with a later run.
pub fn in_turn<P: Borrow<Policy>>(policies: Vec<P>) -> Vec<P> {
    let mut waiting = policies;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|policy| {
            !waiting.iter().any(|other| {
                other.borrow().id != policy.borrow().id && may_keep(other.borrow(), policy.borrow())
            })
        });
        ordered.push(waiting.remove(free.unwrap_or(0)));
    }
    ordered
}

/// Whether a record under `one` may be what keeps a record under `other`.
fn may_keep(one: &Policy, other: &Policy) -> bool {
    other.data.iter().any(|kept| {
        kept.target.reached_by.iter().any(|reach| {
            one.data.iter().any(|keeping| {
                keeping.target.store == kept.target.store
                    && same_table(&keeping.target.collection, &reach.collection)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::ids::{PolicyId, StoreName};
    use crate::model::predicate::Reach;
    use crate::model::target::Target;
    use crate::policy::sample;

    fn policy(id: &str, store: &str, reached_by: &[&str]) -> Policy {
        let mut data = sample::data(Vec::new());
        let reach = |from: &&str| Reach { collection: (*from).into(), by: "x".into(), key: "id".into() };
        data.target = Arc::new(Target {
            reached_by: reached_by.iter().map(reach).collect(),
            ..Target::new(StoreName::new(store), id)
        });
        Policy { id: PolicyId::new(id), ..sample::policy(vec![data]) }
    }

    fn turns(policies: Vec<Policy>) -> Vec<String> {
        in_turn(policies).into_iter().map(|policy| policy.id.to_string()).collect()
    }

    #[test]
    fn what_keeps_a_record_goes_first_and_the_rest_stays_in_its_order() {
        let policies = || {
            vec![
                policy("a", "s", &[]),
                policy("origins", "s", &["Pages"]),
                policy("pages", "s", &["visits", "nobody"]),
                policy("visits", "s", &[]),
                policy("z", "s", &[]),
            ]
        };
        assert_eq!(turns(policies()), ["a", "visits", "pages", "origins", "z"]);
        assert_eq!(in_turn(policies().iter().collect()).len(), 5);
    }

    #[test]
    fn tables_of_other_stores_and_circles_change_nothing() {
        assert_eq!(turns(vec![policy("a", "s", &["b"]), policy("b", "other", &[])]), ["a", "b"]);
        assert_eq!(turns(vec![policy("a", "s", &["b"]), policy("b", "s", &["a"])]), ["a", "b"]);
        assert_eq!(turns(vec![policy("a", "s", &["a"]), policy("b", "s", &[])]), ["a", "b"]);
    }
}
