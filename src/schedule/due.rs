//! Decides whether a policy runs now. Pure: it is given the time, the slots dealt with and the last run.
//!
//! Every slot ends as exactly one of: run, merged into a later run, or waited for (a pause, a closed window) until it
//! is one of those. Slots that passed while the daemon was down collapse into one run that names them all.

use std::time::Duration;

use crate::audit::entry::Slots;
use crate::model::run::{RunState, Trigger};
use crate::time::{Instant, Schedule, Zone};

/// How long after an incomplete run, or one that a pause cut short, it is tried again, slot or no slot: a store that
/// was down for a minute must not cost a day.
pub const RETRY_AFTER: chrono::TimeDelta = chrono::TimeDelta::minutes(15);

/// A slot this far in the past was missed, not merely reached a little late.
const LATE: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// What is known of a policy's past.
#[derive(Clone, Debug)]
pub struct Past {
    /// Every slot up to here was dealt with.
    pub dealt_with: Instant,
    /// The last run's end and state.
    pub last_run: Option<(Instant, RunState)>,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Run now, for these slots.
    Run {
        /// Why.
        trigger: Trigger,
        /// The slots that it stands for; none for a second try.
        slots: Option<Slots>,
    },
    /// Nothing to do before this; `None` if the schedule has no further slot.
    Sleep(Option<Instant>),
}

/// Decides for one policy.
pub fn decide(schedule: &Schedule, zone: Zone, past: &Past, now: Instant) -> Verdict {
    let passed = schedule.slots_between(past.dealt_with, now, zone, 1);
    if let (Some(&first), Some(last)) = (passed.oldest.first(), passed.newest) {
        let trigger = if passed.count > 1 || now - last > LATE { Trigger::CatchUp } else { Trigger::Slot };
        return Verdict::Run { trigger, slots: Some(Slots { first, last, count: passed.count as u64 }) };
    }
    let next = schedule.next_after(now, zone);
    if let Some((ended, RunState::Incomplete | RunState::Paused)) = past.last_run {
        let again = ended + RETRY_AFTER;
        if again <= now {
            return Verdict::Run { trigger: Trigger::Retry, slots: None };
        }
        return Verdict::Sleep(Some(next.map_or(again, |next| next.min(again))));
    }
    Verdict::Sleep(next)
}

/// How long to sleep until an instant: at least a second, so that a wrong clock makes no busy loop.
pub fn pause_until(next: Instant, now: Instant) -> Duration {
    (next - now).to_std().unwrap_or_default().max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn nightly() -> (Schedule, Zone) {
        ("0 3 * * *".parse().unwrap(), "Europe/Oslo".parse().unwrap())
    }

    fn past(dealt_with: &str) -> Past {
        Past { dealt_with: at(dealt_with), last_run: None }
    }

    #[test]
    fn a_slot_runs_once_at_its_local_time() {
        let (schedule, zone) = nightly();
        let before = decide(&schedule, zone, &past("2026-11-20T02:00:00Z"), at("2026-11-21T01:59:59Z"));
        assert_eq!(before, Verdict::Sleep(Some(at("2026-11-21T02:00:00Z"))));
        let reached = decide(&schedule, zone, &past("2026-11-20T02:00:00Z"), at("2026-11-21T02:00:00Z"));
        let slot = at("2026-11-21T02:00:00Z");
        let slots = Some(Slots { first: slot, last: slot, count: 1 });
        assert_eq!(reached, Verdict::Run { trigger: Trigger::Slot, slots });
        let after = decide(&schedule, zone, &past("2026-11-21T02:00:00Z"), at("2026-11-21T02:00:01Z"));
        assert_eq!(after, Verdict::Sleep(Some(at("2026-11-22T02:00:00Z"))));
    }

    #[test]
    fn slots_missed_while_the_daemon_was_down_collapse_into_one_run() {
        let (schedule, zone) = nightly();
        let verdict = decide(&schedule, zone, &past("2025-10-17T02:00:00Z"), at("2026-11-21T12:00:00Z"));
        let Verdict::Run { trigger: Trigger::CatchUp, slots: Some(slots) } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(slots.count, 400);
        assert_eq!(slots.first, at("2025-10-18T01:00:00Z"), "summer time");
        assert_eq!(slots.last, at("2026-11-21T02:00:00Z"));
    }

    #[test]
    fn the_hour_that_repeats_and_the_hour_that_never_comes_each_give_one_run() {
        let schedule: Schedule = "30 2 * * *".parse().unwrap();
        let zone: Zone = "Europe/Oslo".parse().unwrap();
        let spring = decide(&schedule, zone, &past("2026-03-28T01:30:00Z"), at("2026-03-29T01:00:00Z"));
        assert!(matches!(spring, Verdict::Run { trigger: Trigger::Slot, .. }), "{spring:?}");
        let autumn = decide(&schedule, zone, &past("2026-10-24T00:30:00Z"), at("2026-10-25T00:30:00Z"));
        assert!(matches!(autumn, Verdict::Run { trigger: Trigger::Slot, .. }), "{autumn:?}");
        let again = decide(&schedule, zone, &past("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"));
        assert_eq!(again, Verdict::Sleep(Some(at("2026-10-26T01:30:00Z"))));
    }

    #[test]
    fn an_incomplete_run_is_tried_again_before_the_next_slot() {
        let (schedule, zone) = nightly();
        let ended = at("2026-11-21T02:01:00Z");
        let past =
            Past { dealt_with: at("2026-11-21T02:00:00Z"), last_run: Some((ended, RunState::Incomplete)) };
        assert_eq!(decide(&schedule, zone, &past, ended), Verdict::Sleep(Some(at("2026-11-21T02:16:00Z"))));
        let again = Verdict::Run { trigger: Trigger::Retry, slots: None };
        assert_eq!(decide(&schedule, zone, &past, at("2026-11-21T02:16:00Z")), again);
        let complete = Past { last_run: Some((ended, RunState::Complete)), ..past };
        assert!(matches!(decide(&schedule, zone, &complete, at("2026-11-21T02:16:00Z")), Verdict::Sleep(_)));
    }

    #[test]
    fn a_run_paused_in_the_middle_goes_on_before_the_next_slot() {
        let (schedule, zone) = nightly();
        let ended = at("2026-11-21T02:01:00Z");
        let past = Past { dealt_with: at("2026-11-21T02:00:00Z"), last_run: Some((ended, RunState::Paused)) };
        let again = Verdict::Run { trigger: Trigger::Retry, slots: None };
        assert_eq!(decide(&schedule, zone, &past, at("2026-11-21T02:16:00Z")), again);
    }

    #[test]
    fn a_clock_behind_its_slot_makes_no_busy_loop() {
        assert_eq!(
            pause_until(at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z")),
            Duration::from_secs(1)
        );
    }
}
