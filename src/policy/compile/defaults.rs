//! What a policy takes from the configuration.

use chrono::NaiveDate;

use crate::model::ids::StoreName;
use crate::time::{Period, Schedule, Window, Zone};

/// The earliest plausible start where neither policy nor store says otherwise.
pub(super) const EARLIEST: NaiveDate =
    NaiveDate::from_ymd_opt(1990, 1, 1).expect("the first of January exists");

/// What the configuration says for every policy that does not say otherwise.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The zone of calendar arithmetic and slots.
    pub zone: Zone,
    /// When policies run.
    pub schedule: Schedule,
    /// The distance from due to the deadline where a stage has no `at-latest`.
    pub grace: Period,
    /// The hours in which policies may act.
    pub window: Option<Window>,
    /// How long between approval and first action.
    pub wait: Option<Period>,
    /// How many people must approve.
    pub approvers: u32,
    /// How long before the first deletion the owner is told.
    pub notify_before: Option<Period>,
    /// How long a record may wait for its start before it is reported.
    pub stale_after: Option<Period>,
    /// The registered stores.
    pub stores: Vec<KnownStore>,
    /// The legal bases of `bases.toml`.
    pub bases: Vec<Basis>,
    /// The present day: a legal basis that has ended is worth a warning.
    pub today: NaiveDate,
}

/// A registered store, as far as the policy language depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownStore {
    /// Its name.
    pub name: StoreName,
    /// What its records are.
    pub kind: StoreKind,
    /// It is a published copy: fields may be hidden in it.
    pub published: bool,
    /// The earliest plausible start in it.
    pub earliest: Option<NaiveDate>,
}

/// What the records of a store are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Rows of tables.
    Rows,
    /// Files: a collection is a pattern of paths, and fields cannot be changed.
    Files,
    /// Nobody knows: the store's own table is wrong, which has been reported.
    Unknown,
}

/// A dated legal basis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The name by which policies refer to it.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// Where it can be read.
    pub source: Option<String>,
    /// The first day on which it is in force.
    pub valid_from: Option<NaiveDate>,
    /// The last day on which it is in force.
    pub valid_until: Option<NaiveDate>,
    /// The statutory minimum that it prescribes.
    pub keep_at_least: Option<Period>,
}

impl Defaults {
    /// The defaults of an empty configuration.
    pub fn new(zone: Zone, schedule: Schedule, grace: Period, today: NaiveDate) -> Self {
        Self {
            zone,
            schedule,
            grace,
            window: None,
            wait: None,
            approvers: 1,
            notify_before: None,
            stale_after: None,
            stores: Vec::new(),
            bases: Vec::new(),
            today,
        }
    }

    /// The store of that name.
    pub fn store(&self, name: &str) -> Option<&KnownStore> {
        self.stores.iter().find(|store| store.name.as_str() == name)
    }
}
