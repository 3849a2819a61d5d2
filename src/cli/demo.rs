//! `forfall demo`: the whole product on sample data, for real, on one screen.

mod data;
mod screen;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::init::write_new;
use super::session::Session;
use super::{Context, check};
use crate::engine::progress::{Stop, Unwatched};
use crate::engine::run::{self as engine_run, Occasion, Report};
use crate::engine::{approve, foresee};
use crate::model::hold::{Hold, HoldKind, HoldScope};
use crate::model::ids::{HoldId, StoreName};
use crate::model::key::Key;
use crate::model::run::{RunState, Trigger};
use crate::policy::rule::Policy;
use crate::state::api::EventRecord;

const CONFIG: &str = include_str!("demo/forfall.toml");
const POLICIES: [(&str, &str); 5] = [
    ("applicants", include_str!("../../policies/applicants.toml")),
    ("case-files", include_str!("../../policies/case-files.toml")),
    ("cctv", include_str!("../../policies/cctv.toml")),
    ("journal-names", include_str!("../../policies/journal-names.toml")),
    ("switchboard-log", include_str!("../../policies/switchboard-log.toml")),
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to put it: a directory that is not there yet [default: a new one for temporary files]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let dir = make_dir(args.dir.as_deref(), context)?;
    let config = dir.join("forfall.toml");
    write_new(&config, CONFIG)?;
    fs_err::create_dir(dir.join("policies"))?;
    for (name, text) in POLICIES {
        write_new(&dir.join(format!("policies/{name}.toml")), text)?;
    }
    let context = Context { config, ..context.clone() };
    let session = Session::open_valid(&context)?;
    let known = data::fill(&dir.join("stores"), context.clock.now(), session.zone())?;
    let screen = screen::Screen { session: &session, context: &context, dir: &dir };

    screen.welcome()?;
    let findings =
        check::of_stores(&session.config, &session.policies, &session.engine.stores, context.clock.now());
    screen.checked(&findings)?;
    somebody_steps_in(&session, &context, &known)?;
    let mut planned = Vec::new();
    for policy in &session.policies {
        planned.push((policy, foresee::foresee(&session.engine, policy, context.clock.now(), 0)?));
    }
    screen.planned(&planned)?;
    let reports = approve_and_run(&session)?;
    screen.ran(&reports)?;
    screen.standing()?;
    let verified = super::audit::verified(&session, None)?;
    screen.verified(&verified)?;
    screen.explained(&known)?;
    screen.next_steps(&known)?;
    let complete = reports.iter().all(|(_, report)| report.state == RunState::Complete);
    Ok(if complete && verified.ok { Exit::Done } else { Exit::Incomplete })
}

/// A hold and an event, as people would enter them.
fn somebody_steps_in(session: &Session, context: &Context, known: &data::Known) -> Result<(), Failure> {
    let now = context.clock.now();
    let scope = HoldScope {
        store: Some(StoreName::new("switchboard")),
        key: Some(Key::from_int(known.held_call)),
        ..HoldScope::default()
    };
    let hold = Hold {
        id: HoldId::at(now),
        scope,
        reason: "complaint-2026-7".to_owned(),
        authority: None,
        since: now,
        kind: HoldKind::Legal,
        matter: None,
        review: None,
        until: None,
        released: None,
    };
    session.state.add_hold(&session.actor(), &hold)?;
    let handed_over = EventRecord { name: "handed-to-police".to_owned(), key: known.clip.clone(), at: now };
    session.state.add_event(now, &session.actor(), &handed_over)?;
    Ok(())
}

fn approve_and_run(session: &Session) -> Result<Vec<(&Policy, Report)>, Failure> {
    let occasion = Occasion { trigger: Trigger::Operator, slots: None };
    let mut reports = Vec::new();
    for policy in &session.policies {
        let count = approve::offer(&session.engine, policy, 0)?.count;
        approve::give(&session.engine, policy, &session.actor(), None, count)?;
        reports.push((
            policy,
            engine_run::run(&session.engine, policy, &occasion, &Unwatched, &Stop::default())?,
        ));
    }
    Ok(reports)
}

/// A directory of our own: nothing that is there is touched.
fn make_dir(wanted: Option<&Path>, context: &Context) -> Result<PathBuf, Failure> {
    let dir = if let Some(dir) = wanted {
        std::path::absolute(dir)?
    } else {
        let unique = HoldId::at(context.clock.now()).to_string();
        std::env::temp_dir().join(format!("forfall-demo-{}", &unique[unique.len() - 8..]))
    };
    if let Some(parent) = dir.parent() {
        fs_err::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(&dir).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "{} is there already, and the demo touches nothing that is: name a directory that is not there",
            dir.display()
        )),
        _ => Failure::internal(format!("{}: {error}", dir.display())),
    })?;
    Ok(dir)
}
