//! The names of events: plain, and such that a policy asks for them. An event under a misspelt name would start no
//! clock, and nobody would notice.

use crate::cli::exit::Failure;
use crate::cli::names::nearest;
use crate::cli::phrase;
use crate::cli::session::Session;

/// Refuses a name that no policy could write, or that seems to hold something of a person.
pub(super) fn check(name: &str) -> Result<(), Failure> {
    why_bad(name).map_or(Ok(()), |why| Err(Failure::usage(why)))
}

/// What is wrong with a name.
pub(super) fn why_bad(name: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Some(format!(
            "`{}` is no event name: it has lower-case letters, digits and hyphens, such as recruitment-closed",
            phrase::safe(name)
        ));
    }
    let found = crate::audit::lint::personal(name)?;
    Some(format!("the name of the event: {found}. It stands in the audit log for years"))
}

/// The events that policies ask for.
#[derive(Debug)]
pub(super) struct Asked {
    names: Vec<String>,
    /// Every policy could be read.
    whole: bool,
}

impl Asked {
    /// Those of every policy in force, with those that were approved and cannot be read any more.
    pub(super) fn of(session: &Session) -> Result<Self, Failure> {
        let policies = session.in_force()?;
        let names: std::collections::BTreeSet<&str> =
            policies.iter().flat_map(|policy| policy.events()).collect();
        Ok(Self { names: names.into_iter().map(str::to_owned).collect(), whole: session.is_valid() })
    }

    /// These, and no others.
    #[cfg(test)]
    pub(super) fn those(names: &[&str]) -> Self {
        Self { names: names.iter().map(ToString::to_string).collect(), whole: true }
    }

    /// Fails for a name that no policy asks for.
    pub(super) fn includes(&self, name: &str) -> Result<(), Failure> {
        self.why_not(name).map_or(Ok(()), |why| Err(Failure::usage(why)))
    }

    /// Why an event of that name would do nothing.
    pub(super) fn why_not(&self, name: &str) -> Option<String> {
        if self.names.iter().any(|known| known == name) {
            return None;
        }
        let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let meant = nearest(name, &known).map_or_else(String::new, |near| format!(": did you mean {near}?"));
        let all = match known.as_slice() {
            [] => "No policy asks for any event".to_owned(),
            some => format!("Policies ask for {}", some.join(", ")),
        };
        let hidden = if self.whole { "" } else { ", and some policy is invalid (see `forfall check`)" };
        let end = if meant.is_empty() { "." } else { "" };
        Some(format!(
            "no policy asks for an event called {}{meant}{end} {all}{hidden}. To record it ahead of its policy, add \
             --unused",
            phrase::safe(name)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_gets_the_nearest_and_all_the_others() {
        let asked =
            |names: &[&str], whole| Asked { names: names.iter().map(ToString::to_string).collect(), whole };
        let some = asked(&["case-closed", "handed-to-police"], true);
        assert_eq!(some.why_not("case-closed"), None);
        assert_eq!(
            some.why_not("case-closd").unwrap(),
            "no policy asks for an event called case-closd: did you mean case-closed? Policies ask for case-closed, \
             handed-to-police. To record it ahead of its policy, add --unused"
        );
        assert_eq!(
            Asked { names: Vec::new(), whole: false }.why_not("x").unwrap(),
            "no policy asks for an event called x. No policy asks for any event, and some policy is invalid (see \
             `forfall check`). To record it ahead of its policy, add --unused"
        );
    }

    #[test]
    fn names_are_plain_and_hold_nothing_of_a_person() {
        for bad in ["", "Case Closed", "case_closed", "årsslutt", "closed-01019012345"] {
            assert!(why_bad(bad).is_some(), "{bad}");
        }
        assert_eq!(why_bad("recruitment-closed-2"), None);
    }
}
