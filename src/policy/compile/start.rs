//! `start`: where the moment stands at which a record's clock starts.

use std::sync::Arc;

use super::data::{Place, event_name};
use super::notes::Notes;
use crate::model::pattern::Pattern;
use crate::model::start::{Format, LatestField, Start, StartSource};
use crate::model::value::Field;
use crate::policy::document::{StartTable, WaitingIf};
use crate::policy::strict::{Section, Spot, Text};

/// The start that stands nearest to a stage.
#[derive(Clone, Debug)]
pub(super) enum Nearest {
    /// There is none.
    Missing,
    /// There is one, and what is wrong with it has been reported.
    Broken,
    /// There is one.
    Known(Arc<Start>),
}

impl Nearest {
    /// This table's start; without a table the one that stands further out.
    pub(super) fn of(
        table: Option<&Section<StartTable>>,
        place: &Place<'_>,
        outer: &Self,
        notes: &mut Notes<'_>,
    ) -> Self {
        let Some(table) = table else { return outer.clone() };
        start(table, place, notes).map_or(Self::Broken, |start| Self::Known(Arc::new(start)))
    }

    pub(super) fn known(&self) -> Option<Arc<Start>> {
        match self {
            Self::Known(start) => Some(Arc::clone(start)),
            Self::Missing | Self::Broken => None,
        }
    }
}

