//! What of a store needs no policy, and why.

/// Collections (of a directory tree: directories at its top) that hold nothing that a policy would be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfScope {
    /// Their names; of a tree `.` stands for the files at its top.
    pub collections: Vec<String>,
    /// Why they need no policy.
    pub reason: String,
}
