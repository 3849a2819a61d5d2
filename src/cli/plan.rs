//! `forfall plan`: what would happen now, or at another time. Nothing is changed.

pub(super) mod verdict;

use std::path::PathBuf;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Grid, count, maybe};
use super::{Context, event, phrase};
use crate::engine::foresee::{self, Foreseen};
use crate::engine::plan::{Along, DataPlan, StagePlan};
use crate::engine::unknown::Reasons;
use crate::policy::aggregate;
use crate::policy::decide::Unknown;
use crate::policy::rule::Policy;
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policies; all of them, if none is named
    policies: Vec<String>,
    /// Plan for this time instead of now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show up to this many keys for each stage
    #[arg(long, value_name = "N", default_value_t = 0)]
    sample: usize,
    /// Also write the plan to this file, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Plan<'a> {
    at: Instant,
    policies: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    policy: &'a str,
    store: Option<&'a str>,
    collection: Option<&'a str>,
    stages: Vec<Acts<'a>>,
    total: Option<u64>,
    total_exact: bool,
    undetermined: u64,
    why_undetermined: Vec<Why>,
    waiting: u64,
    needed: u64,
    orphans: Vec<With<'a>>,
    state: &'a str,
    verdict: String,
}

/// Why so many of the first undetermined records are so.
#[derive(Serialize)]
struct Why {
    reason: &'static str,
    count: u64,
    of: u64,
}

#[derive(Serialize)]
struct Acts<'a> {
    stage: usize,
    class: Option<&'a str>,
    action: &'a str,
    after: Option<&'a str>,
    cutoff: Option<Instant>,
    due: u64,
    /// Among the due ones of an `escalate`, those of an open review case.
    asked: u64,
    held: u64,
    oldest: Option<String>,
    newest: Option<String>,
    samples: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_in: Option<&'a str>,
    with: Vec<With<'a>>,
}

/// What goes with the records; `count` is null where it is counted only as it goes.
#[derive(Serialize)]
pub(super) struct With<'a> {
    store: &'a str,
    collection: &'a str,
    count: Option<u64>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?.if_valid()?;
    let at = match &args.at {
        Some(text) => event::read_time(text, session.zone())?,
        None => context.clock.now(),
    };
    let mut planned = Vec::new();
    for policy in session.policies(&args.policies)? {
        planned.push((policy, foresee::foresee(&session.engine, policy, at, args.sample)?));
    }
    let plan =
        Plan { at, policies: planned.iter().flat_map(|(policy, parts)| entries(policy, parts)).collect() };
    if let Some(file) = &args.out {
        let text = serde_json::to_string_pretty(&plan).map_err(std::io::Error::from)?;
        fs_err::write(file, text + "\n").map_err(|error| {
            Failure::usage(format!("{error}: give a file that can be written with --out"))
        })?;
        context.output.say(format!("The plan is written to {}.", file.display()));
    }
    if context.output.is_json() {
        context.output.json(&plan)?;
    } else {
        let zone = session.zone();
        context
            .output
            .line(format!("Plan for {}. Nothing is changed by it.", phrase::local_named(at, zone)))?;
        for (policy, parts) in &planned {
            context.output.line("")?;
            print(policy, parts, context)?;
        }
    }
    Ok(Exit::Done)
}

fn entries<'a>(policy: &'a Policy, parts: &'a [Foreseen]) -> Vec<Entry<'a>> {
    let bare = |state, verdict| Entry {
        policy: policy.id.as_str(),
        store: None,
        collection: None,
        stages: Vec::new(),
        total: None,
        total_exact: false,
        undetermined: 0,
        why_undetermined: Vec::new(),
        waiting: 0,
        needed: 0,
        orphans: Vec::new(),
        state,
        verdict,
    };
    if parts.is_empty() {
        let question = policy.unresolved.as_deref().unwrap_or("it has no data");
        return vec![bare("unresolved", format!("unresolved: {question}"))];
    }
    let entry = |part: &'a Foreseen| {
        let target = &policy.data[part.index].target;
        let mut entry = bare(verdict::state(part), verdict::words(part));
        entry.store = Some(target.store.as_str());
        entry.collection = Some(&target.collection);
        entry.orphans = part.orphans.iter().map(With::of).collect();
        let of = part.unknown.as_ref().map_or(0, |reasons| reasons.of);
        let whys = part.unknown.iter().flat_map(|reasons| &reasons.found);
        entry.why_undetermined = whys
            .map(|(unknown, count)| Why { reason: phrase::unknown(*unknown), count: *count, of })
            .collect();
        if let Ok(plan) = &part.plan {
            entry.stages = plan.stages.iter().map(|stage| stage_json(plan, stage)).collect();
            entry.total = Some(plan.total.count);
            entry.total_exact = plan.total.exact;
            (entry.undetermined, entry.waiting, entry.needed) =
                (plan.undetermined, plan.waiting, plan.needed);
        }
        entry
    };
    parts.iter().map(entry).collect()
}