fn start(table: &Section<StartTable>, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<Start> {
    strays(table, notes);
    let source = source(table, place, notes)?;
    let format = format(table, &source, place, notes);
    let waits = |word| table.waiting_if.iter().flat_map(|words| words.iter()).any(|is| is.value == word);
    Some(Start {
        source,
        waiting_if_empty: waits(WaitingIf::Empty),
        waiting_if_future: waits(WaitingIf::Future),
        cutoff: table.cutoff.as_ref().map(|cutoff| cutoff.value),
        format,
        zone: table.timezone.as_ref().map_or(place.zone(), |zone| zone.value),
        earliest: table.earliest.as_ref().map_or(place.earliest(), |day| day.value.0),
    })
}

/// Keys that belong to another kind of start.
fn strays(table: &Section<StartTable>, notes: &mut Notes<'_>) {
    if let (Some(optional), None) = (&table.optional, &table.latest) {
        notes
            .error(optional.span(), "`optional` is for `latest`")
            .help("write `start.latest = [..]`, or remove `optional`");
    }
    if let (Some(by), None) = (&table.by, &table.event) {
        notes.error(by.span(), "`by` is for `event`").help("write `start.event = \"..\"`, or remove `by`");
    }
    if table.event.is_some() {
        if let Some(format) = &table.format {
            notes
                .error(format.span(), "an event has no format: its instant is recorded with it")
                .help("remove `start.format`");
        }
        let empty =
            table.waiting_if.iter().flat_map(|words| words.iter()).find(|is| is.value == WaitingIf::Empty);
        if let Some(empty) = empty {
            notes
                .error(empty.span(), "an event that is not recorded is always waited for")
                .help("remove `\"empty\"`");
        }
    }
    if let Some(words) = &table.waiting_if {
        if words.is_empty() {
            notes
                .error(words.span(), "this list is empty")
                .help("write `[\"empty\"]`, `[\"future\"]` or both, or remove the key");
        }
        twice(words.iter().map(|word| (word.span(), word.text.as_str())), notes);
    }
}

fn source(table: &Section<StartTable>, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<StartSource> {
    let given = [
        table.field.as_ref().map(|value| ("field", value.span())),
        table.latest.as_ref().map(|value| ("latest", value.span())),
        table.event.as_ref().map(|value| ("event", value.span())),
    ];
    let mut given = given.into_iter().flatten();
    let first = given.next();
    for (key, span) in given {
        let (other, _) = first.as_ref().expect("a second one comes after a first");
        notes
            .error(span, format!("this start has `{other}` and `{key}`"))
            .help("a start stands in one place: keep one of them");
    }
    match first {
        Some(("field", _)) => place.field(table.field.as_ref()?, notes).map(StartSource::Field),
        Some(("latest", _)) => latest(table, place, notes).map(StartSource::Latest),
        Some(_) => {
            let by = match &table.by {
                Some(by) => Some(place.field(by, notes)?),
                None => None,
            };
            let name = table.event.as_ref()?;
            event_name(name, name.span(), notes);
            Some(StartSource::Event { name: name.to_string(), by })
        }
        None => {
            if !["field", "latest", "event"].iter().any(|key| notes.may_hold(key)) {
                notes
                    .error(table.span(), "this start does not say where it stands")
                    .help("write `start.field = \"..\"`, `start.latest = [..]` or `start.event = \"..\"`; a start stands whole, nothing is added to one further out");
            }
            None
        }
    }
}

fn latest(table: &Section<StartTable>, place: &Place<'_>, notes: &mut Notes<'_>) -> Option<Vec<LatestField>> {
    let names: &Spot<Vec<Spot<Text>>> = table.latest.as_ref()?;
    let before = notes.count();
    if names.len() < 2 {
        notes
            .error(names.span(), "`latest` needs two fields or more")
            .help("for one field write `start.field = \"..\"`");
    }
    twice(names.iter().map(|name| (name.span(), &***name)), notes);
    let optional: &[Spot<Text>] = table.optional.as_ref().map_or(&[], |names| names.as_slice());
    twice(optional.iter().map(|name| (name.span(), &***name)), notes);
    for name in optional.iter().filter(|name| !names.iter().any(|other| **other == ***name)) {
        notes
            .error(name.span(), format!("`{name}` is not one of `latest`"))
            .help("`optional` names fields of `latest`");
    }
    let is_optional = |name: &Spot<Text>| optional.iter().any(|other| **other == **name);
    if let Some(all) = table.optional.as_ref().filter(|_| !names.is_empty() && names.iter().all(is_optional))
    {
        notes
            .error(all.span(), "all fields of `latest` are optional, so nothing would ever be waited for")
            .help("leave out the one that always comes");
    }
    let fields: Vec<LatestField> = names
        .iter()
        .filter_map(|name| {
            Some(LatestField { field: place.field(name, notes)?, optional: is_optional(name) })
        })
        .collect();
    (notes.count() == before).then_some(fields)
}

/// The declared format; for a dated part of a path the one in the braces.
fn format(
    table: &Section<StartTable>,
    source: &StartSource,
    place: &Place<'_>,
    notes: &mut Notes<'_>,
) -> Option<Format> {
    let own = table.format.as_ref().map(|format| format.value.0.clone());
    let fields: Vec<&Field> = match source {
        StartSource::Field(field) => vec![field],
        StartSource::Latest(fields) => fields.iter().map(|latest| &latest.field).collect(),
        StartSource::Event { .. } => return None,
    };
    let Some(pattern) = place.pattern() else { return own };
    let written: Vec<Option<&str>> = fields.iter().map(|field| written_as(pattern, &field.column)).collect();
    let settled = |field: &&Field| matches!(field.column.as_str(), "modified" | "created");
    if let Some(format) = &table.format
        && (written.iter().any(Option::is_some) || fields.iter().all(settled))
    {
        notes.error(format.span(), "the format is settled already").help("remove `start.format`");
    }
    let mut spelled = written.into_iter().flatten();
    let first = spelled.next();
    if spelled.any(|other| Some(other) != first) {
        notes
            .error(table.span(), "the parts of `latest` are spelled in different ways")
            .help("give them the same strftime pattern in the braces of `collection`");
    }
    if own.is_none() && first.is_none() && !fields.iter().all(settled) {
        notes
            .error(table.span(), "the pattern does not say how this part spells its date")
            .help("write it into the braces, such as `{recorded:%Y%m%d-%H%M%S}`, or add `start.format`");
    }
    first.map(|pattern| Format::Pattern(pattern.to_owned())).or(own)
}

/// The strftime pattern by which a part of a path is written.
fn written_as<'p>(pattern: &'p Pattern, name: &str) -> Option<&'p str> {
    pattern.parts().iter().find(|part| part.name == name)?.format.as_deref()
}

/// Reports what is listed more than once.
pub(super) fn twice<'t>(
    items: impl Iterator<Item = (std::ops::Range<usize>, &'t str)>,
    notes: &mut Notes<'_>,
) {
    let mut seen: Vec<&str> = Vec::new();
    for (span, item) in items {
        if seen.contains(&item) {
            notes.error(span, format!("`{item}` is listed twice")).help("keep one of them");
        }
        seen.push(item);
    }
}
