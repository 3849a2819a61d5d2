//! `forfall hold`: keeps records whatever the policies say. Adding one needs no valid policy unless it names a key
//! or a collection.

use chrono::NaiveDate;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::{Context, actor, phrase};
use crate::audit::lint;
use crate::engine::explain;
use crate::model::hold::{Hold, HoldScope};
use crate::model::ids::{HoldId, PolicyId, StoreName};
use crate::model::key::{Key, KeyForm};
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
    let key = add.key.as_deref().map(|text| read_key(text, add, session)).transpose()?;
    let now = context.clock.now();
    let scope = HoldScope {
        policy: add.policy.as_deref().map(PolicyId::new),
        store: add.store.as_deref().map(StoreName::new),
        collection: add.collection.clone(),
        key,
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
    let gone = already_gone(add, session);
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

/// Reads the key as the collections that the hold covers spell theirs. A hold on a key that means different records
/// in different places must say where.
fn read_key(text: &str, add: &Add, session: &Session) -> Result<Key, Failure> {
    let covered = |policy: &str, store: &str, collection: &str| {
        add.policy.as_ref().is_none_or(|named| named == policy)
            && add.store.as_ref().is_none_or(|named| named == store)
            && add.collection.as_ref().is_none_or(|named| named == collection)
    };
    let mut found: Option<Key> = None;
    for (policy, data) in session.all_data() {
        let target = &data.target;
        if !covered(policy.id.as_str(), target.store.as_str(), &target.collection) {
            continue;
        }
        let key = explain::read_key(&session.engine, data, text).map_err(|error| {
            let failure = Failure::from(error);
            let message = format!(
                "{}. The hold is not in force: without --key the whole collection can be held at once",
                failure.message
            );
            Failure { message, ..failure }
        })?;
        match &found {
            Some(other) if *other != key => {
                return Err(Failure::usage(
                    "the key means different records in different collections: add --store and --collection",
                ));
            }
            _ => found = Some(key),
        }
    }
    found.ok_or_else(|| {
        let companion = session.all_data().find(|(policy, data)| {
            data.target.elsewhere()
                .any(|there| covered(policy.id.as_str(), there.store.as_str(), &there.collection))
        });
        Failure::usage(match companion {
            Some((policy, _)) => format!(
                "what lies there goes, and is kept, with the records of policy {0}: hold the record, with --policy {0} \
                 and its key",
                policy.id
            ),
            None => "no policy binds data there, so nothing there is ever disposed of".to_owned(),
        })
    })
}

fn already_gone(add: &Add, session: &Session) -> Vec<Gone> {
    let Some(text) = &add.key else { return Vec::new() };
    let mut gone = Vec::new();
    for (policy, data) in session.all_data() {
        let target = &data.target;
        let covered = add.policy.as_ref().is_none_or(|named| named == policy.id.as_str())
            && add.store.as_ref().is_none_or(|named| named == target.store.as_str())
            && add.collection.as_ref().is_none_or(|named| *named == target.collection);
        if !covered {
            continue;
        }
        let Ok(told) = explain::explain(&session.engine, policy, data, text) else { continue };
        gone.extend(told.history.iter().filter(|past| past.done != Some(false)).filter_map(|past| {
            let crate::audit::entry::Body::Intent(intent) = &past.intent.entry.body else { return None };
            let label = &intent.label;
            let time = past.intent.entry.time;
            Some(Gone { batch: label.batch.to_string(), time, action: label.action.clone() })
        }));
    }
    gone
}

fn list(session: &Session, context: &Context) -> Result<Exit, Failure> {
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
