//! The policy language: what is written, what it means, and what it decides for a record. Pure: no I/O, no clock.

pub mod condition;
pub mod diagnostic;
pub mod rule;
pub mod select;
pub mod timing;
