//! Why records are undetermined: for whoever looks at a plan and finds nothing due where much should be.

use super::plan::{self, Changes, Circumstances, DataPlan};
use crate::adapter::api::{Inspect, StoreError};
use crate::model::evaluate::World;
use crate::policy::decide::{self, Unknown, Verdict};
use crate::policy::rule::{Data, Policy};

/// So many records are looked at: enough to tell what is wrong with all of them.
const FIRST: u64 = 100;

/// Why the first undetermined records are so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// How many records were looked at.
    pub of: u64,
    /// Each reason, with how many of them it is true of; the most frequent first.
    pub found: Vec<(Unknown, u64)>,
}

/// Looks at the first records that are undetermined, in the order of their keys.
pub(super) fn reasons(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    plan: &DataPlan,
    circumstances: &Circumstances,
) -> Result<Reasons, StoreError> {
    let mut reasons = Reasons::default();
    let most = plan.undetermined.min(FIRST);
    if most == 0 {
        return Ok(reasons);
    }
    let data = plan::with_references(data, &plan.schema);
    let changes: Changes = plan::changes_of(&data, &plan.schema)?;
    let scope = plan::scope(&data, circumstances);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let page = store.scan(&scope, &plan.selections.undetermined, None, most)?;
    // Whether a record is needed by others changes nothing about what cannot be known of it.
    let world = World { events: &circumstances.events, reached: &|_| false };
    for row in &page.rows {
        let told = decide::decide(
            policy,
            &data,
            &*row.fields,
            &world,
            false,
            &|stage| changes.of(stage),
            circumstances.now,
        );
        let Verdict::Undetermined(why) = told.verdict else { continue };
        reasons.of += 1;
        match reasons.found.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => reasons.found.push((why, 1)),
        }
    }
    reasons.found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(reasons)
}
