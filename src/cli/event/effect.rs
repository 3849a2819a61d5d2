//! What becomes of records when an event is recorded, changed or withdrawn: told after it is done, because nothing of it
//! may wait for a store.

use serde::Serialize;

use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::cli::table::{Column, Grid, count};
use crate::cli::{Context, phrase};
use crate::engine::redate::{self, Change, Count, Done, Redated, SEARCHED, State, Which};
use crate::policy::rule::Policy;
use crate::time::Instant;

/// What the answer says of one `[[data]]` of one policy.
#[derive(Serialize)]
pub(super) struct Effect {
    policy: String,
    store: String,
    collection: String,
    /// Before and after; absent where it was not counted.
    counts: Option<Vec<Counted>>,
    /// Why it was not counted.
    note: Option<String>,
    already_done: Vec<Already>,
    /// Whether the log was searched for every record that is named.
    searched: bool,
}

#[derive(Serialize)]
struct Counted {
    records: &'static str,
    class: Option<String>,
    stage: Option<usize>,
    action: Option<&'static str>,
    before: u64,
    after: u64,
}

#[derive(Serialize)]
struct Already {
    class: Option<String>,
    stage: usize,
    action: String,
    key: Option<String>,
    batch: Option<String>,
    since: Option<Instant>,
    at: Option<Instant>,
    batches: u64,
    records: u64,
    /// Whether the log says so of exactly this record.
    certain: bool,
}

/// Tells it on the terminal, and gives it for JSON. What cannot be told is said, and is no failure: the event stands.
pub(super) fn tell(
    session: &Session,
    changes: &[Change],
    counted: bool,
    context: &Context,
) -> Result<Vec<Effect>, Failure> {
    let mut all = Vec::new();
    if changes.is_empty() {
        return Ok(all);
    }
    let mut grid = Grid::new(
        context.output,
        &[
            Column::Text("policy"),
            Column::Flexible("collection"),
            Column::Flexible("records"),
            Column::Number("before"),
            Column::Number("after"),
        ],
    );
    let mut lines = Vec::new();
    for policy in session.in_force()?.iter().filter(|policy| policy.unresolved.is_none()) {
        if !changes.iter().any(|change| policy.names_event(&change.name)) {
            continue;
        }
        match redate::redated(&session.engine, policy, changes, counted) {
            Ok(parts) => {
                for part in parts {
                    rows(policy, &part, &mut grid);
                    lines.extend(sentences(policy, &part, session));
                    all.push(effect(policy, part, counted));
                }
            }
            Err(error) => {
                lines.push(format!("{}: what becomes of its records cannot be told: {error}", policy.id));
            }
        }
    }
    if context.output.is_json() {
        return Ok(all);
    }
    if !grid.is_empty() {
        grid.print()?;
    } else if all.iter().any(|effect| effect.counts.is_some()) {
        context.output.line("As many records are due and waiting as before.")?;
    }
    for line in lines {
        context.output.prose(&line, 2)?;
    }
    Ok(all)
}

fn rows(policy: &Policy, part: &Redated, grid: &mut Grid) {
    let Ok(counts) = &part.counts else { return };
    for one in counts.iter().filter(|one| one.before != one.after) {
        let what = match &one.of {
            State::Waiting => "waiting".to_owned(),
            State::Undetermined => "undetermined".to_owned(),
            State::Due { class, stage, action } => {
                format!("due: {}", named(class.as_deref(), *stage, action))
            }
        };
        grid.row([
            policy.id.as_str().into(),
            format!("{} in {}", part.collection, part.store).into(),
            what.into(),
            count(one.before),
            count(one.after),
        ]);
    }
}

/// The stage as `plan` names it.
fn named(class: Option<&str>, stage: usize, action: &str) -> String {
    match class {
        Some(class) => format!("{class}: {stage} {action}"),
        None => format!("{stage} {action}"),
    }
}

fn sentences(policy: &Policy, part: &Redated, session: &Session) -> Vec<String> {
    let place = phrase::safe(&format!("{} in {}", part.collection, part.store));
    let mut lines = Vec::new();
    if let Err(error) = &part.counts {
        lines.push(format!("{}: {place} was not counted: {}", policy.id, phrase::safe(&error.to_string())));
    }
    let time = |at| phrase::local(at, session.zone());
    for done in &part.done {
        let stage = named(done.class.as_deref(), done.stage, &done.action);
        lines.push(match &done.what {
            Which::Record { key, batch, at, certain } => {
                let how = if certain.is_some() { "was carried out already" } else { "was begun already" };
                format!("{stage} {how} on {} of {place}: batch {batch}, {}.", phrase::safe(key), time(*at))
            }
            Which::Among { since, batches, records } => format!(
                "Since {}, when the event was first recorded, {stage} was carried out on {} of {place} in {}. Which of them \
                 followed the event, the log does not say.",
                time(*since),
                phrase::records(*records),
                phrase::counted(*batches, "batch", "batches")
            ),
        });
    }
    if part.unsearched {
        lines.push(format!(
            "{place}: whether records with these keys are gone already was not looked up, because they are more than \
             {SEARCHED}: `forfall explain {} KEY` says it for one.",
            policy.id
        ));
    }
    lines
}

fn effect(policy: &Policy, part: Redated, counted: bool) -> Effect {
    let (counts, note) = match part.counts {
        Ok(counts) if counted => (Some(counts.into_iter().map(json).collect()), None),
        Ok(_) => (None, Some("not asked for".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    Effect {
        policy: policy.id.to_string(),
        store: part.store.to_string(),
        collection: part.collection,
        counts,
        note,
        already_done: part.done.into_iter().map(already).collect(),
        searched: !part.unsearched,
    }
}

fn json(count: Count) -> Counted {
    let (records, class, stage, action) = match count.of {
        State::Waiting => ("waiting", None, None, None),
        State::Undetermined => ("undetermined", None, None, None),
        State::Due { class, stage, action } => ("due", class, Some(stage), Some(action)),
    };
    Counted { records, class, stage, action, before: count.before, after: count.after }
}

fn already(done: Done) -> Already {
    let mut already = Already {
        class: done.class,
        stage: done.stage,
        action: done.action,
        key: None,
        batch: None,
        since: None,
        at: None,
        batches: 1,
        records: 1,
        certain: false,
    };
    match done.what {
        Which::Record { key, batch, at, certain } => {
            already.key = Some(key);
            already.batch = Some(batch.to_string());
            already.at = Some(at);
            already.certain = certain == Some(true);
        }
        Which::Among { since, batches, records } => {
            already.since = Some(since);
            (already.batches, already.records) = (batches, records);
        }
    }
    already
}
