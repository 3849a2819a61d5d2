//! Cases on the screen, and as JSON.

mod choices;

use chrono::NaiveDate;
use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Tone;
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::EngineError;
use crate::engine::review::{self, Question};
use crate::model::key::KeyForm;
use crate::model::review::{Case, CaseState, Decision, Part};
use crate::time::Instant;

/// How many records of a case are named.
const SAMPLES: usize = 10;

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
    #[serde(flatten)]
    decision: Told<'a>,
    parts: Vec<PartEntry<'a>>,
}

/// A decision; nothing but `null` where there is none.
#[derive(Serialize)]
struct Told<'a> {
    decision: Option<&'static str>,
    reason: Option<&'a str>,
    reference: Option<&'a str>,
    valid_from: Option<NaiveDate>,
    valid_until: Option<NaiveDate>,
    until: Option<Instant>,
    effective: Option<Instant>,
    people: usize,
}

/// Records that were decided over by themselves.
#[derive(Serialize)]
struct PartEntry<'a> {
    part: u32,
    state: &'static str,
    records: u64,
    #[serde(flatten)]
    decision: Told<'a>,
    /// `None` where only counts are told, or nobody can tell how keys are spelled.
    keys: Option<Vec<String>>,
}

/// One case with what the store says of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    case: Entry<'a>,
    /// Some records that are in no part; `None` where the store could not be asked.
    samples: Option<Vec<String>>,
    /// What each decision would do.
    choices: Vec<choices::Choice>,
    /// How many records the decision just taken has taken out of another one.
    overridden: u64,
}

pub(super) fn list(all: bool, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let cases = session.state.cases(all)?;
    if context.output.is_json() {
        context.output.json(&Reviews { reviews: cases.iter().map(|case| entry(case, None)).collect() })?;
    } else if cases.is_empty() {
        context
            .output
            .tell("No review case waits. A run opens one when records fall due for an `escalate` stage.");
    } else {
        cases.iter().try_for_each(|case| print(case, None, session, context))?;
    }
    Ok(Exit::Done)
}

pub(super) fn show(
    case: &Case,
    overridden: u64,
    session: &Session,
    context: &Context,
) -> Result<Exit, Failure> {
    let (form, samples) = match looked_at(case, session) {
        Ok(Some((form, samples))) => (Some(form), Some(samples)),
        Ok(None) => (None, None),
        Err(error) => {
            context.output.warn(format!("its records could not be looked at: {error}"));
            (None, None)
        }
    };
    let choices = choices::of(case, session, context);
    if context.output.is_json() {
        context.output.json(&Shown { case: entry(case, form), samples, choices, overridden })?;
        return Ok(Exit::Done);
    }
    print(case, form, session, context)?;
    if let Some(samples) = samples.filter(|samples| !samples.is_empty()) {
        context.output.prose(&format!("  for example: {}", samples.join(", ")), 4)?;
    }
    for choice in &choices {
        context.output.prose(&phrase::safe(&format!("  {}: {}", choice.decision, choice.effect)), 6)?;
    }
    if overridden > 0 {
        let had = phrase::counted(overridden, "of these records was", "of these records were");
        context.output.prose(&format!("  {had} decided over before: the newer decision counts."), 4)?;
    }
    Ok(Exit::Done)
}

/// How keys are spelled, and some records of the case, as the store has them now. `None` where nothing is left to look
/// at.
fn looked_at(case: &Case, session: &Session) -> Result<Option<(KeyForm, Vec<String>)>, EngineError> {
    let Ok(policy) = session.policy(case.waiting.seat.policy.as_str()) else { return Ok(None) };
    if case.has_ended() {
        return Ok(None);
    }
    let Some(question) = Question::new(&session.engine, policy, case)? else { return Ok(None) };
    let form = question.form();
    let keys = question.samples(case, SAMPLES)?;
    Ok(Some((form, keys.iter().map(|key| phrase::safe(&key.text(form))).collect())))
}

