//! `forfall audit keys` and `recover`: keys that follow one another, and a log that goes on after a loss.

use std::path::PathBuf;

use serde::Serialize;

use crate::audit::note::Checkpoint;
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::table::{Column, Grid, maybe};
use crate::cli::{Context, phrase};
use crate::state::heads::{self, Standing};
use crate::state::keeper::LogKeeper;
use crate::state::retention;
use crate::time::{Instant, Period};

/// How long the old key of the log signs beside the new one.
const OVERLAP: &str = "30 days";

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// List the keys that sign the log, and the epochs of the key that commitments are made with
    List,
    /// Give the log a new key, signed by the old one
    Rotate {
        /// Begin a new epoch of the commitment key instead
        #[arg(long, conflicts_with = "overlap")]
        epoch: bool,
        /// How long the old key signs beside the new one
        #[arg(long, value_name = "PERIOD", default_value = OVERLAP)]
        overlap: Period,
    },
    /// Destroy the commitment key and the lists of an epoch that has ended
    Destroy {
        /// The epoch, as `keys list` shows it
        epoch: u32,
        /// No certificate can be made from that epoch any more
        #[arg(long, required = true)]
        yes: bool,
        /// Before its retention has ended (`[audit] keep-manifests`): the log says so
        #[arg(long)]
        early: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Recover {
    /// The published head that the log does not lead to [default: the one published]
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// The log goes on under another name and key, and says what was lost
    #[arg(long, required = true)]
    yes: bool,
}

#[derive(Serialize)]
struct Keys {
    log: Vec<LogKey>,
    epochs: Vec<Epoch>,
}

#[derive(Serialize)]
struct LogKey {
    vkey: String,
    began: Instant,
    retires: Option<Instant>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the JSON interface")]
struct Epoch {
    epoch: u32,
    began: Instant,
    ended: Option<Instant>,
    destroyed: Option<Instant>,
}

#[derive(Serialize)]
struct Changed {
    vkey: Option<String>,
    epoch: Option<u32>,
    manifests: Option<u64>,
}

fn keeper(session: &Session) -> Result<&dyn LogKeeper, Failure> {
    session.state.keeper().ok_or_else(|| Failure::internal("this state does not keep its own log"))
}

pub(super) fn run(command: &Command, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let (keeper, now, by) = (keeper(session)?, context.clock.now(), session.actor());
    let (changed, told) = match command {
        Command::List => return list(keeper, session, context),
        Command::Rotate { epoch: true, .. } => {
            let epoch = keeper.rotate_epoch(now, &by)?;
            let told = format!("Epoch {epoch} has begun: commitments are made with a new key.");
            (Changed { vkey: None, epoch: Some(epoch), manifests: None }, told)
        }
        Command::Rotate { overlap, .. } => {
            let until = crate::time::due(
                crate::time::StartValue::Instant(now),
                crate::time::After::Period(*overlap),
                None,
                session.zone(),
            );
            let until = until.ok_or_else(|| Failure::usage("--overlap ends beyond the calendar"))?;
            let vkey = keeper.rotate_log_key(now, &by, until)?;
            let told = format!(
                "The log has a new key: {vkey}\nThe old one signs beside it until {}: tell everybody who checks \
                 the log before that.",
                phrase::local(until, session.zone())
            );
            (Changed { vkey: Some(vkey), epoch: None, manifests: None }, told)
        }
        Command::Destroy { epoch, early, .. } => {
            retention::refuse_if_held(&*session.state)?;
            let due = retention::due_epochs(
                &keeper.epochs()?,
                &session.config.audit.retention,
                session.zone(),
                now,
            );
            let is_early = !due.contains(epoch);
            if is_early && !early {
                return Err(Failure::stopped(format!(
                    "the retention of epoch {epoch} has not ended ([audit] keep-manifests, from the end of the year \
                     in which the epoch ended). --early destroys it all the same, and the log says so"
                )));
            }
            let destroyed = keeper.destroy_epoch(now, &by, *epoch, is_early)?;
            let lists = phrase::counted(destroyed.manifests, "list", "lists");
            let told = format!(
                "The commitment key of epoch {epoch} and {lists} are destroyed. The log and every certificate that \
                 was issued still verify."
            );
            (Changed { vkey: None, epoch: Some(*epoch), manifests: Some(destroyed.manifests) }, told)
        }
    };
    tell(&changed, &told, context)
}

fn tell(changed: &Changed, told: &str, context: &Context) -> Result<Exit, Failure> {
    if context.output.is_json() {
        context.output.json(changed)?;
    } else {
        context.output.line(told)?;
    }
    Ok(Exit::Done)
}

fn list(keeper: &dyn LogKeeper, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let (keys, epochs) = (keeper.log_keys()?, keeper.epochs()?);
    if context.output.is_json() {
        let log =
            keys.into_iter().map(|key| LogKey { vkey: key.vkey, began: key.began, retires: key.retires });
        let epochs = epochs.into_iter().map(|epoch| Epoch {
            epoch: epoch.number,
            began: epoch.began,
            ended: epoch.ended,
            destroyed: epoch.destroyed,
        });
        context.output.json(&Keys { log: log.collect(), epochs: epochs.collect() })?;
        return Ok(Exit::Done);
    }
    let time = |at: Option<Instant>| maybe(at.map(|at| phrase::local(at, session.zone())));
    let columns = [Column::Text("key of the log"), Column::Text("since"), Column::Text("signs until")];
    let mut grid = Grid::new(context.output, &columns);
    for key in keys {
        grid.row([key.vkey.into(), phrase::local(key.began, session.zone()).into(), time(key.retires)]);
    }
    grid.print()?;
    let columns =
        [Column::Number("epoch"), Column::Text("began"), Column::Text("ended"), Column::Text("destroyed")];
    let mut grid = Grid::new(context.output, &columns);
    for epoch in epochs {
        let began = phrase::local(epoch.began, session.zone());
        grid.row([epoch.number.to_string().into(), began.into(), time(epoch.ended), time(epoch.destroyed)]);
    }
    grid.print()?;
    Ok(Exit::Done)
}

/// Goes on under another name after a published head turned out to lie beyond the log.
pub(super) fn recover(recover: &Recover, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let keeper = keeper(session)?;
    let note = match &recover.head {
        Some(file) => fs_err::read_to_string(file).map_err(|error| Failure::usage(error.to_string()))?,
        None => forked(session)?,
    };
    let lost: Checkpoint = match heads::compare(&*session.state, &note)? {
        Standing::Forked(head) => *head,
        Standing::Follows | Standing::Recovered => {
            return Err(Failure::usage("the log leads to that head: nothing has to be recovered"));
        }
        Standing::Foreign(why) => return Err(Failure::usage(why)),
    };
    keeper.allow_writes();
    let vkey = keeper.continue_log(context.clock.now(), &session.actor(), &lost)?;
    let told = format!(
        "The log goes on under another name: {vkey}\nIts newest entry says that the head over {} was published \
         and not reached. Give the new key to everybody who checks the log.",
        phrase::counted(lost.size, "entry", "entries")
    );
    tell(&Changed { vkey: Some(vkey), epoch: None, manifests: None }, &told, context)
}

/// The largest published head that the log does not lead to.
fn forked(session: &Session) -> Result<String, Failure> {
    let mut worst: Option<(u64, String)> = None;
    for (_, note) in &session.published.heads {
        if let Standing::Forked(head) = heads::compare(&*session.state, note)?
            && worst.as_ref().is_none_or(|(size, _)| head.size > *size)
        {
            worst = Some((head.size, note.clone()));
        }
    }
    worst.map(|(_, note)| note).ok_or_else(|| {
        Failure::usage("no published head lies beyond the log: nothing has to be recovered, or name the head with --head")
    })
}
