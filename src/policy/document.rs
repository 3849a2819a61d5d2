//! A policy file as it is written: a strict mirror in which every value keeps its place.
//!
//! `compile` turns it into a [`super::rule::Policy`]. The JSON Schema and `docs/policies.md` come from the same
//! types: their doc comments are the reference that a records manager reads.

mod data;
pub(crate) mod language;
mod method;
mod stage;
mod test;

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::strict::{self, Count, Home, Reading, Section, Share, Spot, Text, Written};
use crate::time::{Period, Schedule, Window, Zone};

pub use data::{DataTable, LinkTable, StartTable, WaitingIf, WithTable};
pub use language::{Day, FormatText, Moment};
pub use method::{Granule, Literal, MethodTable, MethodWord};
pub use stage::{ActionWord, AggregateTable, ClassTable, Decision, ExtendTable, StageTable};
pub use test::{ExpectTable, ExpectedAction, Holds, TestTable};

/// One policy: the written rule for one data type.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a policy")]
pub struct Document {
    /// What people call the data type.
    #[schemars(required, example = &"Switchboard call log")]
    pub title: Option<Spot<Text>>,
    /// Who answers for the rule: a unit, not a person.
    #[schemars(required, example = &"it-operations")]
    pub owner: Option<Spot<Text>>,
    /// Why the data is held.
    #[schemars(example = &"Running the switchboard; statistics on aggregate level")]
    pub purpose: Option<Spot<Text>>,
    /// The legal basis for holding it.
    #[schemars(example = &"GDPR art. 6(1)(f)")]
    pub basis: Option<Spot<Text>>,
    /// Where the rule is promised or prescribed.
    #[schemars(example = &"Privacy notice, section Telephone")]
    pub source: Option<Spot<Text>>,
    /// Anything else worth knowing.
    #[schemars(example = &"The notice says \"about one year\"; fixed at one year by the records manager.")]
    pub note: Option<Spot<Text>>,
    /// An entry of `bases.toml`: a dated legal basis, which may supply `keep-at-least`.
    #[schemars(example = &"bokforing-13")]
    pub law: Option<Spot<Text>>,
    /// Rows of the catalogue of rules that this policy carries out.
    #[schemars(example = [24, 25])]
    pub rows: Option<Vec<Spot<Count>>>,
    /// When it runs: five-field cron, in the policy's time zone. Default: the configuration's.
    #[schemars(example = &"0 3 * * *")]
    pub schedule: Option<Spot<Written<Schedule>>>,
    /// The zone of its calendar arithmetic and its schedule (IANA). Default: the configuration's.
    #[schemars(example = &"Europe/Oslo")]
    pub timezone: Option<Spot<Written<Zone>>>,
    /// The local hours in which it may act. Default: the configuration's, else the whole day.
    #[schemars(example = &"01:00-05:00")]
    pub window: Option<Spot<Written<Window>>>,
    /// How long between approval and first action; until then anybody may cancel (`forfall review cancel`). Default: the
    /// configuration's, else none.
    #[schemars(example = &"24 hours")]
    pub wait: Option<Spot<Written<Period>>>,
    /// How many people must approve and decide. From two on, the author of the text is none of them. Default: the
    /// configuration's, else one.
    #[schemars(example = 2)]
    pub approvers: Option<Spot<Count>>,
    /// How long before records go the owner is told. Default: the configuration's, else not at all.
    #[schemars(example = &"7 days")]
    pub notify_before: Option<Spot<Written<Period>>>,
    /// A record that has waited for its start, or been undetermined, for this long is reported. Default: the
    /// configuration's, else never.
    #[schemars(example = &"2 years")]
    pub stale_after: Option<Spot<Written<Period>>>,
    /// The statutory minimum, from the record's start (after its cutoff). Nothing is deleted or anonymized before.
    #[schemars(example = &"5 years")]
    pub keep_at_least: Option<Spot<Written<Period>>>,
    /// The question, and for whom, that keeps the whole policy from running. Data and stages may then be missing.
    #[schemars(example = &"Archive plan: which minutes are kept?")]
    pub unresolved: Option<Spot<Text>>,
    /// Hard caps, compared before the first deletion.
    pub limit: Option<Section<LimitTable>>,
    /// Where the data lives: one table for each place.
    #[serde(default)]
    pub data: Vec<Section<DataTable>>,
    /// What happens, in rising order of its period.
    #[serde(default)]
    pub stage: Vec<Section<StageTable>>,
    /// Records that follow other stages; the first class that matches counts.
    #[serde(default)]
    pub class: Vec<Section<ClassTable>>,
    /// Unit tests of the policy: `forfall policy test`.
    #[serde(default)]
    pub test: Vec<Section<TestTable>>,
}

/// `[limit]`: over it nothing is deleted, and somebody is asked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct LimitTable {
    /// The most records that one run may dispose of.
    #[schemars(example = 500)]
    pub records: Option<Spot<Count>>,
    /// The largest share of the collection that one run may dispose of.
    #[schemars(example = 0.25)]
    pub share: Option<Spot<Share>>,
    /// A run may empty a collection although the forecast did not say so.
    #[schemars(example = true)]
    pub may_empty: Option<Spot<bool>>,
}

/// Every table of the language with its keys, the top level first.
pub fn homes() -> Vec<Home> {
    vec![
        Home::of::<Document>(""),
        Home::of::<LimitTable>("[limit]"),
        Home::of::<DataTable>("[[data]]"),
        Home::of::<StartTable>("start"),
        Home::of::<LinkTable>("[[data.link]]"),
        Home::of::<WithTable>("[[data.with]]"),
        Home::of::<StageTable>("[[stage]]"),
        Home::of::<ClassTable>("[[class]]"),
        Home::of::<StageTable>("[[class.stage]]"),
        Home::of::<TestTable>("[[test]]"),
    ]
}

/// Reads a policy file. Whatever is wrong in its spelling is in the diagnostics, all of it.
pub fn read(file: &Path, text: &str) -> Reading<Document> {
    strict::read(file, text, &homes())
}
