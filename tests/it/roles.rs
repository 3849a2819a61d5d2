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

/// Two stages that need everything a role can be given: visits are changed, counted and deleted, and notes go along.
pub(crate) const EVERYTHING: &str = r#"
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
after      = "10 days"
action     = "anonymize"
fields.who = { method = "null" }

[[stage]]
after     = "30 days"
action    = "delete"
aggregate = { into = "stats", by = ["department"], count = "gone", sum = "seconds", min-cell = 7 }
"#;

/// The statements that `check` says would give the role what it lacks, which is one thing.
#[track_caller]
pub(crate) fn remedy(checked: &Value) -> Vec<String> {
    let told = told(checked, "error");
    assert_eq!(told.lines().count(), 1, "{told}");
    let (_, statements) =
        told.split_once("Let the database's administrator run: ").unwrap_or_else(|| panic!("{told}"));
    let (statements, _) =
        statements.split_once(". `forfall store grants`").unwrap_or_else(|| panic!("{told}"));
    statements.split("; ").map(str::to_owned).collect()
}
