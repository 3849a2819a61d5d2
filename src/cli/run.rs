//! `forfall run`: carries out now what is due and approved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Grid, count, maybe};
use super::{Context, orphans, phrase, progress};
use crate::engine::progress::Stop;
use crate::engine::run::{self as engine_run, Occasion, Part, Report};
use crate::model::run::{RunState, Trigger};
use crate::policy::rule::Policy;
use crate::policy::turns;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policies; all of them, if none is named
    policies: Vec<String>,
}

#[derive(Serialize)]
struct Runs<'a> {
    runs: Vec<Ended<'a>>,
}

#[derive(Serialize)]
struct Ended<'a> {
    run: String,
    policy: &'a str,
    store: Option<&'a str>,
    collection: Option<&'a str>,
    state: RunState,
    stages: Vec<Acted<'a>>,
    with: Vec<Along<'a>>,
    reason: Option<&'a str>,
    remarks: &'a [String],
}

/// What went with the records.
#[derive(Serialize)]
struct Along<'a> {
    store: &'a str,
    collection: &'a str,
    done: u64,
}

#[derive(Serialize)]
struct Acted<'a> {
    stage: usize,
    action: &'a str,
    done: u64,
    skipped: u64,
    failed: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open_valid(context)?;
    let named = !args.policies.is_empty();
    for warning in orphans::warnings(&session)? {
        context.output.warn(warning);
    }
    let policies = turns::in_turn(session.policies(&args.policies)?);
    let stop = stop_on_signal()?;
    let watcher = progress::watcher();
    let occasion = Occasion { trigger: Trigger::Operator, slots: None };
    let mut reports = Vec::new();
    let mut trouble = None;
    for policy in policies {
        if stop.is_asked() {
            context.output.warn(format!("policy {} was not begun: stopped by a signal", policy.id));
            trouble.get_or_insert(Failure::new(Exit::Incomplete, "stopped by a signal"));
            continue;
        }
        let carry_out =
            AssertUnwindSafe(|| engine_run::run(&session.engine, policy, &occasion, &*watcher, &stop));
        let Ok(ran) = catch_unwind(carry_out) else {
            engine_run::abandon(&session.engine, &policy.id)?;
            trouble = Some(Failure::new(
                Exit::Internal,
                format!("a fault in the program ended the run of policy {}: it is incomplete", policy.id),
            ));
            break;
        };
        match ran {
            Ok(report) => reports.push((policy, report)),
            // The log cannot be written: nothing more is deleted, under no policy. What happened is still told.
            Err(error) => {
                trouble = Some(error.into());
                break;
            }
        }
    }
    if context.output.is_json() {
        context.output.json(&json(&reports))?;
    } else {
        print(&reports, context)?;
    }
    match trouble {
        Some(failure) => Err(failure),
        None => Ok(reports.iter().fold(Exit::Done, |exit, (_, report)| exit.worse(ending(report, named)))),
    }
}

/// What a run's state means for the exit code. A policy that nobody named may be merely observed or paused.
fn ending(report: &Report, named: bool) -> Exit {
    match report.state {
        RunState::Complete => Exit::Done,
        RunState::Observed | RunState::Paused if !named => Exit::Done,
        RunState::Stopped | RunState::Observed | RunState::Paused => Exit::Stopped,
        RunState::Incomplete => Exit::Incomplete,
    }
}

fn json<'a>(reports: &'a [(&'a Policy, Report)]) -> Runs<'a> {
    let mut runs = Vec::new();
    for (policy, report) in reports {
        // An unresolved policy may bind nothing yet; it is listed all the same.
        if report.parts.is_empty() {
            runs.push(Ended {
                run: report.run.to_string(),
                policy: policy.id.as_str(),
                store: None,
                collection: None,
                state: report.state,
                stages: Vec::new(),
                with: Vec::new(),
                reason: report.reason.as_deref(),
                remarks: &[],
            });
        }
        for part in &report.parts {
            let stage = |done: &'a crate::audit::entry::StageDone| Acted {
                stage: done.stage,
                action: &done.action,
                done: done.done,
                skipped: done.skipped,
                failed: done.failed,
            };
            runs.push(Ended {
                run: report.run.to_string(),
                policy: policy.id.as_str(),
                store: Some(part.store.as_str()),
                collection: Some(&part.collection),
                state: part.state,
                stages: part.stages.iter().map(stage).collect(),
                with: along(part),
                reason: part.reason.as_deref(),
                remarks: &part.remarks,
            });
        }
    }
    Runs { runs }
}

fn along(part: &Part) -> Vec<Along<'_>> {
    let places = part.along.iter();
    places
        .map(|((store, collection), done)| Along { store: store.as_str(), collection, done: *done })
        .collect()
}

