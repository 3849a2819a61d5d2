//! Who approved a policy, and who wrote it: read from the audit log, where every approval stands with its approver.
//!
//! The author of a text is whoever brought it in: the person that its first approval names as author, else the one who
//! gave that first approval. Where several people are asked, the author is none of them.

use std::collections::BTreeSet;

use super::approve::near_enough;
use crate::audit::entry::{ApprovalGiven, Body};
use crate::model::ids::PolicyId;
use crate::policy::rule::Policy;
use crate::state::api::{Actor, Filter, StateError, StateStore};

/// How many of the newest approvals are looked through for other people's.
const LOOKED_AT: usize = 1_000;

/// The people behind one text of a policy, as pseudonyms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvers {
    /// Who answers for the text as its author.
    pub author: Option<String>,
    /// Who approved what the newest approval is for: the same text, for the same stores and collections, with about as
    /// many records due. The author can be among them.
    pub people: BTreeSet<String>,
    /// What the newest approval is bound to.
    bound_to: String,
    /// For how many records it was given.
    count: u64,
}

impl Approvers {
    /// How many of them count where so many are asked.
    pub fn count(&self, asked: u32) -> usize {
        if asked < 2 {
            return self.people.len();
        }
        self.people.iter().filter(|person| Some(*person) != self.author.as_ref()).count()
    }

    /// Whether the author has approved too, and does not count.
    pub fn author_is_left_out(&self, asked: u32) -> bool {
        self.count(asked) < self.people.len()
    }

    /// Whether an approval that is bound to this, for so many records, would say what they have said.
    pub(super) fn said(&self, bound_to: &str, count: u64) -> bool {
        self.bound_to == bound_to && near_enough(count, self.count)
    }
}

/// The people behind the text with that hash, if the newest approval is for it. What cannot be read in the log any more
/// does not count.
pub fn of(state: &dyn StateStore, policy: &PolicyId, hash: &str) -> Result<Approvers, StateError> {
    let all = Filter {
        kind: Some("approval".to_owned()),
        policy: Some(policy.clone()),
        newest_first: true,
        ..Filter::default()
    };
    let entries = state.find(&all, None, LOOKED_AT)?;
    let given = entries.iter().filter_map(|placed| match &placed.entry.body {
        Body::Approval(given) => Some(given),
        _ => None,
    });
    // The same text again after another one was brought in anew.
    let of_this_text: Vec<&ApprovalGiven> = given.take_while(|given| given.hash == hash).collect();
    let Some(first) = of_this_text.iter().rfind(|given| given.cancelled.is_none()) else {
        return Ok(Approvers::default());
    };
    let mut approvers = Approvers {
        author: Some(first.author.as_ref().unwrap_or(&first.by).clone()),
        ..Approvers::default()
    };
    // What was given before somebody cancelled it counts no more; who wrote the text has written it all the same.
    let live = || of_this_text.iter().take_while(|given| given.cancelled.is_none());
    if let Some(newest) = live().next() {
        approvers.bound_to.clone_from(&newest.bound_to);
        approvers.count = newest.count;
        let same = live().filter(|given| approvers.said(&given.bound_to, given.count));
        approvers.people = same.map(|given| given.by.clone()).collect();
    }
    Ok(approvers)
}

/// The people behind the approval of a policy that is in force: nobody, where there is none.
pub fn in_force(state: &dyn StateStore, policy: &Policy) -> Result<Approvers, StateError> {
    match state.approval(&policy.id)? {
        Some(approval) => of(state, &policy.id, &approval.hash),
        None => Ok(Approvers::default()),
    }
}

/// Whether a pseudonym stands for this person.
pub(super) fn is(state: &dyn StateStore, pseudonym: &str, person: &Actor) -> Result<bool, StateError> {
    Ok(state.actor(pseudonym)?.as_ref() == Some(person))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::api::Approval;
    use crate::state::memory::MemoryState;

    /// A state, and what is approved in it: by whom, which text, for how many records, who is named as its author.
    struct Book(MemoryState);

    impl Book {
        fn new() -> Self {
            Self(MemoryState::new("2026-11-01T12:00:00Z".parse().unwrap()))
        }

        fn approve(&self, who: &str, hash: &str, count: u64, author: Option<&str>) -> Approvers {
            let at = "2026-11-01T12:00:00Z".parse().unwrap();
            let given = Approval {
                policy: PolicyId::new("calls"),
                hash: hash.to_owned(),
                text: String::new(),
                footing: String::new(),
                at,
                author: author.map(|name| Actor(name.to_owned())),
                asked: 1,
                count,
                identities: Vec::new(),
                fingerprints: Vec::new(),
                curves: Vec::new(),
                cancelled: None,
            };
            self.0.approve(at, &Actor(who.to_owned()), &given).unwrap();
            self.read(hash)
        }

        fn read(&self, hash: &str) -> Approvers {
            of(&self.0, &PolicyId::new("calls"), hash).unwrap()
        }

        fn author(&self, approvers: &Approvers) -> String {
            self.0.actor(approvers.author.as_ref().unwrap()).unwrap().unwrap().0
        }
    }

    #[test]
    fn two_people_are_two_names_for_one_thing_and_the_author_is_none_of_them() {
        let book = Book::new();
        let people = |who, hash, count| {
            let approvers = book.approve(who, hash, count, None);
            (approvers.count(1), approvers.count(2))
        };
        assert_eq!(people("ada", "one", 100), (1, 0), "who brings the text in is its author");
        assert_eq!(people("ada", "one", 100), (1, 0), "the same person twice is one");
        assert_eq!(people("bo", "one", 105), (2, 1));
        assert_eq!(people("cy", "one", 105), (3, 2));
        assert_eq!(people("cy", "one", 5_000), (1, 1), "nobody else saw so many");
        assert_eq!(people("bo", "two", 100), (1, 0), "another text has another author");
        assert_eq!(people("ada", "two", 100), (2, 1));
        assert_eq!(people("cy", "one", 105), (1, 0), "a text that comes back is brought in anew");
    }

    #[test]
    fn the_first_approval_says_who_the_author_is() {
        let book = Book::new();
        let first = book.approve("ada", "one", 100, Some("ola"));
        assert_eq!((book.author(&first).as_str(), first.count(2)), ("ola", 1));
        let second = book.approve("ola", "one", 100, None);
        assert_eq!((book.author(&second).as_str(), second.count(2)), ("ola", 1));
        assert!(second.author_is_left_out(2) && !second.author_is_left_out(1));
        let later = book.approve("bo", "one", 100, Some("ada"));
        assert_eq!(
            (book.author(&later).as_str(), later.count(2)),
            ("ola", 2),
            "nobody can change it afterwards"
        );
    }

    #[test]
    fn what_was_cancelled_does_not_count_and_the_author_stays_the_author() {
        let book = Book::new();
        book.approve("ada", "one", 100, None);
        book.approve("bo", "one", 100, None);
        let newest = book.0.approval(&PolicyId::new("calls")).unwrap().unwrap();
        assert!(book.0.cancel_approval(newest.at, &Actor("cy".to_owned()), &newest, "objection").unwrap());
        let none = book.read("one");
        assert_eq!((none.count(1), none.count(2), book.author(&none).as_str()), (0, 0, "ada"));
        let again = book.approve("cy", "one", 100, None);
        assert_eq!((again.count(2), book.author(&again).as_str()), (1, "ada"), "bo has to say so anew");
        assert_eq!(book.approve("bo", "one", 100, None).count(2), 2);
    }
}
