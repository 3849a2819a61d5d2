//! A policy held against its collections as they are: what only the store's schema shows.

use std::ops::Range;
use std::sync::Arc;

use super::condition::{Finding, check, column};
use super::diagnostic::{Diagnostic, Severity};
use super::rule::{Data, Policy, Stage};
use super::{aggregate, fieldwork};
use crate::model::action::Action;
use crate::model::schema::{Column, ColumnKind, Schema};
use crate::model::start::{Format, Start};
use crate::model::value::Field;

/// All that is wrong or worth a look about one `[[data]]` in this schema, each at its place in the policy's text.
pub fn fit(policy: &Policy, data: &Data, schema: &Schema) -> Vec<Diagnostic> {
    let mut fitting = Fitting { policy, data, schema, found: Vec::new() };
    fitting.key_and_effects();
    fitting.conditions();
    fitting.starts();
    fitting.fieldwork();
    fitting.partitions();
    fitting.aggregates();
    fitting.found
}

struct Fitting<'a> {
    policy: &'a Policy,
    data: &'a Data,
    schema: &'a Schema,
    found: Vec<Diagnostic>,
}

impl Fitting<'_> {
    fn tell(&mut self, place: Range<usize>, finding: Finding) {
        self.found.push(Diagnostic {
            severity: finding.severity,
            file: self.policy.file.clone(),
            span: place,
            message: finding.message,
            help: finding.help,
        });
    }

    fn collection(&self) -> Range<usize> {
        self.policy.places.data.get(self.data.index).map_or(0..0, |places| places.collection.clone())
    }

    fn key_and_effects(&mut self) {
        let stages = self.data.branches.iter().flat_map(|branch| &branch.stages);
        let acts = stages.clone().any(|stage| stage.action.changes_the_store());
        let place = self.collection();
        if acts && self.schema.key.is_empty() {
            let message = format!("`{}` has no key", self.schema.collection);
            let help = "no record of it could be proven gone: give the table a primary key, or write the columns \
                        that tell its records apart as `key = [..]`";
            self.tell(place.clone(), error(message, help));
        }
        for effect in self.schema.side_effects.iter().filter(|_| acts) {
            let finding = Finding { severity: Severity::Error, message: effect.text.clone(), help: None };
            self.tell(place.clone(), finding);
        }
        for warning in &self.schema.warnings {
            self.tell(
                place.clone(),
                Finding { severity: Severity::Warning, message: warning.clone(), help: None },
            );
        }
    }

    fn conditions(&mut self) {
        let places = &self.policy.places;
        let own = places.data.get(self.data.index).and_then(|places| places.condition.clone());
        for finding in check(&self.data.scope, self.schema) {
            self.tell(own.clone().unwrap_or_else(|| self.collection()), finding);
        }
        let classes = self.data.branches.iter().filter(|branch| branch.class.is_some());
        for (index, branch) in classes.enumerate() {
            let place = places.whens.get(index).cloned().unwrap_or_default();
            for finding in check(&branch.when, self.schema) {
                self.tell(place.clone(), finding);
            }
        }
    }

    fn starts(&mut self) {
        let mut seen: Vec<&Arc<Start>> = Vec::new();
        for start in self
            .data
            .branches
            .iter()
            .flat_map(|branch| &branch.stages)
            .filter_map(|stage| stage.start.as_ref())
        {
            if !seen.contains(&start) {
                seen.push(start);
            }
        }
        let places = self.policy.places.data.get(self.data.index);
        let place = places.and_then(|places| places.start.clone()).unwrap_or_else(|| self.collection());
        for start in seen {
            // The field that names an event's key needs no time in it.
            let event = matches!(start.source, crate::model::start::StartSource::Event { .. });
            for field in start.fields() {
                match column(field, self.schema) {
                    Err(finding) => self.tell(place.clone(), finding),
                    Ok(_) if event => {}
                    Ok(column) => {
                        if let Some(finding) = unsettled(&column, start) {
                            self.tell(place.clone(), finding);
                        }
                    }
                }
            }
        }
    }

    /// A partition can go whole only where a deleting stage counts from the column by which they are divided.
    fn partitions(&mut self) {
        if !self.data.target.drop_partitions {
            return;
        }
        let (table, by) = (&self.schema.collection, self.schema.partitioned_by.as_deref());
        let counts_from = |column: &str| {
            let mut stages = self.data.branches.iter().flat_map(|branch| &branch.stages);
            stages.any(|stage| {
                let field = stage.start.as_deref().and_then(Start::single_field);
                stage.action == Action::Delete && field == Some(&Field::own(column))
            })
        };
        let message = match by {
            None => {
                format!("`drop-partitions`: `{table}` is not divided into partitions by ranges of one column")
            }
            Some(column) if !counts_from(column) => {
                format!(
                    "`drop-partitions`: `{table}` is divided by `{column}`, from which no stage that deletes counts"
                )
            }
            Some(_) => return,
        };
        let help = "remove `drop-partitions`: the records go in batches all the same";
        self.tell(self.collection(), error(message, help));
    }

    fn aggregates(&mut self) {
        for (place, stage) in self.placed() {
            let Some(aggregate) = &stage.aggregate else { continue };
            for finding in aggregate::unfit(aggregate, self.schema) {
                self.tell(place.clone(), finding);
            }
        }
    }

    /// Every stage with its place in the policy's text.
    fn placed(&self) -> Vec<(Range<usize>, Stage)> {
        // The policy's own stages come first among the places, and last among the branches.
        let own = self.data.branches.len() - 1;
        let places = |index: usize| self.policy.places.stages.get(if index == own { 0 } else { index + 1 });
        let branches = self.data.branches.iter().enumerate();
        branches
            .flat_map(|(index, branch)| branch.stages.iter().map(move |stage| (index, stage)))
            .map(|(index, stage)| {
                let place = places(index).and_then(|places| places.get(stage.number - 1)).cloned();
                (place.unwrap_or_default(), stage.clone())
            })
            .collect()
    }

    fn fieldwork(&mut self) {
        let protected = fieldwork::protected(self.data, self.schema);
        for (place, stage) in self.placed() {
            let Some(work) = stage.action.fieldwork() else { continue };
            for finding in fieldwork::expand(work, self.schema, &protected).err().into_iter().flatten() {
                self.tell(place.clone(), finding);
            }
        }
    }
}

