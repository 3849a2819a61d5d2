//! What must hold before a run's first deletion. Each gate is pure: it is given what was read and answers with a
//! reason that an operator can act on.

pub mod approval;
pub mod approvers;
pub mod forecast;
pub mod limits;

/// A gate's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The run may go on.
    Open,
    /// Nothing is approved yet: the policy is only observed.
    Observe(String),
    /// Stopped: nothing is deleted until somebody decides.
    Stop(String),
}

impl Answer {
    /// This answer if it is not open, else the next one.
    #[must_use]
    pub fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Open => next(),
            other => other,
        }
    }
}
