use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::adapter::api::{Dispose, Inspect, StoreError};
use crate::adapter::faulty::{Fault, Faulty, How, Moment};
use crate::adapter::memory::MemoryStore;
use crate::model::schema::{ColumnKind, Identity};
use crate::policy::compile::{self, Defaults, KnownStore, StoreKind};
use crate::state::api::{Actor, EventRecord, StateStore as _};
use crate::state::memory::MemoryState;
use crate::time::{Clock, ManualClock};

fn now() -> Instant {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn policy(name: &str) -> Policy {
    let text = format!(
        "title = \"Calls\"\nowner = \"it\"\n[[data]]\nstore = \"{name}\"\ncollection = \"call_log\"\n\
         start.field = \"called_at\"\nstart.format = \"rfc3339\"\n[[stage]]\nafter = \"30 days\"\naction = \"delete\"\n"
    );
    let known =
        KnownStore { name: StoreName::new(name), kind: StoreKind::Rows, published: false, earliest: None };
    let defaults = Defaults {
        zone: "Europe/Oslo".parse().unwrap(),
        schedule: "0 3 * * *".parse().unwrap(),
        grace: "24 hours".parse().unwrap(),
        window: None,
        wait: None,
        approvers: 1,
        notify_before: None,
        stale_after: None,
        stores: vec![known],
        bases: Vec::new(),
        today: now().date_naive(),
    };
    let compiled = compile::compile(Path::new("p.toml"), PolicyId::new(name), &text, &defaults);
    compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn store(name: &str) -> Arc<dyn Dispose> {
    let store = MemoryStore::new(name);
    store.create("call_log", &[("id", ColumnKind::Int), ("called_at", ColumnKind::Text)], &["id"]);
    Arc::new(store)
}

/// A store that tells when it is asked who it is, and answers when it is let.
struct Gated {
    inner: Arc<dyn Dispose>,
    asked: Mutex<Sender<()>>,
    let_go: Mutex<Receiver<()>>,
}

impl Inspect for Gated {
    crate::forward!(capabilities collections probe total count survey scan read);

    fn identity(&self) -> Result<Identity, StoreError> {
        let _ = self.asked.lock().unwrap_or_else(PoisonError::into_inner).send(());
        let _ = self.let_go.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.inner.identity()
    }
}

impl Dispose for Gated {
    crate::forward!(inspect adopt walk resolve settle);
}

#[tokio::test]
async fn a_fault_in_one_run_ends_that_run_as_incomplete_and_leaves_the_others_alone() {
    let (asked, is_asked) = channel();
    let (go_on, let_go) = channel();
    let crash = Fault { at: 0, forever: true, moment: Moment::Before, how: How::Crash };
    let faulty: Arc<dyn Dispose> = Arc::new(Faulty::new(store("broken"), Some(crash)));
    let gated = Gated { inner: store("sound"), asked: Mutex::new(asked), let_go: Mutex::new(let_go) };
    let stores = [("broken", faulty), ("sound", Arc::new(gated) as Arc<dyn Dispose>)];
    let clock = Arc::new(ManualClock::new(now()));
    let engine = Engine {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        state: Arc::new(MemoryState::new(now())),
        stores: Arc::new(stores.into_iter().map(|(name, store)| (StoreName::new(name), store)).collect()),
        recompile: Arc::new(|_, _| None),
    };
    let (broken, sound) = (PolicyId::new("broken"), PolicyId::new("sound"));
    for id in [&broken, &sound] {
        engine.state.record_slot(id, now() - chrono::TimeDelta::days(1)).unwrap();
    }
    let policies = vec![policy("broken"), policy("sound")];
    let mut worker = Worker::new(engine.clone(), policies, Arc::new(Stop::default()));
    worker.look().unwrap();
    assert_eq!(worker.busy.len(), 2);
    is_asked.recv().unwrap();

    // The sound one is in the middle of its run, so what ends is the broken one.
    let ended = worker.runs.join_next().await.unwrap();
    worker.finish(ended).unwrap();
    assert_eq!(worker.busy.keys().collect::<Vec<_>>(), [&sound], "the other run is still under way");
    assert!(worker.resting.contains_key(&broken) && !worker.resting.contains_key(&sound));
    let run = engine.state.runs(&broken, 1).unwrap().remove(0);
    assert_eq!((run.ended, run.note.state), (Some(now()), Some(RunState::Incomplete)));
    assert!(run.note.reason.unwrap().contains("a fault in the program"));
    worker.look().unwrap();
    assert_eq!(engine.state.runs(&sound, 9).unwrap().len(), 1, "it was not begun a second time");

    go_on.send(()).unwrap();
    worker.drain().await.unwrap();
    assert!(worker.busy.is_empty());
    let run = engine.state.runs(&sound, 1).unwrap().remove(0);
    assert_eq!(run.note.state, Some(RunState::Observed));
}

/// A file of events is more than one page of the log.
#[test]
fn every_event_since_the_last_look_wakes_its_policies() {
    let state = Arc::new(MemoryState::new(now()));
    let engine = Engine {
        clock: Arc::new(ManualClock::new(now())),
        state: Arc::<MemoryState>::clone(&state),
        stores: Arc::default(),
        recompile: Arc::new(|_, _| None),
    };
    let mut worker = Worker::new(engine, Vec::new(), Arc::default());
    assert!(worker.woken_by_events().unwrap().is_empty());
    let event =
        |name: &str, key: usize| EventRecord { name: name.to_owned(), key: key.to_string(), at: now() };
    let mut events: Vec<EventRecord> = (0..EVENTS + 7).map(|key| event("closed", key)).collect();
    events.push(event("sold", 1));
    let by = Actor("kari".to_owned());
    state.add_events(now(), &by, &events).unwrap();
    let woken = |worker: &mut Worker| worker.woken_by_events().unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(woken(&mut worker), ["closed", "sold"]);
    assert!(woken(&mut worker).is_empty());
    state.add_events(now(), &by, &events).unwrap();
    assert!(woken(&mut worker).is_empty(), "what was recorded already is nothing new");
    state.withdraw_event(now(), &by, "sold", "1", "mistake").unwrap();
    assert_eq!(woken(&mut worker), ["sold"]);
}
