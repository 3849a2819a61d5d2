//! `forfall hold`: keeps records whatever the policies say. Adding one needs no valid policy unless it names a key
//! or a collection.

mod record;

pub(super) use record::has_no_lasting_key;

use chrono::NaiveDate;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::{Context, actor, orphans, phrase};
use crate::audit::lint;
use crate::model::hold::{Hold, HoldScope};
use crate::model::ids::{HoldId, PolicyId, StoreName};
use crate::model::key::KeyForm;
use crate::state::retention::LOG;
use crate::time::Instant;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Put a hold in force: what it covers is kept until it is released
    Add(Add),
    /// List the holds in force
    List,
    /// Release a hold; what it covered goes with a later run
    Release {
        /// The hold, as `hold list` shows it
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Records under this policy
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Records in this store; `audit-log` keeps the audit log itself
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// Records in this collection of the store
    #[arg(long, value_name = "COLLECTION", requires = "store")]
    collection: Option<String>,
    /// The one record with this key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Why: a code such as a case number, never a person's name, because it stands in the audit log
    #[arg(long, value_name = "CODE")]
    reason: String,
    /// Who ordered it
    #[arg(long, value_name = "WHO")]
    authority: Option<String>,
    /// The day by which somebody must look at it again
    #[arg(long, value_name = "DAY")]
    review: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Holds<'a> {
    holds: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    hold: String,
    policy: Option<&'a str>,
    store: Option<&'a str>,
    collection: Option<&'a str>,
    key: Option<String>,
    reason: &'a str,
    authority: Option<&'a str>,
    since: Instant,
    review: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Added<'a> {
    hold: Entry<'a>,
    already_gone: Vec<Gone>,
}

/// A batch that acted on the record before.
#[derive(Serialize)]
struct Gone {
    batch: String,
    time: Instant,
    action: String,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::Add(add) => put(add, &session, context),
        Command::List => list(&session, context),
        Command::Release { id } => release(id, &session, context),
    }
}

fn put(add: &Add, session: &Session, context: &Context) -> Result<Exit, Failure> {
    if add.policy.is_none() && add.store.is_none() {
        return Err(Failure::usage(
            "a hold needs --policy or --store: to stop everything, `forfall pause` is the way",
        ));
    }
    if add.reason.trim().is_empty() {
        return Err(Failure::usage("--reason is empty: write a code such as a case number"));
    }
    for (option, text) in [("--reason", Some(&add.reason)), ("--authority", add.authority.as_ref())] {
        if let Some(found) = text.and_then(|text| lint::personal(text)) {
            return Err(Failure::usage(format!(
                "{option}: {found}. What is written here is kept for years: write a code such as a case number"
            )));
        }
    }
    if let Some(policy) = &add.policy {
        session.known_policy(policy)?;
    }
    if let Some(store) = add.store.as_ref().filter(|store| *store != LOG) {
        session.known_store(store)?;
    }
    if let (Some(store), Some(collection)) = (&add.store, &add.collection) {
        known_collection(store, collection, session)?;
    }
    let now = context.clock.now();
    let named = HoldScope {
        policy: add.policy.as_deref().map(PolicyId::new),
        store: add.store.as_deref().map(StoreName::new),
        collection: add.collection.clone(),
        key: None,
    };
    let (scope, gone) = match &add.key {
        None => (named, Vec::new()),
        Some(text) => {
            let meant = record::meant(text, &named, session)?;
            for warning in &meant.warnings {
                context.output.warn(warning);
            }
            (meant.scope, meant.gone)
        }
    };
    let hold = Hold {
        id: HoldId::at(now),
        scope,
        reason: add.reason.clone(),
        authority: add.authority.clone(),
        since: now,
        review: add.review,
    };
    session.state.add_hold(&actor::present(), &hold)?;
    // From here on it protects. What follows only tells what it came too late for.
    if context.output.is_json() {
        context.output.json(&Added { hold: entry(&hold, session), already_gone: gone })?;
        return Ok(Exit::Done);
    }
    context
        .output
        .prose(&format!("Hold {} is in force and keeps {}.", hold.id, covers(&hold, session)), 2)?;
    for past in gone {
        context.output.line(format!(
            "  It came too late for batch {}: {} on {}.",
            past.batch,
            past.action,
            phrase::local(past.time, session.zone())
        ))?;
    }
    Ok(Exit::Done)
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

fn list(session: &Session, context: &Context) -> Result<Exit, Failure> {
    for warning in orphans::warnings(session)? {
        context.output.warn(warning);
    }
    let holds = session.state.holds()?;
    if context.output.is_json() {
        context.output.json(&Holds { holds: holds.iter().map(|hold| entry(hold, session)).collect() })?;
        return Ok(Exit::Done);
    }
    if holds.is_empty() {
        context.output.tell("No hold is in force.");
        return Ok(Exit::Done);
    }
    for hold in &holds {
        context.output.line(context.output.paint(Tone::Strong, &hold.id.to_string()))?;
        context.output.prose(&format!("  keeps {}", covers(hold, session)), 4)?;
        let authority = hold
            .authority
            .as_ref()
            .map_or(String::new(), |who| format!(", ordered by {}", phrase::safe(who)));
        let review = hold.review.map_or(String::new(), |day| format!(", to be reviewed by {day}"));
        let since = phrase::local(hold.since, session.zone());
        context
            .output
            .prose(&format!("  {} since {since}{authority}{review}", phrase::safe(&hold.reason)), 4)?;
    }
    Ok(Exit::Done)
}

fn release(id: &str, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let unknown =
        || Failure::usage(format!("there is no hold {}: `forfall hold list` shows them", phrase::safe(id)));
    let hold: HoldId = id.parse().map_err(|_| unknown())?;
    if !session.state.release_hold(context.clock.now(), &actor::present(), &hold)? {
        return Err(unknown());
    }
    context
        .output
        .say(format!("Hold {hold} is released. What it covered goes with a later run, if it is due then."));
    Ok(Exit::Done)
}

fn entry<'a>(hold: &'a Hold, session: &Session) -> Entry<'a> {
    Entry {
        hold: hold.id.to_string(),
        policy: hold.scope.policy.as_ref().map(PolicyId::as_str),
        store: hold.scope.store.as_ref().map(StoreName::as_str),
        collection: hold.scope.collection.as_deref(),
        key: hold.scope.key.as_ref().map(|key| key.text(key_form(hold, session))),
        reason: &hold.reason,
        authority: hold.authority.as_deref(),
        since: hold.since,
        review: hold.review,
    }
}

fn covers(hold: &Hold, session: &Session) -> String {
    let scope = &hold.scope;
    let what = match &scope.key {
        Some(key) => format!("the record {}", phrase::safe(&key.text(key_form(hold, session)))),
        None => "every record".to_owned(),
    };
    let collection = scope.collection.as_ref().map_or(String::new(), |name| format!(" of {name}"));
    let store = scope.store.as_ref().map_or(String::new(), |name| format!(" in store {name}"));
    let policy = scope.policy.as_ref().map_or(String::new(), |name| format!(" under policy {name}"));
    format!("{what}{collection}{store}{policy}")
}

/// Whether the held key is a path: what the covered stores say.
fn key_form(hold: &Hold, session: &Session) -> KeyForm {
    let covered = session
        .all_data()
        .find(|(policy, data)| hold.scope.touches(&policy.id, &data.target.store, &data.target.collection));
    covered
        .and_then(|(_, data)| session.engine.inspect(&data.target.store).ok())
        .map_or(KeyForm::Columns, |store| store.capabilities().key_form)
}
