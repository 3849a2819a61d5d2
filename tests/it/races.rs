//! Holds against runs that are under way, as two processes: whatever a batch took although it is held, that batch had
//! begun before the hold was acknowledged. The order in the audit log tells.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use forfall::adapter::contract::server::up_to;
use forfall::audit::commitment::{commitment, opening};
use forfall::audit::entry::{Body, Intent};
use forfall::model::hold::{Hold, HoldKind, HoldScope, Window};
use forfall::model::ids::{HoldId, StoreName};
use forfall::model::key::Key;
use forfall::state::api::{Actor, Filter, Placed, StateStore};
use forfall::state::sqlite::SqliteState;

use crate::cli::write_policy;
use crate::fixture::{Fixture, now};
use crate::mariadb;
use crate::postgres::{Desk, sql};

/// So many holds are put in force while batches are under way, on each kind of store.
const RACES: usize = 1_400;
/// A run has so many collections, hence batches, of so many records each: most holds meet a batch about to begin.
const COLLECTIONS: usize = 64;
const RECORDS: usize = 8;
/// Every so many of the holds, in every second collection, is one of whose record only the store can tell. Such a hold
/// has the run ask anew for all holds there, and the held keys are then left out before the intent is checked: in the
/// other collections nothing but that check keeps them.
const BY_CONDITION: usize = 5;
/// So often the log is looked at between two holds, if nothing happens.
const LOOKS: usize = 300;

/// One record: the place of its collection, and its own in there.
type Place = (usize, usize);

/// A store with a run that is about to begin.
struct Site {
    run: Command,
    state: PathBuf,
    store: &'static str,
    collection: fn(usize) -> String,
    key: fn(Place) -> Key,
    /// A condition that is true of that record in its collection.
    when: fn(Place) -> String,
    is_there: Box<dyn Fn(Place) -> bool>,
}

/// What became of the holds.
#[derive(Debug, Default)]
struct Tally {
    in_time: usize,
    too_late: usize,
}

/// A policy over all collections of a store.
fn policy(store: &str, collection: fn(usize) -> String, start: &str) -> String {
    let data =
        |place| format!("[[data]]\nstore = \"{store}\"\ncollection = \"{}\"\n{start}\n", collection(place));
    let data: String = (0..COLLECTIONS).map(data).collect();
    format!("title = \"Races\"\nowner = \"o\"\n{data}[[stage]]\nafter = \"30 days\"\naction = \"delete\"\n")
}

fn table(place: usize) -> String {
    format!("t{place}")
}

fn row((_, record): Place) -> Key {
    Key::from_int(i64::try_from(record).unwrap())
}

fn row_is((_, record): Place) -> String {
    format!("id == {record}")
}

#[test]
fn a_hold_on_a_row_wins_against_every_later_batch() {
    races(|| {
        let fixture = Fixture::new(0, 0);
        let database = rusqlite::Connection::open(fixture.path("calls.db")).unwrap();
        let fill = |place| {
            let rows = (0..RECORDS).map(|row| format!("({row}, '2020-01-01T00:00:00Z')")).collect::<Vec<_>>();
            let (table, rows) = (table(place), rows.join(", "));
            format!(
                "create table {table} (id integer primary key, at text); insert into {table} values {rows};"
            )
        };
        database.execute_batch(&(0..COLLECTIONS).map(fill).collect::<String>()).unwrap();
        let start = "start.field = \"at\"\nstart.format = \"rfc3339\"";
        write_policy(&fixture, "races", &policy("calls", table, start));
        fixture.approve("races", COLLECTIONS * RECORDS);
        Site {
            run: fixture.command(&["run", "races"]),
            state: fixture.path("state/state.db"),
            store: "calls",
            collection: table,
            key: row,
            when: row_is,
            is_there: Box::new(move |(place, record)| {
                let _kept = &fixture;
                let ask = format!("select exists (select 1 from {} where id = {record})", table(place));
                database.query_row(&ask, (), |row| row.get(0)).unwrap()
            }),
        }
    });
}

