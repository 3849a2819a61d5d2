//! The audit log: an append-only transparency log (RFC 6962 tree, C2SP signed checkpoints) of canonical JSON entries.
//! Pure: bytes in, bytes out. `state` keeps them.

pub mod blocks;
pub mod canonical;
pub mod certificate;
pub mod commitment;
pub mod cosignature;
pub mod disposal;
pub mod entry;
pub mod holding;
mod lanes;
pub mod leaf;
pub mod lint;
pub mod note;
pub mod proof;
pub mod running;
pub mod tiles;
pub mod tree;
pub mod upkeep;
pub mod verify;
