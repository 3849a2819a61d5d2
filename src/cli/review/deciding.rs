//! `forfall review decide`: over a whole case, or over some of its records.

use chrono::NaiveDate;

use super::{change, keys, known, no_stage, plain};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, event, phrase};
use crate::engine::{approvers, review};
use crate::model::key::Key;
use crate::model::review::{Case, CaseState, Decision, Part, Verdict};
use crate::policy::rule::Policy;
use crate::state::review::{Change, Quorum};
use crate::time::{After, Instant, Period, StartValue, due};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Decide {
    /// The case
    case: String,
    /// What is decided
    #[arg(value_parser = ["delete", "extend", "preserve", "transfer"])]
    decision: String,
    /// Why: a code such as a case number, never a person's name, because it stands in the audit log
    #[arg(long, value_name = "CODE")]
    reason: String,
    /// Decide over these records alone, by their keys: the rest of the case waits
    #[arg(long, value_name = "KEY", num_args = 1..)]
    only: Vec<String>,
    /// For `extend`: until when; the policy's `each` from now, if not given
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The reference of an outside authority's decision
    #[arg(long, value_name = "REF")]
    decision_ref: Option<String>,
    /// The first day on which that decision is valid
    #[arg(long, value_name = "DAY", requires = "decision_ref")]
    valid_from: Option<NaiveDate>,
    /// The last day on which it is valid
    #[arg(long, value_name = "DAY", requires = "decision_ref")]
    valid_until: Option<NaiveDate>,
}

pub(super) fn decided(decide: &Decide, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let case = known(&decide.case, session)?;
    plain("--reason", &decide.reason)?;
    if let Some(reference) = &decide.decision_ref {
        plain("--decision-ref", reference)?;
    }
    let seat = &case.waiting.seat;
    let policy = session.policy(seat.policy.as_str())?;
    if policy.approvers > 1 {
        session.person()?;
    }
    let Some((_, escalate)) = review::stage_of(policy, seat) else { return Err(no_stage(&case)) };
    let word = decide.decision.as_str();
    let verdict = Verdict::of_word(word).filter(|_| escalate.decisions.iter().any(|allowed| allowed == word));
    let Some(verdict) = verdict else {
        return Err(Failure::usage(format!(
            "policy {} does not allow `{word}` here: it allows {}",
            policy.id,
            escalate.decisions.join(", ")
        )));
    };
    let goes = matches!(verdict, Verdict::Delete | Verdict::Transfer);
    let needed =
        escalate.needs.as_deref().filter(|_| goes).or((verdict == Verdict::Transfer).then_some("archive"));
    if let (Some(authority), None) = (needed, &decide.decision_ref) {
        return Err(Failure::usage(format!(
            "`{word}` needs the decision of {authority}: give its reference with --decision-ref"
        )));
    }
    let valid = consent(decide, policy, needed, context)?;
    let keys = match decide.only.is_empty() {
        true => Vec::new(),
        false => keys(&case, &decide.only, true, session)?,
    };
    let proposed = proposal(&case, &keys);
    let until = match (verdict, &decide.until) {
        // Who agrees means the day that was proposed, not as long from today.
        (Verdict::Extend, None) if proposed.is_some() => proposed.and_then(|one| one.until),
        (Verdict::Extend, text) => Some(extended(text.as_deref(), &case, policy, escalate.extend, context)?),
        (_, Some(_)) => return Err(Failure::usage("--until belongs to `extend`")),
        (_, None) => None,
    };
    let decision = Decision {
        verdict,
        reason: decide.reason.clone(),
        reference: decide.decision_ref.clone(),
        valid,
        until,
        receipt: None,
        by: Vec::new(),
        at: context.clock.now(),
        effective: after_waiting(policy, context)?,
    };
    let author = approvers::in_force(&*session.state, policy)?.author;
    let quorum = Quorum { people: policy.approvers, author };
    if keys.is_empty() {
        return change(&Change::Decide(case.id, decision, quorum), 0, session, context);
    }
    let overridden = overridden(&case, &keys);
    change(&Change::DecideOnly(case.id, keys, decision, quorum), overridden, session, context)
}