#[test]
fn a_hold_on_a_file_wins_against_every_later_batch() {
    fn name((place, record): Place) -> String {
        format!("d{place}/r{record}.bin")
    }
    let pattern = |place| format!("d{place}/*.bin");
    races(|| {
        let fixture = Fixture::new(0, 0);
        for place in 0..COLLECTIONS {
            fs_err::create_dir_all(fixture.path("cameras").join(format!("d{place}"))).unwrap();
            (0..RECORDS)
                .for_each(|record| Fixture::clip(&fixture.path("cameras").join(name((place, record))), 40));
        }
        write_policy(&fixture, "races", &policy("cameras", pattern, "start.field = \"modified\""));
        fixture.approve("races", COLLECTIONS * RECORDS);
        Site {
            run: fixture.command(&["run", "races"]),
            state: fixture.path("state/state.db"),
            store: "cameras",
            collection: pattern,
            key: |place| Key::from_path(name(place).as_bytes()),
            when: |place| format!("path == '{}'", name(place)),
            is_there: Box::new(move |place| fixture.path("cameras").join(name(place)).exists()),
        }
    });
}

#[test]
fn a_hold_on_a_row_of_a_server_wins_against_every_later_batch() {
    races(|| {
        let desk = Desk::new();
        let fill = |place| {
            format!(
                "CREATE TABLE {0} (id bigint PRIMARY KEY, at timestamptz); \
                 INSERT INTO {0} SELECT n, '2020-01-01' FROM generate_series(0, {1}) n;",
                table(place),
                RECORDS - 1
            )
        };
        sql(&desk.database, &(0..COLLECTIONS).map(fill).collect::<String>());
        desk.write("policies/races.toml", &policy("desk", table, "start.field = \"at\""));
        desk.run(&["approve", "races", "--count", &(COLLECTIONS * RECORDS).to_string()]).expect(0);
        Site {
            run: desk.command(&["run", "races"]),
            state: desk.path("state/state.db"),
            store: "desk",
            collection: table,
            key: row,
            when: row_is,
            is_there: Box::new(move |(place, record)| {
                let ask = format!("SELECT 1 FROM {} WHERE id = {record}", table(place));
                !sql(&desk.database, &ask).is_empty()
            }),
        }
    });
}

#[test]
fn a_hold_on_a_row_of_mariadb_wins_against_every_later_batch() {
    races(|| {
        let desk = mariadb::Desk::new();
        for place in 0..COLLECTIONS {
            let table = table(place);
            mariadb::sql(
                &desk.database,
                &format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, at TIMESTAMP NULL)"),
            );
            let fill = format!("INSERT INTO {table} SELECT seq - 1, '2020-01-01' FROM {}", up_to(RECORDS));
            mariadb::sql(&desk.database, &fill);
        }
        desk.write("policies/races.toml", &policy("desk", table, "start.field = \"at\""));
        desk.run(&["approve", "races", "--count", &(COLLECTIONS * RECORDS).to_string()]).expect(0);
        Site {
            run: desk.command(&["run", "races"]),
            state: desk.path("state/state.db"),
            store: "desk",
            collection: table,
            key: row,
            when: row_is,
            is_there: Box::new(move |(place, record)| {
                let ask = format!("SELECT CONCAT(id) FROM {} WHERE id = {record}", table(place));
                !mariadb::sql(&desk.database, &ask).is_empty()
            }),
        }
    });
}

/// Runs until there were as many races as wanted, a new site each time.
fn races(site: impl Fn() -> Site) {
    let mut all = Tally::default();
    while all.in_time + all.too_late < RACES {
        let one = race(site());
        all.in_time += one.in_time;
        all.too_late += one.too_late;
    }
    // Otherwise nothing was raced for.
    assert!(all.in_time > RACES / 20 && all.too_late > RACES / 20, "{all:?}");
}

fn race(mut site: Site) -> Tally {
    let state = SqliteState::open(&site.state, now()).unwrap();
    let mut run = site.run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let held = hold_until_it_ends(&site, &state, &mut run);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let intents = placed(&state, "intent");
    let holds: HashMap<HoldId, u64> = placed(&state, "hold")
        .into_iter()
        .filter_map(|placed| match placed.entry.body {
            Body::Hold(note) => Some((note.hold, placed.index)),
            _ => None,
        })
        .collect();
    let mut tally = Tally::default();
    for (place, hold) in &held {
        if (site.is_there)(*place) {
            tally.in_time += 1;
            continue;
        }
        let taken = taken_by(&site, &state, &intents, *place).expect("no record goes without an intent");
        assert!(
            taken < holds[hold],
            "record {place:?} is held since entry {}, and the batch of entry {taken} took it",
            holds[hold]
        );
        tally.too_late += 1;
    }
    let all = (0..COLLECTIONS).flat_map(|place| (0..RECORDS).map(move |record| (place, record)));
    let left = all.filter(|place| (site.is_there)(*place)).count();
    assert_eq!(left, tally.in_time, "whatever is not held is gone");
    tally
}

