//! What the demo shows: about as much as fits on one screen.

use std::path::{Path, PathBuf};

use super::data::Known;
use crate::audit::verify::Report as Verified;
use crate::cli::exit::Failure;
use crate::cli::output::{Output, Tone};
use crate::cli::plan::{self, verdict};
use crate::cli::session::Session;
use crate::cli::table::{Column, Grid, count};
use crate::cli::{Context, audit, explain, phrase, status};
use crate::engine::foresee::Foreseen;
use crate::engine::run::Report;
use crate::engine::status as engine_status;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::rule::Policy;
use crate::policy::sentence;

/// The demo's page.
pub(super) struct Screen<'a> {
    pub(super) session: &'a Session,
    pub(super) context: &'a Context,
    pub(super) dir: &'a Path,
}

impl Screen<'_> {
    fn output(&self) -> Output {
        self.context.output
    }

    fn section(&self, command: &str, says: &str) -> Result<(), Failure> {
        let output = self.output();
        output.line("")?;
        output.line(format!("{} {says}", output.paint(Tone::Strong, &format!("forfall {command}"))))
    }

    pub(super) fn welcome(&self) -> Result<(), Failure> {
        let text = format!(
            "Forfall carries out written retention rules. This is a real run on invented data in {}; nothing else was touched.",
            self.dir.display()
        );
        self.output().prose(&text, 0)
    }

    /// Each policy's first sentence: the rest is for `check`.
    pub(super) fn checked(&self, findings: &[Diagnostic]) -> Result<(), Failure> {
        let warnings = match findings.len() {
            0 => String::new(),
            some => format!(" ({})", phrase::counted(some as u64, "remark", "remarks")),
        };
        self.section("check", &format!("reads every rule back in words{warnings}:"))?;
        for policy in &self.session.policies {
            let sentence = sentence::sentence(policy);
            let first = sentence.split_inclusive(". ").next().unwrap_or(&sentence);
            self.output().prose(&format!("  {}", first.trim_end()), 4)?;
        }
        Ok(())
    }

    pub(super) fn planned(&self, planned: &[(&Policy, Vec<Foreseen>)]) -> Result<(), Failure> {
        self.section("plan", "counts what is due, and changes nothing:")?;
        self.output().line("  (Meanwhile somebody put a call on hold, and handed a clip to the police.)")?;
        let columns = [
            Column::Text("policy"),
            Column::Number("records"),
            Column::Flexible("would"),
            Column::Flexible("keeps, and why"),
        ];
        let mut grid = Grid::new(self.output(), &columns);
        for (policy, parts) in planned {
            for part in parts {
                let Ok(plan) = &part.plan else { continue };
                let acts = verdict::acts(plan);
                let acts = acts
                    .strip_prefix("would ")
                    .unwrap_or(&acts)
                    .replace(" records", "")
                    .replace(" record", "");
                let kept = plan::kept(plan).unwrap_or_else(|| "-".to_owned());
                grid.row([policy.id.as_str().into(), count(plan.total.count), acts.into(), kept.into()]);
            }
        }
        self.lines(&grid)
    }

    pub(super) fn ran(&self, reports: &[(&Policy, Report)]) -> Result<(), Failure> {
        self.section("approve", "binds a rule to what was seen; forfall run then carries it out:")?;
        let columns = [Column::Text("policy"), Column::Text("run"), Column::Flexible("did")];
        let mut grid = Grid::new(self.output(), &columns);
        for (policy, report) in reports {
            let stages = report.parts.iter().flat_map(|part| &part.stages);
            let done: Vec<_> = stages
                .filter(|stage| stage.done > 0)
                .map(|stage| {
                    let class = stage.class.as_ref().map_or(String::new(), |class| format!(" ({class})"));
                    format!("{} {}{class}", stage.action, phrase::number(stage.done))
                })
                .collect();
            let remarks = report.parts.iter().flat_map(|part| &part.remarks).cloned();
            let said: Vec<_> = done.into_iter().chain(report.reason.clone()).chain(remarks).collect();
            let did = if said.is_empty() { "nothing".to_owned() } else { said.join(", ") };
            grid.row([policy.id.as_str().into(), report.state.to_string().into(), did.into()]);
        }
        self.lines(&grid)
    }

    pub(super) fn verified(&self, report: &Verified) -> Result<(), Failure> {
        self.section("audit verify", "checks the signed log; no person is named in it:")?;
        let (tone, headline) = audit::headline(report);
        let output = self.output();
        output.line(format!("  {}", output.paint(tone, &headline)))
    }

    pub(super) fn standing(&self) -> Result<(), Failure> {
        let now = self.context.clock.now();
        let mut standings = Vec::new();
        for policy in &self.session.policies {
            standings.push((policy, engine_status::standing(&self.session.engine, policy, now)?));
        }
        let (tone, headline) = status::headline(&standings);
        self.section("status", "says how things stand, what is overdue first:")?;
        self.output().line(format!("  {}", self.output().paint(tone, &headline)))
    }

    pub(super) fn explained(&self, known: &Known) -> Result<(), Failure> {
        self.section("explain", "answers for one record, gone or kept:")?;
        let records = [
            ("switchboard-log", known.old_call.to_string()),
            ("switchboard-log", known.held_call.to_string()),
            ("switchboard-log", known.timeless_call.to_string()),
            ("cctv", known.clip.clone()),
        ];
        for (policy, key) in records {
            let headline = explain::headline(self.session, self.session.policy(policy)?, &key)?;
            self.output().prose(&format!("  {policy} {key}: {headline}"), 4)?;
        }
        Ok(())
    }

    pub(super) fn next_steps(&self, known: &Known) -> Result<(), Failure> {
        let output = self.output();
        output.line("")?;
        output.line(format!("{} for yourself:", output.paint(Tone::Strong, "Go on")))?;
        if let Some(program) = not_on_the_path() {
            output.line(format!("  alias forfall={}", quoted(&program)))?;
        }
        output.line(format!("  export FORFALL_CONFIG={}", quoted(&self.context.config)))?;
        let steps = [
            ("forfall check".to_owned(), "the rules in full"),
            ("forfall plan --at 2030-01-01".to_owned(), "what will be due by then"),
            (format!("forfall explain cctv {}", known.clip), "the whole answer"),
            ("forfall review list".to_owned(), "what waits for a decision"),
            ("forfall audit list".to_owned(), "what was done, and when"),
        ];
        let wide = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        for (command, shows) in steps {
            output.line(format!("  {command:wide$}  {}", output.paint(Tone::Faint, shows)))?;
        }
        Ok(())
    }

    fn lines(&self, grid: &Grid) -> Result<(), Failure> {
        for line in grid.lines(2) {
            self.output().line(line)?;
        }
        Ok(())
    }
}

/// This program, unless a shell finds it under the name `forfall`: whoever began with `cargo run` has not installed it.
fn not_on_the_path() -> Option<PathBuf> {
    let own = fs_err::canonicalize(std::env::current_exe().ok()?).ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).find_map(|dir| fs_err::canonicalize(dir.join("forfall")).ok());
    (first.as_ref() != Some(&own)).then_some(own)
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
