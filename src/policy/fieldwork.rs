//! Which columns a stage changes, and which it must leave alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::action::{Change, Fieldwork};
use crate::model::method::Method;
use crate::model::schema::{Column, Schema};
use crate::model::start::Start;
use crate::model::value::Field;
use crate::policy::condition::{Finding, column};
use crate::policy::diagnostic::Severity;
use crate::policy::rule::Data;

/// The record's own columns that no stage may change, as far as the policy alone tells: what links, starts,
/// conditions, events and companions are read from. The key is added where the policy names it.
pub fn read_by_policy(data: &Data) -> BTreeSet<String> {
    let target = &data.target;
    let mut columns: BTreeSet<String> = target.key.iter().flatten().cloned().collect();
    columns.extend(target.links.iter().map(|link| link.by.clone()));
    columns.extend(target.reached_by.iter().map(|reach| reach.key.clone()));
    columns
        .extend(target.with.iter().filter(|with| with.by.is_none()).flat_map(|with| parts(&with.collection)));
    let starts =
        data.branches.iter().flat_map(|branch| &branch.stages).filter_map(|stage| stage.start.as_deref());
    let conditions = [&data.scope].into_iter().chain(data.branches.iter().map(|branch| &branch.when));
    let fields = starts.flat_map(Start::fields).chain(conditions.flat_map(|when| when.fields()));
    columns.extend(fields.filter(|field| field.link.is_none()).map(|field: &Field| field.column.clone()));
    columns
}

/// The record's own columns that no stage may list, and that `keep-only` keeps (DESIGN 3.4): the key, what starts,
/// conditions, events, links and companions are read from, and the flag columns of `shield`.
pub fn protected(data: &Data, schema: &Schema) -> BTreeSet<String> {
    let mut columns = read_by_policy(data);
    columns.extend(schema.key.iter().cloned());
    let stages = data.branches.iter().flat_map(|branch| &branch.stages);
    let flags = stages.filter_map(|stage| stage.action.fieldwork()?.flag.clone());
    columns.extend(flags);
    columns
}

/// What a stage changes, column by column: the listed fields, then for `keep-only` every other column that is not
/// protected, then the flag. All that is wrong is told at once.
pub fn expand(
    fieldwork: &Fieldwork,
    schema: &Schema,
    protected: &BTreeSet<String>,
) -> Result<Vec<Change>, Vec<Finding>> {
    let mut changes = Vec::new();
    let mut wrong = Vec::new();
    for change in &fieldwork.fields {
        if protected.contains(&change.column) {
            wrong.push(is_protected(&change.column));
        }
        add(change.column.as_str(), |_| Arc::clone(&change.method), schema, &mut changes, &mut wrong);
    }
    if let Some(kept) = &fieldwork.keep_only {
        for name in kept.iter().filter(|name| schema.column(name).is_none()) {
            wrong.extend(column(&Field::own(name), schema).err());
        }
        let listed: BTreeSet<&str> = fieldwork.fields.iter().map(|change| change.column.as_str()).collect();
        let emptied = schema.columns.iter().map(|column| column.name.as_str()).filter(|name| {
            !protected.contains(*name)
                && !kept.iter().any(|kept| kept == name)
                && !listed.contains(name)
                && fieldwork.flag.as_deref() != Some(*name)
        });
        for name in emptied {
            add(name, |column| Arc::new(Method::emptying(column)), schema, &mut changes, &mut wrong);
        }
    }
    if let Some(flag) = &fieldwork.flag {
        add(flag, |_| Arc::new(Method::Flag), schema, &mut changes, &mut wrong);
    }
    if wrong.is_empty() { Ok(changes) } else { Err(wrong) }
}

/// What to say of a protected column that a stage lists.
pub(super) fn is_protected(column: &str) -> Finding {
    error(
        format!(
            "`{column}` must stay as it is: the key, a start, a condition, a link or a flag is read from it"
        ),
        "take it out of the stage; what cannot stay in the record is for a `delete` stage",
    )
}

fn add(
    name: &str,
    method: impl Fn(&Column) -> Arc<Method>,
    schema: &Schema,
    changes: &mut Vec<Change>,
    wrong: &mut Vec<Finding>,
) {
    let column = match column(&Field::own(name), schema) {
        Ok(column) => column,
        Err(finding) => {
            wrong.push(finding);
            return;
        }
    };
    let method = method(column);
    match method.fits(column) {
        Ok(()) => changes.push(Change { column: column.name.clone(), method }),
        Err(sentence) => wrong.push(Finding { severity: Severity::Error, message: sentence, help: None }),
    }
}

/// The fields that a pattern of paths names in braces.
fn parts(pattern: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = pattern;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        names.push(name.split(':').next().unwrap_or(name).to_owned());
        rest = after;
    }
    names
}

fn error(message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, message: message.into(), help: Some(help.into()) }
}
