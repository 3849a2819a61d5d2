//! Holds by condition and by window, how they end, and what they say of what they came too late for.

use chrono::TimeDelta;
use forfall::audit::entry::{Body, Outcome};
use forfall::model::hold::{Hold, HoldKind, HoldScope};
use forfall::model::ids::{BatchId, HoldId, StoreName};
use forfall::model::key::Key;
use forfall::state::api::{Actor, Filter, Planned, StateStore as _};
use forfall::state::sqlite::SqliteState;
use serde_json::Value;

use super::{forfall, write_policy};
use crate::fixture::{Fixture, now};

fn add(fixture: &Fixture, words: &[&str]) -> Value {
    let all: Vec<&str> = ["hold", "add", "--reason", "case-7"].iter().chain(words).copied().collect();
    fixture.run(&all).expect(0).json()
}

fn refused(fixture: &Fixture, words: &[&str], code: i32, says: &str) {
    let all: Vec<&str> = ["hold", "add", "--reason", "case-7"].iter().chain(words).copied().collect();
    let said = forfall(fixture, &all).expect(code);
    assert!(said.err.contains(says), "{words:?}: {}", said.err);
    assert_eq!(listed(fixture).len(), 0, "{words:?}");
}

fn listed(fixture: &Fixture) -> Vec<Value> {
    fixture.run(&["hold", "list"]).expect(0).json()["holds"].as_array().unwrap().clone()
}

/// Due and held of the first stage.
fn counts(fixture: &Fixture, policy: &str) -> (u64, u64) {
    let plan = fixture.run(&["plan", policy]).expect(0).json();
    let stage = &plan["policies"][0]["stages"][0];
    (stage["due"].as_u64().unwrap(), stage["held"].as_u64().unwrap())
}

fn ids(fixture: &Fixture) -> Vec<i64> {
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    let mut ids = database.prepare("select id from call_log order by id").unwrap();
    ids.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_condition_holds_where_it_is_true_or_unknown() {
    let fixture = Fixture::new(4, 1);
    fixture.approve("calls", 4);
    rusqlite::Connection::open(fixture.path("calls.db"))
        .unwrap()
        .execute("update call_log set caller = null where id = 3", ())
        .unwrap();
    let place = ["--store", "calls", "--collection", "call_log"];
    let added = add(&fixture, &[&place[..], &["--when", "caller == '+4799000001'"]].concat());
    assert_eq!(added["hold"]["when"], "caller == '+4799000001'");
    assert_eq!(counts(&fixture, "calls"), (2, 2));
    for (id, held) in [("1", false), ("2", true), ("3", true)] {
        let told = fixture.run(&["explain", "calls", id]).expect(0).json();
        assert_eq!(told["holds"].as_array().unwrap().len(), usize::from(held), "{id}: {told}");
    }
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(ids(&fixture), [2, 3, 5]);
    // What it asks for stands nowhere in the log.
    let log = fixture.run(&["audit", "list"]).expect(0).out;
    assert!(!log.contains("4799000001"), "{log}");
    assert_eq!(fixture.run(&["audit", "verify"]).expect(0).json()["ok"], true);
}

#[test]
fn a_condition_that_nothing_meets_is_refused() {
    let fixture = Fixture::new(4, 1);
    for when in ["false", "caller == 'x' && false", "!(true || caller == 'x')"] {
        let words = ["--store", "calls", "--collection", "call_log", "--when", when];
        refused(&fixture, &words, 2, "is true of no record of call_log in store calls");
    }
    add(&fixture, &["--store", "calls", "--collection", "call_log", "--when", "false || caller == 'x'"]);
}

#[test]
fn a_window_holds_in_every_store_what_began_in_it() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fixture.approve("clips", 3);
    let day = |days: i64| (now() - TimeDelta::days(days)).date_naive().to_string();
    // Calls are 40 days old, clips 8: one window over the first, one over the second.
    let added = add(&fixture, &["--all-stores", "--between", &day(41), &day(39), "--authority", "police"]);
    assert_eq!((counts(&fixture, "calls"), counts(&fixture, "clips")), ((0, 3), (3, 0)));
    let text = forfall(&fixture, &["hold", "list"]).expect(0).out;
    assert!(text.contains("every record in every store whose starting point lies between"), "{text}");
    add(&fixture, &["--store", "cameras", "--between", &day(9), &day(7)]);
    assert_eq!((counts(&fixture, "calls"), counts(&fixture, "clips")), ((0, 3), (0, 3)));
    let told = fixture.run(&["explain", "calls", "1"]).expect(0).json();
    assert_eq!(told["holds"][0], added["hold"]["hold"], "{told}");
    fixture.run(&["run"]).expect(0);
    assert_eq!((fixture.calls(), fixture.clips()), (5, 5));
}

