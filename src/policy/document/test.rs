//! `[[test]]`: what the policy should decide for a record that is made up.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::language::{Moment, words};
use crate::policy::strict::{Count, Section, Spot, Text, Written};

/// `[[test]]`: one unit test of the policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub struct TestTable {
    /// What it shows.
    #[schemars(required, example = &"a call from 31 days ago goes")]
    pub name: Option<Spot<Text>>,
    /// The record's fields as the store holds them; a field that is left out is empty.
    #[schemars(required, with = "serde_json::Map<String, serde_json::Value>", example = record())]
    pub record: Option<Spot<toml::Table>>,
    /// The instant of asking.
    #[schemars(required, example = &"2026-11-01T12:00:00+01:00")]
    pub at: Option<Spot<Written<Moment>>>,
    /// What the policy should decide then.
    #[schemars(required)]
    pub expect: Option<Section<ExpectTable>>,
    /// Events that are recorded: each name with its instant, or with a table of key and instant.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>", example = events())]
    pub events: Option<Spot<toml::Table>>,
    /// The rows that the record links to, each by the link's name.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>", example = links())]
    pub links: Option<Spot<toml::Table>>,
    /// Whether the record is held: true, or the list of the holds' reasons.
    #[schemars(example = true)]
    pub holds: Option<Spot<Holds>>,
    /// Which `[[data]]` it is about, counted from 1. Default: the first.
    #[schemars(example = 2)]
    pub data: Option<Spot<Count>>,
}

fn record() -> serde_json::Value {
    serde_json::json!({ "called_at": "2026-10-01T12:00:00+02:00", "caller": "+4722000000" })
}

fn events() -> serde_json::Value {
    serde_json::json!({ "handed-to-police": "2026-10-02T09:00:00+02:00" })
}

fn links() -> serde_json::Value {
    serde_json::json!({ "recruitment": { "closed_at": "2026-06-01T12:00:00+02:00" } })
}

/// `expect`: what is left out is not compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a table such as { action = \"delete\" }"
)]
pub struct ExpectTable {
    /// What would be done now.
    #[schemars(example = &"delete")]
    pub action: Option<Spot<Written<ExpectedAction>>>,
    /// When that action fell or falls due.
    #[schemars(example = &"2026-10-30T12:00:00+01:00")]
    pub due: Option<Spot<Written<Moment>>>,
    /// The class, or `none`.
    #[schemars(example = &"hired")]
    pub class: Option<Spot<Text>>,
}

words! {
    /// What a test may expect to be done.
    ExpectedAction, "an action such as \"delete\"", {
        /// The record goes.
        Delete = "delete",
        /// Less is left in it.
        Anonymize = "anonymize",
        /// It is hidden.
        Shield = "shield",
        /// A person is asked.
        Escalate = "escalate",
        /// It is kept for ever.
        Preserve = "preserve",
        /// Nothing, for now.
        None = "none",
        /// Nothing: the start has not happened yet.
        Waiting = "waiting",
        /// Nothing: start or class cannot be known.
        Undetermined = "undetermined",
        /// Nothing: a hold covers it.
        Held = "held",
    }
}

/// Whether the record of a test is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds(pub bool);

impl<'de> Deserialize<'de> for Holds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Held;
        impl<'de> Visitor<'de> for Held {
            type Value = Holds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, or a list of the holds' reasons")
            }

            fn visit_bool<E: Error>(self, held: bool) -> Result<Holds, E> {
                Ok(Holds(held))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut reasons: A) -> Result<Holds, A::Error> {
                let mut held = false;
                while reasons.next_element::<Text>()?.is_some() {
                    held = true;
                }
                Ok(Holds(held))
            }
        }
        from.deserialize_any(Held)
    }
}

impl JsonSchema for Holds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Holds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "array"], "items": { "type": "string" } })
    }
}
