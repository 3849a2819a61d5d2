//! `forfall review`: what waits for a person, and what people answer. The next run carries it out.

mod approval;
mod deciding;
mod showing;

use super::exit::{Exit, Failure};
use super::session::Session;
use super::{Context, phrase};
use crate::audit::lint;
use crate::engine::review::Question;
use crate::model::ids::CaseId;
use crate::model::key::Key;
use crate::model::review::{Case, Decision, Matter, Verdict};
use crate::state::review::Change;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the cases that wait, and the decisions that stand
    List {
        /// Those too that have come to their end
        #[arg(long)]
        all: bool,
    },
    /// Show one case: some of its records, what is decided in it, and what each decision would do
    Show {
        /// The case, as `review list` shows it
        case: String,
    },
    /// Decide a case; the next run carries it out, after the policy's waiting period
    Decide(deciding::Decide),
    /// Take what was decided back before it is carried out: the records wait again. With a policy: take its approval back
    /// while it waits (`wait`, `approvers`), or where its file is gone; it then only observes
    Cancel {
        /// The case; or the policy whose approval waits, or whose file is gone
        case: String,
        /// What was decided over these records alone, by their keys
        #[arg(long, value_name = "KEY", num_args = 1..)]
        only: Vec<String>,
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
        /// The receipt is for these records alone, as they were decided over
        #[arg(long, value_name = "KEY", num_args = 1..)]
        only: Vec<String>,
    },
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::List { all } => showing::list(*all, &session, context),
        Command::Show { case } => showing::show(&known(case, &session)?, 0, &session, context),
        Command::Decide(decide) => deciding::decided(decide, &session, context),
        Command::Cancel { case, only, reason } => {
            plain("--reason", reason)?;
            if case.parse::<CaseId>().is_err() {
                if session.policy(case).is_ok() {
                    return approval::cancel(case, only, reason, &session, context);
                }
                if let Some(gone) = session.vanished()?.iter().find(|id| id.as_str() == case) {
                    return approval::retire(gone, only, reason, &session, context);
                }
            }
            let case = known(case, &session)?;
            let cancel = match only.is_empty() {
                true => Change::Cancel(case.id, reason.clone()),
                // Not asked whether they still wait: what was decided over a record can be taken back whatever it has
                // become meanwhile.
                false => Change::CancelOnly(case.id, keys(&case, only, false, &session)?, reason.clone()),
            };
            change(&cancel, 0, &session, context)
        }
        Command::Receipt { case, reference, only } => {
            plain("the receipt", reference)?;
            let case = known(case, &session)?;
            let matter = awaiting_receipt(&case, only, &session)?;
            let policy = session.policy(case.waiting.seat.policy.as_str())?;
            let effective = deciding::after_waiting(policy, context)?;
            change(&Change::Receive(matter, reference.clone(), effective), 0, &session, context)
        }
    }
}

/// `overridden` records were in another decision before.
fn change(change: &Change, overridden: u64, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let case = session.state.change_case(context.clock.now(), Some(&session.actor()), change)?;
    showing::show(&case, overridden, session, context)
}

fn known(text: &str, session: &Session) -> Result<Case, Failure> {
    let found = text.parse::<CaseId>().ok().zip(Some(session.state.cases(true)?));
    found.and_then(|(id, cases)| cases.into_iter().find(|case| case.id == id)).ok_or_else(|| {
        Failure::usage(format!("there is no case {}: `forfall review list` shows them", phrase::safe(text)))
    })
}

/// The records of a case that somebody names, as the store spells them.
fn keys(case: &Case, typed: &[String], waiting: bool, session: &Session) -> Result<Vec<Key>, Failure> {
    let policy = session.policy(case.waiting.seat.policy.as_str())?;
    let Some(question) = Question::new(&session.engine, policy, case)? else {
        return Err(no_stage(case));
    };
    if super::hold::has_no_lasting_key(&question.schema) {
        return Err(Failure::usage(format!(
            "records of {} in store {} have no primary key, and the number of a row may come to mean another one: only \
             the whole case can be decided",
            phrase::safe(&case.waiting.seat.collection),
            case.waiting.seat.store
        )));
    }
    if !waiting {
        return Ok(question.spelled(typed)?);
    }
    let (keys, strangers) = question.keys(typed)?;
    if strangers.is_empty() {
        return Ok(keys);
    }
    let named: Vec<String> = strangers.iter().take(10).map(|text| phrase::safe(text)).collect();
    Err(Failure::usage(format!(
        "{} of the records named are not of case {}: {}. Nothing is decided: `forfall review show {1}` names some that \
         are, `forfall explain {} KEY` tells the case of a record",
        strangers.len(),
        case.id,
        named.join(", "),
        policy.id
    )))
}

fn no_stage(case: &Case) -> Failure {
    Failure::usage(format!(
        "policy {} has no `escalate` stage there any more, so nothing can be decided in case {}",
        case.waiting.seat.policy, case.id
    ))
}

/// Which transfer in the case a receipt is for.
fn awaiting_receipt(case: &Case, only: &[String], session: &Session) -> Result<Matter, Failure> {
    let waits = |decision: Option<&Decision>| {
        decision.is_some_and(|one| one.verdict == Verdict::Transfer && one.receipt.is_none())
    };
    let parts = case.parts.iter().filter(|part| waits(part.decision.as_ref()));
    if !only.is_empty() {
        let mut named = keys(case, only, false, session)?;
        named.sort_unstable();
        named.dedup();
        let found = parts.clone().find(|part| part.keys == named);
        return found.map(|part| Matter { case: case.id, part: Some(part.number) }).ok_or_else(|| {
            Failure::usage(format!(
                "in case {} no transfer of exactly these records waits for a receipt: `forfall review show {0}`",
                case.id
            ))
        });
    }
    let of_parts = parts.map(|part| Matter { case: case.id, part: Some(part.number) });
    let whole = waits(case.decision.as_ref()).then(|| case.id.into());
    let all: Vec<Matter> = whole.into_iter().chain(of_parts).collect();
    match all[..] {
        [] => Ok(case.id.into()),
        [one] => Ok(one),
        _ => Err(Failure::usage(format!(
            "{} transfers in case {} wait for a receipt: say with --only which records this one is for",
            all.len(),
            case.id
        ))),
    }
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
