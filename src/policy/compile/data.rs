//! `[[data]]`: one place where the data lives, and what the policy's words mean there.

use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use super::companions;
use super::defaults::{Defaults, EARLIEST, KnownStore, StoreKind};
use super::notes::{Notes, place_of};
use super::start::Nearest;
use crate::model::ids::StoreName;
use crate::model::pattern::{ATTRIBUTES, Pattern};
use crate::model::predicate::Predicate;
use crate::model::target::{Link, Target, With};
use crate::model::value::Field;
use crate::policy::condition::{self, DEEPEST_PATH, Names};
use crate::policy::document::DataTable;
use crate::policy::rule::{Branch, Data, DataPlaces};
use crate::policy::strict::{Section, Spot, Text, inside, nearest};
use crate::time::Zone;

/// One `[[data]]` table, compiled as far as the stages need it.
pub(super) struct Place<'a> {
    table: Option<&'a Section<DataTable>>,
    store: Option<&'a KnownStore>,
    pattern: Option<Pattern>,
    names: Names,
    links: Vec<Link>,
    with: Vec<With>,
    key: Option<Vec<String>>,
    subject: Option<Field>,
    zone: Zone,
    scope: Predicate,
    start: Nearest,
}

/// Compiles everything of a `[[data]]` table but the stages.
pub(super) fn place<'a>(
    table: &'a Section<DataTable>,
    zone: Zone,
    defaults: &'a Defaults,
    notes: &mut Notes<'_>,
) -> Place<'a> {
    let span = table.span();
    notes.need(table.store.as_ref(), "store", &span, "the data", "store = \"switchboard\"");
    notes.need(table.collection.as_ref(), "collection", &span, "the data", "collection = \"call_log\"");
    let store = table.store.as_ref().and_then(|name| {
        let found = defaults.store(name);
        if found.is_none() {
            let known = defaults.stores.iter().map(|store| store.name.as_str());
            notes.unknown(name.span(), "store", name, known, "`forfall.toml` as `[store.NAME]`");
        }
        found
    });
    let mut place = Place { table: Some(table), store, ..Place::nowhere(zone) };
    place.read_collection(notes);
    companions::read_links(table, &mut place.names, &mut place.links, store, notes);
    place.names.columns = table
        .names
        .iter()
        .flat_map(|names| &names.0)
        .map(|(word, column)| (word.to_string(), column.to_string()))
        .collect();
    place.with = companions::with(table, &place, defaults, notes);
    place.read_partitions(notes);
    place.key = place.read_key(notes);
    place.subject = table.subject.as_ref().and_then(|subject| place.field(subject, notes));
    if let Some(condition) = &table.condition {
        place.scope = place.condition(condition, notes);
    }
    place.start = Nearest::of(table.start.as_ref(), &place, &Nearest::Missing, notes);
    if place.start.known().is_none() && table.start.is_none() && notes.may_hold("start") {
        place.start = Nearest::Broken;
    }
    place
}

impl<'a> Place<'a> {
    /// No place at all: for looking through the stages of an unresolved policy that has no data yet.
    pub(super) fn nowhere(zone: Zone) -> Self {
        Self {
            table: None,
            store: None,
            pattern: None,
            names: Names::default(),
            links: Vec::new(),
            with: Vec::new(),
            key: None,
            subject: None,
            zone,
            scope: Predicate::Always(true),
            start: Nearest::Broken,
        }
    }

    pub(super) fn zone(&self) -> Zone {
        self.zone
    }

    pub(super) fn start(&self) -> &Nearest {
        &self.start
    }

    pub(super) fn scope(&self) -> &Predicate {
        &self.scope
    }

    pub(super) fn key(&self) -> &[String] {
        self.key.as_deref().unwrap_or_default()
    }

    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    pub(super) fn with(&self) -> &[With] {
        &self.with
    }

