//! One policy, one store in memory, one state in memory, and a clock that stands still.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use forfall::adapter::api::Dispose;
use forfall::adapter::memory::MemoryStore;
use forfall::audit::entry::Body;
use forfall::engine::plan::{self, DataPlan};
use forfall::engine::progress::{Progress, Stop, Unwatched};
use forfall::engine::run::{self, Occasion, Report};
use forfall::engine::{Engine, approve};
use forfall::model::hold::{Hold, HoldKind, HoldScope};
use forfall::model::ids::{HoldId, PolicyId, StoreName};
use forfall::model::key::Key;
use forfall::model::run::Trigger;
use forfall::model::schema::ColumnKind;
use forfall::model::value::Value;
use forfall::policy::compile::{self, Defaults, KnownStore, StoreKind};
use forfall::policy::rule::Policy;
use forfall::state::api::{Actor, EventRecord, Lease, PauseScope, Placed};
use forfall::state::memory::MemoryState;
use forfall::time::{Clock, Instant, ManualClock};

pub(crate) const CALLS: &str = r#"
title = "Calls"
owner = "it"
[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"
[[stage]]
after  = "30 days"
action = "delete"
"#;

pub(crate) const TWO_STAGES: &str = r#"
title = "Calls"
owner = "it"
[[data]]
store        = "calls"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"
[[stage]]
after  = "2 days"
action = "anonymize"
fields.caller = { method = "drop-last-digits", digits = 4 }
[[stage]]
after  = "30 days"
action = "delete"
"#;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) policy: Policy,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn now() -> Instant {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn compiled(text: &str) -> Policy {
    compiled_in(text, "Europe/Oslo")
}

