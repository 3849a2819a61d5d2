//! A policy as the engine carries it out: compiled, with every default filled in.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::action::Action;
use crate::model::aggregate::Aggregate;
use crate::model::ids::PolicyId;
use crate::model::predicate::Predicate;
use crate::model::start::{Start, StartSource};
use crate::model::target::Target;
use crate::time::{After, Period, Schedule, Window, Zone};

/// One data type's rule.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its path under the policies directory.
    pub id: PolicyId,
    /// Where it was read from.
    pub file: PathBuf,
    /// The text as written; the audit log keeps it by its hash.
    pub text: Arc<str>,
    /// SHA-256 of the text, in hexadecimal.
    pub hash: String,
    /// What people call it.
    pub title: String,
    /// Who answers for it.
    pub owner: String,
    /// Why the data is held.
    pub purpose: Option<String>,
    /// The legal basis for holding it.
    pub basis: Option<String>,
    /// Where the rule is written down.
    pub source: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// The entry of `bases.toml` that it rests on.
    pub law: Option<String>,
    /// Catalogue rows that it covers.
    pub rows: Vec<u32>,
    /// The zone of its calendar arithmetic and slots.
    pub zone: Zone,
    /// When it runs.
    pub schedule: Schedule,
    /// When it may act.
    pub window: Option<Window>,
    /// How long between approval or decision and action.
    pub wait: Option<Period>,
    /// How many people must approve.
    pub approvers: u32,
    /// How long before its first deletion the owner is told.
    pub notify_before: Option<Period>,
    /// A record that has waited this long for its start is reported.
    pub stale_after: Option<Period>,
    /// The distance from due to the deadline where a stage has no `at-latest`.
    pub grace: Period,
    /// The statutory minimum, from the record's effective start.
    pub keep_at_least: Option<Period>,
    /// The open question that keeps the whole policy from running.
    pub unresolved: Option<String>,
    /// Hard caps.
    pub limit: Limit,
    /// Where the data lives. Empty only for an unresolved policy.
    pub data: Vec<Data>,
    /// The policy's own tests.
    pub tests: Vec<Test>,
    /// Places in the text for diagnostics that come later, from `check` against the stores.
    pub places: Places,
}

/// `[limit]`: compared before the first deletion; over it nothing is deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limit {
    /// The most records that one run may dispose of.
    pub records: Option<u64>,
    /// The largest share of the collection, above 0 and up to 1.
    pub share: Option<f64>,
    /// A run may empty a collection although the forecast did not say so.
    pub may_empty: bool,
}

/// One `[[data]]`: a target with the rule spelled for that store's columns.
#[derive(Clone, Debug)]
pub struct Data {
    /// What is bound.
    pub target: Arc<Target>,
    /// `where`: what is this data type.
    pub scope: Predicate,
    /// The classes in order, then the policy's own stages as the last branch.
    pub branches: Vec<Branch>,
    /// Which `[[data]]` of the file, from 0.
    pub index: usize,
}

/// The stages that the records of one class follow.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The class; `None` for the policy's own stages.
    pub class: Option<String>,
    /// Which records belong to it, if they belong to no earlier class. Always true for the policy's own stages.
    pub when: Predicate,
    /// The stages, in rising order. May be empty: then nothing ever happens to these records.
    pub stages: Vec<Stage>,
}

/// One action with its due date.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its place in the branch, from 1.
    pub number: usize,
    /// How long after the start; `None` for `preserve` and for a stage that is unresolved.
    pub after: Option<After>,
    /// The deadline, from the same start.
    pub at_latest: Option<Period>,
    /// What happens.
    pub action: Action,
    /// What is counted, and where, before records go; only of a stage that deletes.
    pub aggregate: Option<Arc<Aggregate>>,
    /// Its start: the nearest of stage, class and data. `None` only where no stage of the branch needs one.
    pub start: Option<Arc<Start>>,
    /// The open question that keeps this stage from running.
    pub unresolved: Option<String>,
}

