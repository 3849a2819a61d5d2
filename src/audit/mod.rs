//! The audit log: an append-only transparency log (RFC 6962 tree, C2SP signed checkpoints) of canonical JSON entries.
//! Pure: bytes in, bytes out. `state` keeps them.

pub mod canonical;
pub mod commitment;
pub mod entry;
pub mod note;
pub mod tree;

pub mod verify;
