//! Whether a policy runs often enough for its deadlines.

use chrono::{Days, TimeDelta};

use crate::policy::rule::{Policy, Stage};
use crate::policy::timing::{deadline, due_at};
use crate::time::{After, Cutoff, Instant, Period, StartValue};

/// Why the schedule and the window cannot meet the stage's deadline, and what to do.
pub(super) fn too_rare(policy: &Policy, stage: &Stage, now: Instant) -> Option<(String, String)> {
    if !stage.action.changes_the_store() {
        return None;
    }
    let after = stage.after?;
    if let Some(cutoff) = stage.start.as_ref()?.cutoff {
        return too_late_after(policy, stage, cutoff, now);
    }
    let room = room(after, stage.at_latest, policy.grace);
    let wait = longest_wait(policy, now)?;
    // Clocks change by an hour or two between two slots as between due and deadline.
    (wait > room + TimeDelta::hours(2)).then(|| {
        let (wait, room) = (length(wait), length(room));
        (
            format!("{wait} may pass between two runs, but this stage has {room} from due to deadline"),
            "let the policy run more often, widen its window, or say with `at-latest` how late it may be done".to_owned(),
        )
    })
}

/// With a calendar period, records fall due on known days: each must have a slot before its deadline.
fn too_late_after(policy: &Policy, stage: &Stage, cutoff: Cutoff, now: Instant) -> Option<(String, String)> {
    const YEAR_AND_MORE: usize = 400;
    let today = policy.zone.local(now).date();
    let mut ends: Vec<_> =
        today.iter_days().take(YEAR_AND_MORE).filter_map(|day| cutoff.first_day_after(day)).collect();
    ends.dedup();
    ends.into_iter().find_map(|next| {
        let last = StartValue::Date(next.checked_sub_days(Days::new(1))?);
        let (due, deadline) = (due_at(policy, stage, last)?, deadline(policy, stage, last)?);
        let run = acts_from(policy, due)?;
        (run > deadline).then(|| {
            let local = |at: Instant| policy.zone.local(at).format("%Y-%m-%d %H:%M");
            (
                format!(
                    "what is due on {} has its deadline on {}, but the next run is on {}",
                    local(due),
                    local(deadline),
                    local(run)
                ),
                "let the policy run soon after the calendar period ends, or say with `at-latest` how late it may be done".to_owned(),
            )
        })
    })
}

/// The first instant, not before `at`, at which a slot has come and the window is open.
fn acts_from(policy: &Policy, at: Instant) -> Option<Instant> {
    let slot = policy.schedule.next_after(at - TimeDelta::microseconds(1), policy.zone)?;
    opened(policy, slot)
}

fn opened(policy: &Policy, slot: Instant) -> Option<Instant> {
    policy.window.as_ref().map_or(Some(slot), |window| window.next_opening(slot, policy.zone))
}

/// The longest time between two runs. A slot outside the window waits until it opens.
fn longest_wait(policy: &Policy, now: Instant) -> Option<TimeDelta> {
    const SLOTS: usize = 500;
    if policy.window.is_none() {
        return policy.schedule.longest_gap(policy.zone, now);
    }
    let mut runs: Vec<Instant> = Vec::new();
    let mut slot = now;
    for _ in 0..SLOTS {
        slot = policy.schedule.next_after(slot, policy.zone)?;
        let run = opened(policy, slot)?;
        if runs.last() != Some(&run) {
            runs.push(run);
        }
        // Until the window opens again every further slot runs when this one does.
        slot = slot.max(run - TimeDelta::microseconds(1));
    }
    runs.windows(2).map(|pair| pair[1] - pair[0]).max()
}

/// The least time from due to deadline, clock changes aside.
fn room(after: After, latest: Option<Period>, grace: Period) -> TimeDelta {
    let after = after.period();
    let least = match latest {
        None => nominal(grace),
        Some(latest) => {
            let parts = || {
                Some(Period {
                    months: latest.months.checked_sub(after.months)?,
                    days: latest.days.checked_sub(after.days)?,
                    hours: latest.hours.checked_sub(after.hours)?,
                })
            };
            parts().map_or_else(|| latest.min_hours() - after.max_hours(), nominal)
        }
    };
    TimeDelta::hours(least.max(0))
}

fn nominal(period: Period) -> i64 {
    let calendar = Period { hours: 0, ..period };
    let days = (calendar.min_hours() + 23) / 24;
    days.max(0) * 24 + i64::from(period.hours)
}

fn length(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours() % 24, time.num_minutes() % 60);
    let parts = [(days, "day"), (hours, "hour"), (minutes, "minute")];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { "no time".to_owned() } else { words.join(" ") }
}
