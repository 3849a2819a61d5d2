//! stub
use super::rule::Policy;
/// stub
pub enum Edit {
    /// s
    Same,
    /// s
    Harmless(Vec<String>),
    /// s
    Dangerous(Vec<String>),
}
/// stub
pub fn compare(_: &Policy, _: &Policy) -> Edit {
    Edit::Same
}
