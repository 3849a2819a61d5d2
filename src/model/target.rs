//! Where one data type lives inside a store: what a `[[data]]` table binds.

use super::ids::StoreName;
use super::predicate::Reach;
use super::value::Field;

/// A bound collection with everything that goes with its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The registered store.
    pub store: StoreName,
    /// The table, or the pattern of paths.
    pub collection: String,
    /// The key columns, where the policy names them; else the store's primary key.
    pub key: Option<Vec<String>>,
    /// Rows that a record belongs to.
    pub links: Vec<Link>,
    /// What goes, is held and is kept with a record.
    pub with: Vec<With>,
    /// Rows elsewhere in the store that keep a record alive: links of other policies to this collection.
    pub reached_by: Vec<Reach>,
    /// The fields by which a person is found.
    pub subject: Option<Field>,
    /// Directories that disposed files leave empty may be removed.
    pub prune_empty_dirs: bool,
    /// A partition of which every record is due may go as a whole.
    pub drop_partitions: bool,
}

/// One row that a record belongs to (`[[data.link]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name under which its fields are written.
    pub name: String,
    /// The collection, in the same store.
    pub collection: String,
    /// The column that is named there; `None` for its primary key.
    pub key: Option<String>,
    /// Our field that names it.
    pub by: String,
}

/// Things that go with their record (`[[data.with]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// Another store; `None` for the record's own.
    pub store: Option<StoreName>,
    /// The table; or a pattern of paths in which `{field}` stands for the record's value.
    pub collection: String,
    /// The column there that names our key; `None` for a pattern.
    pub by: Option<String>,
}

impl Target {
    /// A bare binding of one collection.
    pub fn new(store: StoreName, collection: impl Into<String>) -> Self {
        Self {
            store,
            collection: collection.into(),
            key: None,
            links: Vec::new(),
            with: Vec::new(),
            reached_by: Vec::new(),
            subject: None,
            prune_empty_dirs: false,
            drop_partitions: false,
        }
    }

    /// What goes with the records in other stores, each as a bare binding there.
    pub fn elsewhere(&self) -> impl Iterator<Item = Self> {
        self.with.iter().filter_map(|with| Some(Self::new(with.store.clone()?, with.collection.clone())))
    }

    /// Everything that goes with the records, here and elsewhere: in which store, and which collection.
    pub fn goes_along(&self) -> impl Iterator<Item = (&StoreName, &str)> {
        self.with.iter().map(|with| (with.store.as_ref().unwrap_or(&self.store), with.collection.as_str()))
    }

    /// The link of that name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }
}
