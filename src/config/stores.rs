//! `[store.NAME]`: which adapter, then that adapter's own strict table.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::document::{FilesystemTable, ScopeTable, ServerTable, SqliteTable};
use super::server;
use super::settings::StoreConfig;
use crate::adapter::place::Place;
use crate::adapter::registry;
use crate::model::ids::StoreName;
use crate::model::out_of_scope::OutOfScope;
use crate::policy::compile::{KnownStore, StoreKind};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::Day;
use crate::policy::strict::{Reader, Spot, Text, Written, nearest};

/// The key under which a store says what of it needs no policy.
const OUT_OF_SCOPE: &str = "out-of-scope";

/// Adapters for database servers, with the schemes of their URLs.
const SERVERS: [(&str, &[&str]); 3] =
    [("postgres", &["postgres", "postgresql"]), ("mysql", &["mysql"]), ("mariadb", &["mariadb", "mysql"])];

/// Adapters that can be had, in the order in which they are named.
fn available() -> impl Iterator<Item = &'static str> {
    registry::ADAPTERS.iter().map(|adapter| adapter.name)
}

/// ``there are `sqlite` and `filesystem` ``
fn there_are() -> String {
    let names: Vec<String> = available().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("there are {} and {last}", before.join(", ")),
        _ => format!("there is {}", names.join("")),
    }
}

/// The registered stores: those that can be opened, and all that policies may name.
#[derive(Debug, Default)]
pub(super) struct Stores {
    pub(super) configs: Vec<StoreConfig>,
    pub(super) known: Vec<KnownStore>,
    /// What of each needs no policy.
    pub(super) out_of_scope: BTreeMap<StoreName, Vec<OutOfScope>>,
}

/// A table that belongs to one adapter.
trait AdapterTable: DeserializeOwned {
    const KIND: StoreKind;
    /// The adapter's name.
    const ADAPTER: &'static str;

    fn common(&self) -> (Option<&Spot<Written<Day>>>, Option<&Spot<bool>>);

    /// The key that says where the store is, with its value.
    fn location(&self) -> (&'static str, Option<&Spot<Text>>);
}

impl AdapterTable for SqliteTable {
    const KIND: StoreKind = StoreKind::Rows;
    const ADAPTER: &'static str = "sqlite";

    fn common(&self) -> (Option<&Spot<Written<Day>>>, Option<&Spot<bool>>) {
        (self.earliest.as_ref(), self.published.as_ref())
    }

    fn location(&self) -> (&'static str, Option<&Spot<Text>>) {
        ("path", self.path.as_ref())
    }
}

impl AdapterTable for FilesystemTable {
    const KIND: StoreKind = StoreKind::Files;
    const ADAPTER: &'static str = "filesystem";

    fn common(&self) -> (Option<&Spot<Written<Day>>>, Option<&Spot<bool>>) {
        (self.earliest.as_ref(), self.published.as_ref())
    }

