//! `forfall approve`: somebody has seen the counts and says go.

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::{Output, Tone};
use super::session::Session;
use super::{Context, actor, orphans, phrase, plan};
use crate::engine::approve::{self as engine_approve, Offer};
use crate::engine::approvers;
use crate::model::action::Action;
use crate::policy::rule::Policy;
use crate::state::api::Approval;
use crate::time::Instant;

/// How many keys of each stage are shown.
const SAMPLES: usize = 5;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The policies
    #[arg(required = true)]
    policies: Vec<String>,
    /// The number of records that you have seen to be due; then nothing is asked
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Who wrote the text, if not you: a user of this system. Where several people are asked, its author is none of them
    #[arg(long, value_name = "USER")]
    author: Option<String>,
}

#[derive(Serialize)]
struct Approvals<'a> {
    approvals: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    policy: String,
    hash: String,
    at: Instant,
    count: u64,
    with: Vec<plan::With<'a>>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open_valid(context)?;
    let output = context.output;
    if args.count.is_none() && !output.can_ask() {
        return Err(Failure::usage(
            "there is no terminal to ask on: look at `forfall plan`, then give the number of due records with --count",
        ));
    }
    let author = args.author.as_deref().map(actor::named).transpose()?;
    orphans::refuse(&session)?;
    if session.policies(&args.policies)?.iter().any(|policy| policy.approvers > 1) {
        session.person()?;
    }
    let mut offers = Vec::new();
    for policy in session.policies(&args.policies)? {
        offers.push((policy, engine_approve::offer(&session.engine, policy, SAMPLES)?));
    }
    for warning in orphans::unmatched(&session, offers.iter().map(|(policy, _)| *policy))? {
        output.warn(warning);
    }
    // Everything is asked before anything is approved.
    match args.count {
        Some(count) => seen(count, &offers)?,
        None => {
            for (policy, offer) in &offers {
                show(policy, offer, context);
                ask(policy, offer, &output)?;
            }
        }
    }
    let mut given = Vec::new();
    for (policy, offer) in &offers {
        if args.count.is_some() && !output.is_json() {
            show(policy, offer, context);
        }
        let (by, author) = (session.actor(), author.as_ref());
        match engine_approve::give(&session.engine, policy, &by, author, offer.count) {
            Ok(approval) => given.push(approval),
            Err(error) => {
                // Those before it are approved all the same.
                if !given.is_empty() {
                    tell(&given, &offers, &session, context)?;
                }
                return Err(error.into());
            }
        }
    }
    tell(&given, &offers, &session, context)
}

/// `--count` stands for all the named policies together.
fn seen(count: u64, offers: &[(&Policy, Offer)]) -> Result<(), Failure> {
    let present: u64 = offers.iter().map(|(_, offer)| offer.count).sum();
    let waiting: u64 = offers.iter().map(|(_, offer)| for_people(offer)).sum();
    if engine_approve::near_enough(count, present) {
        return Ok(());
    }
    let each = offers.iter().map(|(policy, offer)| format!("{} {}", policy.id, phrase::number(offer.count)));
    let each = match offers {
        [_] => String::new(),
        _ => format!(" ({})", each.collect::<Vec<_>>().join(", ")),
    };
    let says = match waiting {
        0 => format!("{} are due now{each}, and --count says", phrase::records(present)),
        _ => format!("{}{each}; --count is about the others, and says", due_now(present, waiting)),
    };
    Err(Failure::stopped(format!(
        "{says} {}: look at `forfall plan` and approve what you see there",
        phrase::number(count)
    )))
}

/// Records that a run leaves for people to decide over: they are in the plan, and no run acts on them.
fn for_people(offer: &Offer) -> u64 {
    let stages = offer.plans.iter().flat_map(|plan| &plan.stages);
    stages.filter(|stage| matches!(stage.action, Action::Escalate(_))).map(|stage| stage.due).sum()
}

/// `3 records due now`, told apart from those that wait for a person: the table has both in one column.
fn due_now(due: u64, waiting: u64) -> String {
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let others = if due == 1 { "other is" } else { "others are" };
    match waiting {
        0 => format!("{} due now", phrase::records(due)),
        _ => format!(
            "{} {wait} for a person's decision, and {} {others} due now",
            phrase::records(waiting),
            phrase::number(due)
        ),
    }
}

fn ask(policy: &Policy, offer: &Offer, output: &Output) -> Result<(), Failure> {
    let waiting = match for_people(offer) {
        0 => String::new(),
        waiting => format!(" ({} of the plan are for a person's decision)", phrase::number(waiting)),
    };
    let answer = output.ask(&format!("Type {} to approve {}{waiting}:", offer.count, policy.id))?;
    let typed = answer.as_deref().map(|text| text.replace([',', ' '], ""));
    if typed.and_then(|text| text.parse().ok()) == Some(offer.count) {
        return Ok(());
    }
    Err(Failure::stopped(format!("policy {} is not approved: that was not {}", policy.id, offer.count)))
}

