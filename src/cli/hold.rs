//! `forfall hold`: keeps records whatever the policies say. Adding one needs no valid policy unless it names a key,
//! a collection or a condition.

mod add;
mod gone;
mod record;
mod release;
mod shown;
mod window;

pub(super) use record::has_no_lasting_key;

use super::Context;
use super::exit::{Exit, Failure};
use super::session::Session;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Put a hold in force: what it covers is kept until it is released, or until a day that is given
    Add(Box<add::Add>),
    /// List the holds in force, and those that have ended and still keep what they covered
    List,
    /// Say that somebody has looked at a hold again, and when the next time is; it stays in force
    Reviewed(release::Reviewed),
    /// Release a hold that somebody else has put in force; what it covered is kept for another 24 hours
    Release(release::Release),
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    let session = Session::open(context)?;
    match command {
        Command::Add(add) => add::put(add, &session, context),
        Command::List => shown::list(&session, context),
        Command::Reviewed(order) => release::reviewed(order, &session, context),
        Command::Release(order) => release::release(order, &session, context),
    }
}
