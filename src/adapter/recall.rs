//! Taking a question back while a store is still answering it.

use tokio::sync::watch;

/// Takes back what one thread asks of a store, from another thread.
#[derive(Clone, Debug)]
pub struct Recall(watch::Sender<bool>);

impl Default for Recall {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Recall {
    /// Takes it back: the present question ends with an error, and so does every later one.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was taken back.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is taken back.
    pub async fn asked(&self) {
        // It cannot be closed: this very value is one of its senders.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}