#[test]
fn a_window_ends_with_its_last_instant() {
    let fixture = Fixture::new(0, 0);
    let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
    for at in ["2026-01-31T22:59:59Z", "2026-01-31T23:00:00Z", "2026-02-01T22:59:59Z", "2026-02-01T23:00:00Z"]
    {
        database.execute("insert into call_log (called_at) values (?1)", [at]).unwrap();
    }
    // The first of February in Oslo begins at 23:00 UTC the day before.
    add(&fixture, &["--all-stores", "--between", "2026-02-01", "2026-02-01"]);
    fixture.approve("calls", 2);
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(ids(&fixture), [2, 3]);
}

#[test]
fn a_window_over_what_goes_along_means_the_records() {
    let fixture = Fixture::new(3, 2);
    let policy = "title = \"t\"\nowner = \"o\"\n[[data]]\nstore = \"calls\"\ncollection = \"call_log\"\n\
                  start.field = \"called_at\"\nstart.format = \"rfc3339\"\n[[data.with]]\nstore = \"cameras\"\n\
                  collection = \"cam{id}/**\"\n[[stage]]\nafter = \"30 days\"\naction = \"delete\"\n";
    write_policy(&fixture, "calls", policy);
    fs_err::remove_file(fixture.path("policies/clips.toml")).unwrap();
    let day = |days: i64| (now() - TimeDelta::days(days)).date_naive().to_string();
    add(&fixture, &["--store", "cameras", "--between", &day(41), &day(39)]);
    assert_eq!(counts(&fixture, "calls"), (0, 3));
    // A condition asks the records themselves.
    for words in [&["--when", "true"][..], &["--collection", "cam{id}/**", "--when", "true"]] {
        let all: Vec<&str> =
            ["hold", "add", "--reason", "x", "--store", "cameras"].iter().chain(words).copied().collect();
        let said = forfall(&fixture, &all).expect(2);
        assert!(said.err.contains("goes along with records of call_log"), "{}", said.err);
    }
}

