//! Review cases in memory.

use super::MemoryState;
use super::remembered::SECRET;
use crate::audit::commitment::review_commitment;
use crate::audit::entry::Body;
use crate::model::ids::CaseId;
use crate::model::key::{Key, hex};
use crate::model::review::Case;
use crate::state::api::{Actor, StateError};
use crate::state::review::{Change, Order, ReviewBook, changed};
use crate::time::Instant;

impl ReviewBook for MemoryState {
    fn cases(&self, ended: bool) -> Result<Vec<Case>, StateError> {
        Ok(self.lock().cases.iter().filter(|case| ended || !case.has_ended()).cloned().collect())
    }

    fn change_case(&self, now: Instant, by: Option<&Actor>, change: &Change) -> Result<Case, StateError> {
        let mut inner = self.lock();
        let by = by.map(|by| inner.pseudonym(by));
        let commit = |case: &CaseId, key: &Key| hex(&review_commitment(&SECRET, case, key));
        let (case, note) = changed(&inner.cases, &Order { now, by, commit: &commit }, change)?;
        match inner.cases.iter_mut().find(|known| known.id == case.id) {
            Some(known) => known.clone_from(&case),
            None => inner.cases.push(case.clone()),
        }
        if let Some(note) = note {
            inner.append(now, Body::Review(note));
        }
        Ok(case)
    }
}
