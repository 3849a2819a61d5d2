//! What monitoring reads: a file in the text format of Prometheus, replaced as a whole.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::engine::EngineError;
use crate::engine::status::Standing;
use crate::notice::desk::{Desk, Figures};
use crate::policy::rule::Policy;

/// The file as it was last written.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<String>);

impl Metrics {
    /// Writes the file if anything has changed. An unwritable file is told, and tried again.
    pub fn write(&self, desk: &Desk, path: &Path) -> Result<(), EngineError> {
        let figures = desk.figures()?;
        // Before everything was looked at once, what is missing would look as if it were gone.
        if !figures.whole {
            return Ok(());
        }
        let text = text(&figures);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            match replace(path, &text) {
                Ok(()) => {
                    if last.is_empty() {
                        tracing::info!(file = %path.display(), "metrics are written");
                    }
                    *last = text;
                }
                Err(error) => tracing::warn!(%error, "the metrics cannot be written"),
            }
        }
        Ok(())
    }
}

/// Whoever reads sees the old file or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs_err::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs_err::rename(new, path)
}

type Gauge = (&'static str, &'static str, fn(&Standing) -> Option<i64>);

const GAUGES: [Gauge; 13] = [
    ("overdue_records", "Records that were due at a slot that has passed and are still there.", |s| {
        Some(whole(s.overdue))
    }),
    ("oldest_overdue_seconds", "How long the oldest overdue record has been due; 0 if none is.", |s| {
        Some(s.oldest_overdue_seconds.unwrap_or(0))
    }),
    ("breach", "1 if some record is past the deadline that the policy promises.", |s| {
        Some(i64::from(s.breach))
    }),
    ("due_records", "Records that are due and not held.", |s| Some(whole(s.due))),
    ("undetermined_records", "Records whose start or class cannot be known.", |s| known(s, s.undetermined)),
    ("waiting_records", "Records whose start has not happened.", |s| known(s, s.waiting)),
    ("stale_records", "Records without a start for longer than `stale-after` allows.", |s| {
        Some(whole(s.stale.records()))
    }),
    ("held_records", "Records that are due and held.", |s| known(s, s.held)),
    ("needed_records", "Records that are due and that a kept record reaches.", |s| known(s, s.needed)),
    ("escalated_records", "Records that wait for a person's decision.", |s| known(s, s.escalated)),
    ("records", "Records in the collections that the policy binds.", |s| known(s, s.records)),
    (
        "store_unseen",
        "1 if a store did not answer or cannot be used: what is due is what the forecast says.",
        |s| Some(i64::from(s.unseen)),
    ),
    ("last_complete_run_timestamp_seconds", "When a run was last complete.", |s| {
        s.last_complete.map(|at| at.timestamp())
    }),
];

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Of a store that did not answer a zero would claim that somebody looked.
fn known(standing: &Standing, count: u64) -> Option<i64> {
    (!standing.unseen).then(|| whole(count))
}

fn text(figures: &Figures<'_>) -> String {
    let mut text = String::new();
    for (name, help, value) in GAUGES {
        head(&mut text, name, help);
        for (policy, standing) in &figures.standings {
            if let Some(value) = value(standing) {
                let _ = writeln!(text, "forfall_{name}{{policy=\"{}\"}} {value}", label(policy));
            }
        }
    }
    head(&mut text, "policy_state", "1 for the state that `forfall status` shows.");
    for (policy, standing) in &figures.standings {
        let _ = writeln!(
            text,
            "forfall_policy_state{{policy=\"{}\",state=\"{}\"}} 1",
            label(policy),
            standing.state
        );
    }
    let single = [
        ("notices_undelivered", "Notices that were tried and are not delivered.", figures.undelivered),
        ("test_alarms_unacknowledged", "Test alarms that nobody has acknowledged.", figures.unacknowledged),
        ("coverage_gaps", "Collections that no policy covers.", figures.gaps),
    ];
    for (name, help, value) in single {
        head(&mut text, name, help);
        let _ = writeln!(text, "forfall_{name} {value}");
    }
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP forfall_{name} {help}\n# TYPE forfall_{name} gauge");
}

/// A label's value: backslash, quotation mark and line break are escaped.
fn label(policy: &Policy) -> String {
    policy.id.as_str().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