/// A column whose type does not say what time its values mean needs a format; nothing is guessed.
fn unsettled(column: &Column, start: &Start) -> Option<Finding> {
    if let Some(format) = &start.format {
        return unlikely(column, format);
    }
    if column.kind.settles_time() {
        return None;
    }
    let formats = match column.kind {
        ColumnKind::Int | ColumnKind::Real => "`unix`, `unix-ms`, `unix-us` or `webkit-us`",
        ColumnKind::Bool | ColumnKind::Bytes => {
            return Some(error(
                format!("`{}` is {} and holds no time", column.name, column.kind.text()),
                "choose the column in which the time stands",
            ));
        }
        ColumnKind::Inside => {
            "`rfc3339`, `datetime`, `date` or a strftime pattern such as `%d.%m.%Y` for texts, or `unix`, `unix-ms`, \
             `unix-us` or `webkit-us` for numbers"
        }
        _ => "`rfc3339`, `datetime`, `date` or a strftime pattern such as `%d.%m.%Y`",
    };
    Some(error(
        format!("`{}` is {}: its type does not say what time a value means", column.name, column.kind.text()),
        format!("write `start.format` with {formats}, as the values are; `forfall store show` shows some"),
    ))
}

/// A format in which the column's values can hardly be written: every record would be undetermined.
fn unlikely(column: &Column, format: &Format) -> Option<Finding> {
    let counts = matches!(format, Format::Unix | Format::UnixMs | Format::UnixUs);
    // A pattern may be of digits only, such as `%Y%m%d`.
    let spells = matches!(format, Format::Rfc3339 | Format::DateTime | Format::Date);
    let (is, means) = match column.kind {
        ColumnKind::Int | ColumnKind::Real if spells => ("numbers", "texts"),
        ColumnKind::Text if counts => ("texts", "numbers"),
        _ => return None,
    };
    Some(Finding {
        severity: Severity::Warning,
        message: format!("`{}` is {} and holds {is}, but `start.format` reads {means}", column.name, column.kind.text()),
        help: Some("correct `start.format`, unless the column holds other values than its type says; records whose value cannot be read are undetermined and kept".to_owned()),
    })
}

fn error(message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, message: message.into(), help: Some(help.into()) }
}
