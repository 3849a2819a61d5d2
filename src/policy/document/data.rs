//! `[[data]]`: where the data type lives, and when its clock starts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::language::{Day, FormatText, words};
use crate::policy::strict::{Entries, OneOrMany, Section, Spot, Text, Written};
use crate::time::{Cutoff, Zone};

/// `[[data]]`: one place where this data type lives.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct DataTable {
    /// The store, by its name in `forfall.toml`.
    #[schemars(required, example = &"switchboard")]
    pub store: Option<Spot<Text>>,
    /// The table; in a store of files, the pattern of their paths, whose braces name parts.
    #[schemars(required, example = &"call_log", example = &"cam{camera}/{recorded:%Y%m%d-%H%M%S}.mp4")]
    pub collection: Option<Spot<Text>>,
    /// The key column, or the list of them. Default: the primary key.
    #[schemars(example = &"id", example = ["year", "number"])]
    pub key: Option<Spot<OneOrMany>>,
    /// A condition: what is this data type. (Classes say which rule.)
    #[schemars(rename = "where", example = &"direction == 'in'")]
    #[serde(rename = "where")]
    pub condition: Option<Spot<Text>>,
    /// When the clock starts.
    pub start: Option<Section<StartTable>>,
    /// The field by which a person is found.
    #[schemars(example = &"caller")]
    pub subject: Option<Spot<Text>>,
    /// The policy's words for this store's columns, so that one class serves several stores.
    #[schemars(example = outcome())]
    pub names: Option<Spot<Entries<Spot<Text>>>>,
    /// The whole store is meant: allows a pattern that matches every file.
    #[schemars(example = true)]
    pub entire: Option<Spot<bool>>,
    /// Directories that have become empty are removed.
    #[schemars(example = true)]
    pub prune_empty_dirs: Option<Spot<bool>>,
    /// A partition of which every record is due goes whole, by one `DROP TABLE` (PostgreSQL).
    #[schemars(example = true)]
    pub drop_partitions: Option<Spot<bool>>,
    /// Rows that a record belongs to.
    #[serde(default)]
    pub link: Vec<Section<LinkTable>>,
    /// What goes, is held and is kept with a record.
    #[serde(default)]
    pub with: Vec<Section<WithTable>>,
}

fn outcome() -> serde_json::Value {
    serde_json::json!({ "outcome": "STS_KD" })
}

/// `start`: the moment at which a record's clock starts. Exactly one of `field`, `latest` and `event` says where it stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table such as { field = \"called_at\" }"
)]
pub struct StartTable {
    /// In this field: the record's own, a link's (`recruitment.closed_at`), a file's (`modified`), or a text
    /// or number inside a column of JSON (`data.closedAt`).
    #[schemars(example = &"called_at", example = &"recruitment.closed_at", example = &"data.closedAt")]
    pub field: Option<Spot<Text>>,
    /// In several fields: the latest counts, once all are there.
    #[schemars(example = ["held_at", "evaluated_at"])]
    pub latest: Option<Spot<Vec<Spot<Text>>>>,
    /// Which of `latest` may never come.
    #[schemars(example = ["evaluated_at"])]
    pub optional: Option<Spot<Vec<Spot<Text>>>>,
    /// In the event ledger: an event recorded with `forfall event add`.
    #[schemars(example = &"recruitment-closed")]
    pub event: Option<Spot<Text>>,
    /// The field whose value is the event's key. Default: the record's key.
    #[schemars(example = &"recruitment_id")]
    pub by: Option<Spot<Text>>,
    /// Values that mean *not yet happened*: the record waits, and is not undetermined.
    #[schemars(example = ["empty", "future"])]
    pub waiting_if: Option<Spot<Vec<Spot<Written<WaitingIf>>>>>,
    /// The calendar period at whose end the clock starts.
    #[schemars(example = &"end-of-year", example = &"year-ending 30 June")]
    pub cutoff: Option<Spot<Written<Cutoff>>>,
    /// How the column spells an instant or a day, where its type does not settle it.
    #[schemars(example = &"rfc3339", example = &"%d.%m.%Y %H:%M")]
    pub format: Option<Spot<Written<FormatText>>>,
    /// The zone of local times in the column. Default: the policy's.
    #[schemars(example = &"UTC")]
    pub timezone: Option<Spot<Written<Zone>>>,
    /// A value before this day is implausible: the record is undetermined. Default: the store's.
    #[schemars(example = &"1990-01-01")]
    pub earliest: Option<Spot<Written<Day>>>,
}

words! {
    /// What a start's value may mean besides a moment.
    WaitingIf, "a word such as \"empty\"", {
        /// No value: it has not happened yet.
        Empty = "empty",
        /// A value ahead of now: it has not happened yet.
        Future = "future",
    }
}

/// `[[data.link]]`: one row that a record belongs to. Its fields are written `name.field`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct LinkTable {
    /// The name under which its fields are written.
    #[schemars(required, example = &"recruitment")]
    pub name: Option<Spot<Text>>,
    /// The table, in the same store.
    #[schemars(required, example = &"recruitment")]
    pub collection: Option<Spot<Text>>,
    /// Our field that names the row.
    #[schemars(required, example = &"recruitment_id")]
    pub by: Option<Spot<Text>>,
    /// The column there that our field names. Default: its primary key.
    #[schemars(example = &"number")]
    pub key: Option<Spot<Text>>,
}

/// `[[data.with]]`: things that go, are held and are kept with their record, and go before it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct WithTable {
    /// Another store. Default: the record's own.
    #[schemars(example = &"cv-files")]
    pub store: Option<Spot<Text>>,
    /// The table; or a pattern of paths in which `{field}` stands for the record's value.
    #[schemars(required, example = &"attachment", example = &"{applicant_id}/**")]
    pub collection: Option<Spot<Text>>,
    /// The column there that names our record's key.
    #[schemars(example = &"applicant_id")]
    pub by: Option<Spot<Text>>,
}
