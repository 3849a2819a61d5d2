//! Review cases in memory.

use super::MemoryState;
use crate::audit::entry::Body;
use crate::model::review::{Case, CaseState};
use crate::state::api::{Actor, StateError};
use crate::state::review::{Change, ReviewBook, changed};
use crate::time::Instant;

impl ReviewBook for MemoryState {
    fn cases(&self, ended: bool) -> Result<Vec<Case>, StateError> {
        let has_ended = |case: &&Case| matches!(case.state, CaseState::Executed | CaseState::Lapsed);
        Ok(self.lock().cases.iter().filter(|case| ended || !has_ended(case)).cloned().collect())
    }

    fn change_case(&self, now: Instant, by: Option<&Actor>, change: &Change) -> Result<Case, StateError> {
        let mut inner = self.lock();
        let by = by.map(|by| inner.pseudonym(by));
        let (case, note) = changed(&inner.cases, now, by, change)?;
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
