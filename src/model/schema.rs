//! What a store says of a collection when it is probed, and of itself.

use serde::{Deserialize, Serialize};

use super::key::KeyForm;
use super::predicate::Reach;

/// A collection as the store describes it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name, in the store's own spelling.
    pub collection: String,
    /// The fields, in the store's order.
    pub columns: Vec<Column>,
    /// The key columns, in key order; empty if records have no key (then nothing may be disposed of).
    pub key: Vec<String>,
    /// How keys are spelled.
    pub key_form: KeyForm,
    /// The fields of linked collections, by link name.
    pub linked: Vec<(String, Vec<Column>)>,
    /// Deleting or changing a record would do more than the policy says: each a sentence. Refused.
    pub side_effects: Vec<SideEffect>,
    /// Rows elsewhere that the store itself will not let go of their record: foreign keys without an action. A
    /// record that one of them reaches is needed, exactly as if [`super::target::Target::reached_by`] named them.
    pub referenced_by: Vec<Reach>,
    /// The column by whose ranges the records are divided into partitions.
    pub partitioned_by: Option<String>,
    /// What an operator should know: each a sentence.
    pub warnings: Vec<String>,
    /// Whether deletions can be proven after a crash by a mark of ours in the store, and its name.
    pub marker: Option<String>,
    /// A digest over everything above that an approval is bound to.
    pub fingerprint: String,
}

impl Schema {
    /// What is known of a collection of which no record can be disposed of, with the reason.
    pub fn bare(collection: String, columns: Vec<Column>, why: String) -> Self {
        Self {
            collection,
            columns,
            key: Vec::new(),
            key_form: KeyForm::Columns,
            linked: Vec::new(),
            side_effects: Vec::new(),
            referenced_by: Vec::new(),
            partitioned_by: None,
            warnings: vec![why],
            marker: None,
            fingerprint: String::new(),
        }
    }
}

/// One field.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding by itself")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// The type as the store's own catalogue spells it.
    pub declared: String,
    /// It may be NULL.
    pub nullable: bool,
    /// An index begins with it.
    pub indexed: bool,
    /// A unique constraint covers it alone.
    pub unique: bool,
    /// Its values are JSON, or may be, inside which a policy may name fields.
    pub json: bool,
}

/// What a column's values are, as far as its type settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers.
    Int,
    /// Floating-point or decimal numbers.
    Real,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Truth values.
    Bool,
    /// Instants, settled by the type itself.
    Instant,
    /// Days, settled by the type itself.
    Date,
    /// Anything: the store does not say.
    Any,
    /// What stands inside JSON: a text, a number or a truth value, for each record its own. Of no column as a whole.
    Inside,
}

impl ColumnKind {
    /// The word for it in messages.
    pub fn text(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Bool => "boolean",
            Self::Instant => "timestamp",
            Self::Date => "date",
            Self::Any => "untyped",
            Self::Inside => "inside JSON",
        }
    }

    /// Whether the type alone says what instant or day a value means.
    pub fn settles_time(self) -> bool {
        matches!(self, Self::Instant | Self::Date)
    }
}

/// Something that a deletion or change would set off without the policy saying so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideEffect {
    /// The collection that would be touched, or the trigger's name.
    pub name: String,
    /// The whole sentence: what would happen, and what to write to allow it.
    pub text: String,
}

impl Schema {
    /// The column of that name; SQL stores have already given their own spelling.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns of a linked collection.
    pub fn linked(&self, link: &str) -> Option<&[Column]> {
        self.linked.iter().find(|(name, _)| name == link).map(|(_, columns)| columns.as_slice())
    }
}

/// What makes a store that store, recorded at its first approval and compared before every run and batch.
/// It is opaque: two identities are the same or they are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Named parts, such as `marker` or `inode`, for the message when they differ.
    pub parts: Vec<(String, String)>,
}

impl Identity {
    /// The first part that differs, as `name: was X, is Y`.
    pub fn difference(&self, now: &Self) -> Option<String> {
        if self == now {
            return None;
        }
        for (name, was) in &self.parts {
            match now.parts.iter().find(|(other, _)| other == name) {
                Some((_, is)) if is == was => {}
                Some((_, is)) => return Some(format!("{name}: was {was}, is {is}")),
                None => return Some(format!("{name}: was {was}, is missing")),
            }
        }
        Some("it has parts that were not there before".to_owned())
    }
}
