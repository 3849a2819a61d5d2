//! Leases in memory: one at a time for each policy, given back when dropped.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::ids::PolicyId;
use crate::state::api::Lease;

#[derive(Debug)]
pub(super) struct MemoryLease {
    policy: PolicyId,
    leases: Arc<Mutex<HashSet<PolicyId>>>,
}

impl Lease for MemoryLease {}

impl MemoryLease {
    pub(super) fn take(policy: &PolicyId, leases: &Arc<Mutex<HashSet<PolicyId>>>) -> Option<Self> {
        let new = leases.lock().unwrap_or_else(PoisonError::into_inner).insert(policy.clone());
        new.then(|| Self { policy: policy.clone(), leases: Arc::clone(leases) })
    }
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.policy);
    }
}