fn stage_json<'a>(plan: &DataPlan, stage: &'a StagePlan) -> Acts<'a> {
    Acts {
        stage: stage.stage,
        class: stage.class.as_deref(),
        action: stage.action.word(),
        after: (!stage.after.is_empty()).then_some(stage.after.as_str()),
        cutoff: stage.cutoff,
        due: stage.due,
        asked: stage.asked,
        held: stage.held,
        oldest: stage.oldest.map(phrase::start_json),
        newest: stage.newest.map(phrase::start_json),
        samples: stage.samples.iter().map(|key| key.text(plan.schema.key_form)).collect(),
        route: stage.route.as_deref(),
        counted_in: stage.aggregate.as_ref().map(|counts| counts.into.as_str()),
        with: with(stage).collect(),
    }
}

/// What goes with the records of a stage.
pub(super) fn with(stage: &StagePlan) -> impl Iterator<Item = With<'_>> {
    stage.along.iter().map(With::of)
}

impl<'a> With<'a> {
    fn of(along: &'a Along) -> Self {
        Self { store: along.store.as_str(), collection: &along.collection, count: along.count }
    }
}

/// A sentence for each table whose rows belong to records that are not there.
fn orphans<'a>(part: &'a Foreseen, records: &'a str) -> impl Iterator<Item = String> + 'a {
    part.orphans.iter().filter(|along| along.count != Some(0)).map(move |along| {
        let (table, records) = (phrase::safe(&along.collection), phrase::safe(records));
        let Some(count) = along.count else {
            return format!(
                "  how many rows of {table} belong to no record of {records} could not be counted"
            );
        };
        let rows = phrase::counted(count, "row", "rows");
        let belong = if count == 1 { "belongs" } else { "belong" };
        format!(
            "  {rows} of {table} {belong} to no record of {records}; nothing is done to what has no record"
        )
    })
}

/// A line for each stage with which something goes along.
pub(super) fn along(plan: &DataPlan) -> Vec<String> {
    let taking = plan.stages.iter().filter(|stage| stage.due > 0 && !stage.along.is_empty());
    taking
        .map(|stage| {
            let each: Vec<String> = with(stage)
                .map(|with| {
                    let place = phrase::safe(&format!("{} in {}", with.collection, with.store));
                    match with.count {
                        Some(count) => format!("{} of {place}", phrase::number(count)),
                        None => format!("all of theirs of {place} (counted as it goes)"),
                    }
                })
                .collect();
            format!("  {}, and with them: {}", stage_name(stage), each.join(", "))
        })
        .collect()
}

/// A line for each stage whose records are counted before they go.
pub(super) fn counts(plan: &DataPlan) -> Vec<String> {
    let counting = plan.stages.iter().filter_map(|stage| Some((stage, stage.aggregate.as_deref()?)));
    counting
        .map(|(stage, counts)| {
            let words = phrase::safe(&aggregate::words(counts));
            format!("  {}: before it goes, each record is {words}", stage_name(stage))
        })
        .collect()
}

