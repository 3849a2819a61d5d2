//! What a verification says that it checked, and what it could not.

use std::collections::BTreeSet;

use super::{BACKWARDS, Verifier};

/// What every verification looks at. What failed once is not said to have been found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    /// The heads and who signed them.
    Head,
    /// Which keys may have.
    Keys,
    /// What an entry looks like.
    Form,
    /// Approvals before batches.
    Approvals,
    /// Intents and outcomes.
    Batches,
    /// What a crash left open.
    Recoveries,
}

/// What failed.
pub(super) type Failed = BTreeSet<Check>;

impl Verifier {
    pub(super) fn checked(&self) -> Vec<String> {
        let mut checked = Vec::new();
        if let Some(head) = self.head.says.as_ref() {
            checked.push(format!("{} signed the checkpoint", head.origin));
            checked
                .push(format!("the entries are the {} of the checkpoint, unchanged and in order", head.size));
        }
        if let Some(since) = self.since.as_ref().and_then(|since| since.says.as_ref()) {
            checked.push(format!(
                "nothing of the older checkpoint over {} entries was changed or lost",
                since.size
            ));
        }
        if self.found.backwards == 0 {
            let minutes = BACKWARDS.num_minutes();
            checked.push(format!("times do not run backwards by more than {minutes} minutes"));
        }
        let whole = self.pruned == 0;
        let sentences = [
            (
                Check::Keys,
                whole,
                "the genesis entry is the first, and it or a signed handover names this key",
            ),
            (Check::Form, true, "every entry can be read and has its one canonical form"),
            (Check::Approvals, whole, "each policy was approved before its first batch"),
            (
                Check::Batches,
                true,
                "each batch has one intent and at most one outcome, which accounts for every record announced",
            ),
            (Check::Recoveries, true, "each recovery stands directly before the outcome that it explains"),
        ];
        for (check, could_be, sentence) in sentences {
            if could_be && !self.found.failed.contains(&check) {
                checked.push(sentence.to_owned());
            }
        }
        checked
    }

    pub(super) fn not_checked(&self) -> Vec<String> {
        let mut not_checked = Vec::new();
        let signed = self.head.size();
        if signed.is_none() {
            not_checked.push(
                "who wrote the entries, and whether they are all there: no valid checkpoint".to_owned(),
            );
        }
        match &self.since {
            None => not_checked.push(
                "whether the end was cut off, or all of it written anew by the holder of the key: \
                 give a checkpoint that was kept elsewhere (--since)"
                    .to_owned(),
            ),
            Some(since) if since.says.is_none() => {
                not_checked.push("that the log goes on from the older checkpoint: it does not".to_owned());
            }
            Some(since) if since.size() < Some(self.frontier.size()) => {
                not_checked
                    .push("whether the entries after the older checkpoint were written anew".to_owned());
            }
            Some(_) => {}
        }
        if self.pruned > 0 {
            not_checked.push(format!(
                "what the first {} entries said: they were pruned, and their digests stand for them",
                self.pruned
            ));
        }
        if let Some(beyond) =
            signed.and_then(|signed| self.frontier.size().checked_sub(signed)).filter(|n| *n > 0)
        {
            not_checked.push(format!("the newest {beyond} entries: they are not under the checkpoint"));
        }
        if self.batches.open() > 0 {
            not_checked
                .push(format!("what became of {} batches that have no outcome yet", self.batches.open()));
        }
        if self.batches.has_forgotten() {
            not_checked.push(
                "whether a batch that ended long before the clock was set back comes again after it: old batches are \\
                 recognised by the time in their ids"
                    .to_owned(),
            );
        }
        if self.found.backwards > 0 {
            not_checked.push(format!(
                "when entries were really written: the clock ran backwards {} times, see the remarks. Their order \
                 is certain",
                self.found.backwards
            ));
        } else {
            not_checked
                .push("that the clock was right: times are what the operator's machine said".to_owned());
        }
        not_checked
            .push("which records stand behind the roots of the intents: see their certificates".to_owned());
        not_checked
            .push("whether the stores did what the outcomes say, and whether other copies exist".to_owned());
        not_checked
    }
}