    fn location(&self) -> (&'static str, Option<&Spot<Text>>) {
        ("root", self.root.as_ref())
    }
}

/// Reads every table under `store`. Relative paths are relative to `dir`.
pub(super) fn read(value: &Spanned<DeValue<'_>>, file: &Path, dir: &Path, reader: &mut Reader<'_>) -> Stores {
    let mut stores = Stores::default();
    let DeValue::Table(tables) = value.get_ref() else {
        reader.report(
            Diagnostic::error(file, value.span(), "stores are tables")
                .with_help("write `[store.NAME]` for each"),
        );
        return stores;
    };
    for (name, table) in tables {
        let (span, name) = (name.span(), name.get_ref().as_ref());
        let DeValue::Table(inner) = table.get_ref() else {
            let wrong = Diagnostic::error(file, span, format!("the store `{name}` is a table"));
            reader.report(wrong.with_help(format!("write `[store.{name}]` with `adapter = \"..\"`")));
            continue;
        };
        if name.trim().is_empty() || name.contains(['/', ' ', '.']) || name.chars().any(char::is_control) {
            let wrong = Diagnostic::error(file, span.clone(), format!("`{name}` is no name for a store"));
            reader.report(wrong.with_help("use letters, digits, `-` and `_`"));
        }
        let mut inner = Spanned::new(table.span(), inner.clone());
        let scope = inner.get_mut().remove_entry(OUT_OF_SCOPE);
        let mut one = One { name, span, file, dir, reader: &mut *reader };
        if let Some((key, value)) = scope {
            let declared = one.out_of_scope(key, value);
            stores.out_of_scope.insert(StoreName::new(name), declared);
        }
        match one.adapter(&inner).as_deref() {
            Some("sqlite") => one.read::<SqliteTable>(inner, &mut stores),
            Some("filesystem") => one.read::<FilesystemTable>(inner, &mut stores),
            Some(adapter) if SERVERS.iter().any(|(name, _)| *name == adapter) => {
                one.read_server(adapter, inner, &mut stores);
            }
            other => {
                let kind = if other.is_some() { StoreKind::Rows } else { StoreKind::Unknown };
                stores.known.push(one.known(kind, None, false));
            }
        }
    }
    stores
}

struct One<'s, 'a> {
    name: &'s str,
    span: std::ops::Range<usize>,
    file: &'s Path,
    dir: &'s Path,
    reader: &'s mut Reader<'a>,
}

impl One<'_, '_> {
    /// `[[store.NAME.out-of-scope]]`: each names collections, and says why.
    fn out_of_scope<'i>(
        &mut self,
        key: Spanned<DeString<'i>>,
        value: Spanned<DeValue<'i>>,
    ) -> Vec<OutOfScope> {
        let mut table = DeTable::new();
        let span = key.span();
        table.insert(key, value);
        let name = format!("[store.{}]", self.name);
        let read = self.reader.read::<ScopeTable>(Spanned::new(span, table), &name).unwrap_or_default();
        let mut declared = Vec::new();
        for one in read.out_of_scope.unwrap_or_default() {
            for (missing, key, example) in [
                (one.collection.is_none(), "collection", "collection = \"schema_version\""),
                (one.reason.is_none(), "reason", "reason = \"no personal data\""),
            ] {
                if missing {
                    self.error(
                        one.span(),
                        format!("what is out of scope in `{}` has no `{key}`", self.name),
                        &format!("add for example `{example}`"),
                    );
                }
            }
            let (Some(collections), Some(reason)) = (&one.collection, &one.reason) else { continue };
            let collections = collections.0.iter().map(ToString::to_string).collect();
            declared.push(OutOfScope { collections, reason: reason.to_string() });
        }
        declared
    }

    /// The adapter's name; a planned one has been reported, and one that is wrong is `None`.
    fn adapter(&mut self, table: &Spanned<DeTable<'_>>) -> Option<String> {
        let Some(value) = table.get_ref().get("adapter") else {
            self.error(
                self.span.clone(),
                format!("the store `{}` has no `adapter`", self.name),
                "write `adapter = \"sqlite\"` or `adapter = \"filesystem\"`",
            );
            return None;
        };
        let DeValue::String(adapter) = value.get_ref() else {
            self.error(
                value.span(),
                "an adapter is named by a text".to_owned(),
                "write `adapter = \"sqlite\"` or `adapter = \"filesystem\"`",
            );
            return None;
        };
        if available().any(|name| name == adapter.as_ref()) {
            return Some(adapter.to_string());
        }
        let servers = SERVERS.iter().map(|(name, _)| *name);
        if servers.clone().any(|name| name == adapter.as_ref()) {
            // Its table is read all the same, so that everything that is wrong is told at once.
            let wrong = format!("the adapter `{adapter}` is not available yet");
            self.error(value.span(), wrong, &there_are());
            return Some(adapter.to_string());
        }
        let help = match nearest(adapter, available().chain(servers)) {
            Some(near) => format!("write `{near}`"),
            None => there_are(),
        };
        self.error(value.span(), format!("there is no adapter `{adapter}`"), &help);
        None
    }

    fn read<T: AdapterTable>(&mut self, table: Spanned<DeTable<'_>>, stores: &mut Stores) {
        let has = |key: &str| table.get_ref().contains_key(key);
        let written = (has("path"), has("root"));
        let Some(table) = self.reader.read::<T>(table, &format!("[store.{}]", self.name)) else { return };
        let (earliest, published) = table.common();
        let earliest = earliest.map(|day| day.value.0);
        let published = published.is_some_and(|published| **published);
        stores.known.push(self.known(T::KIND, earliest, published));
        let (key, location) = table.location();
        let Some(location) = location else {
            if (key == "path" && !written.0) || (key == "root" && !written.1) {
                self.error(
                    self.span.clone(),
                    format!("the store `{}` has no `{key}`", self.name),
                    &format!("add `{key} = \"..\"`; a relative one counts from this file"),
                );
            }
            return;
        };
        stores.configs.push(StoreConfig {
            name: StoreName::new(self.name),
            adapter: T::ADAPTER.to_owned(),
            place: Place::Path(beside(self.dir, &***location)),
            earliest,
            published,
            written: self.span.clone(),
        });
    }

