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
    for field in fields.filter(|field: &&Field| field.link.is_none()) {
        // Of a path inside JSON the whole column; unless a column has that name, dots and all.
        columns.extend([field.column.clone(), field.read_from().to_owned()]);
    }
    columns
}

/// The record's own columns that no stage may list, and that `keep-only` keeps (DESIGN 3.4): the key, what starts,
/// conditions, events, links and companions are read from, and the flag columns of `shield`.
pub fn protected(data: &Data, schema: &Schema) -> BTreeSet<String> {
    let mut columns = read_by_policy(data);
    columns.extend(schema.key.iter().cloned());
    columns.extend(schema.referenced_by.iter().map(|reach| reach.key.clone()));
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
    let method = method(&column);
    match method.fits(&column) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::action::Action;
    use crate::model::key::KeyForm;
    use crate::model::schema::ColumnKind;
    use crate::model::target::{Link, With};
    use crate::policy::condition::{Names, compile};
    use crate::policy::sample;

    fn schema() -> Schema {
        let column = |name: &str, kind, nullable, unique| Column {
            name: name.into(),
            kind,
            declared: String::new(),
            nullable,
            indexed: false,
            unique,
            json: false,
        };
        Schema {
            collection: "call_log".into(),
            columns: vec![
                column("id", ColumnKind::Int, false, true),
                column("called_at", ColumnKind::Text, false, false),
                column("caller", ColumnKind::Text, true, false),
                column("seconds", ColumnKind::Int, false, false),
                column("kind", ColumnKind::Text, true, false),
                column("ticket", ColumnKind::Text, false, true),
                column("shielded", ColumnKind::Bool, false, false),
            ],
            key: vec!["id".into()],
            key_form: KeyForm::Columns,
            linked: vec![],
            referenced_by: vec![],
            side_effects: vec![],
            partitioned_by: None,
            warnings: vec![],
            marker: None,
            fingerprint: String::new(),
        }
    }

    fn data() -> Data {
        let flag = Fieldwork { flag: Some("shielded".into()), ..Fieldwork::default() };
        let mut data = sample::data(Vec::new());
        let stages =
            vec![sample::stage("1 day", Action::Shield(flag)), sample::stage("2 days", Action::Delete)];
        let when = compile(
            "kind == 'a' && job.open && event('x', ref)",
            &Names { links: ["job".to_owned()].into(), ..Names::default() },
        );
        data.branches = vec![sample::branch(None, when.unwrap(), stages)];
        let target = Arc::make_mut(&mut data.target);
        target.links.push(Link {
            name: "job".into(),
            collection: "job".into(),
            key: None,
            by: "job_id".into(),
        });
        target.with.push(With { store: None, collection: "{folder}/{day:%Y}/**".into(), by: None });
        data
    }

    #[test]
    fn what_the_rule_reads_is_protected() {
        let expected = ["called_at", "day", "folder", "id", "job_id", "kind", "ref", "shielded"];
        assert!(protected(&data(), &schema()).iter().map(String::as_str).eq(expected));
        assert!(!read_by_policy(&data()).contains("shielded"));
    }

    #[test]
    fn keep_only_empties_all_that_is_neither_kept_nor_protected() {
        let work = Fieldwork { keep_only: Some(vec!["ticket".into()]), ..Fieldwork::default() };
        let changes = expand(&work, &schema(), &protected(&data(), &schema())).unwrap();
        let shown: Vec<_> =
            changes.iter().map(|one| (one.column.as_str(), one.method.as_ref().clone())).collect();
        assert_eq!(shown, [("caller", Method::Null), ("seconds", Method::Neutral(ColumnKind::Int))]);
        let flag = Fieldwork { flag: Some("shielded".into()), ..Fieldwork::default() };
        let changes = expand(&flag, &schema(), &protected(&data(), &schema())).unwrap();
        assert_eq!(changes, [Change { column: "shielded".into(), method: Arc::new(Method::Flag) }]);
    }

    #[test]
    fn everything_that_cannot_be_is_told_at_once() {
        let change = |column: &str, method| Change { column: column.into(), method: Arc::new(method) };
        let work = Fieldwork {
            fields: vec![
                change("called_at", Method::Hide),
                change("callr", Method::Null),
                change("seconds", Method::Hide),
            ],
            keep_only: Some(vec!["tickets".into()]),
            flag: None,
        };
        let wrong = expand(&work, &schema(), &protected(&data(), &schema())).unwrap_err();
        let told: Vec<String> = wrong
            .iter()
            .map(|one| format!("{} / {}", one.message, one.help.clone().unwrap_or_default()))
            .collect();
        for (index, text) in [
            "`called_at` must stay as it is",
            "no field `callr` / did you mean `caller`?",
            "`seconds` is integer and cannot hold",
            "no field `tickets` / did you mean `ticket`?",
            "`ticket`, which must be unique",
        ]
        .iter()
        .enumerate()
        {
            assert!(told.get(index).is_some_and(|told| told.contains(text)), "{text}: {told:?}");
        }
        assert_eq!(told.len(), 5);
    }
}
