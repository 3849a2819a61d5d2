//! The policy language: what is written, what it means, and what it decides for a record. Pure: no I/O, no clock.

pub mod aggregate;
pub mod change;
pub mod compile;
pub mod condition;
pub mod decide;
pub mod diagnostic;
pub mod document;
pub mod fieldwork;
pub mod fit;
pub mod limits;
pub mod overlap;
pub mod reference;
pub mod rule;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod select;
pub mod sentence;
pub mod strict;
pub mod test;
pub mod timing;
pub mod turns;