/// One block for each `[[data]]`: where, the stages, what is kept, the verdict.
pub(super) fn print(policy: &Policy, parts: &[Foreseen], context: &Context) -> Result<(), Failure> {
    let output = context.output;
    if parts.is_empty() {
        output.line(output.paint(Tone::Strong, policy.id.as_str()))?;
        let question = policy.unresolved.as_deref().unwrap_or("it has no data");
        return output.prose(&format!("  unresolved: {}", phrase::safe(question)), 2);
    }
    for part in parts {
        let target = &policy.data[part.index].target;
        let total = part.plan.as_ref().map_or(String::new(), |plan| {
            let about = if plan.total.exact { "" } else { "about " };
            format!(", {about}{}", phrase::records(plan.total.count))
        });
        let place = phrase::safe(&format!("{} in {}{total}", target.collection, target.store));
        output.line(format!("{}: {place}", output.paint(Tone::Strong, policy.id.as_str())))?;
        if let Ok(plan) = &part.plan {
            for line in stages(policy, plan, context).lines(2) {
                output.line(line)?;
            }
            for line in counts(plan).into_iter().chain(along(plan)) {
                output.prose(&line, 4)?;
            }
            for (stage, keys) in samples(plan) {
                output.prose(&format!("  {stage}, for example: {keys}"), 4)?;
            }
            for stage in &plan.stages {
                if let Some(route) = &stage.route {
                    output.prose(&format!("  {}: {}", stage_name(stage), phrase::safe(route)), 4)?;
                }
            }
            for line in orphans(part, &target.collection) {
                output.prose(&line, 4)?;
            }
            if let Some(kept) = kept(plan) {
                output.line(format!("  kept: {kept}"))?;
            }
            if let Some(line) = part.unknown.as_ref().and_then(|reasons| undetermined(plan, reasons)) {
                output.prose(&line, 4)?;
            }
        }
        let tone = match verdict::state(part) {
            "approved" => Tone::Good,
            "stopped" | "incomplete" | "unreachable" => Tone::Bad,
            _ => Tone::Warning,
        };
        let verdict = phrase::wrap(&phrase::safe(&verdict::words(part)), output.width - 2, 2);
        output.line(format!("  {}", output.paint(tone, &verdict)))?;
    }
    Ok(())
}

/// The stages of one `[[data]]` as a table.
pub(super) fn stages(policy: &Policy, plan: &DataPlan, context: &Context) -> Grid {
    let columns = [
        Column::Flexible("stage"),
        Column::Text("after"),
        Column::Number("due"),
        Column::Number("held"),
        Column::Text("oldest"),
        Column::Text("newest"),
    ];
    let mut grid = Grid::new(context.output, &columns);
    for stage in &plan.stages {
        grid.row([
            stage_name(stage).into(),
            maybe((!stage.after.is_empty()).then(|| stage.after.clone())),
            count(stage.due),
            count(stage.held),
            maybe(stage.oldest.map(|oldest| phrase::start_day(oldest, policy.zone))),
            maybe(stage.newest.map(|newest| phrase::start_day(newest, policy.zone))),
        ]);
    }
    grid
}

fn stage_name(stage: &StagePlan) -> String {
    match &stage.class {
        Some(class) => format!("{class}: {} {}", stage.stage, stage.action.word()),
        None => format!("{} {}", stage.stage, stage.action.word()),
    }
}

/// The example keys of each stage that has some.
pub(super) fn samples(plan: &DataPlan) -> Vec<(String, String)> {
    let with_some = plan.stages.iter().filter(|stage| !stage.samples.is_empty());
    with_some
        .map(|stage| {
            let keys: Vec<_> =
                stage.samples.iter().map(|key| phrase::safe(&key.text(plan.schema.key_form))).collect();
            (stage_name(stage), keys.join(", "))
        })
        .collect()
}

/// Why records are undetermined: of all of them, or of the first.
fn undetermined(plan: &DataPlan, reasons: &Reasons) -> Option<String> {
    let each = |(unknown, count): &(Unknown, u64)| match *count {
        count if count == reasons.of => phrase::unknown(*unknown).to_owned(),
        count => format!("{} ({})", phrase::unknown(*unknown), phrase::number(count)),
    };
    let whys: Vec<String> = reasons.found.iter().map(each).collect();
    let among = match plan.undetermined > reasons.of {
        true => format!(" (of the first {})", phrase::number(reasons.of)),
        false => String::new(),
    };
    (!whys.is_empty()).then(|| format!("  undetermined{among}: {}", whys.join("; ")))
}

/// What is kept for a reason that somebody may want to look at.
pub(super) fn kept(plan: &DataPlan) -> Option<String> {
    let counts = [
        (plan.undetermined, "undetermined"),
        (plan.waiting, "waiting"),
        (plan.needed, "needed"),
        (plan.held(), "held"),
    ];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", phrase::number(number)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
