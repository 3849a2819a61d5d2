//! `forfall hold release`: by a second person, and no trigger.

use chrono::NaiveDate;
use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::model::ids::HoldId;
use crate::state::api;
use crate::time::Instant;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Release {
    /// The hold, as `hold list` shows it
    id: String,
    /// The person concerned was told that the restriction is lifted (GDPR article 18(3)); a restriction needs it
    #[arg(long)]
    informed: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Reviewed {
    /// The hold, as `hold list` shows it
    id: String,
    /// The day by which somebody must look at it again
    #[arg(long, value_name = "DAY")]
    next: NaiveDate,
}

#[derive(Serialize)]
struct ReviewedHold {
    hold: String,
    review: NaiveDate,
}

#[derive(Serialize)]
struct Released {
    hold: String,
    /// Until then what it covered is kept.
    keeps_until: Instant,
}

/// Moves the day on which people are reminded.
pub(super) fn reviewed(order: &Reviewed, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let now = context.clock.now();
    let id = known(&order.id)?;
    if order.next <= session.zone().local(now).date() {
        return Err(Failure::usage(format!("--next {} is not to come: give a later day", order.next)));
    }
    if !session.state.review_hold(now, &session.actor(), &id, order.next)? {
        return Err(unknown(&order.id));
    }
    if context.output.is_json() {
        context.output.json(&ReviewedHold { hold: id.to_string(), review: order.next })?;
        return Ok(Exit::Done);
    }
    context.output.say(format!("Hold {id} stays in force, to be reviewed by {}.", order.next));
    Ok(Exit::Done)
}

fn unknown(id: &str) -> Failure {
    Failure::usage(format!("there is no hold {} in force: `forfall hold list` shows them", phrase::safe(id)))
}

fn known(id: &str) -> Result<HoldId, Failure> {
    id.parse().map_err(|_| unknown(id))
}

pub(super) fn release(order: &Release, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let id = known(&order.id)?;
    let local = |at| phrase::local(at, session.zone());
    match session.state.release_hold(context.clock.now(), &session.person()?, &id, order.informed)? {
        api::Release::Done(back) if context.output.is_json() => {
            context.output.json(&Released { hold: id.to_string(), keeps_until: back })?;
        }
        api::Release::Done(back) => context.output.say(format!(
            "Hold {id} is released. What it covered is kept until {} and goes with a run after that, if it is due then.",
            local(back)
        )),
        api::Release::Unknown => return Err(unknown(&order.id)),
        api::Release::Over(end) => {
            return Err(Failure::usage(format!("hold {id} has ended already, {}", local(end))));
        }
        api::Release::SamePerson => {
            let until = session.state.holds()?.into_iter().find(|hold| hold.id == id).and_then(|hold| hold.until);
            let by_itself =
                until.map_or(String::new(), |end| format!(" By itself it ends {}.", local(end)));
            return Err(Failure::stopped(format!(
                "you have put hold {id} in force: somebody else has to release it. It stays in force.{by_itself}"
            )));
        }
        api::Release::NotTold => {
            return Err(Failure::stopped(format!(
                "hold {id} is a restriction of processing: tell the person concerned before it is lifted (GDPR article \
                 18(3)), then release it with --informed. It stays in force"
            )));
        }
    }
    Ok(Exit::Done)
}
