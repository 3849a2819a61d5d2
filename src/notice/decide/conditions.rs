//! Conditions that hold or do not: overdue records, bad runs, undetermined and stale records, a clock that is wrong.

use chrono::{Datelike, TimeDelta};

use super::{Audience, Decision, Sight, View, told_ago};
use crate::model::notice::{Kind, Level, Notice, RunCounts};
use crate::model::run::RunState;
use crate::state::outbox::Book;

/// How often people are reminded of what lasts.
const DAILY: TimeDelta = TimeDelta::hours(24);
const WEEKLY: TimeDelta = TimeDelta::days(7);
const MONTHLY: TimeDelta = TimeDelta::days(30);

/// Overdue records by how much of the time to their deadline has passed. A breach is told again every day.
pub(super) fn overdue(view: &View<'_>, sight: &Sight<'_>, book: &Book, decision: &mut Decision) {
    let (Some(standing), policy) = (&sight.standing, sight.policy) else { return };
    let subject = policy.id.as_str();
    let alarm = book.alarm(Kind::Overdue, subject);
    let notice = |level| Notice::Overdue {
        policy: policy.id.clone(),
        level,
        records: if level == Level::Cleared { 0 } else { standing.overdue.max(1) },
        lateness: standing.lateness.filter(|_| level != Level::Cleared),
        forecast: standing.unseen,
    };
    let owner = || Audience::Owner(policy.owner.clone());
    let late = standing.lateness.and_then(|late| Some((late, late.level(view.now)?)));
    let Some((late, level)) = late else {
        // A store that did not answer has cleared nothing.
        if let Some(alarm) = alarm.filter(|_| !standing.unseen) {
            let period = format!("{}/{}", alarm.since.timestamp(), Level::Cleared.word());
            decision.tell(notice(Level::Cleared), period, owner());
            decision.end(Kind::Overdue, subject);
        }
        return;
    };
    let before = alarm.map_or(0, |alarm| alarm.level);
    let reminded = level == Level::Breach && alarm.is_some_and(|alarm| told_ago(alarm, view.now) >= DAILY);
    let told = level as i64 > before || reminded;
    if told {
        let days = (view.now - late.due).num_days();
        let period = format!("{}/{}/{days}", late.due.timestamp(), level.word());
        decision.tell(notice(level), period, owner());
    }
    if told || alarm.is_some_and(|alarm| (alarm.level, alarm.since) != (level as i64, late.due)) {
        let last = alarm.map_or(view.now, |alarm| alarm.told);
        decision.keep(Kind::Overdue, subject, level as i64, late.due, if told { view.now } else { last });
    }
}

/// The newest run, if it is incomplete or was stopped. While further runs end the same way it is told once a day.
pub(super) fn run(view: &View<'_>, sight: &Sight<'_>, book: &Book, decision: &mut Decision) {
    let (policy, subject) = (sight.policy, sight.policy.id.as_str());
    let run = sight.last_run.as_ref().and_then(|run| Some((run, run.ended?, run.note.state?)));
    let bad = run.and_then(|(run, ended, state)| match state {
        RunState::Incomplete => Some((Kind::RunIncomplete, run, ended)),
        // An approval answers the stop before it.
        RunState::Stopped if sight.approved.is_none_or(|at| at <= run.began) => {
            Some((Kind::RunStopped, run, ended))
        }
        _ => None,
    });
    for kind in [Kind::RunIncomplete, Kind::RunStopped] {
        let alarm = book.alarm(kind, subject);
        let Some((_, run, ended)) = bad.filter(|(bad, ..)| *bad == kind) else {
            if alarm.is_some() {
                decision.end(kind, subject);
            }
            continue;
        };
        if alarm.is_some_and(|alarm| alarm.since == run.began || told_ago(alarm, view.now) < DAILY) {
            continue;
        }
        let (id, counts) = (run.note.run, counts(run));
        let policy_id = policy.id.clone();
        let notice = match kind {
            Kind::RunStopped => Notice::RunStopped { policy: policy_id, run: id, ended, counts },
            _ => Notice::RunIncomplete { policy: policy_id, run: id, ended, counts },
        };
        decision.tell(notice, id.to_string(), Audience::Owner(policy.owner.clone()));
        decision.keep(kind, subject, 1, run.began, view.now);
    }
}

