//! `forfall review`: what waits for a person, and what people answer. The next run carries it out.

use chrono::NaiveDate;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::{Context, actor, event, phrase};
use crate::audit::lint;
use crate::engine::{approvers, review};
use crate::model::ids::CaseId;
use crate::model::review::{Case, CaseState, Decision, Verdict};
use crate::policy::rule::Policy;
use crate::state::review::{Change, Quorum};
use crate::time::{After, Instant, Period, StartValue, due};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the cases that wait, and the decisions that stand
    List {
        /// Those too that have come to their end
        #[arg(long)]
        all: bool,
    },
    /// Show one case
    Show {
        /// The case, as `review list` shows it
        case: String,
    },
    /// Decide a case; the next run carries it out, after the policy's waiting period
    Decide(Decide),
    /// Take a decision back before it is carried out; the case waits again
    Cancel {
        /// The case
        case: String,
        /// Why: a code, never a person's name
        #[arg(long, value_name = "CODE")]
        reason: String,
    },
    /// Enter the receipt of the archive that has taken the records over; then they go
    Receipt {
        /// The case
        case: String,
        /// The archive's reference for what it received
        reference: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Decide {
    /// The case
    case: String,
    /// What is decided
    #[arg(value_parser = ["delete", "extend", "preserve", "transfer"])]
    decision: String,
    /// Why: a code such as a case number, never a person's name, because it stands in the audit log
    #[arg(long, value_name = "CODE")]
    reason: String,
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

#[derive(Serialize)]
struct Reviews<'a> {
    reviews: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    case: String,
    policy: &'a str,
    store: &'a str,
    collection: &'a str,
    class: Option<&'a str>,
    stage: usize,
    state: &'static str,
    records: u64,
    oldest: Option<&'a str>,
    newest: Option<&'a str>,
    opened: Instant,
    up_to: Instant,
    deadline: Option<Instant>,
    question: Option<&'a str>,
    to: &'a [String],
    decisions: Vec<&'static str>,
    needs: Option<&'a str>,
    decision: Option<&'static str>,
    reason: Option<&'a str>,
    reference: Option<&'a str>,
    valid_from: Option<NaiveDate>,
    valid_until: Option<NaiveDate>,
    until: Option<Instant>,
    effective: Option<Instant>,
    people: usize,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::List { all } => list(*all, &session, context),
        Command::Show { case } => show(&known(case, &session)?, &session, context),
        Command::Decide(decide) => decided(decide, &session, context),
        Command::Cancel { case, reason } => {
            plain("--reason", reason)?;
            let id = known(case, &session)?.id;
            change(&Change::Cancel(id, reason.clone()), &session, context)
        }
        Command::Receipt { case, reference } => {
            plain("the receipt", reference)?;
            let case = known(case, &session)?;
            let effective = after_waiting(session.policy(case.waiting.seat.policy.as_str())?, context)?;
            change(&Change::Receive(case.id, reference.clone(), effective), &session, context)
        }
    }
}

fn known(text: &str, session: &Session) -> Result<Case, Failure> {
    let found = text.parse::<CaseId>().ok().zip(Some(session.state.cases(true)?));
    found.and_then(|(id, cases)| cases.into_iter().find(|case| case.id == id)).ok_or_else(|| {
        Failure::usage(format!("there is no case {}: `forfall review list` shows them", phrase::safe(text)))
    })
}

/// A text that stands in the log for years.
fn plain(what: &str, text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{what} is empty: write a code such as a case number")));
    }
    match lint::personal(text) {
        Some(found) => Err(Failure::usage(format!(
            "{what}: {found}. What is written here is kept for years: write a code such as a case number"
        ))),
        None => Ok(()),
    }
}

fn decided(decide: &Decide, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let case = known(&decide.case, session)?;
    plain("--reason", &decide.reason)?;
    if let Some(reference) = &decide.decision_ref {
        plain("--decision-ref", reference)?;
    }
    let seat = &case.waiting.seat;
    let policy = session.policy(seat.policy.as_str())?;
    let Some((_, escalate)) = review::stage_of(policy, seat) else {
        return Err(Failure::usage(format!(
            "policy {} has no `escalate` stage there any more, so nothing can be decided in case {}",
            policy.id, case.id
        )));
    };
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
    let until = match (verdict, &decide.until) {
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
    change(&Change::Decide(case.id, decision, quorum), session, context)
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
fn after_waiting(policy: &Policy, context: &Context) -> Result<Instant, Failure> {
    let now = context.clock.now();
    let Some(wait) = policy.wait else { return Ok(now) };
    due(StartValue::Instant(now), After::Period(wait), None, policy.zone)
        .ok_or_else(|| Failure::usage(format!("the waiting period {wait} never ends")))
}

fn change(change: &Change, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let case = session.state.change_case(context.clock.now(), Some(&actor::present()), change)?;
    show(&case, session, context)
}

fn list(all: bool, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let cases = session.state.cases(all)?;
    if context.output.is_json() {
        context.output.json(&Reviews { reviews: cases.iter().map(entry).collect() })?;
    } else if cases.is_empty() {
        context
            .output
            .tell("No review case waits. A run opens one when records fall due for an `escalate` stage.");
    } else {
        cases.iter().try_for_each(|case| print(case, session, context))?;
    }
    Ok(Exit::Done)
}

fn show(case: &Case, session: &Session, context: &Context) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(&entry(case))?;
    } else {
        print(case, session, context)?;
    }
    Ok(Exit::Done)
}

