//! What the program remembers: approvals, holds, events, runs, slots, open intents, and the audit log itself.

pub mod api;