/// One line for each stage, then the reasons.
fn print(reports: &[(&Policy, Report)], context: &Context) -> Result<(), Failure> {
    let columns = [
        Column::Text("policy"),
        Column::Flexible("collection"),
        Column::Text("state"),
        Column::Text("stage"),
        Column::Number("done"),
        Column::Number("skipped"),
        Column::Number("failed"),
    ];
    let mut grid = Grid::new(context.output, &columns);
    for (policy, report) in reports {
        for part in &report.parts {
            let state = || {
                let tone = match part.state {
                    RunState::Complete => Tone::Good,
                    RunState::Observed | RunState::Paused => Tone::Warning,
                    RunState::Incomplete | RunState::Stopped => Tone::Bad,
                };
                super::table::Field::from(part.state.to_string()).toned(tone)
            };
            let head = || (policy.id.as_str().into(), part.collection.as_str().into());
            let acted: Vec<_> = part.stages.iter().filter(|stage| stage.action != "preserve").collect();
            if acted.is_empty() {
                let (id, collection) = head();
                grid.row([id, collection, state(), maybe(None), maybe(None), maybe(None), maybe(None)]);
            }
            for (place, done) in acted.into_iter().enumerate() {
                let (id, collection) = if place == 0 { head() } else { ("".into(), "".into()) };
                let of = match &done.class {
                    Some(class) => format!("{class}: {}", done.action),
                    None => done.action.clone(),
                };
                let state = if place == 0 { state() } else { "".into() };
                let row = [
                    id,
                    collection,
                    state,
                    of.into(),
                    count(done.done),
                    count(done.skipped),
                    count(done.failed),
                ];
                grid.row(row);
            }
        }
        if report.parts.is_empty() {
            let state = report.state.to_string();
            grid.row([
                policy.id.as_str().into(),
                maybe(None),
                state.into(),
                maybe(None),
                maybe(None),
                maybe(None),
                maybe(None),
            ]);
        }
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    for (policy, report) in reports {
        for gone in report.parts.iter().flat_map(along) {
            let what = format!("{} in {}", gone.collection, gone.store);
            let count = phrase::number(gone.done);
            context
                .output
                .prose(&format!("{}: {count} of {} went along", policy.id, phrase::safe(&what)), 2)?;
        }
        for reason in reasons(report) {
            context.output.prose(&format!("{}: {}", policy.id, phrase::safe(reason)), 2)?;
        }
    }
    Ok(())
}

/// Every reason once: the parts of a run often share it.
fn reasons(report: &Report) -> Vec<&str> {
    let mut reasons: Vec<&str> = Vec::new();
    let of_parts = report
        .parts
        .iter()
        .flat_map(|part| part.reason.as_deref().into_iter().chain(part.remarks.iter().map(String::as_str)));
    for reason in of_parts.chain(report.reason.as_deref()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// The first Ctrl-C or SIGTERM lets the present batch end properly; what is left waits for the next run.
fn stop_on_signal() -> Result<Arc<Stop>, Failure> {
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];
    let mut signals = signal_hook::iterator::Signals::new(signals)?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            asked.ask();
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::RunId;

    fn report(state: RunState) -> Report {
        Report {
            run: RunId::at(chrono::DateTime::UNIX_EPOCH),
            begun: true,
            state,
            reason: None,
            parts: Vec::new(),
        }
    }

    #[test]
    fn naming_a_policy_that_cannot_act_is_a_stop() {
        let endings = |state| [false, true].map(|named| ending(&report(state), named));
        assert_eq!(endings(RunState::Complete), [Exit::Done, Exit::Done]);
        assert_eq!(endings(RunState::Observed), [Exit::Done, Exit::Stopped]);
        assert_eq!(endings(RunState::Paused), [Exit::Done, Exit::Stopped]);
        assert_eq!(endings(RunState::Stopped), [Exit::Stopped, Exit::Stopped]);
        assert_eq!(endings(RunState::Incomplete), [Exit::Incomplete, Exit::Incomplete]);
    }
}