    pub(super) fn store(&self) -> Option<&'a KnownStore> {
        self.store
    }

    /// The table or pattern as written.
    pub(super) fn collection(&self) -> Option<&'a str> {
        self.table?.collection.as_deref().map(|name| &**name)
    }

    /// The pattern of its paths, if its records are files.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    pub(super) fn holds_files(&self) -> bool {
        self.store.is_some_and(|store| store.kind == StoreKind::Files)
    }

    pub(super) fn earliest(&self) -> NaiveDate {
        self.store.and_then(|store| store.earliest).unwrap_or(EARLIEST)
    }

    /// The place of its table, for what concerns it as a whole.
    pub(super) fn span(&self) -> Range<usize> {
        self.table.map_or(0..0, Section::span)
    }

    /// A field by the policy's word for it.
    pub(super) fn field(&self, word: &Spot<Text>, notes: &mut Notes<'_>) -> Option<Field> {
        let column: &str = self.names.columns.get(&***word).map_or(word, String::as_str);
        let field = match column.split_once('.') {
            Some((link, rest)) if self.names.links.contains(link) => Field::linked(link, rest),
            Some((_, rest)) if !is_path(rest) && !self.holds_files() => {
                notes
                    .error(word.span(), format!("`{word}` does not lead to a text by names alone"))
                    .help("a path inside JSON is up to 16 names with dots between, such as `data.closedAt`; places in lists are none");
                return None;
            }
            // What is nearly the name of a link is one that is misspelt; else it is a path inside JSON.
            Some((link, _))
                if self.table.is_some()
                    && (self.holds_files()
                        || nearest(link, self.names.links.iter().map(String::as_str)).is_some()) =>
            {
                let known = self.names.links.iter().map(String::as_str);
                notes.unknown(word.span(), "link", link, known, "the data as `[[data.link]]`");
                return None;
            }
            _ => Field::own(column),
        };
        self.is_there(&field, word.span(), notes).then_some(field)
    }

    /// A column of the record itself by the policy's word for it.
    pub(super) fn own_column(&self, word: &Spot<Text>, notes: &mut Notes<'_>) -> Option<String> {
        let field = self.field(word, notes)?;
        if field.link.is_some() {
            notes
                .error(word.span(), format!("`{word}` is a field of another record"))
                .help("a policy changes its own records only: name one of their columns");
            return None;
        }
        if field.in_json().is_some() {
            notes
                .error(word.span(), format!("`{word}` is a part of a column, which only goes as a whole"))
                .help(format!("name the column: `{}`", field.read_from()));
            return None;
        }
        Some(field.column)
    }

    /// The column of the record itself that the policy's word means, without any complaint.
    pub(super) fn column_of(&self, word: &str) -> Option<String> {
        let column = self.names.columns.get(word).map_or(word, String::as_str);
        let linked = column.split_once('.').is_some_and(|(link, _)| self.names.links.contains(link));
        (!linked).then(|| column.to_owned())
    }

    /// Whether a record of this place certainly has no such field: known only of files.
    pub(super) fn lacks(&self, column: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| !fields(pattern).any(|field| field == column))
    }

    /// Compiles a condition; one that is wrong has been reported and is unknown for every record.
    pub(super) fn condition(&self, text: &Spot<Text>, notes: &mut Notes<'_>) -> Predicate {
        match condition::compile(text, &self.names) {
            Ok(predicate) => {
                predicate.visit(&mut |part| {
                    if let Predicate::Event { name, .. } = part {
                        let at = text.find(name.as_str()).map_or(0..text.len(), |at| at..at + name.len());
                        event_name(name, inside(notes.text(), &text.span(), &at), notes);
                    }
                });
                for field in predicate.fields() {
                    let at = text
                        .find(field.column.as_str())
                        .map_or(0..text.len(), |at| at..at + field.column.len());
                    self.is_there(field, inside(notes.text(), &text.span(), &at), notes);
                }
                predicate
            }
            Err(wrong) => {
                let span = inside(notes.text(), &text.span(), &wrong.span);
                let note = notes.error(span, wrong.message);
                if let Some(help) = wrong.help {
                    note.help(help);
                }
                Predicate::Always(false)
            }
        }
    }

    /// Whether the field may exist: the parts of a path are known here, the columns of a table are not.
    fn is_there(&self, field: &Field, span: Range<usize>, notes: &mut Notes<'_>) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        if field.link.is_some() || fields(pattern).any(|name| name == field.column) {
            return true;
        }
        notes.unknown(span, "field", &field.column, fields(pattern), "the pattern as a part in braces");
        false
    }

    fn read_collection(&mut self, notes: &mut Notes<'_>) {
        let Some(table) = self.table else { return };
        let (Some(collection), Some(store)) = (&table.collection, self.store) else { return };
        let entire = table.entire.as_ref().is_some_and(|entire| **entire);
        match store.kind {
            StoreKind::Rows => {
                if collection.contains(['*', '?', '{', '}']) {
                    notes
                        .error(collection.span(), "a table is named whole, without wildcards")
                        .help(format!("write one `[[data]]` for each table; patterns are for stores of files, and `{}` is none", store.name));
                }
                if let Some(prune) = &table.prune_empty_dirs {
                    notes.error(prune.span(), "`prune-empty-dirs` is for stores of files").help("remove it");
                }
            }
            StoreKind::Files => match Pattern::parse(collection) {
                Ok(pattern) => {
                    if !pattern.narrows() && !entire {
                        notes.error(collection.span(), "this pattern matches every file of the store").help(
                            "name the files that are meant; if it is really all of them, add `entire = true`",
                        );
                    }
                    self.pattern = Some(pattern);
                }
                Err(wrong) => notes.error(collection.span(), wrong.message).help(wrong.help),
            },
            StoreKind::Unknown => {}
        }
    }

    fn read_partitions(&self, notes: &mut Notes<'_>) {
        let Some((table, whole)) =
            self.table.and_then(|table| Some((table, table.drop_partitions.as_ref()?)))
        else {
            return;
        };
        if self.holds_files() {
            notes.error(whole.span(), "`drop-partitions` is for tables of PostgreSQL").help("remove it");
        } else if **whole && !table.with.is_empty() {
            notes
                .error(whole.span(), "what goes with a record can only go record by record")
                .help("remove `drop-partitions`, or the `[[data.with]]` tables");
        }
    }

    fn read_key(&self, notes: &mut Notes<'_>) -> Option<Vec<String>> {
        let key = self.table?.key.as_ref()?;
        if self.holds_files() {
            notes.error(key.span(), "a file's key is its path").help("remove `key`");
            return None;
        }
        super::start::twice(key.0.iter().map(|column| (column.span(), &***column)), notes);
        Some(key.0.iter().filter_map(|column| self.own_column(column, notes)).collect())
    }

    pub(super) fn finish(&self, index: usize, branches: Vec<Branch>) -> Data {
        let store = self.table.and_then(|table| table.store.as_deref()).map_or("", |name| name);
        let collection = self.table.and_then(|table| table.collection.as_deref()).map_or("", |name| name);
        let target = Target {
            key: self.key.clone(),
            links: self.links.clone(),
            with: self.with.clone(),
            subject: self.subject.clone(),
            prune_empty_dirs: self
                .table
                .is_some_and(|table| table.prune_empty_dirs.as_ref().is_some_and(|prune| **prune)),
            drop_partitions: self
                .table
                .is_some_and(|table| table.drop_partitions.as_ref().is_some_and(|whole| **whole)),
            ..Target::new(StoreName::new(store), collection)
        };
        Data { target: Arc::new(target), scope: self.scope.clone(), branches, index }
    }

    pub(super) fn places(&self) -> DataPlaces {
        let Some(table) = self.table else { return DataPlaces::default() };
        let links = table.link.iter().filter_map(|link| link.collection.as_ref());
        let companions = table.with.iter().filter(|with| with.store.is_none());
        let named = links.chain(companions.filter_map(|with| with.collection.as_ref()));
        DataPlaces {
            table: table.span(),
            store: place_of(table.store.as_ref(), &table.span()),
            collection: place_of(table.collection.as_ref(), &table.span()),
            condition: table.condition.as_ref().map(Spot::span),
            start: table.start.as_ref().map(Section::span),
            others: named.map(|name| (name.to_string(), name.span())).collect(),
        }
    }
}

/// Whether this can follow a column of JSON: names, with dots between. A number would mean a place in a list.
fn is_path(text: &str) -> bool {
    let fits = text.matches('.').count() + 2 <= DEEPEST_PATH;
    fits && text.split('.').all(|name| !name.trim().is_empty() && name.parse::<i64>().is_err())
}

/// Refuses the name of an event that nobody could record: `forfall event add` takes no other names.
pub(super) fn event_name(name: &str, span: Range<usize>, notes: &mut Notes<'_>) {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if !name.chars().all(plain) {
        notes
            .error(span, format!("`{name}` is no name for an event"))
            .help("use lower-case letters, digits and hyphens, such as `handed-to-police`");
    }
}

/// Every field of a file: the parts of its path, then what every file has.
fn fields(pattern: &Pattern) -> impl Iterator<Item = &str> {
    pattern.parts().iter().map(|part| part.name.as_str()).chain(ATTRIBUTES)
}
