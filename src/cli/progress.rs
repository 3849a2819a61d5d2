//! A progress bar with rate and time left, on a terminal only.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::engine::progress::{Progress, Unwatched};

/// Shows the stage that is being carried out.
#[derive(Debug, Default)]
pub(crate) struct Bar(Mutex<Option<ProgressBar>>);

/// What watches a run here: a bar where a person looks, else nothing.
pub(crate) fn watcher() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bar::default()) } else { Box::new(Unwatched) }
}

impl Bar {
    fn with(&self, change: impl FnOnce(&mut Option<ProgressBar>)) {
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// Whole records a second.
fn rate(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    let rounded = format!("{:.0}", state.per_sec()).parse().unwrap_or(0);
    // A bar that cannot be drawn is no reason to stop a run.
    let _ = to.write_str(&super::phrase::number(rounded));
}

impl Progress for Bar {
    fn begin(&self, what: &str, expected: u64) {
        let bar = ProgressBar::with_draw_target(Some(expected), ProgressDrawTarget::stderr());
        let template = "{msg} {bar:20} {human_pos}/{human_len}, {rate}/s, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("rate", rate));
        bar.set_message(super::phrase::safe(what));
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|shown| *shown = Some(bar));
    }

    fn advance(&self, records: u64) {
        self.with(|shown| {
            if let Some(bar) = shown {
                bar.inc(records);
            }
        });
    }

    fn end(&self) {
        self.with(|shown| {
            if let Some(bar) = shown.take() {
                bar.finish_and_clear();
            }
        });
    }
}
