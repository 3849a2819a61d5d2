//! What keeps a server from tidying up behind a walk while it still goes on.

use std::time::Duration;

use crate::adapter::api::StoreError;
use crate::time::{Clock as _, SystemClock};

/// After so many batches the server may tidy up what they have deleted, and after so long.
const BATCHES: u32 = 64;
const LONGEST: Duration = Duration::from_secs(10);

/// Runs a statement that gives nothing.
type Run = dyn Fn(&str) -> Result<(), StoreError> + Send;

/// A view of the tables as they are now, on a connection of its own. While it is held, the server leaves alone what was
/// deleted since, as it does during one large DELETE; otherwise each page that a batch comes back to would be tidied up
/// first, or by others at the same time.
///
/// It only saves time: where it fails, the walk goes on without it.
pub(crate) struct View {
    /// Its connection; `None` once that is lost. Without it the server ends what was open there.
    run: Option<Box<Run>>,
    /// Opens a transaction that sees what is there now.
    begin: &'static str,
    /// Runs since it was taken.
    held: Option<SystemClock>,
    batches: u32,
}

impl View {
    pub(crate) fn new(
        begin: &'static str,
        run: impl Fn(&str) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self { run: Some(Box::new(run)), begin, held: None, batches: 0 }
    }

    /// Held for the next batch: taken anew from time to time, so that the server's history never becomes long.
    pub(super) fn hold(&mut self) {
        self.batches += 1;
        let is_old = |held: &SystemClock| held.monotonic() >= LONGEST;
        if self.held.as_ref().is_some_and(|held| self.batches < BATCHES && !is_old(held)) {
            return;
        }
        self.let_go();
        self.run(self.begin);
        (self.held, self.batches) = (self.run.is_some().then(SystemClock::new), 0);
    }

    pub(super) fn let_go(&mut self) {
        if self.held.take().is_some() {
            self.run("ROLLBACK");
        }
    }

    fn run(&mut self, sql: &str) {
        if let Some(Err(error)) = self.run.as_ref().map(|run| run(sql)) {
            tracing::debug!(%error, "the walk goes on without a view");
            self.run = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::adapter::api::StoreErrorKind;

    #[test]
    fn a_view_is_taken_anew_after_many_batches() {
        let (said, heard) = channel();
        let mut view = View::new("BEGIN", move |sql| {
            said.send(sql.to_owned()).unwrap();
            Ok(())
        });
        (0..BATCHES).for_each(|_| view.hold());
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["BEGIN"]);
        view.hold();
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["ROLLBACK", "BEGIN"]);
        view.let_go();
        view.let_go();
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["ROLLBACK"]);
    }

    /// It saves time, and nothing depends on it.
    #[test]
    fn a_view_that_is_lost_is_not_asked_for_again() {
        let (said, heard) = channel();
        let mut view = View::new("BEGIN", move |sql| {
            said.send(sql.to_owned()).unwrap();
            if sql == "BEGIN" {
                Ok(())
            } else {
                Err(StoreError::new(StoreErrorKind::Unavailable, "test", "gone"))
            }
        });
        (0..3 * BATCHES).for_each(|_| view.hold());
        view.let_go();
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["BEGIN", "ROLLBACK"]);
    }
}