/// Puts one hold after another in force while the run lasts, each on another record near the batch that comes next.
fn hold_until_it_ends(site: &Site, state: &SqliteState, run: &mut Child) -> Vec<(Place, HoldId)> {
    let mut held = Vec::new();
    let mut taken = [0; COLLECTIONS];
    while run.try_wait().unwrap().is_none() {
        // Two of eight mean what has just gone.
        let place = (next_batch(site, state) + held.len() % 8).saturating_sub(2).min(COLLECTIONS - 1);
        if taken[place] < RECORDS {
            let record = (place, taken[place]);
            taken[place] += 1;
            let by_condition = place % 2 == 1 && held.len() % BY_CONDITION == 0;
            held.push((record, hold(site, state, record, by_condition)));
        }
        leave_room(state);
    }
    held
}

/// The collection after that of the newest batch. Batches cannot be numbered instead: one of which everything is held
/// never begins, and holds that lag behind the run race against nothing.
fn next_batch(site: &Site, state: &SqliteState) -> usize {
    let newest = Filter { kind: Some("intent".to_owned()), newest_first: true, ..Filter::default() };
    match state.find(&newest, None, 1).unwrap().pop().map(|placed| placed.entry.body) {
        Some(Body::Intent(intent)) => {
            let is_its = |place: &usize| (site.collection)(*place) == intent.label.collection;
            (0..COLLECTIONS).find(is_its).expect("it is one of ours") + 1
        }
        _ => 0,
    }
}

fn hold(site: &Site, state: &SqliteState, place: Place, by_condition: bool) -> HoldId {
    let store = Some(StoreName::new(site.store));
    let collection = Some((site.collection)(place.0));
    let scope = if by_condition {
        let between = Some(Window { from: chrono::DateTime::UNIX_EPOCH, to: now() });
        HoldScope { store, collection, when: Some((site.when)(place)), between, ..HoldScope::default() }
    } else {
        HoldScope { store, collection, key: Some((site.key)(place)), ..HoldScope::default() }
    };
    let now = now();
    let hold = Hold {
        id: HoldId::at(now),
        kind: HoldKind::Legal,
        scope,
        reason: "race".to_owned(),
        matter: None,
        authority: None,
        since: now,
        review: None,
        until: None,
        released: None,
    };
    state.add_hold(&Actor("somebody".to_owned()), &hold).unwrap();
    hold.id
}

/// Whoever writes again at once keeps another process out of a SQLite file for as long as it likes: the log is looked
/// at a while, so that the run is neither kept out nor waited for.
fn leave_room(state: &SqliteState) {
    let (size, _) = state.log_head().unwrap();
    for _ in 0..LOOKS {
        if state.log_head().unwrap().0 > size {
            return;
        }
    }
}

fn placed(state: &SqliteState, kind: &str) -> Vec<Placed> {
    state.find(&Filter { kind: Some(kind.to_owned()), ..Filter::default() }, None, 1_000_000).unwrap()
}

/// The index of the intent whose batch took the record.
fn taken_by(site: &Site, state: &SqliteState, intents: &[Placed], place: Place) -> Option<u64> {
    let (store, key, collection) =
        (StoreName::new(site.store), (site.key)(place), (site.collection)(place.0));
    let names = |intent: &Intent| {
        let batch = &intent.label.batch;
        let secret = state.epoch_key_of(intent.epoch).unwrap().unwrap().key;
        let opening = opening(&secret, batch, &store, &collection, &key);
        let listed = state.manifest(batch).unwrap().unwrap();
        intent.label.collection == collection
            && listed.binary_search(&commitment(&opening, &store, &collection, &key)).is_ok()
    };
    intents.iter().find_map(|placed| match &placed.entry.body {
        Body::Intent(intent) if names(intent) => Some(placed.index),
        _ => None,
    })
}
