//! Tells people, at each tick: looking, deciding and delivering each on a thread of its own and never twice at once,
//! so that neither a store that hangs nor a mail server that is slow keeps an alarm back.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::notice::desk::Desk;

/// The three that go on beside one another.
pub(super) struct Notices {
    looking: JoinHandle<()>,
    deciding: JoinHandle<()>,
    delivering: JoinHandle<()>,
}

impl Notices {
    /// Nothing is under way yet. Within the runtime.
    pub(super) fn new() -> Self {
        let idle = || tokio::spawn(async {});
        Self { looking: idle(), deciding: idle(), delivering: idle() }
    }

    /// Starts what is not under way. `distrusted`: the clock is not trusted, which is told too.
    pub(super) fn tick(&mut self, desk: &Arc<Desk>, distrusted: bool) {
        if self.looking.is_finished() {
            let desk = Arc::clone(desk);
            self.looking = tokio::task::spawn_blocking(move || {
                if let Err(error) = desk.look() {
                    tracing::error!(%error, "deadlines cannot be looked at");
                }
            });
        }
        if self.deciding.is_finished() {
            let desk = Arc::clone(desk);
            self.deciding = tokio::task::spawn_blocking(move || match desk.decide(distrusted) {
                Ok(0) => {}
                Ok(letters) => tracing::info!(letters, "notices written"),
                Err(error) => tracing::error!(%error, "notices cannot be decided or kept"),
            });
        }
        if self.delivering.is_finished() {
            let desk = Arc::clone(desk);
            self.delivering = tokio::task::spawn_blocking(move || match desk.deliver() {
                Ok(round) => {
                    if round.delivered > 0 {
                        tracing::info!(letters = round.delivered, "notices delivered");
                    }
                    for (to, why) in &round.failed {
                        tracing::warn!(channel = to.channel.word(), why, "a notice is not delivered yet");
                    }
                }
                Err(error) => tracing::error!(%error, "the outbox cannot be read or written"),
            });
        }
    }
}
