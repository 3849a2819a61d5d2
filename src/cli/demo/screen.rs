//! What the demo shows: about as much as fits on one screen.

use std::path::Path;

use super::data::Known;
use crate::audit::verify::Report as Verified;
use crate::cli::exit::Failure;
use crate::cli::output::{Output, Tone};
use crate::cli::plan::{self, verdict};
use crate::cli::session::Session;
use crate::cli::table::{Column, Grid, count};
use crate::cli::{Context, audit, explain, phrase};
use crate::engine::foresee::Foreseen;
use crate::engine::run::Report;
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
        output.line(format!("{} {says}", output.paint(Tone::Strong, command)))
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
        self.lines(grid)
    }

    pub(super) fn ran(&self, reports: &[(&Policy, Report)]) -> Result<(), Failure> {
        self.section("approve", "binds a rule to what somebody has seen; then run acts, batch by batch:")?;
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
            let did = match (&report.reason, done.is_empty()) {
                (Some(reason), _) => reason.clone(),
                (None, true) => "nothing to do for a machine: people decide".to_owned(),
                (None, false) => done.join(", "),
            };
            grid.row([policy.id.as_str().into(), report.state.to_string().into(), did.into()]);
        }
        self.lines(grid)
    }

    pub(super) fn verified(&self, report: &Verified) -> Result<(), Failure> {
        self.section("audit verify", "checks the signed log; no person is named in it:")?;
        let (tone, headline) = audit::headline(report);
        let output = self.output();
        output.line(format!("  {}", output.paint(tone, &headline)))
    }

    pub(super) fn explained(&self, known: &Known) -> Result<(), Failure> {
        self.section("explain", "answers for one record, gone or kept:")?;
        let policy = self.session.policy("switchboard-log")?;
        for key in [known.old_call, known.held_call] {
            let lines = explain::lines(self.session, policy, &key.to_string(), self.context)?;
            for line in lines.iter().take(3) {
                self.output().line(format!("  {}", line.replace('\n', "\n  ")))?;
            }
        }
        Ok(())
    }

    pub(super) fn next_steps(&self, known: &Known) -> Result<(), Failure> {
        self.section("Next,", "try for yourself:")?;
        let output = self.output();
        output.line(format!("  export FORFALL_CONFIG={}", self.context.config.display()))?;
        let steps = [
            ("forfall check".to_owned(), "the rules in full"),
            ("forfall plan --at 2030-01-01".to_owned(), "what will have gone by then"),
            (format!("forfall explain cctv {}", known.clip), "kept for the police"),
            ("forfall status".to_owned(), "what is overdue: nothing"),
            ("forfall audit list".to_owned(), "who did what, when, under which rule"),
        ];
        for (command, shows) in steps {
            output.line(format!("  {command:<44} {}", output.paint(Tone::Faint, shows)))?;
        }
        Ok(())
    }

    fn lines(&self, grid: Grid) -> Result<(), Failure> {
        for line in grid.lines(2) {
            self.output().line(line)?;
        }
        Ok(())
    }
}
