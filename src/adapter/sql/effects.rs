//! What deleting or changing a record would set off by itself: triggers, and foreign keys of other tables.
//!
//! Each adapter reads its own catalogue; what the findings mean stands here, once.

use crate::adapter::api::StoreError;
use crate::model::predicate::Reach;
use crate::model::schema::SideEffect;

/// The findings about one target.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// What would happen without the policy saying so.
    pub(crate) refused: Vec<SideEffect>,
    /// Rows that keep a record.
    pub(crate) referenced_by: Vec<Reach>,
    /// What an operator should know.
    pub(crate) warnings: Vec<String>,
    /// What an approval is bound to.
    pub(crate) fingerprint: Vec<String>,
}

/// A foreign key. Tables are spelled as the policy would name them, the same table always alike.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The table that refers.
    pub(crate) child: String,
    /// The table that it names.
    pub(crate) parent: String,
    /// Each column of the child with the one that it names.
    pub(crate) columns: Vec<(String, String)>,
    /// What the database itself does to the child when the parent goes; `None` if it only objects.
    pub(crate) does: Option<Does>,
    /// All of it, for the fingerprint.
    pub(crate) text: String,
}

/// What a database does to rows whose parent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// They go too.
    Delete,
    /// Their column becomes NULL or its default.
    Change,
}

impl Does {
    /// From the rule's words in SQL, such as `SET NULL`; `None` for those that only object.
    pub(crate) fn from_rule(rule: &str) -> Option<Self> {
        match rule.to_ascii_uppercase().as_str() {
            "CASCADE" => Some(Self::Delete),
            "SET NULL" | "SET DEFAULT" => Some(Self::Change),
            _ => None,
        }
    }
}

/// A table that is declared to go with its record, and the column there that names it.
#[derive(Clone, Debug)]
pub(crate) struct Going {
    /// The table, spelled as in [`Reference`].
    pub(crate) table: String,
    /// The column.
    pub(crate) by: String,
}

impl Effects {
    /// Something that would run with each record. `what` is its kind, such as `trigger`.
    pub(crate) fn add_trigger(&mut self, what: &str, name: &str, text: &str, table: &str) {
        self.fingerprint.push(format!("trigger {name} {text}"));
        self.refuse(
            name,
            format!(
                "{what} `{name}` on table `{table}` would run with each record, and the policy cannot say what it \
                 does: drop it, or leave this table to whoever made it"
            ),
        );
    }

    /// Rows of `table` are looked for by `by`.
    pub(crate) fn add_look(&mut self, table: &str, by: &str, is_indexed: bool) {
        if !is_indexed {
            self.warnings.push(format!(
                "`{by}` of table `{table}` has no index: each look for rows that name a record reads all of it"
            ));
        }
    }

    /// A foreign key to the records' table `own`, or to one of those that go with it; any other is passed over.
    /// `is_indexed` says whether an index of the child begins with a column.
    pub(crate) fn add_reference(
        &mut self,
        own: &str,
        reference: &Reference,
        going: &[Going],
        is_indexed: impl Fn(&str, &str) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        if reference.parent == own {
            self.add_to_record(reference, going, is_indexed)
        } else {
            if going.iter().any(|going| going.table == reference.parent) {
                self.add_to_companion(reference, going);
            }
            Ok(())
        }
    }

    fn add_to_record(
        &mut self,
        reference: &Reference,
        going: &[Going],
        is_indexed: impl Fn(&str, &str) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.fingerprint.push(reference.text.clone());
        let goes_first = |going: &Going| {
            going.table == reference.child
                && matches!(reference.columns.as_slice(), [(from, _)] if *from == going.by)
        };
        if going.iter().any(goes_first) {
            return Ok(());
        }
        if let Some(does) = reference.does {
            self.refuse_reference(reference, does);
            return Ok(());
        }
        let (child, parent) = (&reference.child, &reference.parent);
        let [(by, key)] = reference.columns.as_slice() else {
            self.refuse(
                child,
                format!(
                    "rows of table `{child}` refer to records of `{parent}` by several columns, which is not \
                     supported: they would make each deletion fail"
                ),
            );
            return Ok(());
        };
        self.warnings.push(format!(
            "rows of table `{child}` refer to records of `{parent}` by `{by}`: a record that one of them names is \
             kept as needed; declare `[[data.with]]` if they should go with it"
        ));
        let indexed = is_indexed(child, by)?;
        self.add_look(child, by, indexed);
        self.referenced_by.push(Reach { collection: child.clone(), by: by.clone(), key: key.clone() });
        Ok(())
    }

    /// Rows that refer to what goes with a record must themselves go with it, or nothing may.
    fn add_to_companion(&mut self, reference: &Reference, going: &[Going]) {
        self.fingerprint.push(reference.text.clone());
        let (child, parent) = (&reference.child, &reference.parent);
        let place = |name: &String| going.iter().position(|going| going.table == *name);
        match reference.does {
            Some(does) => self.refuse_reference(reference, does),
            None if child == parent => {}
            None if place(child).is_some() && place(child) < place(parent) => {}
            None => self.refuse(
                child,
                format!(
                    "rows of table `{child}` refer to rows of `{parent}`, which go with their record: as long as \
                     they stand the deletion fails; declare `{child}` with `[[data.with]]`, before `{parent}`"
                ),
            ),
        }
    }

    fn refuse_reference(&mut self, reference: &Reference, does: Does) {
        let (child, parent) = (&reference.child, &reference.parent);
        let by: Vec<&str> = reference.columns.iter().map(|(from, _)| from.as_str()).collect();
        let by = by.join(", ");
        let what = match does {
            Does::Delete => "also delete rows of",
            Does::Change => "also change rows of",
        };
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
}
