//! `forfall coverage`: what of the stores no policy covers.

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Field, Grid, maybe};
use super::{Context, names, phrase};
use crate::engine::coverage::{Part, State, StoreCoverage};
use crate::model::ids::PolicyId;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The stores; all of them, if none is named
    stores: Vec<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    stores: Vec<Entry<'a>>,
    unresolved: Vec<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    store: &'a str,
    reachable: bool,
    error: Option<String>,
    gaps: u64,
    collections: Vec<PartEntry<'a>>,
    declared_but_missing: &'a [String],
}

#[derive(Serialize)]
struct PartEntry<'a> {
    collection: &'a str,
    state: &'static str,
    policies: Vec<&'a str>,
    /// Why it needs no policy, or why it cannot be read.
    reason: Option<&'a str>,
    readable: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?;
    for name in &args.stores {
        names::store_of(&session.config, name)?;
    }
    let mut found = session.coverage();
    found.retain(|one| args.stores.is_empty() || args.stores.iter().any(|name| name == one.store.as_str()));
    let unresolved: Vec<&str> = session
        .policies
        .iter()
        .filter(|policy| policy.unresolved.is_some())
        .map(|policy| policy.id.as_str())
        .collect();
    let gaps: u64 = found.iter().map(StoreCoverage::gaps).sum();
    let unseen = found.iter().any(|one| one.parts.is_err() || one.unread().next().is_some());
    if context.output.is_json() {
        let stores = found.iter().map(entry).collect();
        context.output.json(&Report { ok: gaps == 0 && !unseen, stores, unresolved })?;
    } else {
        print(&found, &unresolved, gaps, context)?;
    }
    session.warn_of_invalid(context);
    if !session.is_valid() {
        return Ok(Exit::Invalid);
    }
    Ok(if gaps > 0 || unseen { Exit::Incomplete } else { Exit::Done })
}

fn entry(one: &StoreCoverage) -> Entry<'_> {
    let parts = one.parts.as_deref().unwrap_or_default();
    Entry {
        store: one.store.as_str(),
        reachable: one.parts.is_ok(),
        error: one.parts.as_ref().err().map(ToString::to_string),
        gaps: one.gaps(),
        collections: parts
            .iter()
            .map(|part| PartEntry {
                collection: &part.name,
                state: word(&part.state),
                policies: ids(&part.state).iter().map(PolicyId::as_str).collect(),
                reason: reason(part),
                readable: part.unread.is_none(),
            })
            .collect(),
        declared_but_missing: &one.missing,
    }
}

fn word(state: &State) -> &'static str {
    match state {
        State::Covered(_) => "covered",
        State::Unresolved(_) => "unresolved",
        State::OutOfScope(_) => "out-of-scope",
        State::Gap => "gap",
    }
}

fn ids(state: &State) -> &[PolicyId] {
    match state {
        State::Covered(ids) | State::Unresolved(ids) => ids,
        State::OutOfScope(_) | State::Gap => &[],
    }
}

fn reason(part: &Part) -> Option<&str> {
    match &part.state {
        State::OutOfScope(reason) => Some(reason),
        State::Covered(_) | State::Unresolved(_) | State::Gap => part.unread.as_deref(),
    }
}

fn print(found: &[StoreCoverage], unresolved: &[&str], gaps: u64, context: &Context) -> Result<(), Failure> {
    let output = context.output;
    if found.is_empty() {
        output.say("No store is registered: write one as [store.NAME] in the configuration.");
        return Ok(());
    }
    let (tone, headline) = match gaps {
        0 if found.iter().any(|one| one.parts.is_err()) => (Tone::Bad, "A store does not answer.".to_owned()),
        0 if found.iter().any(|one| one.unread().next().is_some()) => {
            (Tone::Bad, "A table that a policy covers cannot be read.".to_owned())
        }
        0 => (Tone::Good, "Everything is covered or out of scope.".to_owned()),
        gaps => {
            (Tone::Bad, format!("No policy covers {}.", phrase::counted(gaps, "collection", "collections")))
        }
    };
    output.line(output.paint(tone, &headline))?;
    let columns = [
        Column::Text("store"),
        Column::Flexible("collection"),
        Column::Text("state"),
        Column::Flexible("by"),
    ];
    let mut grid = Grid::new(output, &columns);
    for one in found {
        let mut name = one.store.as_str();
        if one.parts.is_err() {
            let down = Field::from("not reachable").toned(Tone::Bad);
            grid.row([name.into(), maybe(None), down, maybe(None)]);
        }
        for part in one.parts.iter().flatten() {
            let tone = match part.state {
                State::Covered(_) => Tone::Good,
                State::OutOfScope(_) => Tone::Faint,
                State::Unresolved(_) => Tone::Warning,
                State::Gap => Tone::Bad,
            };
            let by = ids(&part.state).iter().map(PolicyId::as_str).collect::<Vec<_>>().join(", ");
            let both = [by.as_str(), reason(part).unwrap_or_default()];
            let by = both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
            let by = (!by.is_empty()).then_some(by);
            grid.row([
                name.into(),
                part.name.as_str().into(),
                Field::from(word(&part.state)).toned(tone),
                maybe(by),
            ]);
            name = "";
        }
    }
    grid.print()?;
    for one in found {
        if let Err(error) = &one.parts {
            output.warn(error.to_string());
        }
        for name in &one.missing {
            let name = phrase::safe(name);
            output.warn(format!("{name} is declared out of scope in store {}, and is not there", one.store));
        }
    }
    for (one, part, why) in found.iter().flat_map(|one| one.unread().map(move |(part, why)| (one, part, why)))
    {
        let name = phrase::safe(&part.name);
        output.warn(format!(
            "a policy covers {name} in store {}, but {why}: `forfall store grants {}` prints what each role needs",
            one.store, one.store
        ));
    }
    if !unresolved.is_empty() {
        output.prose(&format!("Not decided yet: {}.", unresolved.join(", ")), 2)?;
    }
    if found.iter().any(|one| one.parts.iter().flatten().any(|part| part.unread.is_some())) {
        output.tell("What cannot be read is listed all the same: give the planner's role SELECT to see what is in it.");
    }
    if gaps > 0 {
        output.tell(
            "Write a policy for each, or say in the configuration why it needs none: `[[store.NAME.out-of-scope]]` \
             with `collection` and `reason`.",
        );
    }
    Ok(())
}
