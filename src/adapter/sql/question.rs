//! A predicate divided between the server and our own code.
//!
//! What SQL answers exactly stays there. Parts that it cannot answer exactly, such as a start that is spelled in a
//! text, are decided here about the rows that the rest has left.

use super::{Dialect, Frame, Need, Needs, lower};
use crate::adapter::api::StoreError;
use crate::model::predicate::Predicate;
use crate::model::value::Field;

/// A dialect that knows what it cannot say.
pub(crate) trait Partial: Dialect {
    /// A value that is bound.
    type Bind;

    /// What is bound so far.
    fn bound(&mut self) -> &mut Vec<Self::Bind>;

    /// Whether something was asked since the last call that SQL cannot answer exactly: the text means nothing.
    fn was_opaque(&mut self) -> bool;
}

/// A predicate as a condition in SQL, with what has to be decided afterwards.
#[derive(Debug)]
pub(crate) struct Question<Bind> {
    /// True for every record for which the predicate is true; exactly for those if nothing is left.
    pub(crate) sql: String,
    /// What the condition binds, from the first place on.
    pub(crate) bound: Vec<Bind>,
    /// What is left to be decided about each row.
    pub(crate) left: Option<Predicate>,
}

impl<Bind> Question<Bind> {
    /// Divides a predicate. The dialect has bound nothing yet.
    pub(crate) fn of<D: Partial<Bind = Bind>>(
        mut dialect: D,
        frame: &Frame,
        predicate: &Predicate,
    ) -> Result<Self, StoreError> {
        let parts = match predicate {
            Predicate::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut sql, mut left) = (Vec::new(), Vec::new());
        for part in parts {
            let before = dialect.bound().len();
            let text = lower(&mut dialect, frame, part, Need::Truth)?;
            if dialect.was_opaque() {
                dialect.bound().truncate(before);
                left.push(part.clone());
            } else {
                sql.push(text);
            }
        }
        Ok(Self {
            sql: if sql.is_empty() { "TRUE".to_owned() } else { sql.join(" AND ") },
            bound: std::mem::take(dialect.bound()),
            left: (!left.is_empty()).then_some(Predicate::All(left)),
        })
    }

    /// The fields by which what is left is decided.
    pub(crate) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        if let Some(left) = &self.left {
            needs.add_predicate(left);
        }
        needs
    }
}

/// The links whose rows the predicate looks at.
pub(crate) fn links_of(predicate: &Predicate) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    let mut add = |field: &Field| links.extend(field.link.clone());
    predicate.fields().into_iter().for_each(&mut add);
    predicate.visit(&mut |part| {
        if let Predicate::Start { start, .. } = part {
            start.fields().into_iter().for_each(&mut add);
        }
    });
    links.sort_unstable();
    links.dedup();
    links
}