fn counts(run: &crate::state::api::PastRun) -> RunCounts {
    run.note.stages.iter().fold(RunCounts::default(), |sum, stage| RunCounts {
        due: sum.due + stage.due,
        done: sum.done + stage.done,
        skipped: sum.skipped + stage.skipped,
        failed: sum.failed + stage.failed,
    })
}

/// More undetermined records than the limit: told when it begins, at each doubling, and once a week.
pub(super) fn undetermined(view: &View<'_>, sight: &Sight<'_>, book: &Book, decision: &mut Decision) {
    // Of a store that did not answer nobody knows what is undetermined.
    let Some(standing) = sight.standing.as_ref().filter(|standing| !standing.unseen) else { return };
    let (policy, subject) = (sight.policy, sight.policy.id.as_str());
    let alarm = book.alarm(Kind::Undetermined, subject);
    let limit = view.rhythm.undetermined_above;
    if standing.undetermined <= limit {
        if alarm.is_some() {
            decision.end(Kind::Undetermined, subject);
        }
        return;
    }
    let doublings = i64::from((standing.undetermined / limit.max(1)).max(1).ilog2()) + 1;
    let worse = alarm.is_none_or(|alarm| doublings > alarm.level);
    if worse || alarm.is_some_and(|alarm| told_ago(alarm, view.now) >= WEEKLY) {
        let day = policy.zone.local(view.now).date();
        let notice = Notice::Undetermined {
            policy: policy.id.clone(),
            records: standing.undetermined,
            total: standing.records,
            limit,
        };
        let week = day.iso_week();
        let period = format!("{}-{:02}/{doublings}/{day}", week.year(), week.week());
        decision.tell(notice, period, Audience::Owner(policy.owner.clone()));
        let since = alarm.map_or(view.now, |alarm| alarm.since);
        let highest = alarm.map_or(doublings, |alarm| alarm.level.max(doublings));
        decision.keep(Kind::Undetermined, subject, highest, since, view.now);
    }
}

/// Records without a start for too long: told when the first is, at each doubling, and every month while it lasts.
pub(super) fn stale(view: &View<'_>, sight: &Sight<'_>, book: &Book, decision: &mut Decision) {
    let Some(standing) = &sight.standing else { return };
    let (policy, subject, stale) = (sight.policy, sight.policy.id.as_str(), standing.stale);
    let alarm = book.alarm(Kind::Stale, subject);
    let Some(since) = stale.since else {
        if alarm.is_some() {
            decision.end(Kind::Stale, subject);
        }
        return;
    };
    let doublings = i64::from(stale.records().max(1).ilog2()) + 1;
    let worse = alarm.is_none_or(|alarm| doublings > alarm.level);
    if worse || alarm.is_some_and(|alarm| told_ago(alarm, view.now) >= MONTHLY) {
        let notice = Notice::Stale {
            policy: policy.id.clone(),
            waiting: stale.waiting,
            undetermined: stale.undetermined,
            since,
        };
        let period = format!("{}/{doublings}", policy.zone.local(view.now).date());
        decision.tell(notice, period, Audience::Owner(policy.owner.clone()));
        let highest = alarm.map_or(doublings, |alarm| alarm.level.max(doublings));
        decision.keep(Kind::Stale, subject, highest, since, view.now);
    }
}

/// The clock is not trusted: told when that begins, and every day.
pub(super) fn clock(view: &View<'_>, book: &Book, decision: &mut Decision) {
    let alarm = book.alarm(Kind::Clock, "");
    if !view.distrusted {
        if alarm.is_some() {
            decision.end(Kind::Clock, "");
        }
        return;
    }
    if alarm.is_none_or(|alarm| told_ago(alarm, view.now) >= DAILY) {
        let day = view.zone.local(view.now).date();
        decision.tell(Notice::Clock { shows: view.now }, day.to_string(), Audience::Operators);
        let since = alarm.map_or(view.now, |alarm| alarm.since);
        decision.keep(Kind::Clock, "", 1, since, view.now);
    }
}
