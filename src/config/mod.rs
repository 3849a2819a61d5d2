//! What an operator writes: `forfall.toml`, the policies beside it, and how mistakes in them are shown.
//!
//! `load` reads everything at once and opens nothing: stores are only named here.

pub mod diagnostic;
mod document;
pub mod files;
pub mod load;
pub mod notify;
mod server;
pub mod settings;
mod stores;

pub use load::{Loaded, load};
pub use notify::NotifySettings;
pub use settings::{AuditSettings, Config, MetricsSettings, StoreConfig};
