//! Signals in, service-manager notices out.

use futures_util::StreamExt;
use sd_notify::NotifyState;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::{Signals, SignalsInfo};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// SIGTERM or SIGINT: finish the running batch and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The daemon's ears.
pub struct Lifecycle(SignalsInfo);

impl Lifecycle {
    /// Takes over the signals.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Signals::new([SIGTERM, SIGINT, SIGHUP])?))
    }

    /// The next order.
    pub async fn next(&mut self) -> Order {
        match self.0.next().await {
            Some(SIGHUP) => Order::Reload,
            _ => Order::Stop,
        }
    }

    /// Says that the service is up.
    pub fn ready(&self) {
        Self::tell(&[NotifyState::Ready]);
    }

    /// Says that the configuration is being read again.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(since) => Self::tell(&[NotifyState::Reloading, since]),
            Err(_) => Self::tell(&[NotifyState::Reloading]),
        }
    }

    /// Says that the service goes down.
    pub fn stopping(&self) {
        Self::tell(&[NotifyState::Stopping]);
    }

    /// Says that the loop turns: without it the service manager starts us anew.
    pub fn alive(&self) {
        Self::tell(&[NotifyState::Watchdog]);
    }

    fn tell(states: &[NotifyState<'_>]) {
        // Not run by a service manager, or one that does not listen: nothing depends on it.
        let _ = sd_notify::notify(states);
    }
}
