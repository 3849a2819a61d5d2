//! The sentences of a decision: what led to it, and what would change it.

use super::{Decision, Due, Question, Unknown, Verdict};
use crate::model::start::{Start, StartSource, StartState, WhyUndetermined};
use crate::policy::aggregate;
use crate::policy::rule::Stage;
use crate::policy::timing::{Kept, keep_until};
use crate::time::{Instant, StartValue};

impl Question<'_> {
    /// Why, and what would change the answer.
    pub(super) fn reasons(&self, decision: &Decision) -> (Vec<String>, Vec<String>) {
        let mut why = Vec::new();
        let mut change = Vec::new();
        if let Some(question) = &self.policy.unresolved {
            why.push(format!("The rule is unresolved: {question}"));
            change.push("Settling that question in the policy.".to_owned());
        }
        self.belonging(decision, &mut why);
        if let (Some(state), Some(stage)) = (decision.start, self.stage(decision)) {
            why.push(self.start_is(state, stage));
            self.minimum(state, stage, &mut why);
        }
        self.verdict(decision, &mut why, &mut change);
        if self.held && !matches!(decision.verdict, Verdict::Held(_)) {
            why.push("A hold covers it, so nothing would be done to it.".to_owned());
        }
        why.extend(self.counted(decision));
        (why, change)
    }

    /// Into what it is counted when it is deleted.
    fn counted(&self, decision: &Decision) -> Option<String> {
        let stages = &self.data.branches.get(decision.branch?)?.stages;
        let counts =
            stages.iter().filter(|stage| stage.runs()).find_map(|stage| stage.aggregate.as_deref())?;
        Some(format!("When it is deleted, it is {}.", aggregate::words(counts)))
    }

    fn stage(&self, decision: &Decision) -> Option<&Stage> {
        self.data.branches.get(decision.branch?)?.stages.get(decision.stage?)
    }

    fn belonging(&self, decision: &Decision, why: &mut Vec<String>) {
        match (&decision.class, decision.branch) {
            (Some(class), _) => why.push(format!("It belongs to the class `{class}`.")),
            (None, Some(_)) if self.data.branches.len() > 1 => {
                why.push("It belongs to no class and follows the policy's own stages.".to_owned());
            }
            _ => {}
        }
        for step in &decision.steps {
            if let Some(question) = self.unresolved(decision, step.stage) {
                why.push(format!("Stage {} ({}) is unresolved: {question}", step.stage, step.action));
            }
        }
    }

    fn unresolved(&self, decision: &Decision, number: usize) -> Option<&str> {
        let stages = &self.data.branches.get(decision.branch?)?.stages;
        stages.iter().find(|stage| stage.number == number)?.unresolved.as_deref()
    }

    fn start_is(&self, state: StartState, stage: &Stage) -> String {
        match state {
            StartState::Known(value) => format!("Its start is {}.", self.value(value)),
            StartState::Waiting => {
                format!(
                    "Its start has not happened yet: {}.",
                    stage.start.as_deref().map_or_else(String::new, awaited)
                )
            }
            StartState::Undetermined(why) => format!("Its start cannot be known: {}.", why.text()),
        }
    }

    fn minimum(&self, state: StartState, stage: &Stage, why: &mut Vec<String>) {
        let (StartState::Known(value), Some(start), Some(period)) =
            (state, stage.start.as_deref(), self.policy.keep_at_least)
        else {
            return;
        };
        match keep_until(self.policy, start, value) {
            Kept::Until(until) if until > self.now => {
                why.push(format!("It must be kept for at least {period}, until {}.", self.instant(until)));
            }
            Kept::Forever => {
                why.push(format!("It must be kept for at least {period}, beyond the calendar's end."));
            }
            _ => {}
        }
    }

    fn verdict(&self, decision: &Decision, why: &mut Vec<String>, change: &mut Vec<String>) {
        let stage = self.stage(decision);
        let name = stage
            .map_or_else(String::new, |stage| format!("Stage {} ({})", stage.number, stage.action.word()));
        match decision.verdict {
            Verdict::OutOfScope => {
                why.push("The policy's `where` does not match it.".to_owned());
                change.push("A change of the fields in `where`.".to_owned());
            }
            Verdict::Undetermined(unknown) => self.undetermined(unknown, stage, why, change),
            Verdict::Waiting => {
                change.extend(stage.and_then(|stage| stage.start.as_deref()).map(happening));
            }
            Verdict::Preserved => {
                why.push("Its class is preserved, so deletion is refused.".to_owned());
                change.push("Another class, or another policy.".to_owned());
            }
            Verdict::Needed(due) => {
                why.push(self.since(&name, due));
                why.push("A record that is kept still refers to it.".to_owned());
                change.push("The end of the records that refer to it.".to_owned());
            }
            Verdict::Held(due) => {
                why.push(self.since(&name, due));
                why.push("A hold covers it.".to_owned());
                change.push("The release of the hold; it then goes with a later run, a day after that at the earliest.".to_owned());
            }
            Verdict::Due(due) => {
                why.push(self.since(&name, due));
                change.push("A hold placed before the next run.".to_owned());
            }
            Verdict::Escalated(due) => {
                why.push(self.since(&name, due));
                why.push("It is kept until somebody decides, and then as the decision says.".to_owned());
                change.push("A decision in its review, or another one than was made.".to_owned());
            }
            Verdict::NotDue { next_due: Some(next) } => {
                why.push(format!("{name} is not due before {}.", self.instant(next)));
                change.push(format!("Time: {name} is due from {} on.", self.instant(next)));
            }
            Verdict::NotDue { next_due: None } => {
                why.push("No stage is to come.".to_owned());
                change.push("A policy with another stage.".to_owned());
            }
            Verdict::Done => {
                why.push("Its fields already have the form that the last stage leaves behind.".to_owned());
                change.push("New values in those fields.".to_owned());
            }
        }
    }

    fn undetermined(
        &self,
        unknown: Unknown,
        stage: Option<&Stage>,
        why: &mut Vec<String>,
        change: &mut Vec<String>,
    ) {
        match unknown {
            Unknown::Scope => {
                why.push(
                    "Whether `where` matches it cannot be known: a field in it is empty, missing or of another type."
                        .to_owned(),
                );
                change.push("A value in the fields of `where`, or a test for `null` there.".to_owned());
            }
            Unknown::Class => {
                let class = self.unknown_class().unwrap_or_default();
                why.push(format!(
                    "Whether it belongs to {class} cannot be known: a field in `when` is empty, missing or of another \
                     type."
                ));
                change.push("A value in the fields of `when`, or a test for `null` there.".to_owned());
            }
            Unknown::Start(reason) => {
                let place = stage.and_then(|stage| stage.start.as_deref()).map(place).unwrap_or_default();
                change.push(match reason {
                    WhyUndetermined::NoLinkedRow => {
                        "The linked record, or another value in the field that names it.".to_owned()
                    }
                    WhyUndetermined::Empty => format!("A value in {place}, or `waiting-if = [\"empty\"]`."),
                    WhyUndetermined::Unreadable | WhyUndetermined::NoTime => {
                        format!("A value of the declared format in {place}.")
                    }
                    WhyUndetermined::NumberForText | WhyUndetermined::TextForNumber => {
                        format!("A value of the declared format in {place}, or another `start.format`.")
                    }
                    WhyUndetermined::TooEarly | WhyUndetermined::TooFarAhead => {
                        format!("A plausible value in {place}.")
                    }
                });
            }
        }
    }

    fn unknown_class(&self) -> Option<String> {
        let unknown =
            |when: &crate::model::predicate::Predicate| when.answer(self.record, self.world).is_none();
        let branch = self.data.branches.iter().find(|branch| unknown(&branch.when))?;
        Some(
            branch
                .class
                .as_ref()
                .map_or_else(|| "the policy's own stages".to_owned(), |class| format!("the class `{class}`")),
        )
    }

    fn since(&self, name: &str, due: Due) -> String {
        let deadline = match due.at_latest {
            Some(deadline) if due.breach => format!("the deadline passed on {}", self.instant(deadline)),
            Some(deadline) => format!("the deadline is {}", self.instant(deadline)),
            None => "there is no deadline within the calendar".to_owned(),
        };
        format!("{name} has been due since {}; {deadline}.", self.instant(due.due))
    }

    fn value(&self, value: StartValue) -> String {
        match value {
            StartValue::Instant(at) => self.instant(at),
            StartValue::Date(date) => date.to_string(),
        }
    }

    fn instant(&self, at: Instant) -> String {
        format!("{} ({})", self.policy.zone.local(at).format("%Y-%m-%d %H:%M:%S%.f"), self.policy.zone)
    }
}

/// What a start waits for.
fn awaited(start: &Start) -> String {
    match &start.source {
        StartSource::Event { name, .. } => format!("the event `{name}` is not recorded"),
        _ if start.waiting_if_future => format!("{} is empty or lies ahead", place(start)),
        _ => format!("{} is empty", place(start)),
    }
}

/// What would end the waiting for it.
fn happening(start: &Start) -> String {
    match &start.source {
        StartSource::Event { name, .. } => {
            format!("Its start: the event `{name}`, recorded with `forfall event add`.")
        }
        _ if start.waiting_if_future => format!("Its start: a value in {} that has passed.", place(start)),
        _ => format!("Its start: a value in {}.", place(start)),
    }
}

/// Where a start is read.
fn place(start: &Start) -> String {
    match &start.source {
        StartSource::Field(field) => format!("`{field}`"),
        StartSource::Latest(fields) => {
            let names: Vec<String> = fields.iter().map(|latest| format!("`{}`", latest.field)).collect();
            names.join(" or ")
        }
        StartSource::Event { name, .. } => format!("the event `{name}`"),
    }
}
