//! Looks, decides, keeps and delivers: what the daemon does at each tick, and `forfall notify send` once.

use std::sync::Arc;

use super::address;
use super::decide::{self, Ahead, Review, Rhythm, Sight, View};
use super::post::{Carrier, Round};
use super::watch::Watch;
use crate::config::NotifySettings;
use crate::engine::status::Standing;
use crate::engine::{Engine, EngineError};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::notice::Kind;
use crate::policy::rule::Policy;
use crate::state::api::StateError;
use crate::state::outbox::{Book, Outbox, Post};
use crate::time::Zone;

/// How many of the newest runs are looked through for one that has ended.
const RUNS: usize = 3;

/// Asks how much of each store no policy covers.
pub type AskGaps = Box<dyn Fn() -> Vec<(StoreName, u64)> + Send + Sync>;

/// How things stand, in numbers.
pub struct Figures<'a> {
    /// Each policy that somebody has looked at.
    pub standings: Vec<(&'a Policy, Standing)>,
    /// Somebody has looked at all of them.
    pub whole: bool,
    /// Letters that were tried and are not delivered.
    pub undelivered: u64,
    /// Test alarms that nobody has acknowledged.
    pub unacknowledged: u64,
    /// Collections that no policy covers.
    pub gaps: u64,
}

/// Everything that telling people needs.
pub struct Desk {
    engine: Engine,
    outbox: Arc<dyn Outbox>,
    policies: Vec<Policy>,
    settings: NotifySettings,
    rhythm: Rhythm,
    zone: Zone,
    carrier: Carrier,
    watch: Watch,
    ask_gaps: AskGaps,
    shown: bool,
}

impl Desk {
    /// A desk that has not looked at anything yet. `zone` is that of what belongs to no one policy.
    pub fn new(
        engine: Engine,
        outbox: Arc<dyn Outbox>,
        policies: Vec<Policy>,
        settings: NotifySettings,
        zone: Zone,
        ask_gaps: AskGaps,
    ) -> Self {
        let rhythm = Rhythm {
            digest: settings.digest.clone(),
            test_alarm: settings.test_alarm.clone(),
            undetermined_above: settings.undetermined_above,
        };
        let carrier = Carrier::new(settings.clone(), Arc::clone(&engine.clock));
        Self {
            engine,
            outbox,
            policies,
            settings,
            rhythm,
            zone,
            carrier,
            watch: Watch::default(),
            ask_gaps,
            shown: false,
        }
    }

    /// Looks although nobody is told: somebody reads the figures.
    #[must_use]
    pub fn shown(self) -> Self {
        Self { shown: true, ..self }
    }

    /// Whether anybody is told at all.
    pub fn is_staffed(&self) -> bool {
        !self.settings.roles.is_empty()
    }

    /// Looks at the stores, where it is time for that. May take long, or hang with a store: it is called beside the
    /// rest.
    pub fn look(&self) -> Result<(), EngineError> {
        if !self.is_staffed() && !self.shown {
            return Ok(());
        }
        let ahead = self.ahead(&self.outbox.book()?);
        self.watch.look_for_gaps(&self.engine, &*self.ask_gaps);
        self.watch.look(&self.engine, &self.policies, &ahead)
    }

    /// Decides what has to be told and keeps it. Asks no store. How many letters are new.
    pub fn decide(&self, distrusted: bool) -> Result<usize, EngineError> {
        if !self.is_staffed() {
            return Ok(0);
        }
        let (book, now) = (self.outbox.book()?, self.engine.clock.now());
        let sights = self.sights(&book)?;
        let mut holds = self.engine.state.holds()?;
        holds.retain(|hold| !hold.has_ended(now));
        let recipients = address::hearing(&self.settings, Kind::TestAlarm);
        let view = View {
            now,
            zone: self.zone,
            rhythm: &self.rhythm,
            sights: &sights,
            holds: &holds,
            reviews: &self.reviews()?,
            distrusted,
            gaps: &self.watch.gaps(),
            undelivered: self.outbox.undelivered()?,
            recipients: &recipients,
            code: &code,
        };
        let decision = decide::decide(&view, &book);
        let letters = decision
            .told
            .iter()
            .flat_map(|told| address::letters(told, &self.settings, &self.policies, self.zone, now))
            .collect();
        let post = Post { alarms: decision.alarms, over: decision.over, marks: decision.marks, letters };
        if post.is_empty() {
            return Ok(0);
        }
        Ok(self.outbox.post(now, &post)?)
    }

    /// The cases that wait for a person's decision. No store is asked: a run has seen what waits.
    fn reviews(&self) -> Result<Vec<Review>, StateError> {
        Ok(self.engine.state.cases(false)?.iter().filter_map(Review::of).collect())
    }

    /// How things stand, as far as anybody has looked.
    pub fn figures(&self) -> Result<Figures<'_>, EngineError> {
        let mut standings = Vec::new();
        for policy in &self.policies {
            standings.extend(self.watch.standing(&self.engine, policy)?.map(|standing| (policy, standing)));
        }
        let unacknowledged = decide::unacknowledged(&self.outbox.book()?).count() as u64;
        let gaps = self.watch.gaps().iter().map(|(_, gaps)| gaps).sum();
        let whole = standings.len() == self.policies.len();
        Ok(Figures { standings, whole, undelivered: self.outbox.undelivered()?, unacknowledged, gaps })
    }

    /// Delivers what is due.
    pub fn deliver(&self) -> Result<Round, StateError> {
        self.carrier.round(&*self.outbox)
    }

    fn ahead(&self, book: &Book) -> Vec<(PolicyId, Ahead)> {
        let now = self.engine.clock.now();
        let of = |policy: &Policy| Some((policy.id.clone(), decide::ahead(policy, book, now)?));
        self.policies.iter().filter(|policy| policy.unresolved.is_none()).filter_map(of).collect()
    }

    fn sights(&self, book: &Book) -> Result<Vec<Sight<'_>>, EngineError> {
        let (state, now) = (&self.engine.state, self.engine.clock.now());
        let sight = |policy| {
            let ahead = decide::ahead(policy, book, now);
            let in_force = state.approval(&policy.id)?.filter(|approval| approval.cancelled.is_none());
            Ok(Sight {
                policy,
                standing: self.watch.standing(&self.engine, policy)?,
                last_run: state.runs(&policy.id, RUNS)?.into_iter().find(|run| run.ended.is_some()),
                approved: in_force.map(|approval| approval.at),
                ahead: ahead.and_then(|ahead| self.watch.counted(&policy.id, &ahead)),
            })
        };
        self.policies.iter().map(sight).collect()
    }
}

/// Eight letters and digits that nobody mistakes for one another, as Crockford's base 32 has them.
fn code() -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .expect("the system gives random numbers, as the keys of the log needed them before");
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
