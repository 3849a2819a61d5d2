//! Made-up predicates over made-up records: the store answers as memory does.

use std::sync::Arc;

use super::suite::{Make, Suite, instant, up_to};
use super::{At, Can, Content, Parent, Record};
use crate::model::method::Method;
use crate::model::predicate::{Comparison, Operand, Predicate, StartIs, TextTest};
use crate::model::value::{Field, Value};
use crate::time::StartSet;

const WORDS: [&str; 7] = ["alpha", "Alpha", "beta", "a%b", "a_b", "åre", "xxx"];

/// The same numbers from the same seed on every machine (`SplitMix64`), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }

    fn at(&mut self, can: Can) -> At {
        match self.roll(10) {
            0 if can.empty_start => At::Empty,
            1 if can.garbage_start => At::Garbage,
            _ => At::Instant(
                instant(self.pick(&ENDS)) + chrono::TimeDelta::seconds(self.pick(&[-1, 0, 1, 86_400])),
            ),
        }
    }

    fn word(&mut self, can: Can) -> Option<String> {
        (!can.nulls || self.roll(5) > 0).then(|| self.pick(&WORDS).to_owned())
    }
}

const ENDS: [&str; 6] = [
    "1990-01-01T00:00:00Z",
    "2025-03-30T01:00:00Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-11-01T12:00:00Z",
    "2026-11-02T12:00:00Z",
];

fn content(dice: &mut Dice, can: Can) -> Content {
    let record = |id, dice: &mut Dice| Record {
        id,
        at: dice.at(can),
        word: dice.word(can),
        number: (!can.nulls || dice.roll(5) > 0).then(|| i64::try_from(dice.roll(5)).unwrap()),
        parent: (dice.roll(4) > 0).then(|| u32::try_from(101 + dice.roll(5)).unwrap()),
    };
    Content {
        records: (1..=40).map(|id| record(id, dice)).collect(),
        parents: (101..=103).map(|id| Parent { id, at: dice.at(can), word: dice.word(can) }).collect(),
        children: (201..=210)
            .map(|id| super::Child { id, of: u32::try_from(1 + dice.roll(40)).unwrap() })
            .collect(),
    }
}

fn predicate(dice: &mut Dice, suite: &Suite, depth: usize) -> Predicate {
    let parts = |dice: &mut Dice| {
        let count = dice.roll(4);
        (0..count).map(|_| predicate(dice, suite, depth - 1)).collect()
    };
    match dice.roll(if depth == 0 { 5 } else { 10 }) {
        5 | 6 => Predicate::All(parts(dice)),
        7 => Predicate::Any(parts(dice)),
        8 => Predicate::Not(Box::new(predicate(dice, suite, depth - 1))),
        9 if dice.roll(2) == 0 => Predicate::Surely(Box::new(predicate(dice, suite, depth - 1))),
        9 => Predicate::Unknown(Box::new(predicate(dice, suite, depth - 1))),
        _ => leaf(dice, suite),
    }
}

fn field(dice: &mut Dice, suite: &Suite) -> Field {
    match (dice.roll(3), suite.scope.target.links.first()) {
        (0, Some(link)) => Field::linked(link.name.as_str(), suite.fixture.names().word),
        (0 | 1, _) => suite.word(),
        _ => suite.number(),
    }
}

fn value(dice: &mut Dice, field: &Field, suite: &Suite) -> Value {
    // Now and then of the wrong type: such a comparison is unknown.
    let number = (*field == suite.number()) != (dice.roll(8) == 0);
    match dice.roll(4) {
        0 if number => Value::Real(2.5),
        1 if number => Value::Real(2.0),
        _ if number => Value::Int(i64::try_from(dice.roll(5)).unwrap()),
        _ => Value::Text(dice.pick(&WORDS).to_owned()),
    }
}

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn leaf(dice: &mut Dice, suite: &Suite) -> Predicate {
    let field = field(dice, suite);
    match dice.roll(10) {
        0 => Predicate::Always(dice.roll(2) == 0),
        1 => Predicate::IsNull(field),
        2 => {
            let count = 1 + dice.roll(3);
            let number = field == suite.number();
            let one = |dice: &mut Dice| {
                if number {
                    Value::Int(i64::try_from(dice.roll(5)).unwrap())
                } else {
                    Value::Text(dice.pick(&WORDS).to_owned())
                }
            };
            Predicate::OneOf { field, values: (0..count).map(|_| one(dice)).collect() }
        }
        3 => {
            let test = dice.pick(&[TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains]);
            Predicate::Text {
                field,
                test,
                needle: dice.pick(&["a", "A", "%", "_", "å", "a_", "re", ""]).to_owned(),
            }
        }
        4 => {
            let of = if dice.roll(3) == 0 { None } else { Some(field) };
            Predicate::Event { name: dice.pick(&["closed", "opened"]).to_owned(), of }
        }
        5 | 6 => Predicate::Start { start: Arc::clone(&suite.start), is: state(dice, suite) },
        7 => match suite.fixture.reach() {
            Some(reach) => Predicate::Reached(reach),
            None => Predicate::IsNull(field),
        },
        8 if suite.store().capabilities().changes_fields => Predicate::Done {
            column: suite.fixture.names().word,
            method: Arc::new(dice.pick(&[Method::Null, Method::Hide, Method::DropLastDigits { digits: 1 }])),
        },
        _ => {
            let with = if dice.roll(4) == 0 {
                Operand::Field(self::field(dice, suite))
            } else {
                Operand::Value(value(dice, &field, suite))
            };
            Predicate::Compare { field, op: dice.pick(&COMPARISONS), with }
        }
    }
}

