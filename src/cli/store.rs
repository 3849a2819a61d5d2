//! `forfall store`: a read-only look at the registered stores.

use std::sync::Arc;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::registered::{self, Stores};
use super::table::{Column, Field, Grid, count, maybe};
use super::{Context, names, phrase, session};
use crate::adapter::api::{Grants, Listed, StoreError, Use};
use crate::config::Config;
use crate::model::action::Action;
use crate::model::ids::StoreName;
use crate::model::schema::{Column as StoreColumn, ColumnKind};
use crate::model::value::Value;
use crate::policy::diagnostic::Severity;
use crate::policy::rule::Data;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the stores with their collections
    List,
    /// Show a store's collections: columns, types, oldest and newest value, and which formats must be declared
    Show {
        /// The store
        name: String,
        /// Only this collection
        collection: Option<String>,
    },
    /// Print the statements that give a planner role and an executor role exactly what the policies need
    Grants {
        /// The store
        name: String,
    },
}

#[derive(Serialize)]
struct All {
    stores: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    store: String,
    adapter: String,
    reachable: bool,
    error: Option<String>,
    collections: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    collection: String,
    /// `null` where nobody can tell.
    total: Option<u64>,
    total_exact: bool,
    readable: bool,
    key: Vec<String>,
    columns: Vec<ColumnEntry>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ColumnEntry {
    column: String,
    kind: &'static str,
    declared: String,
    nullable: bool,
    indexed: bool,
    smallest: Option<String>,
    largest: Option<String>,
    format_needed: bool,
    likely_format: Option<&'static str>,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let config = session::config(context)?;
    let stores = registered::open(&config)?;
    match command {
        Command::List => list(&config, &stores, context),
        Command::Show { name, collection } => {
            show(names::store_of(&config, name)?, collection.as_deref(), &stores, context)
        }
        Command::Grants { name } => grants(&names::store_of(&config, name)?.0, &stores, context),
    }
}

fn look(stores: &Stores, name: &StoreName) -> Result<Vec<Listed>, StoreError> {
    registered::inspect(stores, name)?.collections()
}

fn list(config: &Config, opened: &Stores, context: &Context) -> Result<Exit, Failure> {
    let mut stores = Vec::new();
    for store in &config.stores {
        stores.push((store.name.clone(), store.adapter.clone(), look(opened, &store.name)));
    }
    let any_down = stores.iter().any(|(_, _, listed)| listed.is_err());
    if context.output.is_json() {
        let stores = stores.iter().map(|(name, adapter, listed)| json(name, adapter, listed)).collect();
        context.output.json(&All { stores })?;
    } else if stores.is_empty() {
        context.output.say("No store is registered: write one as [store.NAME] in the configuration.");
    } else {
        let columns = [
            Column::Text("store"),
            Column::Text("adapter"),
            Column::Flexible("collection"),
            Column::Number("records"),
            Column::Number("fields"),
        ];
        let mut grid = Grid::new(context.output, &columns);
        for (name, adapter, listed) in &stores {
            let collections = listed.as_deref().unwrap_or_default();
            if collections.is_empty() {
                let what =
                    if listed.is_err() { Field::from("not reachable").toned(Tone::Bad) } else { maybe(None) };
                grid.row([name.as_str().into(), adapter.as_str().into(), what, maybe(None), maybe(None)]);
            }
            for (place, one) in collections.iter().enumerate() {
                let (name, adapter) = if place == 0 { (name.as_str(), adapter.as_str()) } else { ("", "") };
                let records = if one.unread.is_some() {
                    Field::from("not readable").toned(Tone::Bad)
                } else {
                    total(one).into()
                };
                let fields = count(one.schema.columns.len() as u64);
                grid.row([
                    name.into(),
                    adapter.into(),
                    one.schema.collection.as_str().into(),
                    records,
                    fields,
                ]);
            }
        }
        grid.print()?;
    }
    for (_, _, listed) in &stores {
        if let Err(error) = listed {
            context.output.warn(error.to_string());
        }
    }
    Ok(if any_down { Exit::Incomplete } else { Exit::Done })
}

fn show(
    (name, adapter): (StoreName, String),
    collection: Option<&str>,
    stores: &Stores,
    context: &Context,
) -> Result<Exit, Failure> {
    let mut listed = look(stores, &name)?;
    if let Some(wanted) = collection {
        let known: Vec<_> = listed.iter().map(|one| one.schema.collection.clone()).collect();
        listed.retain(|one| one.schema.collection == wanted);
        if listed.is_empty() {
            return Err(Failure::usage(format!(
                "store {name} has no collection {wanted}: it has {}",
                known.join(", ")
            )));
        }
    }
    if context.output.is_json() {
        context.output.json(&json(&name, &adapter, &Ok(listed)))?;
        return Ok(Exit::Done);
    }
    for one in &listed {
        print(one, context)?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Granted {
    store: String,
    statements: Vec<String>,
    /// What could not be looked up, so that nothing is printed for it.
    unknown: Vec<String>,
}

fn grants(name: &StoreName, stores: &Stores, context: &Context) -> Result<Exit, Failure> {
    let loaded = session::load(context);
    let mut policies = loaded.policies;
    registered::reaches(&mut policies, stores);
    let data = policies.iter().flat_map(|policy| &policy.data);
    let uses: Vec<Use> = data.filter(|data| data.target.store == *name).map(use_of).collect();
    let Grants { statements, unknown } = registered::inspect(stores, name)?.grants(&uses)?;
    if uses.is_empty() {
        // Whoever writes the first policy has to see the store first.
        let invalid = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
        let check = if invalid { " (`forfall check` tells of others)" } else { "" };
        context.output.warn(format!(
            "no valid policy names store {name}{check}: this lets its users in, and gives no right to anything that a policy \
             would need"
        ));
    }
    for error in &unknown {
        context.output.warn(error.to_string());
    }
    let exit = if unknown.is_empty() { Exit::Done } else { Exit::Incomplete };
    if context.output.is_json() {
        let unknown = unknown.iter().map(ToString::to_string).collect();
        context.output.json(&Granted { store: name.to_string(), statements, unknown })?;
    } else {
        for statement in statements {
            context.output.line(phrase::safe(&statement))?;
        }
    }
    Ok(exit)
}

/// What a policy does with one collection.
fn use_of(data: &Data) -> Use {
    // A stage that nobody has decided on yet gives no right to anything.
    let stages = || data.stages().map(|(_, stage)| stage).filter(|stage| stage.runs());
    let actions = || stages().map(|stage| &stage.action);
    let works: Vec<_> = actions().filter_map(Action::fieldwork).collect();
    let changes = works
        .iter()
        .flat_map(|work| work.fields.iter().map(|change| change.column.clone()).chain(work.flag.clone()));
    Use {
        target: Arc::clone(&data.target),
        deletes: actions().any(Action::may_delete),
        changes: if works.iter().any(|work| work.keep_only.is_some()) {
            None
        } else {
            Some(changes.collect())
        },
        aggregates: stages().filter_map(|stage| stage.aggregate.clone()).collect(),
    }
}

fn print(one: &Listed, context: &Context) -> Result<(), Failure> {
    let output = context.output;
    let key = if one.schema.key.is_empty() {
        "no key".to_owned()
    } else {
        format!("key {}", one.schema.key.join(", "))
    };
    let head = output.paint(Tone::Strong, &phrase::safe(&one.schema.collection));
    let records =
        if one.unread.is_some() { "not readable".to_owned() } else { format!("{} records", total(one)) };
    output.line(format!("{head}: {records}, {key}"))?;
    let columns = [
        Column::Text("field"),
        Column::Text("type"),
        Column::Text("null"),
        Column::Text("index"),
        Column::Flexible("smallest"),
        Column::Flexible("largest"),
    ];
    let mut grid = Grid::new(output, &columns);
    for (column, extremes) in columns_of(one) {
        grid.row([
            column.name.as_str().into(),
            kind(column).into(),
            if column.nullable { "yes" } else { "no" }.into(),
            if column.indexed { "yes" } else { "no" }.into(),
            maybe(extremes.map(|(smallest, _)| value(smallest))),
            maybe(extremes.map(|(_, largest)| value(largest))),
        ]);
    }
    for line in grid.lines(2) {
        output.line(line)?;
    }
    for (column, extremes) in columns_of(one).filter(|(column, _)| needs_format(column)) {
        let Some(format) = extremes.and_then(|(smallest, largest)| likely_format(smallest, largest)) else {
            continue;
        };
        output.prose(
            &format!("  As a start, {} needs `start.format`; its values look like {format:?}.", column.name),
            4,
        )?;
    }
    for warning in &one.schema.warnings {
        output.prose(&format!("  {}", phrase::safe(warning)), 2)?;
    }
    output.line("")
}

fn columns_of(one: &Listed) -> impl Iterator<Item = (&StoreColumn, Option<&(Value, Value)>)> {
    let extremes = one.extremes.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    one.schema.columns.iter().zip(extremes)
}

fn kind(column: &StoreColumn) -> String {
    if column.declared.is_empty() || column.declared.eq_ignore_ascii_case(column.kind.text()) {
        column.kind.text().to_owned()
    } else {
        format!("{} ({})", column.kind.text(), column.declared.to_lowercase())
    }
}

/// Columns that could hold a time without saying how.
fn needs_format(column: &StoreColumn) -> bool {
    matches!(column.kind, ColumnKind::Int | ColumnKind::Real | ColumnKind::Text | ColumnKind::Any)
}

/// The format that both ends of a column have: a hint for the person who writes the policy, who knows better.
fn likely_format(smallest: &Value, largest: &Value) -> Option<&'static str> {
    let one = format_of(smallest)?;
    (format_of(largest) == Some(one)).then_some(one)
}

fn format_of(value: &Value) -> Option<&'static str> {
    // From 1990 to 2100, in seconds.
    let plausible = 631_152_000..4_102_444_800_i64;
    match value {
        Value::Text(text) if text.parse::<chrono::NaiveDate>().is_ok() => Some("date"),
        Value::Text(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => Some("rfc3339"),
        Value::Text(text) => {
            text.replacen(' ', "T", 1).parse::<chrono::NaiveDateTime>().ok().map(|_| "datetime")
        }
        Value::Int(number) if plausible.contains(number) => Some("unix"),
        Value::Int(number) if plausible.contains(&(number / 1_000)) => Some("unix-ms"),
        Value::Int(number) if plausible.contains(&(number / 1_000_000)) => Some("unix-us"),
        // Since 1601: these years of it are no plausible years since 1970.
        Value::Int(number) if plausible.contains(&(number / 1_000_000 - 11_644_473_600)) => Some("webkit-us"),
        Value::Real(number) => (631_152_000.0..4_102_444_800.0).contains(number).then_some("unix"),
        _ => None,
    }
}

/// The smallest and largest values are shown on purpose, to the operator who asked: they tell seconds from
/// milliseconds. They go nowhere else.
fn value(value: &Value) -> String {
    const LONGEST: usize = 32;
    let text = match value {
        Value::Null => "null".to_owned(),
        other => other.as_event_key().unwrap_or_default(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn total(one: &Listed) -> String {
    let Some(total) = one.total else { return "?".to_owned() };
    let about = if total.exact { "" } else { "~" };
    format!("{about}{}", phrase::number(total.count))
}

fn json(name: &StoreName, adapter: &str, listed: &Result<Vec<Listed>, StoreError>) -> Shown {
    let collection = |one: &Listed| Described {
        collection: one.schema.collection.clone(),
        total: one.total.map(|total| total.count),
        total_exact: one.total.is_some_and(|total| total.exact),
        readable: one.unread.is_none(),
        key: one.schema.key.clone(),
        columns: columns_of(one)
            .map(|(column, extremes)| ColumnEntry {
                column: column.name.clone(),
                kind: column.kind.text(),
                declared: column.declared.clone(),
                nullable: column.nullable,
                indexed: column.indexed,
                smallest: extremes.map(|(smallest, _)| value(smallest)),
                largest: extremes.map(|(_, largest)| value(largest)),
                format_needed: needs_format(column),
                likely_format: extremes
                    .filter(|_| needs_format(column))
                    .and_then(|(smallest, largest)| likely_format(smallest, largest)),
            })
            .collect(),
        warnings: one.schema.warnings.clone(),
    };
    Shown {
        store: name.to_string(),
        adapter: adapter.to_owned(),
        reachable: listed.is_ok(),
        error: listed.as_ref().err().map(ToString::to_string),
        collections: listed.as_deref().unwrap_or_default().iter().map(collection).collect(),
    }
}
