//! `forfall event withdraw`: an event that did not happen after all counts no longer.

use serde::Serialize;

use super::effect::{self, Effect};
use crate::audit::lint;
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::redate::Change;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The event
    name: String,
    /// The key for which it was recorded
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    /// Why: a code such as a case number, never a person's name, because it stands in the audit log
    #[arg(long, value_name = "CODE")]
    reason: String,
    /// Do not count what becomes of the records: quicker where stores are large
    #[arg(long)]
    no_count: bool,
}

#[derive(Serialize)]
struct Answer {
    withdrawn: usize,
    /// What becomes of the records.
    effects: Vec<Effect>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("--reason is empty: write a code such as a case number"));
    }
    if let Some(found) = lint::personal(&args.reason) {
        return Err(Failure::usage(format!(
            "--reason: {found}. What is written here is kept for years: write a code such as a case number"
        )));
    }
    let session = Session::open(context)?;
    let (now, by) = (context.clock.now(), session.actor());
    let what = format!("{} for {}", phrase::safe(&args.name), phrase::safe(&args.key));
    let withdrawn = session.state.withdraw_event(now, &by, &args.name, &args.key, &args.reason)?;
    let Some(before) = withdrawn else {
        return Err(Failure::usage(format!(
            "there is no event {what}, so nothing was withdrawn: `forfall event list` shows what is recorded"
        )));
    };
    context.output.tell(format!("Withdrawn: {what} at {}.", phrase::local(before.at, session.zone())));
    let change = Change::withdrawn(&args.name, &args.key, before);
    let effects = effect::tell(&session, &[change], !args.no_count, context)?;
    if context.output.is_json() {
        context.output.json(&Answer { withdrawn: 1, effects })?;
    }
    Ok(Exit::Done)
}
