//! What must be true of batches: approved before the first, one intent, at most one outcome that accounts for it all.

use std::collections::{HashMap, HashSet};

use super::closed::Closed;
use super::said::Check;
use crate::audit::entry::{Intent, Outcome, Recovery};
use crate::model::ids::{BatchId, PolicyId, RunId};

/// The batches of the entries read so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    open: HashMap<BatchId, Open>,
    closed: Closed,
    approved: HashSet<PolicyId>,
}

/// An intent that has no outcome yet.
#[derive(Clone, Debug)]
struct Open {
    count: u64,
    run: RunId,
    policy: PolicyId,
    recovered_at: Option<u64>,
}

impl Batches {
    pub(super) fn approved(&mut self, policy: PolicyId) {
        self.approved.insert(policy);
    }

    /// Tells what is wrong with an intent. Where entries were pruned, an approval may be among them.
    pub(super) fn intent(&mut self, intent: Intent, is_pruned: bool, mut wrong: impl FnMut(Check, String)) {
        let label = intent.label;
        if !is_pruned && !self.approved.contains(&label.policy) {
            let text = format!("the policy {} acted before anybody had approved it", label.policy);
            wrong(Check::Approvals, text);
        }
        let open = Open { count: intent.count, run: label.run, policy: label.policy, recovered_at: None };
        if self.closed.contains(label.batch) || self.open.insert(label.batch, open).is_some() {
            wrong(Check::Batches, format!("batch {} has a second intent", label.batch));
        }
    }

    /// What is wrong with a recovery.
    pub(super) fn recovery(&mut self, index: u64, recovery: &Recovery) -> Option<String> {
        let batch = recovery.batch;
        match self.open.get_mut(&batch) {
            Some(open) if open.recovered_at.is_none() => {
                open.recovered_at = Some(index);
                None
            }
            Some(_) => Some(format!("batch {batch} was recovered before")),
            None => Some(format!("batch {batch} was not open, and yet was recovered")),
        }
    }

    /// Tells what is wrong with an outcome. The intent of a batch that crashed may be far older, and pruned.
    pub(super) fn outcome(
        &mut self,
        index: u64,
        outcome: &Outcome,
        is_pruned: bool,
        mut wrong: impl FnMut(Check, String),
    ) {
        let batch = outcome.batch;
        let Some(open) = self.open.remove(&batch) else {
            if self.closed.contains(batch) {
                wrong(Check::Batches, format!("batch {batch} has a second outcome"));
            } else if is_pruned {
                self.closed.insert(batch);
            } else {
                wrong(Check::Batches, format!("batch {batch} has an outcome without an intent before it"));
            }
            return;
        };
        self.closed.insert(batch);
        let left = outcome.skipped.saturating_add(outcome.failed);
        if outcome.done.saturating_add(left) != open.count {
            let text = format!(
                "batch {batch} announced {} records and accounts for {} done and {left} left alone",
                open.count, outcome.done
            );
            wrong(Check::Batches, text);
        }
        if outcome.not_done.len() as u64 > left {
            wrong(Check::Batches, format!("batch {batch} names more records than it left alone"));
        }
        if outcome.run != open.run || outcome.policy != open.policy {
            let text = format!("batch {batch} ends under another run or policy than it began");
            wrong(Check::Batches, text);
        }
        if open.recovered_at.is_some_and(|at| at + 1 != index) {
            let text = format!("other entries stand between the recovery of batch {batch} and this");
            wrong(Check::Recoveries, text);
        }
    }

    /// How many have no outcome.
    pub(super) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// How many have one.
    pub(super) fn closed(&self) -> u64 {
        self.closed.count()
    }
}
