//! Tables that receive counts (`aggregate`), held against what other bindings do: each is filled in one way, and nobody
//! takes anything from it.

use super::{same_table, whose};
use crate::model::aggregate::{Aggregate, Calendar};
use crate::model::ids::StoreName;
use crate::policy::rule::{Data, Policy};

/// What is wrong about the receiving tables of two bindings, and what to do about it.
pub(super) fn shared(
    (policy, data): (&Policy, &Data),
    (other, earlier): (&Policy, &Data),
) -> Option<(String, String)> {
    let whose = whose(policy, other, earlier);
    let stays = || "let the counts be written to a table of their own, from which nothing goes".to_owned();
    if let Some(into) = receivers(data).find(|counts| takes_from(earlier, &data.target.store, &counts.into)) {
        return Some((format!("counts are written to `{}`, which {whose} binds", into.into), stays()));
    }
    if let Some(into) =
        receivers(earlier).find(|counts| takes_from(data, &earlier.target.store, &counts.into))
    {
        return Some((format!("{whose} writes counts to `{}`, which is bound here", into.into), stays()));
    }
    if data.target.store != earlier.target.store {
        return None;
    }
    let mut pairs = receivers(data)
        .flat_map(|ours| receivers(earlier).map(move |theirs| (ours, theirs)))
        .filter(|(ours, theirs)| same_table(&ours.into, &theirs.into));
    let one_policy = policy.id == other.id;
    let (ours, theirs) =
        pairs.find(|(ours, theirs)| !alike(ours, theirs) || (ours.hides() && !one_policy))?;
    if !alike(ours, theirs) {
        return Some((
            format!("{whose} fills `{}` too, in another way", ours.into),
            "write the same `by`, `count`, `sum` and `min-cell` for both, or let them fill two tables"
                .to_owned(),
        ));
    }
    Some((
        format!("{whose} fills `{}` too, and its small groups are others", ours.into),
        "with a `min-cell` one policy fills a table: let the other fill another one".to_owned(),
    ))
}

fn receivers(data: &Data) -> impl Iterator<Item = &Aggregate> {
    data.stages().filter_map(|(_, stage)| stage.aggregate.as_deref())
}

/// Whether something of this store's table may go or change under the binding.
fn takes_from(data: &Data, store: &StoreName, table: &str) -> bool {
    let own = std::iter::once((&data.target.store, data.target.collection.as_str()));
    own.chain(data.target.goes_along()).any(|(of, taken)| of == store && same_table(taken, table))
}

/// Whether both mean the same by the receiving table's columns.
fn alike(one: &Aggregate, other: &Aggregate) -> bool {
    let names = |of: &Aggregate| -> Vec<(String, Option<Calendar>)> {
        of.by.iter().map(|grouping| (grouping.name.to_lowercase(), grouping.period)).collect()
    };
    let numbers =
        |of: &Aggregate| (of.count.to_lowercase(), of.sum.as_ref().map(|sum| sum.name.to_lowercase()));
    names(one) == names(other)
        && numbers(one) == numbers(other)
        && (one.min_cell, one.zone) == (other.min_cell, other.zone)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::model::action::Action;
    use crate::model::aggregate::{Aggregate, Calendar, Grouping, Summed};
    use crate::model::ids::{PolicyId, StoreName};
    use crate::model::target::{Target, With};
    use crate::policy::overlap::overlaps;
    use crate::policy::rule::Policy;
    use crate::policy::sample;
    use crate::time::Zone;

    fn counts(into: &str) -> Aggregate {
        let month = Grouping {
            name: "month".to_owned(),
            column: "at".to_owned(),
            period: Some(Calendar::Month),
            format: None,
            local: Zone::UTC,
        };
        let sum = Some(Summed { name: "seconds".to_owned(), column: "seconds".to_owned() });
        let (into, count) = (into.to_owned(), "gone".to_owned());
        Aggregate { into, by: vec![month], count, sum, min_cell: 1, zone: Zone::UTC }
    }

    fn bound(id: &str, collection: &str, counts: Option<Aggregate>) -> Policy {
        let mut stage = sample::stage("30 days", Action::Delete);
        stage.aggregate = counts.map(Arc::new);
        let mut data = sample::data(vec![stage]);
        data.target = Arc::new(Target::new(StoreName::new("s"), collection));
        Policy { id: PolicyId::new(id), ..sample::policy(vec![data]) }
    }

    fn message(one: &Policy, other: &Policy) -> Option<String> {
        overlaps(&[one.clone(), other.clone()]).pop().map(|found| found.message)
    }

    #[test]
    fn one_table_is_filled_in_one_way() {
        let calls = bound("calls", "calls", Some(counts("stats")));
        let mails = |edit: fn(&mut Aggregate)| {
            let mut counts = counts("Stats");
            edit(&mut counts);
            bound("mails", "mails", Some(counts))
        };
        let told = "policy `calls` fills `Stats` too, in another way";
        let edits: [fn(&mut Aggregate); 6] = [
            |counts| counts.count = "records".to_owned(),
            |counts| counts.sum = None,
            |counts| counts.by[0].period = Some(Calendar::Year),
            |counts| counts.by[0].name = "when".to_owned(),
            |counts| counts.min_cell = 3,
            |counts| counts.zone = "Europe/Oslo".parse().unwrap(),
        ];
        for edit in edits {
            assert_eq!(message(&calls, &mails(edit)).as_deref(), Some(told));
        }
        assert_eq!(message(&calls, &mails(|_| ())), None);
        assert_eq!(message(&calls, &mails(|counts| counts.into = "mail_stats".to_owned())), None);
        let small =
            |id, collection| bound(id, collection, Some(Aggregate { min_cell: 3, ..counts("stats") }));
        let told = message(&small("calls", "calls"), &small("mails", "mails")).unwrap();
        assert_eq!(told, "policy `calls` fills `stats` too, and its small groups are others");
        let mut both = small("calls", "calls");
        both.data.extend(small("calls", "mails").data);
        assert_eq!(overlaps(&[both]), []);
    }

    #[test]
    fn nobody_takes_anything_from_a_table_of_counts() {
        let calls = bound("calls", "calls", Some(counts("stats")));
        let stats = bound("old-stats", "public.STATS", None);
        let told = "policy `calls` writes counts to `stats`, which is bound here";
        assert_eq!(message(&calls, &stats).as_deref(), Some(told));
        let told = "counts are written to `stats`, which policy `old-stats` binds";
        assert_eq!(message(&stats, &calls).as_deref(), Some(told));
        let mut along = bound("cases", "cases", None);
        let with = With { store: None, collection: "stats".to_owned(), by: Some("of".to_owned()) };
        Arc::make_mut(&mut along.data[0].target).with.push(with);
        assert!(message(&calls, &along).is_some());
        let target = Arc::make_mut(&mut along.data[0].target);
        target.store = StoreName::new("other");
        assert_eq!(message(&calls, &along), None, "another store has a table of that name");
        let target = Arc::make_mut(&mut along.data[0].target);
        target.with[0].store = Some(StoreName::new("s"));
        assert!(message(&calls, &along).is_some(), "it goes with the records of another store");
        let mut elsewhere = stats;
        Arc::make_mut(&mut elsewhere.data[0].target).store = StoreName::new("other");
        assert_eq!(message(&calls, &elsewhere), None);
    }
}
