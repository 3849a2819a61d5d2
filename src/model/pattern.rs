//! stub
/// stub
pub fn parts(_: &str) -> Vec<String> {
    Vec::new()
}
