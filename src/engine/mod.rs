//! Carries policies out: `plan` asks, `gate` decides whether a run may act, `execute` acts, `recover` clears up
//! after a crash. Only `execute`, `companions` and `recover` ever call an adapter's changing half, and only
//! `approve` lets it adopt a store. `rehearse` asks that half whether it could, and has it change nothing.

mod along;
pub mod approve;
pub mod approvers;
pub mod certify;
pub mod companions;
pub mod coverage;
mod early;
mod evidence;
pub mod execute;
pub mod explain;
pub mod forecast;
pub mod foresee;
pub mod gate;
pub mod hindrance;
pub mod holding;
mod lasting;
mod listing;
pub mod nowhere;
mod pace;
pub mod plan;
pub mod progress;
pub mod recover;
pub mod redate;
pub mod rehearse;
pub mod review;
pub mod run;
pub mod status;
mod strain;
pub mod unknown;
pub mod unsettled;
pub mod waiting;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::adapter::api::{Dispose, Inspect, StoreError};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::key::KeyError;
use crate::policy::rule::Policy;
use crate::state::api::{StateError, StateStore};
use crate::time::Clock;

/// Reads an earlier text of a policy with the configuration of today, to tell what an edit changed.
pub type Recompile = Arc<dyn Fn(&PolicyId, &str) -> Option<Policy> + Send + Sync>;

/// Everything that carrying out policies needs.
#[derive(Clone)]
pub struct Engine {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is remembered.
    pub state: Arc<dyn StateStore>,
    /// The registered stores.
    pub stores: Arc<BTreeMap<StoreName, Arc<dyn Dispose>>>,
    /// Reads an approved text again.
    pub recompile: Recompile,
}

/// What keeps the engine from answering at all. Trouble with one store is not here: it makes that store's part of
/// the answer incomplete.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The state store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A store failed where nothing can be answered without it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text of a key is not one.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A safety gate refuses.
    #[error("{0}")]
    Refused(String),
}

impl Engine {
    /// The reading half of a store.
    pub fn inspect(&self, store: &StoreName) -> Result<&dyn Inspect, StoreError> {
        Ok(self.dispose(store)?.inspect())
    }

    pub(crate) fn dispose(&self, store: &StoreName) -> Result<&dyn Dispose, StoreError> {
        self.stores.get(store).map(|store| &**store).ok_or_else(|| {
            StoreError::new(
                crate::adapter::api::StoreErrorKind::NotFound,
                format!("store {store}"),
                "no store of that name is registered",
            )
            .with_help("add it to forfall.toml, or write the name of one that is there")
        })
    }
}