#[test]
fn what_could_keep_nothing_is_refused() {
    let fixture = Fixture::new(1, 0);
    let calls = ["--store", "calls", "--collection", "call_log"];
    let on_calls = |words: &[&'static str]| -> Vec<&'static str> { [&calls[..], words].concat() };
    refused(&fixture, &on_calls(&["--when", "color == 'red'"]), 2, "has no field `color`");
    refused(&fixture, &on_calls(&["--when", "caller = 'x'"]), 2, "--when cannot be asked of call_log");
    refused(&fixture, &on_calls(&["--when", "id == 'x'"]), 2, "not in force");
    refused(&fixture, &on_calls(&["--when", "event('closed')"]), 2, "`event` is no part of its condition");
    refused(&fixture, &["--all-stores", "--between", "2026-02-02", "2026-02-01"], 2, "ends before it begins");
    refused(&fixture, &["--all-stores", "--between", "soon", "2026-02-01"], 2, "--between");
    refused(&fixture, &["--store", "calls", "--until", "2026-01-01"], 2, "has passed already");
    refused(&fixture, &["--store", "calls", "--review", "2026-01-01"], 2, "is not to come");
    refused(
        &fixture,
        &["--store", "calls", "--until", "2998-01-01", "--review", "2999-01-01"],
        2,
        "after the end",
    );
    let restriction = ["--store", "calls", "--kind", "restriction", "--until", "2999-01-01"];
    refused(&fixture, &restriction, 2, "does not end by itself");
    refused(&fixture, &["--policy", "calls", "--store", "cameras"], 2, "no data lies there");
    refused(&fixture, &["--policy", "calls", "--store", "audit-log"], 2, "held as a whole");
    refused(&fixture, &["--store", "telephones"], 2, "telephones");
    refused(
        &fixture,
        &["--store", "audit-log", "--between", "2026-01-01", "2026-02-01"],
        2,
        "held as a whole",
    );
    refused(&fixture, &["--store", "calls", "--matter", "kari@example.org"], 2, "--matter");
    refused(&fixture, &["--between", "2026-02-01", "2026-02-02"], 2, "--policy, --store or --all-stores");
    refused(&fixture, &["--all-stores", "--store", "calls"], 2, "cannot be used with");
}

/// A hold that another person has put in force.
fn by_another(fixture: &Fixture, kind: HoldKind) -> HoldId {
    fixture.run(&["policy", "list"]).expect(0);
    let now = now();
    let state = SqliteState::open(&fixture.path("state/state.db"), now).unwrap();
    let hold = Hold {
        id: HoldId::at(now),
        kind,
        scope: HoldScope { store: Some(StoreName::new("calls")), ..HoldScope::default() },
        reason: "case-9".to_owned(),
        matter: Some("matter-1".to_owned()),
        authority: None,
        since: now,
        review: None,
        until: None,
        released: None,
    };
    state.add_hold(&Actor("somebody else".to_owned()), &hold).unwrap();
    hold.id
}

#[test]
fn a_release_takes_a_second_person_and_a_day() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    let own = add(&fixture, &["--store", "calls"])["hold"]["hold"].as_str().unwrap().to_owned();
    forfall(&fixture, &["hold", "reviewed", &own, "--next", "2020-01-01"]).expect(2);
    forfall(&fixture, &["hold", "reviewed", &own, "--next", "2999-01-01"]).expect(0);
    assert_eq!(listed(&fixture)[0]["review"], "2999-01-01");
    let said = forfall(&fixture, &["hold", "release", &own]).expect(11);
    assert!(said.err.contains("somebody else has to release it"), "{}", said.err);
    let theirs = by_another(&fixture, HoldKind::Legal).to_string();
    let released = fixture.run(&["hold", "release", &theirs]).expect(0).json();
    let until: forfall::time::Instant = released["keeps_until"].as_str().unwrap().parse().unwrap();
    let hours = (until - now()).num_minutes();
    assert!((24 * 60 - 5..=24 * 60).contains(&hours), "{hours}");
    let said = forfall(&fixture, &["hold", "release", &theirs]).expect(2);
    assert!(said.err.contains("has ended already"), "{}", said.err);
    forfall(&fixture, &["hold", "release", "019a3f6e-0000-7000-8000-000000000001"]).expect(2);
    let state = SqliteState::open(&fixture.path("state/state.db"), now()).unwrap();
    state.release_hold(now(), &Actor("x".to_owned()), &own.parse().unwrap(), false).unwrap();
    drop(state);
    let text = forfall(&fixture, &["hold", "list"]).expect(0).out;
    assert!(text.contains("matter matter-1") && text.contains("keeps what it covered until"), "{text}");
    // Both are released, and nothing goes today.
    fixture.run(&["run", "calls"]).expect(0);
    assert_eq!(fixture.calls(), 5);
}

#[test]
fn a_restriction_is_lifted_when_the_person_was_told() {
    let fixture = Fixture::new(1, 0);
    let hold = by_another(&fixture, HoldKind::Restriction).to_string();
    let said = forfall(&fixture, &["hold", "release", &hold]).expect(11);
    assert!(said.err.contains("18(3)") && said.err.contains("--informed"), "{}", said.err);
    assert_eq!(listed(&fixture)[0]["kind"], "restriction");
    forfall(&fixture, &["hold", "release", &hold, "--informed"]).expect(0);
}

