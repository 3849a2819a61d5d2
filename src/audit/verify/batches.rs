//! What must be true of batches: approved before the first, one intent, at most one outcome that accounts for it all.

use std::collections::{HashMap, HashSet};

use super::closed::Closed;
use super::said::Check;
use crate::audit::entry::{Intent, Outcome, Recovery};
use crate::model::ids::{BatchId, PolicyId, RunId};

/// What counts of an intent here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) batch: BatchId,
    pub(super) run: RunId,
    pub(super) policy: PolicyId,
    pub(super) count: u64,
}

/// What counts of an outcome here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) batch: BatchId,
    pub(super) run: RunId,
    pub(super) policy: PolicyId,
    pub(super) done: u64,
    pub(super) left: u64,
    pub(super) named: u64,
}

impl From<Intent> for Begun {
    fn from(intent: Intent) -> Self {
        let label = intent.label;
        Self { batch: label.batch, run: label.run, policy: label.policy, count: intent.count }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self {
            batch: outcome.batch,
            run: outcome.run,
            policy: outcome.policy,
            done: outcome.done,
            left: outcome.skipped.saturating_add(outcome.failed),
            named: outcome.not_done.len() as u64,
        }
    }
}

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
    pub(super) fn intent(&mut self, begun: Begun, is_pruned: bool, mut wrong: impl FnMut(Check, String)) {
        let Begun { batch, run, policy, count } = begun;
        if !is_pruned && !self.approved.contains(&policy) {
            wrong(Check::Approvals, format!("the policy {policy} acted before anybody had approved it"));
        }
        let open = Open { count, run, policy, recovered_at: None };
        if self.closed.contains(batch) || self.open.insert(batch, open).is_some() {
            wrong(Check::Batches, format!("batch {batch} has a second intent"));
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
        ended: &Ended,
        is_pruned: bool,
        mut wrong: impl FnMut(Check, String),
    ) {
        let Ended { batch, done, left, .. } = *ended;
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
        if done.saturating_add(left) != open.count {
            let text = format!(
                "batch {batch} announced {} records and accounts for {done} done and {left} left alone",
                open.count
            );
            wrong(Check::Batches, text);
        }
        if ended.named > left {
            wrong(Check::Batches, format!("batch {batch} names more records than it left alone"));
        }
        if ended.run != open.run || ended.policy != open.policy {
            let text = format!("batch {batch} ends under another run or policy than it began");
            wrong(Check::Batches, text);
        }
        if open.recovered_at.is_some_and(|at| at + 1 != index) {
            let text = format!("other entries stand between the recovery of batch {batch} and this");
            wrong(Check::Recoveries, text);
        }
    }

    /// The clock was set back: the times in ids say less from here on.
    pub(super) fn clock_was_set_back(&mut self) {
        self.closed.clock_was_set_back();
    }

    /// Whether there are batches that would not be recognised if they came again.
    pub(super) fn has_forgotten(&self) -> bool {
        self.closed.has_forgotten()
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
