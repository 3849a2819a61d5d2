//! `forfall audit`: reads the log, says what an entry means, and verifies all of it.

mod certificate;
mod elsewhere;
mod keys;
mod prose;
mod summary;
mod upkeep;

use std::path::PathBuf;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::Session;
use super::table::{Column, Grid};
use super::{Context, event, phrase};
use crate::audit::entry::{Body, KINDS};
use crate::audit::verify::Report;
use crate::model::ids::{BatchId, PolicyId, RunId, StoreName};
use crate::state::api::{Actor, Filter, Placed};
use crate::state::{check, heads};
use summary::Summary;

/// How many entries are read at once.
const PAGE: usize = 1_000;
/// How many a table shows unless more are asked for.
const SHOWN: usize = 50;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List entries, oldest first
    List(List),
    /// Say in plain words what an entry means
    Show {
        /// The entry's index
        index: u64,
    },
    /// Verify the whole log, or an export of it
    Verify {
        /// An export's directory: no configuration is needed then
        #[arg(requires = "vkey")]
        dir: Option<PathBuf>,
        /// The log's public key, for an export
        #[arg(long, value_name = "KEY", requires = "dir")]
        vkey: Option<String>,
        /// An older signed head that was kept elsewhere: shows whether the end was cut off
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Print the log's public key (C2SP verifier key)
    Vkey,
    /// Prove offline, to anybody, that one record was disposed of
    Certificate(certificate::Issue),
    /// Check a certificate; needs no configuration, state or network
    CheckCertificate(certificate::Check),
    /// Write what is new of the log as C2SP tlog-tiles
    Export {
        /// The directory; an earlier export there is continued
        dir: PathBuf,
    },
    /// Cosign a head, if it follows from the last one seen here; needs no configuration or state
    Cosign(elsewhere::Cosign),
    /// List, rotate and destroy keys of the log
    #[command(subcommand)]
    Keys(keys::Command),
    /// Go on under another name after entries were lost
    Recover(keys::Recover),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only entries of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// Only entries about this policy
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Only entries about this store
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// Only entries of this run
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// Not earlier than this
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Earlier than this
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only entries about this batch
    #[arg(long, value_name = "BATCH")]
    batch: Option<BatchId>,
    /// Only batches and requests for this action, such as delete
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only entries before this index: the page before
    #[arg(long, value_name = "INDEX")]
    before: Option<u64>,
    /// Comma-separated values (RFC 4180) instead of a table
    #[arg(long)]
    csv: bool,
    /// Only the newest N [table: 50, JSON and CSV: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Entries {
    entries: Vec<Summary>,
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::CheckCertificate(check) => return certificate::check(check, context),
        Command::Cosign(cosign) => return elsewhere::cosign(cosign, context),
        Command::Verify { dir: Some(dir), vkey, since } => {
            let since = read(since.as_ref())?;
            let report = elsewhere::verify(dir, vkey.as_deref().unwrap_or_default(), since.as_deref())?;
            return tell(&report, context);
        }
        _ => {}
    }
    let session = Session::open(context)?;
    match command {
        Command::CheckCertificate(_) | Command::Cosign(_) => Ok(Exit::Done),
        Command::Certificate(issue) => certificate::issue(issue, &session, context),
        Command::Export { dir } => elsewhere::export(dir, &session, context),
        Command::Keys(command) => keys::run(command, &session, context),
        Command::Recover(recover) => keys::recover(recover, &session, context),
        Command::List(list) => entries(list, &session, context),
        Command::Show { index } => show(*index, &session, context),
        Command::Verify { since, .. } => {
            tell(&verified(&session, read(since.as_ref())?.as_deref())?, context)
        }
        Command::Vkey => {
            let vkey = session.state.verifier_key()?;
            match context.output.is_json() {
                true => context.output.json(&serde_json::json!({ "vkey": vkey.trim_end() }))?,
                false => context.output.line(vkey.trim_end())?,
            }
            Ok(Exit::Done)
        }
    }
}

fn entries(list: &List, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let time = |text: &Option<String>| {
        text.as_deref().map(|text| event::read_time(text, session.zone())).transpose()
    };
    let filter = Filter {
        kind: list.kind.clone(),
        policy: list.policy.as_deref().map(PolicyId::new),
        store: list.store.as_deref().map(StoreName::new),
        run: list.run,
        batch: list.batch,
        from: time(&list.from)?,
        to: time(&list.to)?,
        newest_first: true,
    };
    let all = context.output.is_json() || list.csv;
    let limit = list.limit.unwrap_or(if all { usize::MAX } else { SHOWN });
    let (found, more) = newest(session, &filter, list, limit)?;
    if list.csv {
        context.output.verbatim(&summary::csv(&found))?;
        return Ok(Exit::Done);
    }
    if context.output.is_json() {
        context.output.json(&Entries { entries: found.iter().map(Summary::of).collect() })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        context.output.say("No entry matches.");
        return Ok(Exit::Done);
    }
    let columns =
        [Column::Number("index"), Column::Text("time"), Column::Text("kind"), Column::Flexible("what")];
    let mut grid = Grid::new(context.output, &columns);
    for placed in &found {
        grid.row([
            phrase::number(placed.index).into(),
            phrase::local(placed.entry.time, session.zone()).into(),
            placed.entry.body.kind().into(),
            prose::short(&placed.entry.body).into(),
        ]);
    }
    grid.print()?;
    if more {
        context.output.say("Older entries are not shown: --limit N shows more.");
    }
    Ok(Exit::Done)
}

