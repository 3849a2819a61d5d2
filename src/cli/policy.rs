//! `forfall policy`: lists, shows and tests policies, and prints the schema of the language.

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::output::Tone;
use super::session::{self, Session};
use super::table::{Column, Grid, maybe};
use super::{Context, names, phrase};
use crate::policy::rule::Policy;
use crate::policy::test;
use crate::policy::{schema, sentence};
use crate::state::api::Approval;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the policies
    List,
    /// Show a policy: its sentence and its text
    Show {
        /// The policy
        policy: String,
    },
    /// Run the policies' own tests
    Test {
        /// The policies; all of them, if none is named
        policies: Vec<String>,
    },
    /// Print the JSON Schema of the policy language
    Schema,
}

#[derive(Serialize)]
struct Policies<'a> {
    policies: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    policy: &'a str,
    title: &'a str,
    owner: &'a str,
    file: String,
    hash: &'a str,
    stores: Vec<&'a str>,
    unresolved: Option<&'a str>,
    sentence: String,
}

#[derive(Serialize)]
struct Tests<'a> {
    ok: bool,
    tests: Vec<Tested<'a>>,
}

#[derive(Serialize)]
struct Tested<'a> {
    policy: &'a str,
    test: &'a str,
    passed: bool,
    expected: &'a str,
    got: &'a str,
    why: &'a [String],
}

pub(super) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List => list(context),
        Command::Show { policy } => show(policy, context),
        Command::Test { policies } => tests(policies, context),
        Command::Schema => {
            context.output.json(&schema::policy_schema())?;
            Ok(Exit::Done)
        }
    }
}

fn entry(policy: &Policy) -> Entry<'_> {
    let mut stores: Vec<_> = policy.data.iter().map(|data| data.target.store.as_str()).collect();
    stores.dedup();
    Entry {
        policy: policy.id.as_str(),
        title: &policy.title,
        owner: &policy.owner,
        file: policy.file.display().to_string(),
        hash: &policy.hash,
        stores,
        unresolved: policy.unresolved.as_deref(),
        sentence: sentence::sentence(policy),
    }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let loaded = session::load(context);
    let entries: Vec<_> = loaded.policies.iter().map(entry).collect();
    if context.output.is_json() {
        context.output.json(&Policies { policies: entries })?;
    } else {
        let columns = [
            Column::Text("policy"),
            Column::Flexible("title"),
            Column::Flexible("owner"),
            Column::Flexible("stores"),
        ];
        let mut grid = Grid::new(context.output, &columns);
        for entry in entries {
            let stores =
                if entry.unresolved.is_some() { "unresolved".to_owned() } else { entry.stores.join(", ") };
            grid.row([entry.policy.into(), entry.title.into(), entry.owner.into(), maybe(Some(stores))]);
        }
        grid.print()?;
    }
    session::load_valid(context).map(|_| Exit::Done)
}

fn show(name: &str, context: &Context) -> Result<Exit, Failure> {
    let session = Session::look(context)?;
    let policy = session.policy(name)?;
    let output = context.output;
    if output.is_json() {
        output.json(&entry(policy))?;
        return Ok(Exit::Done);
    }
    output.line(output.paint(Tone::Strong, policy.id.as_str()))?;
    output.prose(&phrase::safe(&sentence::sentence(policy)), 0)?;
    let approved = match session.state.approval(&policy.id)? {
        Some(Approval { cancelled: Some(cancelled), .. }) => {
            format!("approval cancelled {} ({})", phrase::local(cancelled.at, policy.zone), cancelled.reason)
        }
        Some(approval) if approval.hash == policy.hash => {
            format!("approved {}", phrase::local(approval.at, policy.zone))
        }
        Some(approval) => format!("another text was approved {}", phrase::local(approval.at, policy.zone)),
        None => "not approved".to_owned(),
    };
    output.line(format!("{}: {approved}", policy.file.display()))?;
    output.line(format!("SHA-256 {}", policy.hash))?;
    output.line("")?;
    output.raw(policy.text.trim())?;
    Ok(Exit::Done)
}

fn tests(chosen: &[String], context: &Context) -> Result<Exit, Failure> {
    let loaded = session::load_valid(context)?;
    let output = context.output;
    let mut results = Vec::new();
    for policy in names::named(&loaded.policies, chosen)? {
        results.extend(test::run(policy).into_iter().map(|result| (policy, result)));
    }
    let failed = results.iter().filter(|(_, result)| !result.passed).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::Invalid };
    if output.is_json() {
        let mut tests = Vec::new();
        for (policy, result) in &results {
            tests.push(Tested {
                policy: policy.id.as_str(),
                test: &result.name,
                passed: result.passed,
                expected: &result.expected,
                got: &result.got,
                why: &result.why,
            });
        }
        output.json(&Tests { ok: failed == 0, tests })?;
        return Ok(exit);
    }
    for (policy, result) in &results {
        let word = if result.passed {
            output.paint(Tone::Good, "ok    ")
        } else {
            output.paint(Tone::Bad, "FAILED")
        };
        output.line(format!("{word} {}: {}", policy.id, phrase::safe(&result.name)))?;
        if !result.passed {
            output.prose(&format!("       expected {}, got {}", result.expected, result.got), 9)?;
            for sentence in &result.why {
                output.prose(&format!("       {}", phrase::safe(sentence)), 9)?;
            }
        }
    }
    output.line(format!("{}, {failed} failed", phrase::counted(results.len() as u64, "test", "tests")))?;
    Ok(exit)
}
