//! The configuration as plain data, with every path made absolute or relative to where the program was started.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::notify::NotifySettings;
use crate::adapter::place::Place;
use crate::model::ids::StoreName;
use crate::model::out_of_scope::OutOfScope;
use crate::policy::compile::Defaults;
use crate::state::heads::Target;
use crate::state::retention::Retention;

/// A configuration that was read without an error.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The SQLite file that holds the state and the audit log.
    pub state: PathBuf,
    /// The directory of the policies.
    pub policies: PathBuf,
    /// The registered stores, in the order of the file.
    pub stores: Vec<StoreConfig>,
    /// What of each store needs no policy, where anything was declared.
    pub out_of_scope: BTreeMap<StoreName, Vec<OutOfScope>>,
    /// What policies take from the configuration where they say nothing else.
    pub defaults: Defaults,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// `[notify]`.
    pub notify: NotifySettings,
    /// `[metrics]`.
    pub metrics: MetricsSettings,
}

/// A registered store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Its name.
    pub name: StoreName,
    /// The adapter's name.
    pub adapter: String,
    /// Where it is: what that adapter needs to open it.
    pub place: Place,
    /// A start before this day is implausible in this store.
    pub earliest: Option<chrono::NaiveDate>,
    /// It is a published copy, in which fields may be hidden.
    pub published: bool,
    /// Where its name stands in the configuration file.
    pub written: Range<usize>,
}

/// `[audit]`: how the log is known to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// The log's name in its signed heads (C2SP `tlog-checkpoint`, the origin line); `None`: made up at genesis.
    pub origin: Option<String>,
    /// Where every new head is copied to.
    pub publish: Vec<Target>,
    /// How long what of the log itself is kept.
    pub retention: Retention,
}

/// `[metrics]`: how monitoring is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// A file in the text format of Prometheus, which the daemon keeps up to date.
    pub textfile: Option<PathBuf>,
}

impl Config {
    /// The store of that name.
    pub fn store(&self, name: &StoreName) -> Option<&StoreConfig> {
        self.stores.iter().find(|store| store.name == *name)
    }
}
