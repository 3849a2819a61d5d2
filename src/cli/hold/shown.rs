//! Holds as people and programs see them.

use chrono::NaiveDate;
use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Tone;
use crate::cli::session::Session;
use crate::cli::{Context, orphans, phrase};
use crate::model::hold::{Hold, HoldKind, Window};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::key::KeyForm;
use crate::time::Instant;

#[derive(Serialize)]
struct Holds<'a> {
    holds: Vec<Entry<'a>>,
}

/// One hold in JSON.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    hold: String,
    kind: &'static str,
    policy: Option<&'a str>,
    store: Option<&'a str>,
    collection: Option<&'a str>,
    key: Option<String>,
    when: Option<&'a str>,
    between: Option<Window>,
    reason: &'a str,
    matter: Option<&'a str>,
    authority: Option<&'a str>,
    since: Instant,
    review: Option<NaiveDate>,
    until: Option<Instant>,
    released: Option<Instant>,
    /// Until then what it covered is kept; absent while no end is known.
    keeps_until: Option<Instant>,
}

/// The holds that keep anything.
pub(super) fn list(session: &Session, context: &Context) -> Result<Exit, Failure> {
    for warning in orphans::warnings(session)? {
        context.output.warn(warning);
    }
    let now = context.clock.now();
    let mut holds = session.state.holds()?;
    holds.retain(|hold| hold.keeps(now));
    if context.output.is_json() {
        context.output.json(&Holds { holds: holds.iter().map(|hold| entry(hold, session)).collect() })?;
        return Ok(Exit::Done);
    }
    if holds.is_empty() {
        context.output.tell("No hold is in force.");
        return Ok(Exit::Done);
    }
    let bound = orphans::bound(session)?;
    for hold in &holds {
        context.output.line(context.output.paint(Tone::Strong, &hold.id.to_string()))?;
        let keeps = if orphans::keeps_nothing(hold, &bound) { "keeps nothing now; means" } else { "keeps" };
        context.output.prose(&format!("  {keeps} {}", covers(hold, session)), 4)?;
        context.output.prose(&format!("  {}", terms(hold, now, session)), 4)?;
    }
    Ok(Exit::Done)
}

/// Why, since when, and how it ends.
fn terms(hold: &Hold, now: Instant, session: &Session) -> String {
    let local = |at| phrase::local(at, session.zone());
    let mut terms = vec![format!("{} since {}", phrase::safe(&hold.reason), local(hold.since))];
    if hold.kind == HoldKind::Restriction {
        terms.push("restriction of processing (GDPR article 18)".to_owned());
    }
    terms.extend(hold.matter.as_ref().map(|matter| format!("matter {}", phrase::safe(matter))));
    terms.extend(hold.authority.as_ref().map(|who| format!("ordered by {}", phrase::safe(who))));
    terms.extend(hold.review.map(|day| format!("to be reviewed by {day}")));
    match (hold.has_ended(now), hold.end(), hold.gives_back()) {
        (true, Some(end), Some(back)) => {
            terms.push(format!("ended {}, and keeps what it covered until {}", local(end), local(back)));
        }
        (false, Some(end), _) => terms.push(format!("ends by itself {}", local(end))),
        _ => {}
    }
    terms.join(", ")
}

/// One hold for programs.
pub(super) fn entry<'a>(hold: &'a Hold, session: &Session) -> Entry<'a> {
    Entry {
        hold: hold.id.to_string(),
        kind: hold.kind.word(),
        policy: hold.scope.policy.as_ref().map(PolicyId::as_str),
        store: hold.scope.store.as_ref().map(StoreName::as_str),
        collection: hold.scope.collection.as_deref(),
        key: hold.scope.key.as_ref().map(|key| key.text(key_form(hold, session))),
        when: hold.scope.when.as_deref(),
        between: hold.scope.between,
        reason: &hold.reason,
        matter: hold.matter.as_deref(),
        authority: hold.authority.as_deref(),
        since: hold.since,
        review: hold.review,
        until: hold.until,
        released: hold.released,
        keeps_until: hold.gives_back(),
    }
}

/// What it covers, in words.
pub(super) fn covers(hold: &Hold, session: &Session) -> String {
    let scope = &hold.scope;
    let mut text = match &scope.key {
        Some(key) => format!("the record {}", phrase::safe(&key.text(key_form(hold, session)))),
        None => "every record".to_owned(),
    };
    text.extend(scope.collection.as_ref().map(|name| format!(" of {}", phrase::safe(name))));
    text.extend(scope.store.as_ref().map(|name| format!(" in store {name}")));
    text.extend(scope.policy.as_ref().map(|name| format!(" under policy {name}")));
    if scope.store.is_none() && scope.policy.is_none() && scope.key.is_none() {
        text.push_str(" in every store");
    }
    text.extend(scope.between.map(|window| {
        let local = |at| phrase::local(at, session.zone());
        format!(" whose starting point lies between {} and {}", local(window.from), local(window.to))
    }));
    text.extend(
        scope.when.as_ref().map(|when| format!(" for which `{}` is true or unknown", phrase::safe(when))),
    );
    text
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
