//! Holds on what goes with records in another store, put in force while a run is under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use forfall::adapter::api::Dispose;
use forfall::adapter::memory::MemoryStore;
use forfall::engine::Engine;
use forfall::model::hold::HoldScope;
use forfall::model::ids::StoreName;
use forfall::model::key::Key;
use forfall::model::run::RunState;
use forfall::model::schema::ColumnKind;
use forfall::model::value::Value;

use super::world::{self, Interfere, World};

const DUE: i64 = 300;

/// 300 calls that are due, each with a copy in another store; the copy's key is the call's and 1,000.
fn world() -> (World, Arc<MemoryStore>) {
    let text = world::CALLS.replace(
        "[[stage]]",
        "[[data.with]]\nstore = \"archive\"\ncollection = \"copy\"\nby = \"call\"\n[[stage]]",
    );
    let world = World::new(&text, DUE, 10);
    let archive = Arc::new(MemoryStore::new("archive"));
    archive.create("copy", &[("id", ColumnKind::Int), ("call", ColumnKind::Int)], &["id"]);
    for call in 0..DUE + 10 {
        archive.put("copy", vec![Value::Int(1_000 + call), Value::Int(call)]);
    }
    let stores = BTreeMap::from([
        (StoreName::new("calls"), Arc::clone(&world.store) as Arc<dyn Dispose>),
        (StoreName::new("archive"), Arc::clone(&archive) as Arc<dyn Dispose>),
    ]);
    let engine = Engine { stores: Arc::new(stores), ..world.engine.clone() };
    (World { engine, ..world }, archive)
}

#[test]
fn a_hold_that_comes_after_the_plan_keeps_the_one_record_and_the_run_goes_on() {
    let (world, archive) = world();
    world.approve(300);
    let hold = |world: &World| {
        world.add_hold(HoldScope {
            store: Some(StoreName::new("archive")),
            key: Some(Key::from_int(1_007)),
            ..HoldScope::default()
        });
    };
    let report = world.run_with(&Interfere::at_begin(hold), &world);
    assert_eq!(report.state, RunState::Complete, "{:?}", report.reason);
    let stage = &report.parts[0].stages[0];
    assert_eq!((stage.done, stage.skipped, stage.failed), (299, 1, 0));
    let left: Vec<_> = std::iter::once(7).chain(300..310).collect();
    assert_eq!(world.ids(), left);
    let copies = archive.rows("copy");
    let copies: Vec<_> =
        left.iter().map(|call| copies.contains(&vec![Value::Int(1_000 + call), Value::Int(*call)])).collect();
    assert_eq!((copies.iter().all(|there| *there), archive.rows("copy").len()), (true, left.len()));
    assert!(world.engine.state.open_intents().unwrap().is_empty());
}
