//! What deleting or changing a record would set off: triggers, rules, and foreign keys of other tables.

use super::catalogue::{self, Entry, Reference};
use super::schema::Bound;
use super::session::Session;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::model::predicate::Reach;
use crate::model::schema::SideEffect;
use crate::model::target::Target;

/// The findings about one target.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// What would happen without the policy saying so.
    pub(super) refused: Vec<SideEffect>,
    /// Rows that keep a record.
    pub(super) referenced_by: Vec<Reach>,
    /// What an operator should know.
    pub(super) warnings: Vec<String>,
    /// What an approval is bound to.
    pub(super) fingerprint: Vec<String>,
}

/// A table that goes with its record, and the column there that names it.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    pub(super) entry: Entry,
    pub(super) by: String,
    pub(super) collection: String,
}

/// Looks at the target's table and at the tables that are declared to go with it.
pub(super) fn find(session: &Session, bound: &Bound, target: &Target) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let companions = companions(session, bound, target)?;
    effects.add_triggers(&bound.entry);
    for companion in &companions {
        effects.add_triggers(&companion.entry);
        if !is_indexed(&companion.entry, &companion.by) {
            effects.warnings.push(slow(&companion.entry.spelled, &companion.by));
        }
    }
    let mut parents = vec![bound.entry.oid];
    parents.extend(companions.iter().map(|companion| companion.entry.oid));
    for reference in catalogue::references(session, &parents)? {
        if reference.parent_oid == bound.entry.oid {
            effects.add_reference_to_record(session, &reference, &companions)?;
        } else {
            effects.add_reference_to_companion(&reference, &companions);
        }
    }
    for reach in &target.reached_by {
        let entry = catalogue::table(session, &reach.collection)?;
        if entry.column(&reach.by).is_none() {
            let why = format!("table `{}` has no column `{}`", entry.spelled, reach.by);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        }
        if !is_indexed(&entry, &reach.by) {
            effects.warnings.push(slow(&entry.spelled, &reach.by));
        }
    }
    Ok(effects)
}

/// The tables of the same database that go with a record, in the policy's order.
pub(super) fn companions(
    session: &Session,
    bound: &Bound,
    target: &Target,
) -> Result<Vec<Companion>, StoreError> {
    let mut companions = Vec::new();
    for with in target.with.iter().filter(|with| with.store.is_none()) {
        let entry = catalogue::table(session, &with.collection)?;
        let refuse =
            |why: String, help: &str| session.trouble(StoreErrorKind::Unsupported, why).with_help(help);
        let Some(by) = &with.by else {
            let why = format!("`with` names table `{}` without `by`", entry.spelled);
            return Err(refuse(why, "Write `by`: the column there that holds the record's key"));
        };
        if bound.frame.own.key.len() != 1 {
            let why = format!(
                "records of `{}` have a key of several columns, which `with` cannot follow",
                bound.entry.spelled
            );
            return Err(refuse(why, "Set `key` to one unique column"));
        }
        if entry.column(by).is_none() {
            let why = format!("table `{}` has no column `{by}`", entry.spelled);
            return Err(session.trouble(StoreErrorKind::NotFound, why).with_help("Correct `by`"));
        }
        if entry.primary_key.is_empty() {
            let why = format!(
                "table `{}` has no primary key, so its rows could never be proven gone",
                entry.spelled
            );
            return Err(refuse(why, "Add a primary key to it"));
        }
        companions.push(Companion { by: by.clone(), collection: with.collection.clone(), entry });
    }
    Ok(companions)
}

impl Effects {
    fn add_triggers(&mut self, entry: &Entry) {
        for trigger in &entry.triggers {
            self.fingerprint.push(format!("trigger {} {}", trigger.name, trigger.text));
            self.refuse(
                &trigger.name,
                format!(
                    "trigger or rule `{}` on table `{}` would run with each record, and the policy cannot say what \
                     it does: drop it, or leave this table to whoever made it",
                    trigger.name, entry.spelled
                ),
            );
        }
    }

    fn add_reference_to_record(
        &mut self,
        session: &Session,
        reference: &Reference,
        companions: &[Companion],
    ) -> Result<(), StoreError> {
        self.remember(reference);
        let goes_first = |companion: &Companion| {
            companion.entry.oid == reference.child_oid
                && matches!(reference.columns.as_slice(), [(from, _)] if *from == companion.by)
        };
        if companions.iter().any(goes_first) {
            return Ok(());
        }
        if let Some(what) = does(reference) {
            self.refuse_reference(reference, what);
            return Ok(());
        }
        let [(by, key)] = reference.columns.as_slice() else {
            self.refuse(
                &reference.child,
                format!(
                    "rows of table `{}` refer to records of `{}` by several columns, which is not supported: they \
                     would make each deletion fail",
                    reference.child, reference.parent
                ),
            );
            return Ok(());
        };
        self.warnings.push(format!(
            "rows of table `{}` refer to records of `{}` by `{by}`: a record that one of them names is kept as \
             needed; declare `[[data.with]]` if they should go with it",
            reference.child, reference.parent
        ));
        if !is_indexed(&catalogue::table(session, &reference.child)?, by) {
            self.warnings.push(slow(&reference.child, by));
        }
        self.referenced_by.push(Reach {
            collection: reference.child.clone(),
            by: by.clone(),
            key: key.clone(),
        });
        Ok(())
    }

    /// Rows that refer to what goes with a record must themselves go with it, or nothing may.
    fn add_reference_to_companion(&mut self, reference: &Reference, companions: &[Companion]) {
        self.remember(reference);
        let place = |oid: u32| companions.iter().position(|companion| companion.entry.oid == oid);
        let (child, parent) = (place(reference.child_oid), place(reference.parent_oid));
        match does(reference) {
            Some(what) => self.refuse_reference(reference, what),
            None if child == parent => {}
            None if child.is_some() && child < parent => {}
            None => self.refuse(
                &reference.child,
                format!(
                    "rows of table `{}` refer to rows of `{}`, which go with their record: as long as they stand \
                     the deletion fails; declare `{}` with `[[data.with]]`, before `{}`",
                    reference.child, reference.parent, reference.child, reference.parent
                ),
            ),
        }
    }

    fn refuse_reference(&mut self, reference: &Reference, what: &str) {
        let (child, parent) = (&reference.child, &reference.parent);
        let by: Vec<&str> = reference.columns.iter().map(|(from, _)| from.as_str()).collect();
        let by = by.join(", ");
        self.refuse(
            child,
            format!(
                "deleting from table `{parent}` would {what} `{child}` by its foreign key ({by}): declare \
                 `[[data.with]]` with collection = \"{child}\" and by = \"{by}\" if that is meant"
            ),
        );
    }

    fn refuse(&mut self, name: &str, text: String) {
        self.refused.push(SideEffect { name: name.to_owned(), text });
    }

    fn remember(&mut self, reference: &Reference) {
        self.fingerprint.push(format!(
            "reference {} {} {} {:?} {}",
            reference.name, reference.child, reference.parent, reference.columns, reference.on_delete
        ));
    }
}

/// What the database itself does to the child when the parent goes; `None` if it only objects.
fn does(reference: &Reference) -> Option<&'static str> {
    match reference.on_delete {
        'c' => Some("also delete rows of"),
        'n' | 'd' => Some("also change rows of"),
        _ => None,
    }
}

fn is_indexed(entry: &Entry, column: &str) -> bool {
    entry.column(column).is_some_and(|column| column.indexed)
}

fn slow(table: &str, column: &str) -> String {
    format!(
        "`{column}` of table `{table}` has no index: each look for rows that name a record reads all of it"
    )
}
