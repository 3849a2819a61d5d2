//! What goes with the records of one binding and belongs to another one too. It would go with them although another
//! rule preserves it, or a hold on that rule's records keeps it.

use super::{apart, may_share, same_records};
use crate::model::ids::StoreName;
use crate::policy::rule::Data;

/// What to do about it.
pub(super) const HELP: &str =
    "one record has one rule: let it go with one kind of record only, and bind it nowhere else";

/// Something of the bound collection itself that goes with its records.
pub(super) fn of_itself(data: &Data) -> Option<(&StoreName, &str)> {
    let own = &data.target;
    own.goes_along()
        .find(|(store, collection)| **store == own.store && may_share(collection, &own.collection))
}

pub(super) fn message_of_itself(store: &StoreName, collection: &str) -> String {
    format!("`{collection}` in store `{store}` would go with these records and is what this `[[data]]` binds")
}

/// What two bindings have in common because it goes with the records of one of them or both.
pub(super) fn shared(data: &Data, earlier: &Data, whose: &str) -> Option<String> {
    let (ours, theirs) = (&data.target, &earlier.target);
    let bound = ours
        .goes_along()
        .find(|(store, collection)| **store == theirs.store && may_share(collection, &theirs.collection));
    if let Some((store, collection)) = bound {
        return Some(format!(
            "`{collection}` in store `{store}` would go with these records, and {whose} binds it"
        ));
    }
    if theirs.goes_along().any(|(store, along)| *store == ours.store && may_share(along, &ours.collection)) {
        let (store, collection) = (&ours.store, &ours.collection);
        return Some(format!("`{collection}` in store `{store}` goes with the records of {whose} already"));
    }
    // Records of one collection that are kept apart do not share what refers to them in the same way.
    if same_records(ours, theirs) && apart(&data.scope, &earlier.scope) && ours.with == theirs.with {
        return None;
    }
    let both = ours.goes_along().find(|(store, collection)| {
        theirs.goes_along().any(|(there, along)| there == *store && may_share(along, collection))
    });
    both.map(|(store, collection)| {
        format!("`{collection}` in store `{store}` would go with these records and with those of {whose}")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::model::ids::{PolicyId, StoreName};
    use crate::model::target::{Target, With};
    use crate::policy::condition::{Names, compile};
    use crate::policy::overlap::overlaps;
    use crate::policy::rule::Policy;
    use crate::policy::sample;

    fn bound(id: &str, collection: &str, scope: &str, along: &[(Option<&str>, &str)]) -> Policy {
        let mut data = sample::data(Vec::new());
        let mut target = Target::new(StoreName::new("s"), collection);
        target.with = along
            .iter()
            .map(|(store, collection)| With {
                store: store.map(StoreName::new),
                collection: (*collection).to_owned(),
                by: store.is_none().then(|| "of".to_owned()),
            })
            .collect();
        data.target = Arc::new(target);
        data.scope = compile(scope, &Names::default()).unwrap();
        Policy { id: PolicyId::new(id), ..sample::policy(vec![data]) }
    }

    fn message(one: Policy, other: Policy) -> Option<String> {
        overlaps(&[one, other]).pop().map(|found| found.message)
    }

    #[test]
    fn what_goes_with_a_record_is_bound_by_nobody_else() {
        let case = || bound("case", "r", "true", &[(None, "c")]);
        let told = message(case(), bound("child", "C", "kind == 'x'", &[])).unwrap();
        assert_eq!(told, "`C` in store `s` goes with the records of policy `case` already");
        let told = message(bound("child", "c", "true", &[]), case()).unwrap();
        assert_eq!(told, "`c` in store `s` would go with these records, and policy `child` binds it");
        let told = message(case(), bound("other", "q", "true", &[(None, "c")])).unwrap();
        assert_eq!(told, "`c` in store `s` would go with these records and with those of policy `case`");
        assert_eq!(message(case(), bound("other", "q", "true", &[(None, "d")])), None);
    }

    #[test]
    fn files_that_go_along_are_compared_as_patterns() {
        let case = || bound("case", "r", "true", &[(Some("f"), "{id}/**")]);
        let mut files = bound("files", "**/*.pdf", "true", &[]);
        Arc::make_mut(&mut files.data[0].target).store = StoreName::new("f");
        assert!(message(case(), files.clone()).is_some());
        Arc::make_mut(&mut files.data[0].target).collection = "top-*.pdf".to_owned();
        assert_eq!(message(case(), files), None);
    }

    #[test]
    fn records_of_one_table_that_are_kept_apart_may_each_have_theirs() {
        let of = |id: &str, scope: &str| bound(id, "r", scope, &[(None, "c")]);
        assert_eq!(message(of("a", "kind == 'a'"), of("b", "kind == 'b'")), None);
    }

    #[test]
    fn rows_of_a_table_do_not_go_with_others_of_it() {
        let found = overlaps(&[bound("tree", "r", "true", &[(None, "r")])]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "`r` in store `s` would go with these records and is what this `[[data]]` binds"
        );
    }
}
