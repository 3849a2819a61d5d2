//! The values of the language: each says what it expects, so that every error shows an example.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::custom;
use super::fault::Fault;

/// A value with its place in the file.
#[derive(Clone, Debug)]
pub struct Spot<T>(Spanned<T>);

impl<T> Spot<T> {
    /// A value at a place.
    pub fn new(span: Range<usize>, value: T) -> Self {
        Self(Spanned::new(span, value))
    }

    /// Its bytes in the file; for a `[[table]]` those of its header.
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T> Deref for Spot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: fmt::Display> fmt::Display for Spot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.get_ref().fmt(f)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spot<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Spanned::deserialize(from).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for Spot<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A table with its place: of a `[[table]]` that of its header. Unlike serde's own structs it is never read from a
/// list, in which nothing would say which value is which.
#[derive(Clone, Debug)]
pub struct Section<T>(Spot<T>);

impl<T> Section<T> {
    /// Its bytes in the file.
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T> Deref for Section<T> {
    type Target = Spot<T>;

    fn deref(&self) -> &Spot<T> {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Spot::<Mapped<T>>::deserialize(from).map(|table| Self(Spot::new(table.span(), table.into_inner().0)))
    }
}

/// A struct that is read from a table only.
struct Mapped<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Mapped<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Tables<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Tables<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
                refused()
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
                refused()
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
                refused()
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
                refused()
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<T, A::Error> {
                refused()
            }
        }
        from.deserialize_any(Tables(PhantomData)).map(Self)
    }
}

/// Fails in the type's own words for what it expects.
fn refused<'de, T: Deserialize<'de>, E: Error>() -> Result<T, E> {
    T::deserialize(().into_deserializer())
}

impl<T: JsonSchema> JsonSchema for Section<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Something that is written as a text with rules of its own.
pub trait Language: Sized {
    /// What it is called, with an example: `a period such as "14 days"`.
    const EXPECTED: &'static str;

    /// Further constraints for the JSON Schema, and examples.
    fn schema() -> Schema;

    /// Reads it.
    fn read(text: &str) -> Result<Self, Fault>;
}

/// A text of some [`Language`], read, with its spelling kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// As written.
    pub text: String,
    /// What it means.
    pub value: T,
}

impl<'de, T: Language> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = from.deserialize_str(Texts(T::EXPECTED))?;
        match T::read(&text) {
            Ok(value) => Ok(Self { text, value }),
            Err(fault) => Err(custom(&fault)),
        }
    }
}

impl<T: Language> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = T::schema();
        schema.insert("type".to_owned(), "string".into());
        schema
    }
}

/// Any text that is not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text {
    /// A text that is known not to be blank.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Err(Fault::new("this is blank").with_help("write a text, or remove the key"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = from.deserialize_str(Texts("a text in quotes"))?;
        Self::read(&text).map_err(|fault| custom(&fault))
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "\\S" })
    }
}

/// Reads any text.
struct Texts(&'static str);

impl Visitor<'_> for Texts {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
