//! `forfall hold add`.

use chrono::NaiveDate;
use serde::Serialize;

use super::gone::{self, TooLate};
use super::{record, shown, window};
use crate::audit::lint;
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::{EngineError, holding};
use crate::model::hold::{Hold, HoldKind, HoldScope, Place};
use crate::model::ids::{HoldId, PolicyId, StoreName};
use crate::state::retention::LOG;
use crate::time::{Instant, Zone};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Add {
    /// Records under this policy
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Records in this store; `audit-log` keeps the audit log itself
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// Records in every store
    #[arg(long, conflicts_with_all = ["policy", "store", "collection", "key", "when"])]
    all_stores: bool,
    /// Records in this collection of the store
    #[arg(long, value_name = "COLLECTION", requires = "store")]
    collection: Option<String>,
    /// The one record with this key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, conflicts_with_all = ["when", "between"])]
    key: Option<String>,
    /// Records that meet this condition, written as a policy's `when`; where its answer is unknown, the record is held
    #[arg(long, value_name = "CONDITION")]
    when: Option<String>,
    /// Records whose starting point lies between two times, both included; a day means all of it
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], allow_hyphen_values = true)]
    between: Option<Vec<String>>,
    /// Why: a code such as a case number, never a person's name, because it stands in the audit log
    #[arg(long, value_name = "CODE")]
    reason: String,
    /// The matter that it belongs to, by its code; several holds may share one
    #[arg(long, value_name = "CODE")]
    matter: Option<String>,
    /// Who ordered it: an authority or an office, never a person's name
    #[arg(long, value_name = "WHO")]
    authority: Option<String>,
    /// What it is in law: `restriction` is one of processing (GDPR article 18)
    #[arg(long, value_name = "KIND", default_value = "legal")]
    kind: Kind,
    /// The day by which somebody must look at it again: a reminder, never an end
    #[arg(long, value_name = "DAY")]
    review: Option<NaiveDate>,
    /// The last day of the hold, or the time of its end: then it ends by itself
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Legal,
    Restriction,
}

#[derive(Serialize)]
struct Added<'a> {
    hold: shown::Entry<'a>,
    #[serde(flatten)]
    too_late: TooLate,
}

pub(super) fn put(add: &Add, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let now = context.clock.now();
    let named = scope(add, session)?;
    let until = add.until.as_ref().map(|text| window::end(text, now, session.zone())).transpose()?;
    ends_and_reviews(add, until, session.zone(), now)?;
    let scope = match &add.key {
        None => named.clone(),
        Some(text) => {
            let meant = record::meant(text, &named, session)?;
            for warning in &meant.warnings {
                context.output.warn(warning);
            }
            meant.scope
        }
    };
    let hold = Hold {
        id: HoldId::at(now),
        kind: match add.kind {
            Kind::Legal => HoldKind::Legal,
            Kind::Restriction => HoldKind::Restriction,
        },
        scope,
        reason: add.reason.clone(),
        matter: add.matter.clone(),
        authority: add.authority.clone(),
        since: now,
        review: add.review,
        until,
        released: None,
    };
    session.state.add_hold(&session.actor(), &hold)?;
    // From here on it protects. What follows only tells what it came too late for, asked after it so that no batch
    // falls in between.
    let too_late = gone::too_late(&hold, add.key.as_deref().map(|text| (text, &named)), session)?;
    if context.output.is_json() {
        context.output.json(&Added { hold: shown::entry(&hold, session), too_late })?;
        return Ok(Exit::Done);
    }
    let covers = shown::covers(&hold, session);
    context.output.prose(&format!("Hold {} is in force and keeps {covers}.", hold.id), 2)?;
    too_late.tell(session, context)?;
    Ok(Exit::Done)
}

/// A day of review that reminds of nothing, and an end that nobody was told of, are refused.
fn ends_and_reviews(add: &Add, until: Option<Instant>, zone: Zone, now: Instant) -> Result<(), Failure> {
    if matches!(add.kind, Kind::Restriction) && until.is_some() {
        return Err(Failure::usage(
            "a restriction of processing does not end by itself: the person concerned is told before it is lifted (GDPR \
             article 18(3)). Use --review, and release it then",
        ));
    }
    let Some(review) = add.review else { return Ok(()) };
    if review <= zone.local(now).date() {
        return Err(Failure::usage(format!("--review {review} is not to come: give a later day")));
    }
    match until {
        Some(end) if review > zone.local(end).date() => Err(Failure::usage(format!(
            "--review {review} comes after the end of the hold: give an earlier day, or leave it out"
        ))),
        _ => Ok(()),
    }
}