fn compiled_in(text: &str, zone: &str) -> Policy {
    let defaults = Defaults {
        zone: zone.parse().unwrap(),
        schedule: "0 3 * * *".parse().unwrap(),
        grace: "24 hours".parse().unwrap(),
        window: None,
        wait: None,
        approvers: 1,
        notify_before: None,
        stale_after: None,
        stores: ["calls", "archive"]
            .map(|name| KnownStore {
                name: StoreName::new(name),
                kind: StoreKind::Rows,
                published: false,
                earliest: None,
            })
            .to_vec(),
        bases: Vec::new(),
        today: now().date_naive(),
    };
    let compiled = compile::compile(Path::new("calls.toml"), PolicyId::new("calls"), text, &defaults);
    compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn filled(name: &str, due: i64, kept: i64) -> MemoryStore {
    let store = MemoryStore::new(name);
    let columns = [("id", ColumnKind::Int), ("called_at", ColumnKind::Text), ("caller", ColumnKind::Text)];
    store.create("call_log", &columns, &["id"]);
    for id in 0..due + kept {
        let days = if id < due { 40 } else { 3 };
        let at = Value::Text((now() - TimeDelta::days(days)).to_rfc3339());
        store.put("call_log", vec![Value::Int(id), at, Value::Text(format!("+479900{:04}", id % 10_000))]);
    }
    store
}

impl World {
    /// Rows 0..due are 40 days old, the others 3.
    pub(crate) fn new(text: &str, due: i64, kept: i64) -> Self {
        let clock = Arc::new(ManualClock::new(now()));
        let state = Arc::new(MemoryState::new(now()));
        let store = Arc::new(filled("calls", due, kept));
        let engine = Engine {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            state,
            stores: stores(Arc::clone(&store) as Arc<dyn Dispose>),
            recompile: Arc::new(|_, text| Some(compiled(text))),
        };
        Self { engine, policy: compiled(text), store, clock }
    }

    /// The same world with another store under the same name.
    pub(crate) fn with_store(&self, store: Arc<dyn Dispose>) -> Self {
        let engine = Engine { stores: stores(store), ..self.engine.clone() };
        Self {
            engine,
            policy: self.policy.clone(),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
        }
    }

    /// The same world with the policy edited.
    pub(crate) fn edited(&self, from: &str, to: &str) -> Self {
        let text = self.policy.text.replace(from, to);
        assert_ne!(*text, *self.policy.text, "the edit changes nothing");
        let (engine, store) = (self.engine.clone(), Arc::clone(&self.store));
        Self { engine, policy: compiled(&text), store, clock: Arc::clone(&self.clock) }
    }

    /// The same world with another time zone in its configuration.
    pub(crate) fn under_zone(&self, zone: &'static str) -> Self {
        let recompile = Arc::new(move |_: &PolicyId, text: &str| Some(compiled_in(text, zone)));
        let engine = Engine { recompile, ..self.engine.clone() };
        let policy = compiled_in(&self.policy.text, zone);
        Self { engine, policy, store: Arc::clone(&self.store), clock: Arc::clone(&self.clock) }
    }

    pub(crate) fn another_store(due: i64, kept: i64) -> Arc<dyn Dispose> {
        Arc::new(filled("another", due, kept))
    }

    pub(crate) fn put(&self, id: i64, called_at: Value) {
        self.store.put("call_log", vec![Value::Int(id), called_at, Value::Text("+4799000000".into())]);
    }

    /// Adds rows of that age.
    pub(crate) fn import(&self, from: i64, count: i64, days: i64) {
        for id in from..from + count {
            self.put(id, Value::Text((now() - TimeDelta::days(days)).to_rfc3339()));
        }
    }

    pub(crate) fn approve(&self, count: u64) {
        approve::give(&self.engine, &self.policy, &actor(), None, count).unwrap();
    }

    pub(crate) fn run(&self) -> Report {
        self.run_with(&Unwatched, self)
    }

    pub(crate) fn run_with(&self, progress: &dyn Watching, world: &World) -> Report {
        self.run_until(progress, world, &Stop::default())
    }

    pub(crate) fn run_until(&self, progress: &dyn Watching, world: &World, stop: &Stop) -> Report {
        let occasion = Occasion { trigger: Trigger::Operator, slots: None };
        let watched = Watched { progress, world };
        run::run(&self.engine, &self.policy, &occasion, &watched, stop).unwrap()
    }

    pub(crate) fn plan(&self) -> DataPlan {
        self.plan_at(self.engine.clock.now())
    }

    pub(crate) fn plan_at(&self, at: Instant) -> DataPlan {
        let data = &self.policy.data[0];
        let circumstances = run::circumstances(&self.engine, &self.policy, at).unwrap();
        let store = self.engine.inspect(&data.target.store).unwrap();
        plan::plan(store, &self.policy, data, &circumstances).unwrap()
    }

    pub(crate) fn rows(&self) -> Vec<Vec<Value>> {
        self.store.rows("call_log")
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<_> = self
            .rows()
            .iter()
            .map(|row| match row[0] {
                Value::Int(id) => id,
                _ => panic!("the key is a whole number"),
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn hold(&self, id: i64) {
        self.add_hold(HoldScope { key: Some(Key::from_int(id)), ..HoldScope::default() });
    }

    pub(crate) fn hold_all(&self) {
        self.add_hold(HoldScope::default());
    }

    pub(crate) fn add_hold(&self, scope: HoldScope) {
        self.put_hold(scope, None);
    }

    pub(crate) fn add_hold_until(&self, scope: HoldScope, until: Instant) {
        self.put_hold(scope, Some(until));
    }

    fn put_hold(&self, scope: HoldScope, until: Option<Instant>) {
        let since = self.engine.clock.now();
        let hold = Hold {
            id: HoldId::at(since),
            scope,
            reason: "case".into(),
            authority: None,
            since,
            review: None,
            kind: HoldKind::Legal,
            matter: None,
            until,
            released: None,
        };
        self.engine.state.add_hold(&actor(), &hold).unwrap();
    }

    pub(crate) fn pause(&self) {
        self.engine.state.pause(now(), &actor(), &PauseScope::All).unwrap();
    }

    pub(crate) fn event(&self, name: &str, key: &str) {
        let event = EventRecord { name: name.into(), key: key.into(), at: now() };
        self.engine.state.add_event(now(), &actor(), &event).unwrap();
    }

    pub(crate) fn events(&self, name: &str, keys: std::ops::Range<i64>) {
        let event = |key: i64| EventRecord { name: name.into(), key: key.to_string(), at: now() };
        self.engine.state.add_events(now(), &actor(), &keys.map(event).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn withdraw(&self, name: &str, key: &str) {
        assert!(self.engine.state.withdraw_event(now(), &actor(), name, key, "mistake").unwrap().is_some());
    }

    /// Lets the time pass.
    pub(crate) fn later(&self, minutes: i64) {
        self.clock.advance(TimeDelta::minutes(minutes).to_std().unwrap());
    }

    pub(crate) fn resume(&self) {
        assert!(self.engine.state.resume(now(), &actor(), &PauseScope::All).unwrap());
    }

    pub(crate) fn lease(&self) -> Option<Box<dyn Lease>> {
        self.engine.state.lease(&self.policy.id).unwrap()
    }

    pub(crate) fn entries(&self) -> Vec<Placed> {
        self.engine.state.entries(0, usize::MAX).unwrap()
    }

    /// Each intent has exactly one outcome, and together they did that many records.
    pub(crate) fn assert_accounts(&self, done: u64) {
        let mut outcomes: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        let mut intents = 0;
        for placed in self.entries() {
            match placed.entry.body {
                Body::Intent(intent) => {
                    intents += 1;
                    assert!(
                        outcomes.insert(intent.label.batch, Vec::new()).is_none(),
                        "two intents for one batch"
                    );
                }
                Body::Outcome(outcome) => {
                    outcomes.get_mut(&outcome.batch).expect("an intent before").push(outcome.done);
                }
                _ => {}
            }
        }
        assert!(outcomes.values().all(|outcomes| outcomes.len() == 1), "{intents} intents: {outcomes:?}");
        assert_eq!(outcomes.values().flatten().sum::<u64>(), done);
        assert!(self.engine.state.open_intents().unwrap().is_empty());
    }
}

fn stores(store: Arc<dyn Dispose>) -> Arc<BTreeMap<StoreName, Arc<dyn Dispose>>> {
    Arc::new(BTreeMap::from([(StoreName::new("calls"), store)]))
}

pub(crate) fn actor() -> Actor {
    Actor("tester".into())
}

/// Something that happens in the middle of a run.
pub(crate) trait Watching: Send + Sync {
    fn begun(&self, _world: &World) {}
    fn advanced(&self, _world: &World) {}
}

impl Watching for Unwatched {}

pub(crate) struct Interfere {
    begin: Option<fn(&World)>,
    batch: Option<fn(&World)>,
}

impl Interfere {
    /// After the plan, before the first batch.
    pub(crate) fn at_begin(what: fn(&World)) -> Self {
        Self { begin: Some(what), batch: None }
    }

    /// After each batch.
    pub(crate) fn at_first_batch(what: fn(&World)) -> Self {
        Self { begin: None, batch: Some(what) }
    }
}

impl Watching for Interfere {
    fn begun(&self, world: &World) {
        if let Some(begin) = self.begin {
            begin(world);
        }
    }

    fn advanced(&self, world: &World) {
        if let Some(batch) = self.batch {
            batch(world);
        }
    }
}

struct Watched<'a> {
    progress: &'a dyn Watching,
    world: &'a World,
}

impl Progress for Watched<'_> {
    fn begin(&self, _what: &str, _expected: u64) {
        self.progress.begun(self.world);
    }

    fn advance(&self, _records: u64) {
        self.progress.advanced(self.world);
    }

    fn end(&self) {}
}