fn print(case: &Case, form: Option<KeyForm>, session: &Session, context: &Context) -> Result<(), Failure> {
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
    for part in &case.parts {
        let named = form.map_or(String::new(), |form| format!(" ({})", keys_of(part, form).join(", ")));
        let named = if part.keys.is_empty() { String::new() } else { named };
        let what = match &part.decision {
            Some(decision) => format!("{}: {}", part.state.word(), said(decision, session)),
            None => "taken back; they wait again".to_owned(),
        };
        let line = format!("  part {}, {}{named}: {what}", part.number, phrase::records(part.records));
        output.prose(&phrase::safe(&line), 4)?;
        if let Some(decision) = &part.decision {
            print_course(part.state, decision, case, session, context)?;
        }
    }
    let Some(decision) = &case.decision else {
        if case.is_open() {
            let words: Vec<&str> = waiting.decisions.iter().map(|verdict| verdict.word()).collect();
            let deadline = waiting.deadline.map_or(String::new(), |at| format!("; wanted by {}", local(at)));
            output.prose(&format!("  may be decided: {}{deadline}", words.join(", ")), 4)?;
        }
        return Ok(());
    };
    output.prose(&phrase::safe(&format!("  {}", said(decision, session))), 4)?;
    print_course(case.state, decision, case, session, context)
}

/// A decision in one line.
fn said(decision: &Decision, session: &Session) -> String {
    let local = |at| phrase::local(at, session.zone());
    let until = decision.until.map_or(String::new(), |until| format!(" until {}", local(until)));
    let reference = decision.reference.as_ref().map_or(String::new(), |text| format!(", under {text}"));
    let from = decision.valid.0.map_or(String::new(), |day| format!(", valid from {day}"));
    let last = decision.valid.1.map_or(String::new(), |day| format!(", valid until {day}"));
    format!(
        "{}{until} ({}{reference}{from}{last}), by {} on {}",
        decision.verdict.word(),
        decision.reason,
        phrase::counted(decision.by.len() as u64, "person", "people"),
        local(decision.at)
    )
}

/// What comes of a decision now.
fn print_course(
    state: CaseState,
    decision: &Decision,
    case: &Case,
    session: &Session,
    context: &Context,
) -> Result<(), Failure> {
    let (output, now) = (context.output, context.clock.now());
    if state == CaseState::Proposed {
        return output.prose("    another person has to decide the same", 6);
    }
    let (CaseState::Decided, Ok(policy)) = (state, session.policy(case.waiting.seat.policy.as_str())) else {
        return Ok(());
    };
    match decision.lets_go(now, review::today(policy, now)) {
        Ok(()) => output.prose("    the next run carries it out", 6),
        Err(_) if now < decision.effective => {
            let until = phrase::local(decision.effective, session.zone());
            output.prose(&format!("    may be cancelled until {until}"), 6)
        }
        Err(why) => output.prose(&format!("    {why}"), 6),
    }
}

fn keys_of(part: &Part, form: KeyForm) -> Vec<String> {
    let mut named: Vec<String> =
        part.keys.iter().take(SAMPLES).map(|key| phrase::safe(&key.text(form))).collect();
    if part.keys.len() > SAMPLES {
        named.push(format!("and {} more", part.keys.len() - SAMPLES));
    }
    named
}

fn entry(case: &Case, form: Option<KeyForm>) -> Entry<'_> {
    let (waiting, seat) = (&case.waiting, &case.waiting.seat);
    let part = |part| part_entry(part, form);
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
        decision: told(case.decision.as_ref()),
        parts: case.parts.iter().map(part).collect(),
    }
}

fn part_entry(part: &Part, form: Option<KeyForm>) -> PartEntry<'_> {
    PartEntry {
        part: part.number,
        state: part.state.word(),
        records: part.records,
        decision: told(part.decision.as_ref()),
        keys: form.map(|form| part.keys.iter().map(|key| key.text(form)).collect()),
    }
}

fn told(decision: Option<&Decision>) -> Told<'_> {
    Told {
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
