//! `[[stage]]` and `[[class]]`: what happens to a record, and to which.

use schemars::JsonSchema;
use serde::Deserialize;

use super::data::StartTable;
use super::language::words;
use super::method::MethodTable;
use crate::policy::strict::{Count, Entries, OneOrMany, Section, Spot, Text, Written};
use crate::time::{After, Period};

/// `[[stage]]` (or `[[class.stage]]`): an action that falls due some period after the start.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct StageTable {
    /// How long after the start: `at once`, or a period. Not for `preserve`.
    #[schemars(example = &"14 days", example = &"at once")]
    pub after: Option<Spot<Written<After>>>,
    /// The deadline, from the same start. Default: due plus the configuration's `grace`.
    #[schemars(example = &"30 days")]
    pub at_latest: Option<Spot<Written<Period>>>,
    /// What happens.
    #[schemars(required, example = &"delete")]
    pub action: Option<Spot<Written<ActionWord>>>,
    /// A start of this stage's own, whole. Default: the class's, else that of `[[data]]`.
    pub start: Option<Section<StartTable>>,
    /// Instead of `after`: the open question, and for whom. This stage never runs; later ones do.
    #[schemars(example = &"Data protection officer: how many days?")]
    pub unresolved: Option<Spot<Text>>,
    /// For `anonymize` and `shield`: each column with its method.
    #[schemars(example = caller())]
    pub fields: Option<Spot<Entries<Section<MethodTable>>>>,
    /// For `anonymize`: these columns stay, every other one becomes empty.
    #[schemars(example = ["called_at", "seconds"])]
    pub keep_only: Option<Spot<Vec<Spot<Text>>>>,
    /// For `shield`: the column that is set to true.
    #[schemars(example = &"shielded")]
    pub flag: Option<Spot<Text>>,
    /// For `delete`: each record is counted in a table of the same store, in the transaction in which it goes.
    #[schemars(example = stats())]
    pub aggregate: Option<Section<AggregateTable>>,
    /// For `escalate`: who is told. Default: the owner.
    #[schemars(example = &"archive")]
    pub to: Option<Spot<OneOrMany>>,
    /// For `escalate`: what has to be decided.
    #[schemars(example = &"Is this case worth keeping for research?")]
    pub question: Option<Spot<Text>>,
    /// For `escalate`: how often to remind.
    #[schemars(example = &"14 days")]
    pub remind: Option<Spot<Written<Period>>>,
    /// For `escalate`: what may be decided. Default: all, `extend` only with the key `extend`.
    #[schemars(example = ["delete", "extend", "preserve", "transfer"])]
    pub decisions: Option<Spot<Vec<Spot<Written<Decision>>>>>,
    /// For `escalate`: how far an extension may go.
    pub extend: Option<Section<ExtendTable>>,
    /// For `escalate`: the outside authority whose decision reference is needed.
    #[schemars(example = &"national-archive")]
    pub needs: Option<Spot<Text>>,
}

fn caller() -> serde_json::Value {
    serde_json::json!({ "caller": { "method": "drop-last-digits", "digits": 4 } })
}

fn stats() -> serde_json::Value {
    serde_json::json!({ "into": "call_stats", "by": ["month(called_at)"], "count": "calls", "min-cell": 5 })
}

words! {
    /// What a stage does.
    ActionWord, "an action such as \"delete\"", {
        /// The record goes.
        Delete = "delete",
        /// The record stays, with less in it.
        Anonymize = "anonymize",
        /// Readers no longer see it, or part of it.
        Shield = "shield",
        /// A person decides.
        Escalate = "escalate",
        /// Deletion is refused.
        Preserve = "preserve",
    }
}

words! {
    /// What may be decided about a record that was escalated.
    Decision, "a decision such as \"extend\"", {
        /// It goes.
        Delete = "delete",
        /// It stays for another while.
        Extend = "extend",
        /// It stays for ever.
        Preserve = "preserve",
        /// It is handed to an archive, then goes.
        Transfer = "transfer",
    }
}

/// `extend`: how long each extension lasts, and all of them together.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table such as { each = \"3 years\", at-most = \"9 years\" }"
)]
pub struct ExtendTable {
    /// One extension.
    #[schemars(required, example = &"3 years")]
    pub each: Option<Spot<Written<Period>>>,
    /// All extensions together.
    #[schemars(required, example = &"9 years")]
    pub at_most: Option<Spot<Written<Period>>>,
}

/// `aggregate`: counts that are written in the same transaction in which the records go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table such as { into = \"call_stats\", by = [\"month(called_at)\"], count = \"calls\" }"
)]
pub struct AggregateTable {
    /// The table that receives the counts. It exists already, in the same store as the records.
    #[schemars(required, example = &"call_stats")]
    pub into: Option<Spot<Text>>,
    /// What the counts are grouped by: fields, or `day(..)`, `month(..)`, `quarter(..)`, `year(..)` of one. The table
    /// has a column for each, named by the function or the field.
    #[schemars(required, example = ["month(called_at)", "department"])]
    pub by: Option<Spot<Vec<Spot<Text>>>>,
    /// The column that receives the number of records.
    #[schemars(required, example = &"calls")]
    pub count: Option<Spot<Text>>,
    /// A field whose sum is kept, in a column of its name.
    #[schemars(example = &"seconds")]
    pub sum: Option<Spot<Text>>,
    /// Groups of fewer records are shown as one, `other`, until they have so many. Default: 1, every group is shown.
    #[schemars(example = 5)]
    pub min_cell: Option<Spot<Count>>,
}

/// `[[class]]`: records that follow other stages.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct ClassTable {
    /// What it is called in reports.
    #[schemars(required, example = &"hired")]
    pub name: Option<Spot<Text>>,
    /// A condition: which records belong to it.
    #[schemars(required, example = &"outcome == 'hired'")]
    pub when: Option<Spot<Text>>,
    /// A start of this class's own, whole. Default: that of `[[data]]`.
    pub start: Option<Section<StartTable>>,
    /// What happens to these records instead of the policy's own stages.
    #[serde(default)]
    pub stage: Vec<Section<StageTable>>,
}
