//! People are told. `decide` says what has to be said, and is pure; `desk` looks, decides and keeps letters in the
//! outbox; `post` delivers them by `mail`, `webhook` or `command`. Nobody is left in the dark because a store, a mail
//! server or the clock is out of order.

pub mod address;
mod bokmaal;
pub mod command;
pub mod decide;
pub mod desk;
mod english;
pub mod letter;
pub mod mail;
pub mod post;
pub mod watch;
pub mod webhook;
