//! `forfall.toml` and `bases.toml` as they are written: strict mirrors in which every value keeps its place.

use std::path::PathBuf;

use schemars::{Schema, json_schema};
use serde::Deserialize;

use super::notify::{self, NotifyTable};
use super::server::{LagText, PaceText, TlsText, UrlText};
use crate::policy::document::Day;
use crate::policy::strict::{Count, Entries, Fault, Home, Language, OneOrMany, Section, Spot, Text, Written};
use crate::state::heads::HeadUrl;
use crate::time::{Period, Schedule, Window, Zone};

/// `forfall.toml`, apart from its `[store.NAME]` tables, which their adapters read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a configuration")]
pub(super) struct ConfigDocument {
    pub(super) timezone: Option<Spot<Written<Zone>>>,
    pub(super) schedule: Option<Spot<Written<Schedule>>>,
    pub(super) window: Option<Spot<Written<Window>>>,
    pub(super) grace: Option<Spot<Written<Period>>>,
    pub(super) wait: Option<Spot<Written<Period>>>,
    pub(super) approvers: Option<Spot<Count>>,
    pub(super) notify_before: Option<Spot<Written<Period>>>,
    pub(super) stale_after: Option<Spot<Written<Period>>>,
    pub(super) state: Option<Spot<Written<StateText>>>,
    pub(super) policies: Option<Spot<Text>>,
    pub(super) audit: Option<Section<AuditTable>>,
    pub(super) notify: Option<Section<NotifyTable>>,
    pub(super) metrics: Option<Section<MetricsTable>>,
    /// Taken out before the rest is read; named here so that it is known.
    #[serde(rename = "store")]
    pub(super) _store: Option<Spot<toml::Table>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct AuditTable {
    pub(super) origin: Option<Spot<Text>>,
    pub(super) heads: Option<Spot<Vec<Spot<Text>>>>,
    pub(super) publish: Option<Section<PublishTable>>,
    pub(super) keep_manifests: Option<Spot<Written<Period>>>,
    pub(super) keep_entries: Option<Spot<Written<Period>>>,
}

/// `publish = { directory = "..", command = [".."], url = ".." }`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct PublishTable {
    pub(super) directory: Option<Spot<Text>>,
    pub(super) command: Option<Spot<Vec<Spot<Text>>>>,
    pub(super) url: Option<Spot<Written<HeadUrl>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct MetricsTable {
    pub(super) textfile: Option<Spot<Text>>,
}

/// `[store.NAME]` with `adapter = "sqlite"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct SqliteTable {
    /// Read before the rest, to know which table this is.
    #[serde(rename = "adapter")]
    pub(super) _adapter: Option<Spot<Text>>,
    pub(super) path: Option<Spot<Text>>,
    pub(super) earliest: Option<Spot<Written<Day>>>,
    pub(super) published: Option<Spot<bool>>,
}

/// `[store.NAME]` with `adapter = "filesystem"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct FilesystemTable {
    /// Read before the rest, to know which table this is.
    #[serde(rename = "adapter")]
    pub(super) _adapter: Option<Spot<Text>>,
    pub(super) root: Option<Spot<Text>>,
    pub(super) earliest: Option<Spot<Written<Day>>>,
    pub(super) published: Option<Spot<bool>>,
}

/// `[store.NAME]` with an adapter for a database server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct ServerTable {
    /// Read before the rest, to know which table this is.
    #[serde(rename = "adapter")]
    pub(super) _adapter: Option<Spot<Text>>,
    pub(super) url: Option<Spot<UrlText>>,
    pub(super) planner_url: Option<Spot<UrlText>>,
    pub(super) parallel: Option<Spot<Count>>,
    pub(super) tls: Option<Spot<Written<TlsText>>>,
    pub(super) ca: Option<Spot<Text>>,
    pub(super) max_replica_lag: Option<Spot<Written<LagText>>>,
    pub(super) replicas: Option<Spot<Vec<Spot<UrlText>>>>,
    pub(super) pace: Option<Spot<Written<PaceText>>>,
    pub(super) earliest: Option<Spot<Written<Day>>>,
    pub(super) published: Option<Spot<bool>>,
}

/// `url = { credential = ".." }`, `{ file = ".." }` or `{ env = ".." }`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct SecretTable {
    pub(super) credential: Option<Spot<Text>>,
    pub(super) file: Option<Spot<Text>>,
    pub(super) env: Option<Spot<Text>>,
}

/// `[[store.NAME.out-of-scope]]`, taken out of a store's table before its adapter reads the rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct ScopeTable {
    pub(super) out_of_scope: Option<Vec<Section<OutOfScopeTable>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct OutOfScopeTable {
    pub(super) collection: Option<OneOrMany>,
    pub(super) reason: Option<Spot<Text>>,
}

/// `bases.toml`: dated legal bases, each under its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct BasesDocument(pub(super) Entries<Section<BasisTable>>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct BasisTable {
    pub(super) title: Option<Spot<Text>>,
    pub(super) source: Option<Spot<Text>>,
    pub(super) valid_from: Option<Spot<Written<Day>>>,
    pub(super) valid_until: Option<Spot<Written<Day>>>,
    pub(super) keep_at_least: Option<Spot<Written<Period>>>,
}

/// Where the state is kept: `sqlite:` and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateText(pub(super) PathBuf);

impl Language for StateText {
    const EXPECTED: &'static str = "a place such as \"sqlite:/var/lib/forfall/state.db\"";

    fn schema() -> Schema {
        json_schema!({ "pattern": "^sqlite:." })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        let advice = "write `sqlite:` and the path of a file, such as `sqlite:/var/lib/forfall/state.db`";
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.trim().is_empty() => Ok(Self(PathBuf::from(path))),
            Some(("postgres" | "postgresql" | "mysql" | "mariadb", _)) => {
                Err(Fault::new("the state cannot be kept on a server yet").with_help(advice))
            }
            _ => Err(Fault::new(format!("`{text}` is no place for the state")).with_help(advice)),
        }
    }
}

impl Language for HeadUrl {
    const EXPECTED: &'static str = "an address such as \"https://heads.example.org/forfall\"";

    fn schema() -> Schema {
        json_schema!({ "pattern": "^https?://." })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        // The text is not repeated: it may hold a password.
        let advice = "write the whole address, such as `https://heads.example.org/forfall`";
        Self::parse(text).map_err(|why| Fault::new(format!("the `url` {why}")).with_help(advice))
    }
}

/// Every table of the configuration with its keys, the top level first.
pub(super) fn homes() -> Vec<Home> {
    let mut homes = vec![
        Home::of::<ConfigDocument>(""),
        Home::of::<AuditTable>("[audit]"),
        Home::of::<PublishTable>("[audit] publish"),
        Home::of::<MetricsTable>("[metrics]"),
        Home::of::<SqliteTable>("a store with adapter = \"sqlite\""),
        Home::of::<FilesystemTable>("a store with adapter = \"filesystem\""),
        Home::of::<ServerTable>("a store on a database server"),
    ];
    homes.push(Home::of::<OutOfScopeTable>("[[store.NAME.out-of-scope]]"));
    homes.extend(notify::homes());
    homes
}
