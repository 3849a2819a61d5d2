//! What deleting or changing a record would set off: triggers, and foreign keys of other tables.

use super::catalogue::{Entry, Reference};
use super::open::Session;
use super::schema::Bound;
use super::trigger::runs_on_change;
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

/// A table of this database that goes with its record, and the column there that names it.
struct Companion {
    entry: Entry,
    by: String,
}

/// Looks at the target's table and at the tables of the same database that are declared to go with it.
pub(super) fn find(session: &Session, bound: &Bound, target: &Target) -> Result<Effects, StoreError> {
    let mut effects = Effects::default();
    let companions = companions(session, bound, target)?;
    let references = session.references()?;

    effects.add_triggers(&bound.entry);
    for companion in &companions {
        effects.add_triggers(&companion.entry);
        if !companion.entry.is_indexed(&companion.by) {
            effects.warnings.push(slow(&companion.entry.name, &companion.by));
        }
    }
    for reference in &references {
        if same(&reference.parent, &bound.entry.name) {
            effects.add_reference_to_record(session, reference, &companions)?;
        } else if companions.iter().any(|companion| same(&reference.parent, &companion.entry.name)) {
            effects.add_reference_to_companion(reference, &companions);
        }
    }
    for reach in &target.reached_by {
        let entry = session.table(&reach.collection)?;
        if !entry.columns.iter().any(|column| same(&column.name, &reach.by)) {
            let why = format!("table `{}` has no column `{}`", entry.name, reach.by);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        }
        if !entry.is_indexed(&reach.by) {
            effects.warnings.push(slow(&entry.name, &reach.by));
        }
    }
    Ok(effects)
}

fn companions(session: &Session, bound: &Bound, target: &Target) -> Result<Vec<Companion>, StoreError> {
    let mut companions = Vec::new();
    for with in target.with.iter().filter(|with| with.store.is_none()) {
        let entry = session.table(&with.collection)?;
        let Some(by) = &with.by else {
            let why = format!("`with` names table `{}` without `by`", entry.name);
            return Err(session
                .trouble(StoreErrorKind::Unsupported, why)
                .with_help("Write `by`: the column there that holds the record's key"));
        };
        if bound.frame.own.key.len() != 1 {
            let why = format!(
                "records of `{}` have a key of several columns, which `with` cannot follow",
                bound.entry.name
            );
            return Err(session
                .trouble(StoreErrorKind::Unsupported, why)
                .with_help("Set `key` to one unique column"));
        }
        let Some(column) = entry.columns.iter().find(|column| same(&column.name, by)) else {
            let why = format!("table `{}` has no column `{by}`", entry.name);
            return Err(session.trouble(StoreErrorKind::NotFound, why));
        };
        companions.push(Companion { by: column.name.clone(), entry });
    }
    Ok(companions)
}

impl Effects {
    fn add_triggers(&mut self, entry: &Entry) {
        for (name, text) in entry.triggers.iter().filter(|(_, text)| runs_on_change(text)) {
            self.fingerprint.push(format!("trigger {name} {text}"));
            self.refuse(
                name,
                format!(
                    "trigger `{name}` on table `{}` would run with each record, and the policy cannot say what it \
                     does: drop it, or leave this table to whoever made it",
                    entry.name
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
            same(&companion.entry.name, &reference.child)
                && matches!(reference.columns.as_slice(), [(from, _)] if same(from, &companion.by))
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
        if !session.table(&reference.child)?.is_indexed(by) {
            self.warnings.push(slow(&reference.child, by));
        }
        let reach = Reach { collection: reference.child.clone(), by: by.clone(), key: key.clone() };
        self.referenced_by.push(reach);
        Ok(())
    }

    /// Rows that refer to what goes with a record must themselves go with it, or nothing may.
    fn add_reference_to_companion(&mut self, reference: &Reference, companions: &[Companion]) {
        self.remember(reference);
        let place = |name: &str| companions.iter().position(|companion| same(&companion.entry.name, name));
        let (child, parent) = (place(&reference.child), place(&reference.parent));
        match does(reference) {
            Some(what) => self.refuse_reference(reference, what),
            None if same(&reference.child, &reference.parent) => {}
            None if child.is_some_and(|child| Some(child) < parent) => {}
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
            "reference {} {} {:?} {}",
            reference.child, reference.parent, reference.columns, reference.on_delete
        ));
    }
}

/// What the database itself does to the child when the parent goes; `None` if it only objects.
fn does(reference: &Reference) -> Option<&'static str> {
    match reference.on_delete.to_ascii_uppercase().as_str() {
        "CASCADE" => Some("also delete rows of"),
        "SET NULL" | "SET DEFAULT" => Some("also change rows of"),
        _ => None,
    }
}

fn slow(table: &str, column: &str) -> String {
    format!(
        "`{column}` of table `{table}` has no index: each look for rows that name a record reads all of it"
    )
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
