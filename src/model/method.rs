//! What happens to a field's value, and how to recognise that it has happened.

/// A way to take information out of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// The value is removed.
    Null,
}
