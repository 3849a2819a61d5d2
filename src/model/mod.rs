//! Plain data in the words of ISO/IEC 27555 and DIN 66398: no I/O, no clock, no adapter.
//!
//! `predicate` is the centre: policies are compiled to it, adapters turn it into SQL or evaluate it in memory,
//! and both give the same three-valued answer.

pub mod action;
pub mod aggregate;
pub mod amount;
pub mod batch;
pub mod evaluate;
pub mod hold;
pub mod ids;
pub mod json;
pub mod key;
pub mod method;
pub mod notice;
pub mod out_of_scope;
pub mod pattern;
pub mod predicate;
pub mod read_start;
pub mod review;
pub mod run;
pub mod schema;
mod spelling;
pub mod start;
pub mod target;
pub mod value;
