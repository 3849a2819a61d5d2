//! The adapters that there are. A new one is one file and one line in [`ADAPTERS`].

use std::path::Path;
use std::sync::Arc;

use super::api::Dispose;
use super::filesystem::FilesystemStore;
use super::sqlite::SqliteStore;
use crate::model::ids::StoreName;

/// An adapter: its name in `forfall.toml`, and how a store of its kind is opened.
#[derive(Clone, Copy, Debug)]
pub struct Adapter {
    /// The value of `adapter` in `[store.NAME]`.
    pub name: &'static str,
    /// Opens the store at a place. Connects to nothing: trouble shows when the store is asked.
    pub open: fn(&StoreName, &Path) -> Arc<dyn Dispose>,
}

/// All of them.
pub const ADAPTERS: [Adapter; 2] = [
    Adapter {
        name: "sqlite",
        open: |name, place| Arc::new(SqliteStore::open(name.clone(), place.to_owned())),
    },
    Adapter {
        name: "filesystem",
        open: |name, place| Arc::new(FilesystemStore::open(name.clone(), place.to_owned())),
    },
];

/// Opens a store; `None` if no adapter has that name.
pub fn open(adapter: &str, store: &StoreName, place: &Path) -> Option<Arc<dyn Dispose>> {
    ADAPTERS.iter().find(|known| known.name == adapter).map(|known| (known.open)(store, place))
}
