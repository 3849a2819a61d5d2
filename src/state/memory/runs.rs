//! Runs in memory, and what their stages have done.

use super::remembered::{Done, Remembered};
use crate::audit::entry::{Body, RunNote};
use crate::model::ids::PolicyId;
use crate::state::api::{Curve, PastRun, StateError};
use crate::time::Instant;

impl Remembered {
    pub(super) fn begin_run(&mut self, now: Instant, note: &RunNote) {
        self.append(now, Body::Run(note.clone()));
        self.runs.push(PastRun { note: note.clone(), began: now, ended: None });
    }

    pub(super) fn finish_run(
        &mut self,
        now: Instant,
        note: &RunNote,
        curves: Option<&[Curve]>,
    ) -> Result<(), StateError> {
        let Some(run) = self.runs.iter_mut().find(|run| run.note.run == note.run) else {
            return Err(StateError::Damaged {
                what: format!("run {}", note.run),
                why: "it ends without having begun".to_owned(),
            });
        };
        run.note = note.clone();
        run.ended = Some(now);
        self.append(now, Body::Run(note.clone()));
        if let Some(curves) = curves {
            self.keep_curves(&note.policy, curves);
        }
        Ok(())
    }

    pub(super) fn done_since(&self, policy: &PolicyId, of: &str, since: Instant) -> u64 {
        let made_then = self.curves.get(policy).filter(|(_, curves)| curves.iter().any(|c| c.made == since));
        let seen = made_then.map_or(0, |(size, _)| *size);
        let counts = |done: &&Done| {
            done.policy == *policy
                && done.of == of
                && (done.at > since || done.at == since && done.index >= seen)
        };
        self.done.iter().filter(counts).map(|done| done.records).sum()
    }
}
