//! Follows the records that wait for their start or are undetermined, under policies with `stale-after`: they have no
//! date of their own, and would otherwise be kept in silence for ever.

use std::collections::BTreeMap;

use super::plan::{self, Circumstances};
use super::{Engine, EngineError, run};
use crate::adapter::api::{Group, Inspect, Scope, StoreError};
use crate::model::predicate::Predicate;
use crate::policy::rule::{Data, Policy};
use crate::policy::select::Selections;
use crate::state::unsettled::{Followed, Look, Place, Unsettled};
use crate::time::{After, Instant, StartValue, due};

/// How many records are read at once.
const PAGE: usize = 1_000;
/// How many are read of one binding at one look. Behind them nothing is known to be gone.
const READ: u64 = 1_000_000;

/// How many records have been without a start for longer than the policy allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// They wait.
    pub waiting: u64,
    /// They are undetermined.
    pub undetermined: u64,
    /// When the first of them was first seen so.
    pub since: Option<Instant>,
}

impl Stale {
    /// All of them.
    pub fn records(&self) -> u64 {
        self.waiting + self.undetermined
    }
}

/// How many of the followed records are stale.
pub fn stale(policy: &Policy, followed: &[Followed], now: Instant) -> Stale {
    let mut sum = Stale::default();
    for place in followed {
        for (since, count) in place.since.iter().filter(|(since, _)| is_stale(policy, *since, now)) {
            match place.place.why {
                Unsettled::Waiting => sum.waiting += count,
                Unsettled::Undetermined => sum.undetermined += count,
            }
            sum.since = Some(sum.since.map_or(*since, |first| first.min(*since)));
        }
    }
    sum
}

/// Whether a record that was first seen then has been without a start for too long.
pub fn is_stale(policy: &Policy, since: Instant, now: Instant) -> bool {
    let Some(after) = policy.stale_after else { return false };
    due(StartValue::Instant(since), After::Period(after), None, policy.zone).is_some_and(|at| at <= now)
}

/// Looks at every `[[data]]` of a policy. A store that does not answer, or not whole, has lost nothing.
pub fn look(engine: &Engine, policy: &Policy, now: Instant) -> Result<(), EngineError> {
    if policy.stale_after.is_none() || policy.unresolved.is_some() {
        return Ok(engine.state.follow_only(&policy.id, &[])?);
    }
    let circumstances = run::circumstances(engine, policy, now)?;
    // Several bindings may lie in one place: what one of them does not show, another may.
    let mut looks: BTreeMap<Place, (Look, bool)> = BTreeMap::new();
    for data in &policy.data {
        let asked = Asked::of(engine, policy, data, &circumstances);
        for why in Unsettled::ALL {
            let target = &data.target;
            let place = Place {
                policy: policy.id.clone(),
                store: target.store.clone(),
                collection: target.collection.clone(),
                why,
            };
            if !looks.contains_key(&place) {
                looks.insert(place.clone(), (engine.state.look_at(&place)?, true));
            }
            let Some((look, whole)) = looks.get_mut(&place) else { continue };
            *whole &= match asked.as_ref() {
                Ok(asked) => asked.show(why, look).unwrap_or_else(|error| unread(policy, data, why, &error)),
                Err(error) => unread(policy, data, why, error),
            };
        }
    }
    let places: Vec<Place> = looks.keys().cloned().collect();
    engine.state.follow_only(&policy.id, &places)?;
    for (place, (look, whole)) in looks {
        engine.state.keep_seen(now, &place, &look.end(whole))?;
    }
    Ok(())
}

/// What could not be read is not followed on, and nothing of it counts as gone.
fn unread(policy: &Policy, data: &Data, why: Unsettled, error: &StoreError) -> bool {
    let (policy, store) = (&policy.id, &data.target.store);
    tracing::warn!(%policy, %store, why = why.word(), %error, "records without a start could not all be looked at");
    false
}

/// What one `[[data]]` is asked.
struct Asked<'a> {
    store: &'a dyn Inspect,
    scope: Scope,
    selections: Selections,
}

impl<'a> Asked<'a> {
    fn of(
        engine: &'a Engine,
        policy: &Policy,
        data: &Data,
        circumstances: &Circumstances,
    ) -> Result<Self, StoreError> {
        let store = engine.inspect(&data.target.store)?;
        let plan::Selected { data, selections, .. } = plan::selected(store, policy, data, circumstances.now)?;
        Ok(Self { store, scope: plan::scope(&data, circumstances), selections })
    }

    /// Shows every record that is so. Whether those were all.
    fn show(&self, why: Unsettled, look: &mut Look) -> Result<bool, StoreError> {
        let predicate = match why {
            Unsettled::Waiting => &self.selections.waiting,
            Unsettled::Undetermined => &self.selections.undetermined,
        };
        if *predicate == Predicate::Always(false) {
            return Ok(true);
        }
        let (mut after, mut read) = (None, 0_u64);
        loop {
            let page = self.store.scan(&self.scope, predicate, after.as_ref(), PAGE)?;
            page.rows.iter().for_each(|row| look.see(&row.key));
            read += page.rows.len() as u64;
            if !page.gaps.is_empty() {
                return Ok(false);
            }
            match page.rows.into_iter().next_back() {
                Some(last) if page.more && read < READ => after = Some(last.key),
                Some(_) if page.more => break,
                _ => return Ok(true),
            }
        }
        let group = Group { predicate: predicate.clone(), start: None, samples: 0 };
        let counted = self.store.count(&self.scope, &[group])?;
        look.pass(counted.tallies.first().map_or(0, |tally| tally.count).saturating_sub(read));
        Ok(false)
    }
}
