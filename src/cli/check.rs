//! `forfall check`: everything that is wrong, all at once; and each policy read back as a sentence.

mod executor;
mod secrets;
mod starts;

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::Context;
use super::exit::{Exit, Failure};
use super::output::Tone;
use super::phrase;
use super::registered::{self, Stores};
use super::session;
use crate::adapter::api::{Group, Inspect, Scope, StoreError, StoreErrorKind};
use crate::config::{Config, diagnostic};
use crate::engine::plan;
use crate::model::ids::StoreName;
use crate::model::predicate::Predicate;
use crate::model::schema::Schema;
use crate::policy::condition::untested_nullable;
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::rule::{Branch, Data, Policy, Stage};
use crate::policy::{fit, sentence};
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Do not ask the stores
    #[arg(long)]
    offline: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    diagnostics: serde_json::Value,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    let loaded = session::load(context);
    let mut diagnostics = loaded.diagnostics.clone();
    let sources = loaded.sources.clone();
    let whole = loaded.config.is_some();
    let mut policies = loaded.policies;
    diagnostics.extend(loaded.config.iter().flat_map(secrets::exposed));
    if let Some(config) = loaded.config.as_ref().filter(|_| !args.offline) {
        let stores = registered::open(config)?;
        registered::reaches(&mut policies, &stores);
        diagnostics.extend(of_stores(config, &policies, &stores, context.clock.now()));
    }
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let ok = errors == 0 && whole;
    if output.is_json() {
        output.json(&Report { ok, diagnostics: diagnostic::to_json(&diagnostics, &sources) })?;
    } else {
        if !diagnostics.is_empty() {
            output.say(diagnostic::render(&diagnostics, &sources, super::output::stderr_colours()));
        }
        for policy in &policies {
            output.line(output.paint(Tone::Strong, policy.id.as_str()))?;
            output.line(indented(&phrase::safe(&sentence::sentence(policy)), output.width))?;
        }
        let warnings = diagnostics.len() - errors;
        let counts = format!(
            "{}, {}",
            phrase::counted(errors as u64, "error", "errors"),
            phrase::counted(warnings as u64, "warning", "warnings")
        );
        let checked = phrase::counted(policies.len() as u64, "policy", "policies");
        let (tone, text) = match (ok, args.offline) {
            (true, false) => (Tone::Good, format!("{checked} checked, and the stores asked: {counts}.")),
            (true, true) => (Tone::Good, format!("{checked} checked, the stores not asked: {counts}.")),
            (false, _) => (Tone::Bad, format!("Not valid: {counts}.")),
        };
        output.line(output.paint(tone, &text))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Invalid })
}

fn indented(text: &str, width: usize) -> String {
    phrase::wrap(text, width - 2, 0).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// What only the stores can say: whether collections, columns and formats are there and fit.
pub(super) fn of_stores(
    config: &Config,
    policies: &[Policy],
    stores: &Stores,
    now: Instant,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut down: Vec<StoreName> = Vec::new();
    let mut sound = Vec::new();
    // What is true of a store as a whole is told once.
    let mut told: HashSet<(StoreName, String)> = HashSet::new();
    let all = policies.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data)));
    for (policy, data) in all {
        let store = &data.target.store;
        let place = || {
            let places = policy.places.data.get(data.index);
            places.map_or((0..0, 0..0), |places| (places.store.clone(), places.collection.clone()))
        };
        found.extend(of_companions(stores, policy, data, &mut down));
        if down.contains(store) {
            continue;
        }
        let probed = registered::inspect(stores, store).and_then(|store| {
            let schema = store.probe(&data.target)?;
            let empty = empty_fields(store, policy, data, &schema, now)?;
            Ok((schema, empty, store))
        });
        match probed {
            Ok((schema, empty, store)) => {
                let mut fits = fit::fit(policy, data, &schema);
                fits.retain(|found| {
                    !schema.warnings.contains(&found.message)
                        || told.insert((data.target.store.clone(), found.message.clone()))
                });
                let errors = |found: &[Diagnostic]| {
                    found.iter().filter(|found| found.severity == Severity::Error).count()
                };
                let before = errors(&found);
                if fits.iter().all(|found| found.severity != Severity::Error)
                    && let Err(error) = plan::can_change(store, data, &schema)
                {
                    let (_, of_collection) = place();
                    let text = format!("{}: {}", error.what, error.why);
                    let diagnostic = Diagnostic::error(&policy.file, of_collection, text);
                    found.push(diagnostic.with_help(error.help.unwrap_or_default()));
                }
                if fits.iter().all(|found| found.severity != Severity::Error)
                    && let Err((stage, error)) = plan::can_aggregate(store, data)
                {
                    let text = format!("`aggregate`: {}: {}", error.what, error.why);
                    let diagnostic = Diagnostic::error(&policy.file, place_of(policy, data, stage), text);
                    found.push(diagnostic.with_help(error.help.unwrap_or_default()));
                }
                if fits.iter().all(|found| found.severity != Severity::Error) {
                    found.extend(starts::unreadable(store, policy, data, now));
                }
                found.extend(fits);
                found.extend(empty);
                if errors(&found) == before && policy.unresolved.is_none() {
                    sound.push(executor::Sound { policy, data, schema });
                }
            }
            Err(error) => {
                // What can say what tables it has is no store that is down: others of its tables may be in order.
                let of_store = registered::inspect(stores, store).and_then(Inspect::outline).is_err();
                if of_store {
                    down.push(store.clone());
                }
                let (of_name, of_collection) = place();
                let of_collection = place_of_table(policy, data, &error).unwrap_or(of_collection);
                let (file, span) = match home(config, store).filter(|_| of_store) {
                    Some(home) => home,
                    None => (policy.file.as_path(), if of_store { of_name } else { of_collection }),
                };
                found.push(diagnosed(file, span, format!("{}: {}", error.what, error.why), error.help));
            }
        }
    }
    found.extend(executor::rehearsed(config, stores, &sound));
    found
}