/// What is offered: on stderr, because it is a question and not the result.
fn show(policy: &Policy, offer: &Offer, context: &Context) {
    let output = context.output;
    output.say(format!(
        "{}: {}",
        output.paint(Tone::Strong, policy.id.as_str()),
        phrase::safe(&policy.title)
    ));
    for plan in &offer.plans {
        let place = format!(
            "{} in {}, {}",
            plan.target.collection,
            plan.target.store,
            phrase::records(plan.total.count)
        );
        output.say(format!("  {}", phrase::safe(&place)));
        for line in plan::stages(policy, plan, context).lines(2) {
            output.say(line);
        }
        for line in plan::counts(plan).into_iter().chain(plan::along(plan)) {
            output.say(phrase::wrap(&line, output.width, 4));
        }
        for (stage, keys) in plan::samples(plan) {
            output.say(phrase::wrap(&format!("  {stage}, for example: {keys}"), output.width, 4));
        }
        if let Some(kept) = plan::kept(plan) {
            output.say(format!("  kept: {kept}"));
        }
        if let Some(marker) = &plan.schema.marker {
            let text =
                format!("  In the store, {marker} proves what was done; it is made if it is not there yet.");
            output.say(phrase::wrap(&text, output.width, 2));
        }
        if plan.stages.iter().filter_map(|stage| stage.aggregate.as_ref()).any(|counts| counts.hides()) {
            let text = "  In the store, forfall_cell will be made: groups that are too small to be shown wait there, \
                        for whoever may read it.";
            output.say(phrase::wrap(text, output.width, 2));
        }
    }
    for sentence in undoable(policy) {
        output.say(phrase::wrap(&format!("  {sentence}"), output.width, 2));
    }
}

/// What cannot be undone, in plain sentences.
fn undoable(policy: &Policy) -> Vec<&'static str> {
    let actions: Vec<&Action> = policy
        .data
        .iter()
        .flat_map(|data| &data.branches)
        .flat_map(|branch| &branch.stages)
        .map(|stage| &stage.action)
        .collect();
    let mut sentences = Vec::new();
    if actions.iter().any(|action| matches!(action, Action::Delete)) {
        sentences.push("What is deleted cannot be brought back by forfall. Backups and copies elsewhere are not touched.");
    }
    if actions.iter().any(|action| matches!(action, Action::Anonymize(_))) {
        sentences.push("What is anonymized loses the old values for good.");
    }
    if actions.iter().any(|action| matches!(action, Action::Shield(_))) {
        sentences.push("What is shielded is hidden from readers; forfall does not show it again.");
    }
    sentences
}

fn tell(
    given: &[Approval],
    offers: &[(&Policy, Offer)],
    session: &Session,
    context: &Context,
) -> Result<Exit, Failure> {
    if context.output.is_json() {
        let approved = given.iter().zip(offers).map(|(approval, (_, offer))| Entry {
            policy: approval.policy.to_string(),
            hash: approval.hash.clone(),
            at: approval.at,
            count: approval.count,
            with: offer.plans.iter().flat_map(|plan| &plan.stages).flat_map(plan::with).collect(),
        });
        context.output.json(&Approvals { approvals: approved.collect() })?;
        return Ok(Exit::Done);
    }
    for (approval, (_, offer)) in given.iter().zip(offers) {
        let due = due_now(approval.count, for_people(offer));
        let policy = session.policy(approval.policy.as_str())?;
        let given = approvers::of(&*session.state, &policy.id, &approval.hash)?;
        let (count, asked) = (given.count(policy.approvers), policy.approvers);
        if count < asked as usize {
            let author = match given.author_is_left_out(asked) {
                true => {
                    " Its author is none of them: `--author` says who wrote it, if not the first who approves it."
                }
                false => "",
            };
            context.output.prose(
                &format!(
                    "Approved {} by {count} of {asked} people: {due}.{author} Nothing is done until somebody else approves \
                     it too.",
                    approval.policy
                ),
                2,
            )?;
            continue;
        }
        if let Some(ends) = engine_approve::waits_until(policy, approval).filter(|_| policy.wait.is_some()) {
            let (id, ends) = (&approval.policy, phrase::local(ends, policy.zone));
            context.output.prose(
                &format!(
                    "Approved {id}: {due}. Nothing is done before {ends}; until then `forfall review cancel {id}` \
                     takes it back."
                ),
                2,
            )?;
            continue;
        }
        let next = policy.schedule.next_after(context.clock.now(), policy.zone);
        let when = next
            .map_or(String::new(), |slot| format!(" The next slot is {}.", phrase::slot(slot, policy.zone)));
        context.output.prose(&format!("Approved {}: {due}.{when}", approval.policy), 2)?;
    }
    Ok(Exit::Done)
}
