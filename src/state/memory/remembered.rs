//! What a state in memory consists of, and the log in it.

use std::collections::BTreeMap;

use super::unsettled::Known;
use crate::audit::entry::{Body, Entry, Intent};
use crate::audit::tree::{Frontier, Hash, leaf_hash};
use crate::model::batch::BatchLabel;
use crate::model::hold::Hold;
use crate::model::ids::{BatchId, PolicyId};
use crate::model::review::Case;
use crate::state::api::{
    Actor, Approval, Curve, Earlier, Filter, IntentAnswer, OpenIntent, PastRun, PauseScope, StateError,
    Withdrawn,
};
use crate::state::gate;
use crate::state::notes::{self, Covered};
use crate::state::unsettled::Place;
use crate::time::Instant;

/// The seed of every key of a state in memory.
pub(super) const SECRET: [u8; 32] = [1; 32];

/// Everything, behind one lock: a transaction is the time for which it is held.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) frontier: Frontier,
    pub(super) newest: Option<Instant>,
    pub(super) labels: BTreeMap<BatchId, BatchLabel>,
    pub(super) actors: BTreeMap<String, Actor>,
    pub(super) manifests: BTreeMap<BatchId, Vec<Hash>>,
    pub(super) texts: BTreeMap<(String, PolicyId), String>,
    pub(super) approvals: BTreeMap<PolicyId, Approval>,
    /// With what stands for their scope in the log, and who put them in force.
    pub(super) holds: Vec<(Hold, Covered, String)>,
    pub(super) events: BTreeMap<(String, String), Earlier>,
    pub(super) withdrawn: Vec<Withdrawn>,
    pub(super) cases: Vec<Case>,
    pub(super) unsettled: BTreeMap<Place, Known>,
    pub(super) pauses: Vec<PauseScope>,
    pub(super) runs: Vec<PastRun>,
    pub(super) curves: BTreeMap<PolicyId, (u64, Vec<Curve>)>,
    pub(super) done: Vec<Done>,
    pub(super) open: Vec<(OpenIntent, String)>,
    pub(super) slots: BTreeMap<PolicyId, Instant>,
}

/// What one batch did, for counting against the forecast.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) index: u64,
    pub(super) policy: PolicyId,
    pub(super) of: String,
    pub(super) at: Instant,
    pub(super) records: u64,
}

impl Remembered {
    /// Appends an entry and returns its index.
    pub(super) fn append(&mut self, now: Instant, body: Body) -> u64 {
        let entry = Entry::new(now, body);
        let leaf = entry.canonical();
        self.frontier.append(leaf_hash(&leaf));
        self.newest = Some(entry.time);
        self.leaves.push(leaf);
        self.leaves.len() as u64 - 1
    }

    /// Writes an intent that nothing stands against; a batch has one.
    pub(super) fn open_intent(
        &mut self,
        now: Instant,
        intent: &Intent,
        of: &str,
        spool: &[u8],
    ) -> Result<IntentAnswer, StateError> {
        if self.labels.contains_key(&intent.label.batch) {
            return Err(StateError::Broken {
                what: format!("the intent of batch {} is refused", intent.label.batch),
                why: "the batch has one".to_owned(),
            });
        }
        let index = self.append(now, Body::Intent(intent.clone()));
        self.labels.insert(intent.label.batch, intent.label.clone());
        let open = OpenIntent { index, intent: intent.clone(), spool: spool.to_vec() };
        self.open.push((open, of.to_owned()));
        Ok(IntentAnswer::Written(index))
    }

    /// What could stand against a batch.
    pub(super) fn known<'a>(&'a self, since: &'a [Body]) -> gate::Known<'a> {
        let holds = self.holds.iter().map(|(hold, ..)| hold).collect();
        gate::Known { pauses: &self.pauses, holds, since }
    }

    /// The bodies of the entries from an index on that could outdate a plan.
    pub(super) fn since(&self, log: u64) -> Vec<Body> {
        let from = usize::try_from(log).unwrap_or(usize::MAX);
        let parse = |leaf: &Vec<u8>| Entry::parse(leaf).expect("the entry was written by this program").body;
        self.leaves.iter().skip(from).map(parse).filter(|body| gate::NEWS.contains(&body.kind())).collect()
    }

    /// What stands for this person in the log.
    pub(super) fn pseudonym(&mut self, by: &Actor) -> String {
        let pseudonym = notes::pseudonym(&SECRET, by);
        self.actors.insert(pseudonym.clone(), by.clone());
        pseudonym
    }

    /// Replaces the forecast of a policy, with the length of the log when it was made.
    pub(super) fn keep_curves(&mut self, policy: &PolicyId, curves: &[Curve]) {
        self.curves.insert(policy.clone(), (self.frontier.size(), curves.to_vec()));
    }

    /// Whether an entry is asked for. Outcomes and recoveries are found through the intent of their batch.
    pub(super) fn matches(&self, filter: &Filter, entry: &Entry) -> bool {
        let body = &entry.body;
        let label = body.batch().and_then(|batch| self.labels.get(&batch));
        let policy = body.policy().or(label.map(|label| &label.policy));
        let run = body.run().or(label.map(|label| label.run));
        let store = body.store().or(label.map(|label| &label.store));
        filter.kind.as_ref().is_none_or(|kind| kind == body.kind())
            && filter.policy.as_ref().is_none_or(|wanted| policy == Some(wanted))
            && filter.batch.is_none_or(|wanted| body.batch() == Some(wanted))
            && filter.run.is_none_or(|wanted| run == Some(wanted))
            && filter.store.as_ref().is_none_or(|wanted| store == Some(wanted))
            && filter.from.is_none_or(|from| entry.time >= from)
            && filter.to.is_none_or(|to| entry.time < to)
    }
}