/// Where the table stands that an error is about, if it is another one than the records' own.
fn place_of_table(policy: &Policy, data: &Data, error: &StoreError) -> Option<Range<usize>> {
    let others = &policy.places.data.get(data.index)?.others;
    let names = |name: &str| error.why.contains(&format!("`{name}`"));
    let (_, place) = others.iter().find(|(name, _)| names(name) && !names(&data.target.collection))?;
    Some(place.clone())
}

/// Where a store stands in the configuration.
fn home<'c>(config: &'c Config, store: &StoreName) -> Option<(&'c Path, Range<usize>)> {
    let written = config.stores.iter().find(|one| one.name == *store)?.written.clone();
    Some((config.file.as_path(), written))
}

fn diagnosed(file: &Path, span: Range<usize>, text: String, help: Option<String>) -> Diagnostic {
    let diagnostic = Diagnostic::error(file, span, text);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// Where a stage stands in the policy's text.
fn place_of(policy: &Policy, data: &Data, stage: &Stage) -> Range<usize> {
    // The policy's own stages come first among the places, and last among the branches.
    let own = data.branches.len() - 1;
    let holds = |branch: &Branch| branch.stages.iter().any(|other| std::ptr::eq(other, stage));
    let place = data.branches.iter().position(holds).and_then(|index| {
        let of_branch = if index == own { 0 } else { index + 1 };
        policy.places.stages.get(of_branch)?.get(stage.number - 1).cloned()
    });
    place.unwrap_or_default()
}

/// What belongs to the records in other stores must be there too: otherwise no record ever goes.
fn of_companions(
    stores: &Stores,
    policy: &Policy,
    data: &Data,
    down: &mut Vec<StoreName>,
) -> Vec<Diagnostic> {
    let place = policy.places.data.get(data.index).map_or(0..0, |places| places.table.clone());
    let mut found = Vec::new();
    for there in data.target.elsewhere() {
        if down.contains(&there.store) {
            continue;
        }
        if let Err(error) = registered::inspect(stores, &there.store).and_then(|store| store.probe(&there)) {
            if !matches!(error.kind, StoreErrorKind::NotFound | StoreErrorKind::Unsupported) {
                down.push(there.store.clone());
            }
            let text = format!("what belongs to the records: {}: {}", error.what, error.why);
            found.push(diagnosed(&policy.file, place.clone(), text, error.help));
        }
    }
    found
}

/// For each field that a condition uses without testing it for null: in how many records it is empty.
fn empty_fields(
    store: &dyn Inspect,
    policy: &Policy,
    data: &Data,
    schema: &Schema,
    now: Instant,
) -> Result<Vec<Diagnostic>, StoreError> {
    let places = &policy.places;
    let own = places.data.get(data.index).and_then(|places| places.condition.clone()).unwrap_or_default();
    let classes = data.branches.iter().filter(|branch| branch.class.is_some());
    let whens = classes.zip(&places.whens).map(|(branch, place)| (&branch.when, place.clone()));
    let conditions = std::iter::once((&data.scope, own)).chain(whens);
    let scope = Scope { target: Arc::clone(&data.target), events: Arc::default(), now };
    let mut found = Vec::new();
    for (condition, place) in conditions {
        for field in untested_nullable(condition, schema) {
            let group = Group { predicate: Predicate::IsNull(field.clone()), start: None, samples: 0 };
            let counted = store.count(&scope, &[group])?;
            let empty = counted.tallies.first().map_or(0, |tally| tally.count);
            if empty > 0 {
                let text = format!("`{field}` is empty in {} now", phrase::records(empty));
                found.push(Diagnostic::warning(&policy.file, place.clone(), text));
            }
        }
    }
    Ok(found)
}