fn print(case: &Case, session: &Session, context: &Context) -> Result<(), Failure> {
    let (output, waiting, seat) = (context.output, &case.waiting, &case.waiting.seat);
    let tone = if case.is_open() { Tone::Warning } else { Tone::Good };
    let local = |at| phrase::local(at, session.zone());
    output.line(format!(
        "{} {}",
        output.paint(Tone::Strong, &case.id.to_string()),
        output.paint(tone, case.state.word())
    ))?;
    let class = seat.class.as_ref().map_or(String::new(), |class| format!(", class {class}"));
    let place = format!(
        "  {}: {} of {} in {} (stage {}{class}), due by {}",
        seat.policy,
        phrase::records(waiting.records),
        seat.collection,
        seat.store,
        seat.stage,
        local(waiting.seen)
    );
    output.prose(&phrase::safe(&place), 4)?;
    if let (Some(oldest), Some(newest)) = (&waiting.oldest, &waiting.newest) {
        output.prose(&format!("  starts from {oldest} to {newest}"), 4)?;
    }
    if let Some(question) = &waiting.question {
        output.prose(&format!("  {}", phrase::safe(question)), 4)?;
    }
    let Some(decision) = &case.decision else {
        let words: Vec<&str> = waiting.decisions.iter().map(|verdict| verdict.word()).collect();
        let deadline = waiting.deadline.map_or(String::new(), |at| format!("; wanted by {}", local(at)));
        return output.prose(&format!("  may be decided: {}{deadline}", words.join(", ")), 4);
    };
    let until = decision.until.map_or(String::new(), |until| format!(" until {}", local(until)));
    let reference = decision.reference.as_ref().map_or(String::new(), |text| format!(", under {text}"));
    let by = phrase::counted(decision.by.len() as u64, "person", "people");
    let said = format!(
        "  {}{until} ({}{reference}), by {by} on {}",
        decision.verdict.word(),
        decision.reason,
        local(decision.at)
    );
    output.prose(&phrase::safe(&said), 4)?;
    if case.state == CaseState::Proposed {
        return output.prose("  another person has to decide the same", 4);
    }
    let now = context.clock.now();
    if let (CaseState::Decided, Ok(policy)) = (case.state, session.policy(seat.policy.as_str())) {
        match decision.lets_go(now, review::today(policy, now)) {
            Ok(()) => output.prose("  the next run carries it out", 4)?,
            Err(_) if now < decision.effective => {
                output.prose(&format!("  may be cancelled until {}", local(decision.effective)), 4)?;
            }
            Err(why) => output.prose(&format!("  {why}"), 4)?,
        }
    }
    Ok(())
}

fn entry(case: &Case) -> Entry<'_> {
    let (waiting, seat, decision) = (&case.waiting, &case.waiting.seat, case.decision.as_ref());
    Entry {
        case: case.id.to_string(),
        policy: seat.policy.as_str(),
        store: seat.store.as_str(),
        collection: &seat.collection,
        class: seat.class.as_deref(),
        stage: seat.stage,
        state: case.state.word(),
        records: waiting.records,
        oldest: waiting.oldest.as_deref(),
        newest: waiting.newest.as_deref(),
        opened: case.opened,
        up_to: waiting.seen,
        deadline: waiting.deadline,
        question: waiting.question.as_deref(),
        to: &waiting.to,
        decisions: waiting.decisions.iter().map(|verdict| verdict.word()).collect(),
        needs: waiting.needs.as_deref(),
        decision: decision.map(|decision| decision.verdict.word()),
        reason: decision.map(|decision| decision.reason.as_str()),
        reference: decision.and_then(|decision| decision.reference.as_deref()),
        valid_from: decision.and_then(|decision| decision.valid.0),
        valid_until: decision.and_then(|decision| decision.valid.1),
        until: decision.and_then(|decision| decision.until),
        effective: decision.map(|decision| decision.effective),
        people: decision.map_or(0, |decision| decision.by.len()),
    }
}
