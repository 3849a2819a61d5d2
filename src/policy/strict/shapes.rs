//! Numbers, lists and open tables of the language.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::custom;
use super::fault::Fault;
use super::written::{Spot, Text};

/// A whole number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counts;
        impl Visitor<'_> for Counts {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number such as 3")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
                u32::try_from(number).ok().filter(|count| *count > 0).map(Count).ok_or_else(|| {
                    custom(
                        &Fault::new(format!("{number} is out of range"))
                            .with_help("write a whole number from 1"),
                    )
                })
            }
        }
        from.deserialize_i64(Counts)
    }
}

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// A share of a whole: above 0, up to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Shares;
        impl Visitor<'_> for Shares {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 0.25")
            }

            fn visit_f64<E: Error>(self, share: f64) -> Result<Share, E> {
                if share > 0.0 && share <= 1.0 {
                    return Ok(Share(share));
                }
                let fault = Fault::new(format!("{share} is not a share"));
                Err(custom(
                    &fault.with_help("write a number above 0 and up to 1, such as 0.25 for a quarter"),
                ))
            }

            fn visit_i64<E: Error>(self, share: i64) -> Result<Share, E> {
                // Only 1 is both whole and a share; every other number fails either way.
                self.visit_f64(if share == 1 { 1.0 } else { share as f64 })
            }
        }
        from.deserialize_f64(Shares)
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 })
    }
}

/// One text, or a list of several.
#[derive(Clone, Debug)]
pub struct OneOrMany(pub Vec<Spot<Text>>);

enum Either {
    One(Text),
    Many(Vec<Spot<Text>>),
}

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Eithers;
        impl<'de> Visitor<'de> for Eithers {
            type Value = Either;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes, or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Either, E> {
                Text::read(text).map(Either::One).map_err(|fault| custom(&fault))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Either, A::Error> {
                let mut many = Vec::new();
                while let Some(item) = items.next_element()? {
                    many.push(item);
                }
                if many.is_empty() {
                    let fault =
                        Fault::new("this list is empty").with_help("name at least one, or remove the key");
                    return Err(custom(&fault));
                }
                Ok(Either::Many(many))
            }
        }
        from.deserialize_any(Eithers)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = Spanned::<Either>::deserialize(from)?;
        let span = read.span();
        Ok(match read.into_inner() {
            Either::One(text) => Self(vec![Spot::new(span, text)]),
            Either::Many(many) => Self(many),
        })
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"], "pattern": "\\S", "minItems": 1,
            "items": { "type": "string", "pattern": "\\S" }
        })
    }
}

/// A table whose keys are names that the policy's author chose, in the order of the file.
#[derive(Clone, Debug)]
pub struct Entries<V>(pub Vec<(Spot<Text>, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Entries(pairs))
            }
        }
        from.deserialize_map(Pairs(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<V>() })
    }
}
