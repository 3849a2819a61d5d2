//! Whether those who dispose could do what the policies want, before anything is due: with the role of the runs, which
//! the planner never uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{execute, plan};
use crate::adapter::api::{Act, Dispose, StoreError, Wanted};
use crate::model::ids::StoreName;
use crate::model::schema::Schema;
use crate::policy::rule::Data;

/// What a policy may ever do to one collection, decisions of reviews included.
pub fn wanted(data: &Data, schema: &Schema) -> Result<Wanted, StoreError> {
    let changes = plan::changes_of(data, schema)?;
    let stages = || data.stages().map(|(_, stage)| stage).filter(|stage| stage.runs());
    let mut acts = Vec::new();
    if stages().any(|stage| stage.action.may_delete()) {
        acts.push(Act::Delete);
    }
    let changing = stages().filter(|stage| stage.action.fieldwork().is_some());
    acts.extend(changing.map(|stage| Act::Change(changes.of(stage))));
    let aggregates = stages().filter_map(|stage| stage.aggregate.clone()).collect();
    Ok(Wanted { target: Arc::clone(&data.target), acts, aggregates })
}

/// Asks a store: for each of `wanted`, what stands in the way.
pub fn rehearse(
    stores: &BTreeMap<StoreName, Arc<dyn Dispose>>,
    store: &StoreName,
    wanted: &[Wanted],
) -> Result<Vec<Vec<StoreError>>, StoreError> {
    stores.get(store).ok_or_else(|| execute::unregistered(store))?.rehearse(wanted)
}
