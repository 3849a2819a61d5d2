//! An entry as `audit list --format json` gives it: the same members for every kind, absent ones null.

use serde::Serialize;

use crate::audit::entry::Body;
use crate::state::api::Placed;
use crate::time::Instant;

/// One entry of the list.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) index: u64,
    pub(super) time: Instant,
    pub(super) kind: &'static str,
    pub(super) policy: Option<String>,
    pub(super) run: Option<String>,
    pub(super) batch: Option<String>,
    pub(super) action: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) store: Option<String>,
    pub(super) collection: Option<String>,
    pub(super) class: Option<String>,
    pub(super) stage: Option<usize>,
    pub(super) state: Option<String>,
    pub(super) reason: Option<String>,
}

/// Comma-separated values (RFC 4180), one line for each entry under a line of names.
pub(super) fn csv(found: &[Placed]) -> String {
    let mut text = String::from(
        "index,time,kind,policy,run,batch,action,count,store,collection,class,stage,state,reason\r\n",
    );
    for placed in found {
        let entry = Summary::of(placed);
        let some = |value: Option<String>| value.unwrap_or_default();
        let fields = [
            entry.index.to_string(),
            entry.time.to_rfc3339(),
            entry.kind.to_owned(),
            some(entry.policy),
            some(entry.run),
            some(entry.batch),
            some(entry.action),
            some(entry.count.map(|count| count.to_string())),
            some(entry.store),
            some(entry.collection),
            some(entry.class),
            some(entry.stage.map(|stage| stage.to_string())),
            some(entry.state),
            some(entry.reason),
        ];
        text.push_str(&fields.map(quoted).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A field, quoted where it must be. One that a spreadsheet would take for a formula is made a text.
fn quoted(field: String) -> String {
    let field = if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field };
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

impl Summary {
    pub(super) fn of(placed: &Placed) -> Self {
        let mut summary = Self {
            index: placed.index,
            time: placed.entry.time,
            kind: placed.entry.body.kind(),
            policy: None,
            run: None,
            batch: None,
            action: None,
            count: None,
            store: None,
            collection: None,
            class: None,
            stage: None,
            state: None,
            reason: None,
        };
        summary.fill(&placed.entry.body);
        summary
    }

    fn fill(&mut self, body: &Body) {
        let text = |value: &dyn std::fmt::Display| Some(value.to_string());
        match body {
            Body::Genesis(_) | Body::Heartbeat {} => {}
            Body::KeyRotation(rotation) => self.action = text(&rotation.of),
            Body::Prune(prune) => {
                self.action = text(&prune.what);
                self.state = text(&prune.phase);
                self.count = prune.manifests.or(prune.minimum);
            }
            Body::Policy(seen) => self.policy = text(&seen.policy),
            Body::Approval(given) => {
                self.policy = text(&given.policy);
                self.count = Some(given.count);
                self.action = given.cancelled.as_ref().map(|_| "cancel".to_owned());
                self.reason.clone_from(&given.cancelled);
            }
            Body::Run(note) => {
                self.policy = text(&note.policy);
                self.run = text(&note.run);
                self.state = note.state.map_or_else(|| text(&"started"), |state| text(&state));
                self.reason.clone_from(&note.reason);
                self.count = note.state.map(|_| note.stages.iter().map(|stage| stage.done).sum());
            }
            Body::Intent(intent) => {
                let label = &intent.label;
                self.policy = text(&label.policy);
                self.run = text(&label.run);
                self.batch = text(&label.batch);
                self.action = text(&label.action);
                self.count = Some(intent.count);
                self.store = text(&label.store);
                self.collection = text(&label.collection);
                self.class.clone_from(&label.class);
                self.stage = Some(label.stage);
            }
            Body::Outcome(outcome) => {
                self.policy = text(&outcome.policy);
                self.run = text(&outcome.run);
                self.batch = text(&outcome.batch);
                self.count = Some(outcome.done);
            }
            Body::Recovery(recovery) => {
                self.batch = text(&recovery.batch);
                self.state = text(&recovery.fate);
            }
            Body::Hold(hold) => {
                self.policy = hold.policy.as_ref().and_then(|policy| text(policy));
                self.store = hold.store.as_ref().and_then(|store| text(store));
                self.collection.clone_from(&hold.collection);
                self.action = text(&hold.change);
                self.reason = text(&hold.reason);
            }
            Body::Review(review) => {
                self.policy = text(&review.policy);
                self.store = text(&review.store);
                self.collection = text(&review.collection);
                self.class.clone_from(&review.class);
                self.stage = Some(review.stage);
                self.count = Some(review.records);
                self.action = text(&review.change);
                self.state.clone_from(&review.decision);
                self.reason.clone_from(&review.reason);
            }
            Body::Event(event) => {
                self.action = text(&event.change);
                self.reason = text(&event.name);
            }
            Body::Pause(pause) => {
                self.action = text(&pause.change);
                self.reason = text(&pause.scope);
            }
        }
    }
}
