//! Tells people, at each tick: looking, deciding and delivering each on a thread of its own and never twice at once,
//! so that neither a store that hangs nor a mail server that is slow keeps an alarm back.

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::metrics::Metrics;
use crate::notice::desk::Desk;

/// The three that go on beside one another.
pub(super) struct Notices {
    looking: JoinHandle<()>,
    deciding: JoinHandle<()>,
    delivering: JoinHandle<()>,
    metrics: Arc<Metrics>,
}

impl Notices {
    /// Nothing is under way yet. Within the runtime.
    pub(super) fn new() -> Self {
        let idle = || tokio::spawn(async {});
        Self { looking: idle(), deciding: idle(), delivering: idle(), metrics: Arc::default() }
    }

    /// Starts what is not under way. `distrusted`: the clock is not trusted, which is told too.
    pub(super) fn tick(&mut self, desk: &Arc<Desk>, distrusted: bool, textfile: Option<&Path>) {
        if self.looking.is_finished() {
            let desk = Arc::clone(desk);
            self.looking = tokio::task::spawn_blocking(move || {
                if let Err(error) = desk.look() {
                    tracing::error!(%error, "deadlines cannot be looked at");
                }
            });
        }
        if self.deciding.is_finished() {
            let (desk, metrics) = (Arc::clone(desk), Arc::clone(&self.metrics));
            let textfile = textfile.map(Path::to_owned);
            self.deciding = tokio::task::spawn_blocking(move || {
                match desk.decide(distrusted) {
                    Ok(0) => {}
                    Ok(letters) => tracing::info!(letters, "notices written"),
                    Err(error) => tracing::error!(%error, "notices cannot be decided or kept"),
                }
                let written = textfile.map_or(Ok(()), |textfile| metrics.write(&desk, &textfile));
                if let Err(error) = written {
                    tracing::error!(%error, "how things stand cannot be read for the metrics");
                }
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
