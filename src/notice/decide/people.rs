//! What waits for a person: review cases, and holds that have to be looked at again.

use chrono::{NaiveTime, TimeDelta};

use super::{Audience, Decision, View, told_ago};
use crate::model::notice::{Kind, Notice};
use crate::state::outbox::Book;
use crate::time::{After, Instant, Period, StartValue, Zone, due};

/// The local time at which people are told of a day.
const MORNING: NaiveTime = NaiveTime::from_hms_opt(8, 0, 0).expect("eight in the morning exists");
/// How often people are reminded of a hold whose review is due.
const REMIND_OF_HOLD: TimeDelta = TimeDelta::days(7);

/// Cases that were opened since the last look, and those of which somebody has to be reminded. One that was decided and
/// waits again after the decision was taken back is told of anew.
pub(super) fn reviews(view: &View<'_>, book: &Book, decision: &mut Decision) {
    for review in view.reviews {
        let subject = review.case.to_string();
        let known = book.alarm(Kind::Review, &subject).filter(|alarm| alarm.since == review.opened);
        let own = view.sights.iter().find(|sight| sight.policy.id == review.policy);
        let zone = own.map_or(view.zone, |sight| sight.policy.zone);
        let number = match known {
            None => 0,
            Some(alarm) if review.remind.is_some_and(|every| passed(alarm.told, every, zone, view.now)) => {
                alarm.level + 1
            }
            Some(_) => continue,
        };
        let notice = Notice::Review {
            policy: review.policy.clone(),
            case: review.case,
            records: review.records,
            opened: review.opened,
            question: review.question.clone(),
            decisions: review.decisions.clone(),
            proposed: review.proposed,
            deadline: review.deadline,
            reminder: number > 0,
        };
        decision.tell(
            notice,
            format!("{subject}/{}/{number}", review.opened.timestamp_micros()),
            Audience::Roles(review.to.clone()),
        );
        decision.keep(Kind::Review, subject, number, review.opened, view.now);
    }
    let open = |subject: &str| view.reviews.iter().any(|review| review.case.to_string() == subject);
    for alarm in book.alarms.iter().filter(|alarm| alarm.kind == Kind::Review && !open(&alarm.subject)) {
        decision.end(Kind::Review, &alarm.subject);
    }
}

/// Whether a calendar period has passed since an instant. One that lies ahead was written by a wrong clock.
fn passed(since: Instant, every: Period, zone: Zone, now: Instant) -> bool {
    since > now
        || due(StartValue::Instant(since), After::Period(every), None, zone).is_some_and(|at| at <= now)
}

/// Holds whose review day has come: told on that morning, then every week until the day is moved or the hold released.
pub(super) fn holds(view: &View<'_>, book: &Book, decision: &mut Decision) {
    for hold in view.holds {
        let subject = hold.id.to_string();
        let alarm = book.alarm(Kind::HoldReview, &subject);
        let due = hold.review.map(|day| (day, morning(view.zone, day)));
        let Some((day, since)) = due.filter(|(_, since)| *since <= view.now) else {
            if alarm.is_some() {
                decision.end(Kind::HoldReview, subject);
            }
            continue;
        };
        let moved = alarm.is_none_or(|alarm| alarm.since != since);
        if !moved && alarm.is_some_and(|alarm| told_ago(alarm, view.now) < REMIND_OF_HOLD) {
            continue;
        }
        let number = if moved { 0 } else { alarm.map_or(0, |alarm| alarm.level + 1) };
        let notice = Notice::HoldReview {
            hold: hold.id,
            review: day,
            until: hold.until,
            policy: hold.scope.policy.clone(),
            store: hold.scope.store.clone(),
        };
        let owner = hold.scope.policy.as_ref().and_then(|policy| {
            let sight = view.sights.iter().find(|sight| sight.policy.id == *policy)?;
            Some(Audience::Owner(sight.policy.owner.clone()))
        });
        decision.tell(notice, format!("{day}/{number}"), owner.unwrap_or(Audience::Operators));
        decision.keep(Kind::HoldReview, subject, number, since, view.now);
    }
    let there = |subject: &str| view.holds.iter().any(|hold| hold.id.to_string() == subject);
    for alarm in book.alarms.iter().filter(|alarm| alarm.kind == Kind::HoldReview && !there(&alarm.subject)) {
        decision.end(Kind::HoldReview, &alarm.subject);
    }
}

fn morning(zone: Zone, day: chrono::NaiveDate) -> Instant {
    zone.to_instant(day.and_time(MORNING))
}