fn state(dice: &mut Dice, suite: &Suite) -> StartIs {
    let now = suite.scope.now;
    match dice.roll(6) {
        0 => StartIs::Known { now },
        1 => StartIs::Waiting { now },
        2 => StartIs::Undetermined { now },
        _ => StartIs::In(set(dice)),
    }
}

fn set(dice: &mut Dice) -> StartSet {
    let mut set = up_to(dice.pick(&ENDS[..4]));
    if dice.roll(2) == 0 {
        set.instants.push((Some(instant("2026-10-25T01:00:01Z")), instant(dice.pick(&ENDS[4..]))));
    }
    set
}

fn suite(make: Make<'_>, dice: &mut Dice) -> Suite {
    let mut suite =
        Suite::bound(make, |can| content(dice, can), |fixture, target| target.links.extend(fixture.link()));
    let form = suite.store().capabilities().key_form;
    for id in [3, 7, 20] {
        let key = suite.fixture.key(suite.stored(id)).text(form);
        suite.record_event("closed", &key);
    }
    for key in ["alpha", "åre", "2"] {
        suite.record_event("opened", key);
    }
    suite
}

/// Counts, scans and the unknown of 400 predicates over 4 sets of 40 records.
pub fn every_answer_is_the_one_in_memory(make: Make<'_>) {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let suite = suite(make, &mut dice);
        for round in 0..100 {
            let predicate = predicate(&mut dice, &suite, 3);
            let page = suite.store().scan(&suite.scope, &predicate, None, 1000).unwrap();
            let mut ids = suite.ids(page.rows.iter().map(|row| &row.key));
            ids.sort_unstable();
            let expected: Vec<u32> = suite.expected(&predicate).into_iter().collect();
            assert_eq!(ids, expected, "seed {seed}, round {round}: {predicate:?}");
            for start in [None, Some(&suite.start)] {
                let any = suite.store().any(&suite.scope, &predicate, start).unwrap();
                assert_eq!(any, !expected.is_empty(), "seed {seed}, round {round}: {predicate:?}");
            }
            let unknown = predicate.clone().unknown();
            let groups = [suite.group(predicate.clone()), suite.group(unknown.clone())];
            let counted = suite.store().count(&suite.scope, &groups).unwrap();
            let counts = [counted.tallies[0].count, counted.tallies[1].count];
            let unknown = suite.expected(&unknown).len() as u64;
            assert_eq!(counts, [expected.len() as u64, unknown], "seed {seed}, round {round}: {predicate:?}");
        }
    }
}

/// Twenty jobs: what memory calls true and due goes, and nothing else.
pub fn every_deletion_is_the_one_in_memory(make: Make<'_>) {
    for seed in 100..120 {
        let mut dice = Dice(seed);
        let suite = suite(make, &mut dice);
        suite.store().adopt(&suite.scope.target).unwrap();
        let (predicate, due) = (predicate(&mut dice, &suite, 2), set(&mut dice));
        let job = suite.job(predicate, due, crate::adapter::api::Act::Delete);
        let shown = format!("seed {seed}: {:?}", job.predicate);
        let expected = suite.expected(&job.predicate);
        let done = suite.carry_out(job, 7).unwrap();
        assert_eq!((done.ids(), done.applied.done), (expected.clone(), expected.len() as u64), "{shown}");
        assert_eq!(suite.left(), &suite.all() - &expected, "{shown}");
    }
}
