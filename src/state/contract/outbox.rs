//! What people are told: kept once, tried until it is delivered, and never lost.

use chrono::TimeDelta;

use super::sample::*;
use crate::model::notice::Kind;
use crate::state::outbox::{
    Alarm, Asked, Attempt, Channel, Letter, Mark, Outbox, PATIENCE, Post, Posted, Recipient,
};

fn letter(id: &str) -> Letter {
    Letter {
        id: id.to_owned(),
        kind: Kind::Overdue,
        policy: Some(policy()),
        to: Recipient { channel: Channel::Mail, address: "ops@example.org".to_owned() },
        written: noon(),
        subject: "[forfall] breach imdi/cctv".to_owned(),
        body: "Blåbær\n".to_owned(),
        payload: "{}".to_owned(),
    }
}

fn alarm(subject: &str, level: i64) -> Alarm {
    Alarm {
        kind: Kind::TestAlarm,
        subject: subject.to_owned(),
        level,
        since: noon(),
        told: later(5),
        code: Some(format!("code-{subject}")),
        acknowledged: None,
    }
}

fn ids(letters: &[Posted]) -> Vec<&str> {
    letters.iter().map(|posted| posted.letter.id.as_str()).collect()
}

fn post(ids: &[&str]) -> Post {
    Post { letters: ids.iter().map(|id| letter(id)).collect(), ..Post::default() }
}

pub(crate) fn a_letter_is_kept_once(state: &dyn Outbox) {
    assert_eq!(state.post(noon(), &post(&["a", "b"])).unwrap(), 2);
    assert_eq!(state.post(later(1), &post(&["b", "c"])).unwrap(), 1);
    let all = state.letters(Asked::All, noon(), 10).unwrap();
    assert_eq!(ids(&all), ["c", "b", "a"], "newest first");
    assert_eq!(all[2].letter, letter("a"));
    assert_eq!(ids(&state.letters(Asked::Waiting, noon(), 2).unwrap()), ["a", "b"], "oldest first");
    state.attempted(later(2), "a", &Attempt::Delivered).unwrap();
    assert_eq!(state.post(later(3), &post(&["a"])).unwrap(), 0, "what was delivered is not sent again");
    assert_eq!(ids(&state.letters(Asked::Due, later(3), 10).unwrap()), ["b", "c"]);
}

pub(crate) fn a_letter_is_tried_until_it_is_delivered(state: &dyn Outbox) {
    state.post(noon(), &post(&["a"])).unwrap();
    assert_eq!(state.undelivered().unwrap(), 0, "it was not tried yet");
    let failed = |second| Attempt::Failed { why: "421 busy".to_owned(), again: later(second) };
    state.attempted(later(1), "a", &failed(60)).unwrap();
    assert!(state.letters(Asked::Due, later(59), 10).unwrap().is_empty());
    let due = state.letters(Asked::Due, later(60), 10).unwrap();
    assert_eq!((due[0].attempts, due[0].error.as_deref()), (1, Some("421 busy")));
    assert_eq!(state.undelivered().unwrap(), 1);
    state.attempted(later(60), "a", &failed(600)).unwrap();
    assert_eq!(state.hurry(later(61), Some(&["other".to_owned()])).unwrap(), 0);
    assert_eq!(state.hurry(later(61), Some(&["a".to_owned()])).unwrap(), 1);
    assert_eq!(state.letters(Asked::Due, later(61), 10).unwrap().len(), 1);
    state.attempted(later(62), "a", &Attempt::Delivered).unwrap();
    state.attempted(later(63), "a", &failed(600)).unwrap();
    let [sent] = state.letters(Asked::All, later(63), 10).unwrap().try_into().unwrap();
    assert_eq!((sent.sent, sent.next, sent.error, sent.attempts), (Some(later(62)), None, None, 3));
    assert_eq!((state.undelivered().unwrap(), state.hurry(later(64), None).unwrap()), (0, 0));
}

pub(crate) fn a_clock_that_was_wrong_puts_off_no_letter(state: &dyn Outbox) {
    state.post(noon(), &post(&["a"])).unwrap();
    let again = noon() + TimeDelta::days(18_000);
    state.attempted(later(1), "a", &Attempt::Failed { why: "busy".to_owned(), again }).unwrap();
    assert_eq!(state.letters(Asked::Due, later(2), 10).unwrap().len(), 1);
    let again = later(2) + PATIENCE;
    state.attempted(later(2), "a", &Attempt::Failed { why: "busy".to_owned(), again }).unwrap();
    assert!(state.letters(Asked::Due, later(2), 10).unwrap().is_empty());
}

pub(crate) fn alarms_open_rise_and_end_with_what_is_told_of_them(state: &dyn Outbox) {
    let opened = Post {
        alarms: vec![alarm("a", 1), alarm("b", 1)],
        marks: vec![(Mark("m".to_owned()), later(1))],
        ..post(&["x"])
    };
    state.post(noon(), &opened).unwrap();
    let book = state.book().unwrap();
    assert_eq!(book.alarms, [alarm("a", 1), alarm("b", 1)]);
    assert_eq!(book.marks, [(Mark("m".to_owned()), later(1))]);
    let changed = Post {
        alarms: vec![alarm("a", 3)],
        over: vec![(Kind::TestAlarm, "b".to_owned()), (Kind::Clock, "a".to_owned())],
        marks: vec![(Mark("m".to_owned()), later(2))],
        ..Post::default()
    };
    state.post(later(2), &changed).unwrap();
    let book = state.book().unwrap();
    assert_eq!(book.alarms, [alarm("a", 3)]);
    assert_eq!(book.mark(&Mark("m".to_owned())), Some(later(2)));
    assert_eq!(book.mark(&Mark("other".to_owned())), None);
}

pub(crate) fn an_alarm_is_acknowledged_by_its_code(state: &dyn Outbox) {
    state.post(noon(), &Post { alarms: vec![alarm("a", 1), alarm("b", 1)], ..Post::default() }).unwrap();
    assert_eq!(state.acknowledge(later(1), &by(), "code-c").unwrap(), None);
    let first = state.acknowledge(later(1), &by(), "code-a").unwrap().unwrap();
    assert_eq!((first.subject.as_str(), &first.acknowledged), ("a", &Some((later(1), by()))));
    let again = state.acknowledge(later(2), &by(), "code-a").unwrap().unwrap();
    assert_eq!(again, first, "the first time counts");
    let book = state.book().unwrap();
    assert_eq!(book.alarm(Kind::TestAlarm, "a"), Some(&first));
    assert_eq!(book.alarm(Kind::TestAlarm, "b").unwrap().acknowledged, None);
}

pub(crate) fn only_what_was_delivered_is_forgotten(state: &dyn Outbox) {
    state.post(noon(), &post(&["a", "b"])).unwrap();
    state.attempted(later(1), "a", &Attempt::Delivered).unwrap();
    assert_eq!(state.forget(later(1)).unwrap(), 0);
    assert_eq!(state.forget(later(2)).unwrap(), 1);
    assert_eq!(ids(&state.letters(Asked::All, later(2), 10).unwrap()), ["b"]);
}

pub(crate) fn one_delivers_at_a_time(state: &dyn Outbox) {
    let first = state.delivering().unwrap();
    assert!(first.is_some() && state.delivering().unwrap().is_none());
    drop(first);
    assert!(state.delivering().unwrap().is_some());
}
