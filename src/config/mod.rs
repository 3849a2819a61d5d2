//! Reads `forfall.toml` and the policies, and opens what they name.