    fn read_server(&mut self, adapter: &str, table: Spanned<DeTable<'_>>, stores: &mut Stores) {
        let has_url = table.get_ref().contains_key("url");
        let schemes =
            SERVERS.iter().find(|(name, _)| *name == adapter).map_or(&[][..], |(_, schemes)| schemes);
        let Some(table) = self.reader.read::<ServerTable>(table, &format!("[store.{}]", self.name)) else {
            return;
        };
        let earliest = table.earliest.as_ref().map(|day| day.value.0);
        let published = table.published.as_ref().is_some_and(|published| **published);
        stores.known.push(self.known(StoreKind::Rows, earliest, published));
        if !has_url {
            self.error(
                self.span.clone(),
                format!("the store `{}` has no `url`", self.name),
                "add `url = { credential = \"NAME\" }`, or a plain URL without a password",
            );
        }
        let mut wrong = Vec::new();
        let server = server::server(&table, schemes, self.dir, &mut wrong);
        for (span, fault) in wrong {
            self.reader.report(fault.at(self.file, span));
        }
        let Some(server) = server else { return };
        stores.configs.push(StoreConfig {
            name: StoreName::new(self.name),
            adapter: adapter.to_owned(),
            place: Place::Server(Box::new(server)),
            earliest,
            published,
            written: self.span.clone(),
        });
    }

    fn known(&self, kind: StoreKind, earliest: Option<chrono::NaiveDate>, published: bool) -> KnownStore {
        KnownStore { name: StoreName::new(self.name), kind, published, earliest }
    }

    fn error(&mut self, span: std::ops::Range<usize>, message: String, help: &str) {
        self.reader.report(Diagnostic::error(self.file, span, message).with_help(help));
    }
}

/// Refuses stores that would eat the state, or each other.
pub(super) fn check_apart(
    stores: &[StoreConfig],
    state: Option<&Path>,
    file: &Path,
    reader: &mut Reader<'_>,
) {
    let state = state.map(real);
    for (index, store) in stores.iter().enumerate() {
        let mut refuse = |message: String, help: &str| {
            reader.report(Diagnostic::error(file, store.written.clone(), message).with_help(help));
        };
        let Some(path) = store.place.path() else {
            if let Some(other) = stores[..index].iter().find(|other| other.place == store.place) {
                refuse(
                    format!("the stores `{}` and `{}` are the same", other.name, store.name),
                    "register it once, and let several `[[data]]` tables name it",
                );
            }
            continue;
        };
        let here = real(path);
        if let Some(state) = &state {
            if *state == here {
                refuse(
                    format!("the store `{}` is the state file itself", store.name),
                    "the state is never a store: name another file",
                );
            } else if state.starts_with(&here) {
                refuse(
                    format!("the state file lies inside the store `{}`", store.name),
                    "keep the state outside every store, such as in /var/lib/forfall",
                );
            }
        }
        for other in &stores[..index] {
            let Some(there) = other.place.path().map(real) else { continue };
            if there == here {
                refuse(
                    format!("the stores `{}` and `{}` are the same", other.name, store.name),
                    "register it once, and let several `[[data]]` tables name it",
                );
            } else if is_tree(store)
                && is_tree(other)
                && (here.starts_with(&there) || there.starts_with(&here))
            {
                refuse(
                    format!("one of the stores `{}` and `{}` lies inside the other", other.name, store.name),
                    "register the outer one alone: patterns tell its files apart",
                );
            }
        }
    }
}

fn is_tree(store: &StoreConfig) -> bool {
    store.adapter == FilesystemTable::ADAPTER
}

/// A path of the configuration: relative ones count from the configuration file's directory.
pub(super) fn beside(dir: &Path, path: impl AsRef<Path>) -> PathBuf {
    plain(&dir.join(path))
}

/// Without `.`; a `..` stays, because what it leads to depends on links.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// The path with links followed as far as it exists, for comparing only.
fn real(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    if let Ok(real) = fs_err::canonicalize(path) {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent != Path::new("") => real(parent).join(name),
        (Some(_), Some(name)) => fs_err::canonicalize(".").unwrap_or_default().join(name),
        _ => path.to_owned(),
    }
}