/// Where things stand in the policy's text.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// For each `[[data]]`: store, collection, where, start, and other tables.
    pub data: Vec<DataPlaces>,
    /// Each `when`, by class.
    pub whens: Vec<Range<usize>>,
    /// For the policy's own stages, then each class's: one place for each stage.
    pub stages: Vec<Vec<Range<usize>>>,
}

/// Where the parts of one `[[data]]` stand.
#[derive(Clone, Debug, Default)]
pub struct DataPlaces {
    /// The table's header.
    pub table: Range<usize>,
    /// The value of `store`.
    pub store: Range<usize>,
    /// The value of `collection`.
    pub collection: Range<usize>,
    /// The value of `where`.
    pub condition: Option<Range<usize>>,
    /// The whole of `start`.
    pub start: Option<Range<usize>>,
    /// The other tables that its links and companions name, each with the value of `collection`.
    pub others: Vec<(String, Range<usize>)>,
}

/// `[[test]]`: what the policy should decide for a record that is made up.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Where it stands in the text.
    pub place: Range<usize>,
    /// The record's fields, as TOML writes them.
    pub record: toml::Table,
    /// The rows that it links to, by link name.
    pub links: toml::Table,
    /// Events recorded: name to time, or name to a table of key to time.
    pub events: toml::Table,
    /// The record is held.
    pub held: bool,
    /// The instant of asking.
    pub at: crate::time::Instant,
    /// Which `[[data]]` it is about, from 0.
    pub data: usize,
    /// What is expected.
    pub expect: Expect,
}

/// What a test expects; what is absent is not compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// An action's word, `none`, `waiting`, `undetermined`, or `held`.
    pub action: Option<String>,
    /// The due instant of that action.
    pub due: Option<crate::time::Instant>,
    /// The class, or `none`.
    pub class: Option<String>,
}

impl Data {
    /// Every stage with its class, in order; the policy's own stages have none.
    pub fn stages(&self) -> impl Iterator<Item = (Option<&str>, &Stage)> {
        self.branches
            .iter()
            .flat_map(|branch| branch.stages.iter().map(|stage| (branch.class.as_deref(), stage)))
    }
}

impl Stage {
    /// Whether a run may act on it at all.
    pub fn runs(&self) -> bool {
        self.unresolved.is_none()
    }
}

impl Policy {
    /// What the due dates rest on beside the text: the configuration's time zone, earliest plausible starts and legal
    /// minimum. An approval binds to it, because a change there can make records due without a change of the text.
    pub fn footing(&self) -> String {
        let mut parts = vec![format!("timezone {}", self.zone)];
        parts.extend(self.keep_at_least.map(|minimum| format!("keep-at-least {minimum}")));
        for data in &self.data {
            let starts = data
                .branches
                .iter()
                .flat_map(|branch| &branch.stages)
                .filter_map(|stage| stage.start.as_ref());
            for start in starts {
                let part = format!("{} starts from {} in {}", data.target.store, start.earliest, start.zone);
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        parts.join(", ")
    }

    /// Whether an event of that name starts a clock or decides a condition of this policy.
    pub fn names_event(&self, name: &str) -> bool {
        self.events().contains(name)
    }

    /// The names of the events that start a clock or decide a condition of this policy.
    pub fn events(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for data in &self.data {
            names.extend(asked_of(&data.scope));
            for branch in &data.branches {
                names.extend(asked_of(&branch.when));
                let starts = branch.stages.iter().filter_map(|stage| stage.start.as_ref());
                names.extend(starts.filter_map(|start| match &start.source {
                    StartSource::Event { name, .. } => Some(name.as_str()),
                    _ => None,
                }));
            }
        }
        names
    }
}

/// The events that a condition asks for.
fn asked_of(condition: &Predicate) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    condition.visit(&mut |part| {
        if let Predicate::Event { name, .. } = part {
            names.insert(name.as_str());
        }
    });
    names
}
