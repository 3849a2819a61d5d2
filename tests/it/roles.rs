//! What the tests of roles that may do little share, whichever server has them.

use serde_json::Value;

/// A person decides, and notes go with the visits.
pub(crate) const ASKING: &str = r#"
title = "Visits"
owner = "reception"

[[data]]
store       = "desk"
collection  = "visits"
start.field = "at"

[[data.with]]
collection = "notes"
by         = "visit"

[[stage]]
after     = "30 days"
action    = "escalate"
question  = "Is there a reason to keep them?"
decisions = ["delete", "preserve"]
"#;

/// What `check` says of one severity, message and help, a line each.
pub(crate) fn told(checked: &Value, severity: &str) -> String {
    let all = checked["diagnostics"].as_array().unwrap().iter();
    let lines = all.filter(|one| one["severity"] == severity).map(|one| {
        format!(
            "{}:{} {} | {}",
            one["file"].as_str().unwrap(),
            one["line"],
            one["message"].as_str().unwrap(),
            one["help"].as_str().unwrap_or("NO HELP")
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
