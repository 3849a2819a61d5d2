//! Records without a start: followed by marks, each since it was first seen.

use super::sample::*;
use crate::model::ids::{PolicyId, StoreName};
use crate::model::key::Key;
use crate::state::api::StateStore;
use crate::state::unsettled::{Followed, Place, Unsettled};

fn place(why: Unsettled) -> Place {
    Place { policy: policy(), store: StoreName::new("hr"), collection: "applicant".to_owned(), why }
}

fn see(state: &dyn StateStore, second: i64, place: &Place, keys: std::ops::Range<i64>) {
    let mut look = state.look_at(place).unwrap();
    keys.for_each(|key| look.see(&Key::from_int(key)));
    state.keep_seen(later(second), place, &look.end(true)).unwrap();
}

pub(crate) fn records_without_a_start_count_since_they_were_first_seen(state: &dyn StateStore) {
    let (waiting, before) = (place(Unsettled::Waiting), size(state));
    see(state, 1, &waiting, 0..5);
    see(state, 2, &waiting, 2..7);
    let followed = |since: &[(i64, u64)], looked| Followed {
        place: waiting.clone(),
        looked: later(looked),
        since: since.iter().map(|(second, count)| (later(*second), *count)).collect(),
        beyond: 0,
    };
    assert_eq!(state.followed(&policy()).unwrap(), [followed(&[(1, 3), (2, 2)], 2)]);
    // What was gone and comes again begins anew.
    see(state, 3, &waiting, 0..3);
    assert_eq!(state.followed(&policy()).unwrap(), [followed(&[(1, 1), (3, 2)], 3)]);
    see(state, 4, &waiting, 0..0);
    assert_eq!(state.followed(&policy()).unwrap(), [followed(&[], 4)]);
    assert!(state.followed(&PolicyId::new("other")).unwrap().is_empty());
    assert_eq!(size(state), before, "none of it is told in the log");
}

pub(crate) fn places_are_followed_apart_and_forgotten(state: &dyn StateStore) {
    let [waiting, undetermined] = Unsettled::ALL.map(place);
    let other = Place { policy: PolicyId::new("other"), ..place(Unsettled::Waiting) };
    see(state, 1, &waiting, 0..2);
    see(state, 2, &undetermined, 0..1);
    see(state, 3, &other, 0..4);
    let places = |policy: &PolicyId| -> Vec<Place> {
        state.followed(policy).unwrap().into_iter().map(|known| known.place).collect()
    };
    assert_eq!(places(&policy()), [waiting.clone(), undetermined.clone()]);
    state.follow_only(&policy(), std::slice::from_ref(&undetermined)).unwrap();
    assert_eq!(places(&policy()), [undetermined]);
    assert_eq!(places(&other.policy), std::slice::from_ref(&other));
    see(state, 5, &waiting, 0..2);
    assert_eq!(state.followed(&policy()).unwrap()[0].since, [(later(5), 2)]);
}