/// The days between which an outside authority's decision is valid.
fn consent(
    decide: &Decide,
    policy: &Policy,
    needed: Option<&str>,
    context: &Context,
) -> Result<(Option<NaiveDate>, Option<NaiveDate>), Failure> {
    let valid = (decide.valid_from, decide.valid_until);
    if let (Some(from), Some(to)) = valid
        && to < from
    {
        return Err(Failure::usage(format!("--valid-until {to} is before --valid-from {from}")));
    }
    if let Some(last) = decide.valid_until.filter(|last| *last < review::today(policy, context.clock.now())) {
        return Err(Failure::usage(format!(
            "--valid-until {last} has passed: nothing could go under that decision. Ask {} for a new one",
            needed.unwrap_or("the authority")
        )));
    }
    Ok(valid)
}

/// What somebody else has proposed for the same records.
fn proposal<'a>(case: &'a Case, keys: &[Key]) -> Option<&'a Decision> {
    if keys.is_empty() {
        return case.decision.as_ref().filter(|_| case.state == CaseState::Proposed);
    }
    let (mut sorted, proposed) = (keys.to_vec(), |part: &&Part| part.state == CaseState::Proposed);
    sorted.sort_unstable();
    sorted.dedup();
    case.parts.iter().filter(proposed).find(|part| part.keys == sorted)?.decision.as_ref()
}

/// How many of these records stand in a decision that the new one takes them out of.
fn overridden(case: &Case, keys: &[Key]) -> u64 {
    let all = case.decision.is_some() && case.state == CaseState::Decided;
    let among = |key: &&Key| match case.parts.iter().find(|part| part.keys.contains(key)) {
        Some(part) => part.state == CaseState::Decided,
        None => all,
    };
    keys.iter().filter(among).count() as u64
}

/// Until when an extension keeps the records. All of them together count from the day on which the oldest was due.
fn extended(
    until: Option<&str>,
    case: &Case,
    policy: &Policy,
    extend: Option<(Period, Period)>,
    context: &Context,
) -> Result<Instant, Failure> {
    let now = context.clock.now();
    let after = |from, period| due(StartValue::Instant(from), After::Period(period), None, policy.zone);
    let until = match until {
        Some(text) => Some(event::read_time(text, policy.zone)?),
        None => extend.and_then(|(each, _)| after(now, each)),
    };
    let until = until.ok_or_else(|| Failure::usage("give the end of the extension with --until"))?;
    if until <= now {
        return Err(Failure::usage(format!(
            "{} has passed: an extension ends later than now",
            phrase::local(until, policy.zone)
        )));
    }
    if let Some((each, most)) = extend {
        let longest = after(now, each);
        if longest.is_some_and(|longest| until > longest) {
            return Err(Failure::usage(format!("policy {} extends by at most {each} at once", policy.id)));
        }
        let last = case.waiting.oldest_due.and_then(|from| after(from, most));
        if last.is_some_and(|last| until > last) {
            return Err(Failure::usage(format!(
                "policy {} extends by at most {most} in all, and the oldest record has been due since {}",
                policy.id,
                case.waiting.oldest_due.map_or_else(String::new, |at| phrase::local(at, policy.zone))
            )));
        }
    }
    Ok(until)
}

/// From when on something decided now is carried out.
pub(super) fn after_waiting(policy: &Policy, context: &Context) -> Result<Instant, Failure> {
    let now = context.clock.now();
    let Some(wait) = policy.wait else { return Ok(now) };
    due(StartValue::Instant(now), After::Period(wait), None, policy.zone)
        .ok_or_else(|| Failure::usage(format!("the waiting period {wait} never ends")))
}
