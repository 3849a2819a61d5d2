//! `[[test]]`: what a policy's own tests refer to must exist.

use std::collections::BTreeSet;

use super::data::Place;
use super::notes::Notes;
use crate::model::predicate::Predicate;
use crate::model::start::StartSource;
use crate::policy::document::{Document, ExpectTable, ExpectedAction, Moment, TestTable};
use crate::policy::rule::{Data, Expect, Test};
use crate::policy::strict::{Language as _, Section, Spot};

/// Compiles the tests.
pub(super) fn tests(
    document: &Document,
    places: &[Place<'_>],
    data: &[Data],
    notes: &mut Notes<'_>,
) -> Vec<Test> {
    let mut names = BTreeSet::new();
    let mut tests = Vec::new();
    for table in &document.test {
        if let Some(name) = &table.name
            && !names.insert(name.to_string())
        {
            notes.error(name.span(), format!("there are two tests `{name}`")).help("give each its own name");
        }
        tests.extend(test(table, document, places, data, notes));
    }
    tests
}

fn test(
    table: &Section<TestTable>,
    document: &Document,
    places: &[Place<'_>],
    data: &[Data],
    notes: &mut Notes<'_>,
) -> Option<Test> {
    let span = table.span();
    notes.need(table.name.as_ref(), "name", &span, "the test", "name = \"a call from 31 days ago goes\"");
    notes.need(
        table.record.as_ref(),
        "record",
        &span,
        "the test",
        "record = { called_at = \"2026-10-01T12:00:00+02:00\" }",
    );
    notes.need(table.at.as_ref(), "at", &span, "the test", "at = \"2026-11-01T12:00:00+01:00\"");
    notes.need(table.expect.as_ref(), "expect", &span, "the test", "expect = { action = \"delete\" }");
    let index = table.data.as_ref().map_or(0, |number| number.0 as usize - 1);
    if let Some(number) = table.data.as_ref().filter(|_| index >= places.len()) {
        let count = places.len();
        notes
            .error(number.span(), format!("the policy has no `[[data]]` number {}", number.0))
            .help(format!("it has {count}, counted from 1"));
    }
    if let (Some(place), Some(record)) = (places.get(index), &table.record) {
        for field in
            record.keys().filter(|field| place.column_of(field).is_none_or(|column| place.lacks(&column)))
        {
            notes.error(record.span(), format!("the pattern gives a file no field `{field}`")).help(
                "a file has the parts in braces, and `path`, `name`, `ext`, `size`, `modified`, `created`",
            );
        }
    }
    if let (Some(place), Some(links)) = (places.get(index), &table.links) {
        for link in links.keys().filter(|name| !place.links().iter().any(|link| link.name == **name)) {
            let known = place.links().iter().map(|link| link.name.as_str());
            notes.unknown(links.span(), "link", link, known, "the data as `[[data.link]]`");
        }
    }
    if let (Some(events), Some(data)) = (&table.events, data.get(index)) {
        check_events(events, data, notes);
    }
    let expect = expect(table.expect.as_ref()?, document, notes);
    Some(Test {
        name: table.name.as_ref()?.to_string(),
        place: span,
        record: by_column(places.get(index), table.record.as_ref()?),
        links: table.links.as_ref().map(|links| (**links).clone()).unwrap_or_default(),
        events: table.events.as_ref().map(|events| (**events).clone()).unwrap_or_default(),
        held: table.holds.as_ref().is_some_and(|holds| holds.0),
        at: table.at.as_ref()?.value.0,
        data: index,
        expect,
    })
}

/// The record with the policy's words (`names`) replaced by the store's columns.
fn by_column(place: Option<&Place<'_>>, record: &toml::Table) -> toml::Table {
    let column =
        |word: &String| place.and_then(|place| place.column_of(word)).unwrap_or_else(|| word.clone());
    let mut columns = toml::Table::new();
    record.iter().for_each(|(word, value)| flatten(column(word), value, &mut columns));
    columns
}

/// What a test writes as tables inside a column is there by its path, as a policy names it.
fn flatten(name: String, value: &toml::Value, into: &mut toml::Table) {
    match value {
        toml::Value::Table(inside) => {
            inside.iter().for_each(|(word, value)| flatten(format!("{name}.{word}"), value, into));
        }
        value => {
            into.insert(name, value.clone());
        }
    }
}

fn expect(table: &Section<ExpectTable>, document: &Document, notes: &mut Notes<'_>) -> Expect {
    if table.action.is_none() && table.due.is_none() && table.class.is_none() && !notes.may_hold("action") {
        notes
            .error(table.span(), "the test expects nothing")
            .help("write `expect = { action = \"delete\" }`, with `due` or `class` if you like");
    }
    if let (Some(action), Some(due)) = (&table.action, &table.due)
        && matches!(
            action.value,
            ExpectedAction::Preserve | ExpectedAction::Waiting | ExpectedAction::Undetermined
        )
    {
        notes.error(due.span(), format!("`{}` has no due instant", action.text)).help("remove `due`");
    }
    if let Some(class) = table.class.as_ref().filter(|class| &****class != "none") {
        let names = document.class.iter().filter_map(|class| class.name.as_ref()).map(|name| &***name);
        if !names.clone().any(|name| name == &***class) {
            notes.unknown(class.span(), "class", class, names, "the policy as `[[class]]`, or write `none`");
        }
    }
    Expect {
        action: table.action.as_ref().map(|action| action.text.clone()),
        due: table.due.as_ref().map(|due| due.value.0),
        class: table.class.as_ref().map(ToString::to_string),
    }
}

/// Events that nothing in the policy asks for are misspelled; each is an instant, or one for each key.
fn check_events(events: &Spot<toml::Table>, data: &Data, notes: &mut Notes<'_>) {
    let known = known_events(data);
    for (name, value) in &**events {
        if !known.contains(name) {
            notes.unknown(
                events.span(),
                "event",
                name,
                known.iter().map(String::as_str),
                "a start or a condition of the policy",
            );
        }
        let instants: Vec<&toml::Value> = match value {
            toml::Value::Table(by_key) => by_key.values().collect(),
            single => vec![single],
        };
        for instant in instants {
            match instant.as_str().map(Moment::read) {
                Some(Ok(_)) => {}
                Some(Err(fault)) => notes.fault(events.span(), fault),
                None => notes
                    .error(events.span(), format!("the event `{name}` has no instant"))
                    .help(format!("write for example `{name} = \"2026-11-01T12:00:00+01:00\"`")),
            }
        }
    }
}

fn known_events(data: &Data) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let conditions = data.branches.iter().map(|branch| &branch.when).chain([&data.scope]);
    for condition in conditions {
        condition.visit(&mut |part| {
            if let Predicate::Event { name, .. } = part {
                known.insert(name.clone());
            }
        });
    }
    for stage in data.branches.iter().flat_map(|branch| &branch.stages) {
        if let Some(StartSource::Event { name, .. }) = stage.start.as_deref().map(|start| &start.source) {
            known.insert(name.clone());
        }
    }
    known
}
