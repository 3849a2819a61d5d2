//! Random policies, records and instants: the verdict for one record and the predicates for many say the same.

use proptest::prelude::*;

use super::*;
use crate::model::predicate::{EventBook, Reach, StartIs};
use crate::policy::sample::random::{changes, instant, policies, records};
use crate::policy::select::{held, selections};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn one_record_and_many_are_judged_alike(
        policy in policies(),
        record in records(),
        happened in proptest::option::of(0i64..100),
        reached in any::<bool>(),
        is_held in any::<bool>(),
        hour in 0i64..48,
    ) {
        let now = instant("2026-06-15T00:00:00Z") + TimeDelta::hours(hour);
        let mut events = EventBook::default();
        if let Some(days) = happened {
            events.record("e", "1", now - TimeDelta::days(days));
        }
        let reaches = |_: &Reach| reached;
        let world = World { events: &events, reached: &reaches };
        let data = &policy.data[0];
        let decision = decide(&policy, data, &record, &world, is_held, &changes, now);
        let selections = selections(&policy, data, &changes, now);

        let acting: Vec<_> = selections.stages.iter().filter(|stage| stage.acts.holds(&record, &world)).collect();
        let [undetermined, waiting, needed] = [&selections.undetermined, &selections.waiting, &selections.needed]
            .map(|predicate| predicate.holds(&record, &world));
        let counted = acting.len() + usize::from(undetermined) + usize::from(waiting) + usize::from(needed);
        prop_assert!(counted <= 1, "counted {counted} times: {decision:?}");

        let verdict = decision.verdict;
        prop_assert_eq!(undetermined, matches!(verdict, Verdict::Undetermined(_)), "{:?}", decision);
        prop_assert_eq!(waiting, verdict == Verdict::Waiting, "{:?}", decision);
        prop_assert_eq!(needed, matches!(verdict, Verdict::Needed(_)), "{:?}", decision);
        let acts = matches!(verdict, Verdict::Due(_) | Verdict::Held(_) | Verdict::Escalated(_));
        prop_assert_eq!(acting.len(), usize::from(acts), "{:?}", decision);
        if let [acting] = acting.as_slice() {
            prop_assert_eq!((Some(acting.branch), Some(acting.stage)), (decision.branch, decision.stage));
            prop_assert_eq!(&acting.class, &decision.class);
            let covered = crate::model::hold::Held { everything: is_held, ..Default::default() };
            let (free, kept) = held(acting.acts.clone(), &covered);
            prop_assert_eq!(free.holds(&record, &world), !is_held);
            prop_assert_eq!(kept.holds(&record, &world), matches!(verdict, Verdict::Held(_)));
            // The base with the set given separately is what a survey counts.
            let start = acting.start.clone().unwrap();
            let due = Predicate::Start { start, is: StartIs::In(acting.due.clone()) };
            prop_assert!(acting.base.clone().and(due).holds(&record, &world));
        }
        prop_assert!(!decision.why.is_empty());
        prop_assert!(decision.verdict == Verdict::OutOfScope || !decision.would_change.is_empty());
    }
}
