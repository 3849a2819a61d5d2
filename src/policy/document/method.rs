//! `fields.X = { method = .. }`: how information is taken out of a value.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::language::{FormatText, words};
use crate::model::value::Value;
use crate::policy::strict::{Count, Spot, Text, Written};

words! {
    /// How information is taken out of a value.
    MethodWord, "a method such as \"hide\"", {
        /// The value is removed.
        Null = "null",
        /// The value is replaced by another.
        Fixed = "fixed",
        /// The last digits become `x`.
        DropLastDigits = "drop-last-digits",
        /// Letters and digits become `x`, except some at the beginning and at the end.
        Mask = "mask",
        /// The whole value becomes `xxx`.
        Hide = "hide",
        /// An address becomes its network: IPv4 /24, IPv6 /48.
        TruncateIp = "truncate-ip",
        /// A date becomes its month or year.
        GeneralizeDate = "generalize-date",
        /// A number becomes its bucket.
        Round = "round",
        /// The value becomes a keyed digest.
        KeyedHash = "keyed-hash",
        /// What matches a pattern inside free text is replaced.
        RedactPattern = "redact-pattern",
    }
}

/// A method with its settings: `{ method = "drop-last-digits", digits = 4 }`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table such as { method = \"hide\" }")]
pub struct MethodTable {
    /// What happens to the value.
    #[schemars(required, example = &"drop-last-digits")]
    pub method: Option<Spot<Written<MethodWord>>>,
    /// For `fixed`: the new value.
    #[schemars(example = &"withdrawn")]
    pub value: Option<Spot<Literal>>,
    /// For `drop-last-digits`: how many.
    #[schemars(example = 4)]
    pub digits: Option<Spot<Count>>,
    /// For `mask`: how many characters stay at the beginning. Default: none.
    #[schemars(example = 2)]
    pub keep_first: Option<Spot<Count>>,
    /// For `mask`: how many characters stay at the end. Default: none.
    #[schemars(example = 2)]
    pub keep_last: Option<Spot<Count>>,
    /// For `generalize-date`: `month` or `year`.
    #[schemars(example = &"month")]
    pub to: Option<Spot<Written<Granule>>>,
    /// For `generalize-date`: how the column spells its dates, where its type does not settle it.
    #[schemars(example = &"date")]
    pub format: Option<Spot<Written<FormatText>>>,
    /// For `round`: the size of a bucket. Not available yet.
    #[schemars(example = 60)]
    pub step: Option<Spot<Count>>,
    /// For `keyed-hash`: the name of the key. Not available yet.
    #[schemars(example = &"calls-2026")]
    pub key: Option<Spot<Text>>,
    /// For `redact-pattern`: a regular expression. Not available yet.
    #[schemars(example = &"[0-9]{11}")]
    pub pattern: Option<Spot<Text>>,
}

words! {
    /// How coarse a generalised date is.
    Granule, "a word such as \"month\"", {
        /// The first day of its month.
        Month = "month",
        /// The first of January.
        Year = "year",
    }
}

/// A value written in a policy: a text, a number, or true or false.
#[derive(Clone, Debug)]
pub struct Literal(pub Value);

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Literals;
        impl Visitor<'_> for Literals {
            type Value = Literal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value such as \"withdrawn\"")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Literal, E> {
                Ok(Literal(Value::Bool(value)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Literal, E> {
                Ok(Literal(Value::Int(value)))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Literal, E> {
                if !value.is_finite() {
                    return Err(E::custom("expected a number, found one that is not finite"));
                }
                Ok(Literal(Value::Real(value)))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Literal, E> {
                Ok(Literal(Value::Text(value.to_owned())))
            }
        }
        from.deserialize_any(Literals)
    }
}

impl JsonSchema for Literal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Literal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
