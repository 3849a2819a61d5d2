//! Structured logs: to the journal under systemd, else to standard error. Never a record's key or value.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Which form the log takes on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts logging for the process. `RUST_LOG` chooses what; `info` by default. Harmless when repeated.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,tokio_cron_scheduler=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    // systemd sets this to the journal's socket; a second copy on standard error would double every line.
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let started = match (journal, format) {
        (Some(journal), _) => registry.with(journal).try_init(),
        (None, LogFormat::Json) => {
            registry.with(fmt::layer().json().with_writer(std::io::stderr).with_target(false)).try_init()
        }
        (None, LogFormat::Text) => {
            let colours = std::io::stderr().is_terminal();
            registry
                .with(fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(colours))
                .try_init()
        }
    };
    // Logging was started before: the first one stays.
    drop(started);
}