/// What the order covers, as far as it can be told without looking for a key; refused where it would keep nothing.
fn scope(add: &Add, session: &Session) -> Result<HoldScope, Failure> {
    if add.policy.is_none() && add.store.is_none() && !add.all_stores {
        return Err(Failure::usage(
            "a hold needs --policy, --store or --all-stores: to stop everything for a while, `forfall pause` is the way",
        ));
    }
    if add.reason.trim().is_empty() {
        return Err(Failure::usage("--reason is empty: write a code such as a case number"));
    }
    let written = [
        ("--reason", Some(&add.reason)),
        ("--matter", add.matter.as_ref()),
        ("--authority", add.authority.as_ref()),
    ];
    for (option, text) in written {
        if let Some(found) = text.and_then(|text| lint::personal(text)) {
            return Err(Failure::usage(format!(
                "{option}: {found}. What is written here is kept for years: write a code such as a case number"
            )));
        }
    }
    if let Some(policy) = &add.policy {
        session.known_policy(policy)?;
    }
    let of_log = add.store.as_deref() == Some(LOG);
    if let Some(store) = add.store.as_ref().filter(|_| !of_log) {
        session.known_store(store)?;
    }
    if of_log
        && (add.policy.is_some()
            || add.when.is_some()
            || add.between.is_some()
            || add.key.is_some()
            || add.collection.is_some())
    {
        return Err(Failure::usage(format!(
            "the store {LOG} is the audit log itself, and is held as a whole"
        )));
    }
    if let (Some(store), Some(collection)) = (&add.store, &add.collection) {
        known_collection(store, collection, session)?;
    }
    let between = match &add.between {
        Some(ends) => Some(window::read(&ends[0], &ends[1], session.zone())?),
        None => None,
    };
    let mut scope = HoldScope {
        policy: add.policy.as_deref().map(PolicyId::new),
        store: add.store.as_deref().map(StoreName::new),
        collection: add.collection.clone(),
        key: None,
        when: add.when.clone(),
        between,
        places: Vec::new(),
    };
    if scope.policy.is_some() {
        scope.places = places(&scope, session)?;
    }
    if let Some(when) = &scope.when {
        check_condition(when, &scope, session)?;
    }
    Ok(scope)
}

/// What lies under the policy now: it is held wherever it is bound later.
fn places(scope: &HoldScope, session: &Session) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    for policy in session.in_force()? {
        for target in policy.data.iter().map(|data| &data.target) {
            let own = std::iter::once((&target.store, target.collection.as_str()));
            let all = own.chain(target.goes_along());
            let covered = all.filter(|(store, collection)| scope.touches(&policy.id, store, collection));
            places.extend(covered.map(|(store, collection)| Place {
                store: store.clone(),
                collection: collection.to_owned(),
            }));
        }
    }
    if places.is_empty() && session.is_valid() {
        return Err(Failure::usage(
            "no data lies there under that policy, so the hold would keep nothing and is not in force: `forfall policy \
             show` tells what a policy binds",
        ));
    }
    Ok(places)
}

/// A condition must be one that every collection of the scope can be asked; else it would hold all of it, which nobody
/// meant who wrote one.
fn check_condition(when: &str, scope: &HoldScope, session: &Session) -> Result<(), Failure> {
    let mut asked = false;
    let bound = session.in_force()?;
    for (policy, data) in bound.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data))) {
        if holding::means_along(scope, policy, data) {
            return Err(Failure::usage(format!(
                "--when would also mean what goes along with records of {} under policy {}, which cannot be asked: add \
                 --collection. The hold is not in force",
                phrase::safe(&data.target.collection),
                policy.id
            )));
        }
    }
    for policy in &bound {
        for data in policy.data.iter().filter(|data| scope.means_records_of(&policy.id, &data.target)) {
            let place = format!("{} in store {}", phrase::safe(&data.target.collection), data.target.store);
            let store = session.engine.inspect(&data.target.store).map_err(EngineError::from)?;
            let schema = store.probe(&data.target).map_err(EngineError::from)?;
            let meant = holding::compiled(when, data, &schema).map_err(|why| {
                Failure::usage(format!(
                    "--when cannot be asked of {place}, and the hold is not in force: {why}"
                ))
            })?;
            if meant.is_never() {
                return Err(Failure::usage(format!(
                    "--when is true of no record of {place}, so the hold would keep nothing and is not in force: \
                     write what the records have in common"
                )));
            }
            asked = true;
        }
    }
    if asked {
        return Ok(());
    }
    Err(Failure::usage(
        "--when asks records of no policy that can be read, so the hold would keep nothing and is not in force: name \
         the collection of the records themselves, not of what goes along with them",
    ))
}

/// A hold on a collection under a name that no policy uses would be in force and keep nothing.
fn known_collection(store: &str, collection: &str, session: &Session) -> Result<(), Failure> {
    let mut known: Vec<&str> = session
        .all_data()
        .flat_map(|(_, data)| {
            let own = (&data.target.store, data.target.collection.as_str());
            std::iter::once(own).chain(data.target.goes_along())
        })
        .filter(|(there, _)| there.as_str() == store)
        .map(|(_, collection)| collection)
        .collect();
    if known.contains(&collection) {
        return Ok(());
    }
    known.sort_unstable();
    known.dedup();
    Err(Failure::usage(format!(
        "no policy that can be read binds collection {} in store {store}, so the hold would keep nothing. Bound there: \
         {}. Without --collection the whole store is held",
        phrase::safe(collection),
        if known.is_empty() { "nothing".to_owned() } else { known.join(", ") },
    )))
}