/// The newest entries that match, oldest first, and whether there are older ones.
fn newest(
    session: &Session,
    filter: &Filter,
    list: &List,
    limit: usize,
) -> Result<(Vec<Placed>, bool), Failure> {
    let mut found: Vec<Placed> = Vec::new();
    let mut after = list.before;
    while found.len() <= limit {
        let page = session.state.find(filter, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        let wanted = |placed: &Placed| list.action.is_none() || Summary::of(placed).action == list.action;
        found.extend(page.into_iter().filter(wanted));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    found.reverse();
    Ok((found, more))
}

fn show(index: u64, session: &Session, context: &Context) -> Result<Exit, Failure> {
    let Some(placed) = session.state.entries(index, 1)?.into_iter().find(|placed| placed.index == index)
    else {
        let (size, _) = session.state.log_head()?;
        return Err(Failure::usage(match size.checked_sub(1) {
            Some(last) => format!("there is no entry {index}: the newest is {last}"),
            None => "the log has no entries yet".to_owned(),
        }));
    };
    if context.output.is_json() {
        let entry = serde_json::to_value(&placed.entry).map_err(std::io::Error::from)?;
        context.output.json(&serde_json::json!({ "index": index, "entry": entry }))?;
        return Ok(Exit::Done);
    }
    let when = phrase::local_named(placed.entry.time, session.zone());
    context.output.line(context.output.paint(Tone::Strong, &format!("Entry {index}, {when}")))?;
    for sentence in prose::long(&placed.entry.body, session.zone()) {
        context.output.prose(&phrase::safe(&sentence), 2)?;
    }
    // The log has pseudonyms alone; whoever may read the state may know whom they stand for.
    for pseudonym in placed.entry.body.people() {
        if let Some(Actor(name)) = session.state.actor(pseudonym)? {
            let sentence = format!("{pseudonym} is {name}, as this state knows; the log does not.");
            context.output.prose(&phrase::safe(&sentence), 2)?;
        }
    }
    worded_then(&placed.entry.body, session, context)?;
    Ok(Exit::Done)
}

/// The rule as it was worded then.
fn worded_then(body: &Body, session: &Session, context: &Context) -> Result<(), Failure> {
    let hash = match body {
        Body::Policy(seen) => &seen.hash,
        Body::Approval(given) => &given.hash,
        Body::Run(note) => &note.hash,
        Body::Intent(intent) => &intent.hash,
        _ => return Ok(()),
    };
    match session.state.policy_text(hash)? {
        Some(text) => {
            context.output.line("")?;
            context.output.line(context.output.paint(Tone::Strong, "The rule as it was worded then"))?;
            for line in text.lines() {
                context.output.line(phrase::safe(&format!("  {line}")))?;
            }
            Ok(())
        }
        None => context.output.line("The text of the rule is not kept here."),
    }
}

/// Reads the whole log against its signed head, and against what was published of it.
pub(super) fn verified(session: &Session, since: Option<&str>) -> Result<Report, Failure> {
    let mut report = check::verify(&*session.state, since)?;
    heads::tell(&*session.state, &session.publisher, &session.published, &mut report)?;
    Ok(report)
}

fn read(file: Option<&PathBuf>) -> Result<Option<String>, Failure> {
    file.map(fs_err::read_to_string).transpose().map_err(|error| Failure::usage(error.to_string()))
}

fn tell(report: &Report, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    if output.is_json() {
        output.json(report)?;
    } else {
        let (tone, headline) = headline(report);
        output.line(output.paint(tone, &headline))?;
        output.line(format!("  root {}", report.root))?;
        for problem in &report.problems {
            let place = problem.index.map_or("the log".to_owned(), |index| format!("entry {index}"));
            output.prose(&phrase::safe(&format!("  wrong: {place}: {}", problem.text)), 4)?;
        }
        for remark in &report.remarks {
            let place = remark.index.map_or("the log".to_owned(), |index| format!("entry {index}"));
            output.prose(&phrase::safe(&format!("  remark: {place}: {}", remark.text)), 4)?;
        }
        for checked in &report.checked {
            output.prose(&format!("  checked: {checked}"), 4)?;
        }
        for unchecked in &report.not_checked {
            output.prose(&format!("  not checked: {unchecked}"), 4)?;
        }
    }
    Ok(if report.ok { Exit::Done } else { Exit::Unverified })
}

/// One line that says whether the log holds.
pub(super) fn headline(report: &Report) -> (Tone, String) {
    let counts = format!(
        "{}, {}, {}",
        phrase::counted(report.size, "entry", "entries"),
        phrase::counted(report.intents, "intent", "intents"),
        phrase::counted(report.outcomes, "outcome", "outcomes"),
    );
    let open =
        if report.open > 0 { format!(", {} open", phrase::number(report.open)) } else { String::new() };
    if report.ok {
        (Tone::Good, format!("The audit log verifies: {counts}{open}."))
    } else {
        (Tone::Bad, format!("THE AUDIT LOG DOES NOT VERIFY ({counts}{open})."))
    }
}
