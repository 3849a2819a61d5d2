//! `forfall pause` and `resume`: the kill switch. It needs no valid policy, so that it always works.

use super::Context;
use super::exit::{Exit, Failure};
use super::session::Session;
use crate::model::ids::{PolicyId, StoreName};
use crate::state::api::PauseScope;

/// Everything, unless a policy or a store is named
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this policy
    #[arg(long, value_name = "POLICY", conflicts_with = "store")]
    policy: Option<String>,
    /// Only this store
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

pub(super) fn pause(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    let scope = scope(args, &session)?;
    session.state.pause(context.clock.now(), &session.actor(), &scope)?;
    context.output.tell(format!(
        "Paused: {}. No batch of that starts any more; `{}` ends it.",
        words(&scope),
        scope.resume()
    ));
    Ok(Exit::Done)
}

pub(super) fn resume(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    let scope = scope(args, &session)?;
    if session.state.resume(context.clock.now(), &session.actor(), &scope)? {
        context.output.tell(format!("Resumed: {}.", words(&scope)));
        for left in session.state.pauses()? {
            context.output.tell(format!("Still paused: {}.", words(&left)));
        }
        return Ok(Exit::Done);
    }
    let paused = session.state.pauses()?;
    let others: Vec<_> = paused.iter().map(words).collect();
    Err(Failure::usage(if others.is_empty() {
        "nothing is paused".to_owned()
    } else {
        format!("{} is not paused; what is: {}", words(&scope), others.join(", "))
    }))
}

/// What is meant. A policy that cannot be read any more can still be paused; a name that nobody ever wrote cannot.
fn scope(args: &Args, session: &Session) -> Result<PauseScope, Failure> {
    Ok(match (&args.policy, &args.store) {
        (Some(policy), _) => {
            session.known_policy(policy)?;
            PauseScope::Policy(PolicyId::new(policy))
        }
        (_, Some(store)) => {
            session.known_store(store)?;
            PauseScope::Store(StoreName::new(store))
        }
        (None, None) => PauseScope::All,
    })
}

/// A scope in words.
pub(super) fn words(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "everything".to_owned(),
        PauseScope::Policy(policy) => format!("policy {policy}"),
        PauseScope::Store(store) => format!("store {store}"),
    }
}
