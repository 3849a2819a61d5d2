//! What comes by the calendar: the weekly digest, and the test alarm that must be acknowledged.

use std::cmp::Reverse;

use super::{Audience, Decision, View};
use crate::model::notice::{Digest, DigestLine, Kind, Notice};
use crate::state::outbox::{Alarm, Book, Mark};
use crate::time::{Instant, Schedule};

/// The newest slot that has passed since the mark. Without a mark the slots count from now; so they do where the mark
/// lies ahead, set while the clock was wrong.
fn newest_slot(
    view: &View<'_>,
    book: &Book,
    schedule: &Schedule,
    mark: &Mark,
    decision: &mut Decision,
) -> Option<Instant> {
    let Some(since) = book.mark(mark).filter(|since| *since <= view.now) else {
        decision.marks.push((mark.clone(), view.now));
        return None;
    };
    let slot = schedule.slots_between(since, view.now, view.zone, 0).newest?;
    decision.marks.push((mark.clone(), slot));
    Some(slot)
}

/// The digest of its newest slot: one, however many slots were missed.
pub(super) fn digest(view: &View<'_>, book: &Book, decision: &mut Decision) {
    let Some(schedule) = &view.rhythm.digest else { return };
    // Just after the start: what nobody has looked at would be missing.
    if view.sights.iter().any(|sight| sight.standing.is_none()) {
        return;
    }
    let mark = Mark("digest".to_owned());
    let Some(slot) = newest_slot(view, book, schedule, &mark, decision) else { return };
    let mut policies: Vec<DigestLine> = view
        .sights
        .iter()
        .filter_map(|sight| {
            let standing = sight.standing.as_ref()?;
            Some(DigestLine {
                policy: sight.policy.id.clone(),
                state: standing.state.clone(),
                overdue: standing.overdue,
                oldest_overdue_seconds: standing.oldest_overdue_seconds,
                due: standing.due,
                undetermined: standing.undetermined,
                waiting: standing.waiting,
                held: standing.held,
                escalated: standing.escalated,
                last_complete: standing.last_complete,
            })
        })
        .collect();
    policies.sort_by_key(|line| (Reverse(line.oldest_overdue_seconds), line.policy.clone()));
    let digest = Digest {
        slot,
        policies,
        gaps: view.gaps.to_vec(),
        unacknowledged: unacknowledged(book).map(|alarm| alarm.subject.clone()).collect(),
        undelivered: view.undelivered,
    };
    decision.tell(Notice::Digest(digest), slot.timestamp().to_string(), Audience::Everybody);
}

/// The test alarms that nobody has acknowledged.
pub fn unacknowledged(book: &Book) -> impl Iterator<Item = &Alarm> {
    book.alarms.iter().filter(|alarm| alarm.kind == Kind::TestAlarm && alarm.acknowledged.is_none())
}

/// A test alarm for each recipient, with a code of its own: whoever enters it shows that this way is open. `level`
/// counts how many in a row were not acknowledged, this one included.
pub(super) fn test_alarm(view: &View<'_>, book: &Book, decision: &mut Decision) {
    let names: Vec<String> = view.recipients.iter().map(ToString::to_string).collect();
    let wanted = view.rhythm.test_alarm.is_some();
    for alarm in book.alarms.iter().filter(|alarm| alarm.kind == Kind::TestAlarm) {
        if !wanted || !names.contains(&alarm.subject) {
            decision.end(Kind::TestAlarm, &alarm.subject);
        }
    }
    let Some(schedule) = &view.rhythm.test_alarm else { return };
    let mark = Mark("test-alarm".to_owned());
    let Some(slot) = newest_slot(view, book, schedule, &mark, decision) else { return };
    for (recipient, subject) in view.recipients.iter().zip(names) {
        let before = book.alarm(Kind::TestAlarm, &subject);
        let missed = before.filter(|alarm| alarm.acknowledged.is_none()).map_or(0, |alarm| alarm.level);
        let code = (view.code)();
        let notice = Notice::TestAlarm { slot, code: code.clone() };
        decision.tell(notice, slot.timestamp().to_string(), Audience::Recipient(recipient.clone()));
        decision.alarms.push(Alarm {
            kind: Kind::TestAlarm,
            subject,
            level: missed + 1,
            since: slot,
            told: view.now,
            code: Some(code),
            acknowledged: None,
        });
    }
}