/// A batch that was announced and taken back: nothing of it is gone.
fn a_batch_that_did_nothing(fixture: &Fixture) {
    let state = SqliteState::open(&fixture.path("state/state.db"), now()).unwrap();
    let filter = Filter { kind: Some("intent".to_owned()), ..Filter::default() };
    let Body::Intent(mut intent) = state.find(&filter, None, 1).unwrap().remove(0).entry.body else {
        panic!("only intents were asked for");
    };
    intent.label.batch = BatchId::at(now());
    let keys: Vec<Key> = (91..=93).map(Key::from_int).collect();
    state.record_intent(now(), &intent, "0/-/1", &keys, b"", &Planned::default()).unwrap();
    let outcome = Outcome {
        batch: intent.label.batch,
        run: intent.label.run,
        policy: intent.label.policy,
        done: 0,
        skipped: 3,
        failed: 0,
        not_done: Vec::new(),
        basis: "marked".to_owned(),
    };
    state.record_outcome(now(), None, &outcome).unwrap();
}

#[test]
fn the_answer_names_what_it_came_too_late_for() {
    let fixture = Fixture::new(3, 2);
    fixture.approve("calls", 3);
    fixture.run(&["run", "calls"]).expect(0);
    a_batch_that_did_nothing(&fixture);
    let whole = add(&fixture, &["--store", "calls", "--until", "2999-12-31"]);
    assert_eq!((whole["batches"].as_u64(), whole["records"].as_u64()), (Some(1), Some(3)));
    let batch = &whole["already_gone"][0];
    assert_eq!((batch["action"].as_str(), batch["policy"].as_str()), (Some("delete"), Some("calls")));
    assert_eq!(
        (&whole["perhaps"], &whole["in_running_batches"]),
        (&Value::Bool(false), &Value::Array(vec![]))
    );
    let one = add(&fixture, &["--store", "calls", "--key", "1"]);
    assert_eq!(
        (one["already_gone"][0]["batch"].clone(), one["records"].as_u64()),
        (batch["batch"].clone(), Some(1))
    );
    let window = add(&fixture, &["--all-stores", "--between", "2020-01-01", "2999-12-31"]);
    assert_eq!((window["records"].as_u64(), window["perhaps"].as_bool()), (Some(3), Some(true)));
    let other = add(&fixture, &["--store", "cameras"]);
    assert_eq!(other["batches"].as_u64(), Some(0));
    let text = forfall(&fixture, &["hold", "add", "--reason", "x", "--policy", "calls"]).expect(0).out;
    assert!(text.contains("It came too late for batch") && text.contains("3 records"), "{text}");
}

/// The operations guide has every order given as the user of the daemon, by way of `sudo -u`: whoever called it gave the order.
#[test]
fn two_people_behind_sudo_are_two_and_the_state_knows_whom_the_log_means() {
    let fixture = Fixture::new(1, 1);
    let order = |words: &[&str], who: &str, code: i32| {
        let mut command = super::command(&fixture, words);
        crate::fixture::said(command.env("SUDO_UID", who).output().unwrap()).expect(code)
    };
    order(&["hold", "add", "--store", "calls", "--reason", "case-7"], "990001", 0);
    let id = listed(&fixture)[0]["hold"].as_str().unwrap().to_owned();
    let refused = order(&["hold", "release", &id], "990001", 11).err;
    assert!(refused.contains("somebody else has to release it"), "{refused}");
    // Whose account is a program's may be the same person.
    let refused = order(&["hold", "release", &id], "990", 11).err;
    assert!(refused.contains("may be several people"), "{refused}");
    order(&["hold", "release", &id], "990002", 0);
    let entries = fixture.entries();
    let released = entries.iter().rposition(|entry| entry["kind"] == "hold").unwrap().to_string();
    let shown = forfall(&fixture, &["audit", "show", &released]).expect(0).out;
    assert!(shown.contains(" is uid 990002, as this state knows; the log does not."), "{shown}");
    let shown = fixture.run(&["audit", "show", &released]).expect(0).out;
    assert!(!shown.contains("990002"), "what is handed on is the log alone: {shown}");
}

#[test]
fn a_plan_says_that_what_is_due_is_held() {
    let fixture = Fixture::new(3, 2);
    add(&fixture, &["--store", "calls"]);
    let said = forfall(&fixture, &["plan", "calls"]).expect(0).out.replace("\n  ", " ");
    assert!(said.contains("would do nothing: what is due is held"), "{said}");
}
