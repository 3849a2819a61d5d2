//! The adapters that there are. A new one is one file and one line in [`ADAPTERS`].

use std::sync::Arc;

use super::api::Dispose;
use super::filesystem::FilesystemStore;
use super::mysql::MySqlStore;
use super::place::Place;
use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use crate::model::ids::StoreName;

/// An adapter: its name in `forfall.toml`, and how a store of its kind is opened.
#[derive(Clone, Copy, Debug)]
pub struct Adapter {
    /// The value of `adapter` in `[store.NAME]`.
    pub name: &'static str,
    /// Opens the store at a place. Connects to nothing: trouble shows when the store is asked.
    /// `None` for a place of another kind than this adapter's.
    pub open: fn(&StoreName, &Place) -> Option<Arc<dyn Dispose>>,
}

/// All of them.
pub const ADAPTERS: [Adapter; 5] = [
    Adapter {
        name: "sqlite",
        open: |name, place| Some(Arc::new(SqliteStore::open(name.clone(), place.path()?.to_owned()))),
    },
    Adapter {
        name: "filesystem",
        open: |name, place| Some(Arc::new(FilesystemStore::open(name.clone(), place.path()?.to_owned()))),
    },
    Adapter {
        name: "postgres",
        open: |name, place| Some(Arc::new(PostgresStore::open(name.clone(), place.server()?.clone()))),
    },
    Adapter { name: "mariadb", open: mysql },
    Adapter { name: "mysql", open: mysql },
];

fn mysql(name: &StoreName, place: &Place) -> Option<Arc<dyn Dispose>> {
    Some(Arc::new(MySqlStore::open(name.clone(), place.server()?.clone())))
}

/// Opens a store; `None` if no adapter has that name and reaches such a place.
pub fn open(adapter: &str, store: &StoreName, place: &Place) -> Option<Arc<dyn Dispose>> {
    ADAPTERS.iter().find(|known| known.name == adapter).and_then(|known| (known.open)(store, place))
}
