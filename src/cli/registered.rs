//! The registered stores, opened without any state: enough for looking. Opening connects to nothing: a store that is
//! down shows when it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exit::Failure;
use crate::adapter::api::{Dispose, Inspect, StoreError};
use crate::adapter::registry;
use crate::config::Config;
use crate::model::ids::StoreName;
use crate::model::target::Target;
use crate::policy::overlap;
use crate::policy::rule::Policy;

/// The opened stores.
pub(super) type Stores = BTreeMap<StoreName, Arc<dyn Dispose>>;

/// Opens every registered store.
pub(super) fn open(config: &Config) -> Result<Arc<Stores>, Failure> {
    let mut stores = Stores::new();
    for store in &config.stores {
        let unknown = || {
            Failure::invalid(format!("store {}: this program has no adapter {}", store.name, store.adapter))
        };
        let opened = registry::open(&store.adapter, &store.name, &store.place).ok_or_else(unknown)?;
        stores.insert(store.name.clone(), opened);
    }
    Ok(Arc::new(stores))
}

/// The reading half of a store.
pub(super) fn inspect<'a>(stores: &'a Stores, name: &StoreName) -> Result<&'a dyn Inspect, StoreError> {
    let store = stores.get(name).ok_or_else(|| crate::engine::execute::unregistered(name))?;
    Ok(store.inspect())
}

/// Tells each collection which rows of other policies' data keep its records alive.
pub(super) fn reaches(policies: &mut [Policy], stores: &Stores) {
    overlap::reaches(policies, &|target| primary_key(stores, target));
}

/// The one key column of a collection, as its store says.
fn primary_key(stores: &Stores, target: &Target) -> Option<String> {
    let schema = stores.get(&target.store)?.inspect().probe(target).ok()?;
    match schema.key.as_slice() {
        [column] => Some(column.clone()),
        _ => None,
    }
}
