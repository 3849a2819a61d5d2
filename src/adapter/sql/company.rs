//! Whether others are at work on a server: what it has done for everybody, less what it did for us.
//!
//! A deletion that nobody waits beside may take the machine; beside an application it must not be felt. No setting can
//! know which of the two it will be at three in the night, so the server is asked, before each batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::adapter::api::StoreError;
use crate::adapter::place::Pace;

/// Nobody was seen for so many seconds: nobody is there any more.
const GONE: f64 = 1.0;
/// After so many seconds without anybody the count begins anew, or when more than what is unsure could have been seen.
const LOOK: f64 = 0.25;

/// So little work is nobody's who waits: maintenance, a health check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Few {
    in_a_second: f64,
    at_once: u64,
}

impl Few {
    /// Of transactions that write: one or two may be anybody's.
    pub(crate) const TRANSACTIONS: Self = Self { in_a_second: 10.0, at_once: 2 };
    /// Of statements: whoever connects, says in what form it wants its answers, and asks whether the server lives, has
    /// said up to ten, with no transaction to speak of.
    pub(crate) const STATEMENTS: Self = Self { in_a_second: 20.0, at_once: 10 };
}

/// What is known of others on one server.
#[derive(Debug)]
pub(crate) struct Company {
    pace: Pace,
    few: Few,
    /// So many of our own pieces of work may be begun and not yet counted by the server.
    under_way: u64,
    own: AtomicU64,
    seen: Mutex<Seen>,
}

/// What a server has done up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// By its own clock, in seconds.
    pub(crate) at: f64,
    /// Pieces of work, for everybody: transactions or statements.
    pub(crate) work: u64,
    /// Those of our own that had begun when it was asked: what other threads of ours begin before the answer is read is
    /// not among them.
    pub(crate) own: u64,
}

#[derive(Debug, Default)]
struct Seen {
    /// Where the count began.
    since: Option<Done>,
    /// When somebody was seen last, by the server's clock.
    last: Option<f64>,
}

impl Company {
    pub(crate) fn new(pace: Pace, few: Few, parallel: usize) -> Self {
        Self { pace, few, under_way: parallel as u64, own: AtomicU64::default(), seen: Mutex::default() }
    }

    /// A piece of our own work begins.
    pub(crate) fn work(&self) {
        self.own.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether to go gently. `ask` is what the server has done; it is not asked where the configuration has decided.
    pub(crate) fn is_there(
        &self,
        ask: impl FnOnce() -> Result<Done, StoreError>,
    ) -> Result<bool, StoreError> {
        match self.pace {
            Pace::Full => Ok(false),
            Pace::Gentle => Ok(true),
            Pace::Auto => {
                let done = ask()?;
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(seen.look(done, self.own(), self.few, self.under_way))
            }
        }
    }

    /// How many pieces of work of our own have begun.
    pub(crate) fn own(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }
}

impl Seen {
    /// What the server has done, and how much of our own has begun by now.
    fn look(&mut self, done: Done, own: u64, few: Few, under_way: u64) -> bool {
        let begun = self.since.filter(|since| since.at <= done.at && since.work <= done.work);
        let Some(since) = begun else {
            self.since = Some(done);
            return self.last.is_some();
        };
        let (elapsed, ours) = (done.at - since.at, own.saturating_sub(since.own));
        let others = (done.work - since.work).saturating_sub(ours);
        // What is our own may be begun and not counted yet.
        let unsure = if ours > 0 { under_way.max(few.at_once) } else { few.at_once };
        if others > unsure && others as f64 >= few.in_a_second * elapsed {
            (self.since, self.last) = (Some(done), Some(done.at));
        } else if elapsed >= LOOK.max((unsure + 1) as f64 / few.in_a_second) {
            self.since = Some(done);
        }
        self.last = self.last.filter(|last| (0.0..GONE).contains(&(done.at - last)));
        self.last.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said after each of these: time, everybody's work, our own.
    fn said(looks: &[(f64, u64, u64)]) -> Vec<bool> {
        said_of(Few::TRANSACTIONS, looks)
    }

    fn said_of(few: Few, looks: &[(f64, u64, u64)]) -> Vec<bool> {
        let mut seen = Seen::default();
        looks.iter().map(|&(at, work, own)| seen.look(Done { at, work, own }, own, few, 2)).collect()
    }

    #[test]
    fn our_own_work_is_nobody_elses() {
        assert_eq!(said(&[(0.0, 100, 0), (0.1, 110, 10), (0.2, 122, 20), (0.3, 132, 32)]), [false; 4]);
    }

    #[test]
    fn somebody_is_seen_at_once_and_forgotten_after_a_second() {
        let looks = [(0.0, 100, 0), (0.02, 104, 0), (0.5, 105, 1), (0.9, 106, 2), (1.1, 107, 3)];
        assert_eq!(said(&looks), [false, true, true, true, false]);
    }

    #[test]
    fn a_health_check_is_no_company() {
        assert_eq!(said(&[(0.0, 100, 0), (0.2, 101, 0), (0.4, 102, 0), (0.6, 103, 0)]), [false; 4]);
    }

    #[test]
    fn who_connects_and_asks_whether_the_server_lives_is_none_either() {
        let looks = [(0.0, 100, 0), (0.01, 109, 0), (0.6, 110, 0), (1.2, 119, 0), (1.21, 141, 1)];
        assert_eq!(said_of(Few::STATEMENTS, &looks), [false, false, false, false, true]);
    }

    #[test]
    fn what_we_begin_while_the_server_is_asked_is_no_company() {
        let mut seen = Seen::default();
        let mut look =
            |at, work, own, by_now| seen.look(Done { at, work, own }, by_now, Few::TRANSACTIONS, 2);
        assert!(!look(0.0, 100, 0, 0));
        assert!(!look(0.6, 101, 1, 13), "the next count begins with what the server had seen");
        assert!(!look(0.7, 113, 13, 13));
        assert!(!look(0.55, 101, 1, 13), "so does one that was asked earlier and read later");
        assert!(!look(0.8, 115, 15, 15));
    }

    #[test]
    fn a_server_that_begins_to_count_anew_is_no_reason_for_anything() {
        assert_eq!(
            said(&[(9.0, 100, 0), (9.1, 3, 0), (1.0, 4, 0), (1.1, 50, 40)]),
            [false, false, false, true]
        );
    }

    #[test]
    fn what_the_configuration_has_decided_is_not_asked() {
        let asked = || unreachable!("nobody has to be asked");
        assert!(Company::new(Pace::Gentle, Few::STATEMENTS, 1).is_there(asked).unwrap());
        assert!(!Company::new(Pace::Full, Few::STATEMENTS, 1).is_there(asked).unwrap());
    }
}
