//! From a configuration to an engine: the one place where stores and state are opened, for commands and the daemon.

use std::path::Path;
use std::sync::Arc;

use super::exit::Failure;
use super::registered::Stores;
use super::{Context, actor, names, registered};
use crate::config::{self, Config, Loaded, diagnostic};
use crate::engine::coverage::{self, StoreCoverage};
use crate::engine::{Engine, Recompile};
use crate::model::ids::{PolicyId, StoreName};
use crate::notice::desk::{AskGaps, Desk};
use crate::policy::compile;
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::rule::{Data, Policy};
use crate::policy::{limits, overlap};
use crate::state::api::{Actor, StateError, StateStore};
use crate::state::heads::{self, Published, Publisher};
use crate::state::memory::MemoryState;
use crate::state::outbox::Outbox;
use crate::state::sqlite::SqliteState;
use crate::time::{Clock, Instant, Zone};

/// A configuration with everything opened that it names. Opening a store connects to nothing: a store that is down
/// shows when it is asked.
pub struct Session {
    /// The configuration.
    pub config: Config,
    /// The valid policies, in the order of their names.
    pub policies: Vec<Policy>,
    /// What is remembered.
    pub state: Arc<dyn StateStore>,
    /// What people are told and were told.
    pub outbox: Arc<dyn Outbox>,
    /// What carries policies out.
    pub engine: Engine,
    /// Where heads of the log go.
    pub publisher: Arc<Publisher>,
    /// What was found there when the session began.
    pub published: Published,
    /// Publishes at the end what this session added to the log.
    _at_end: PublishAtEnd,
    /// What is wrong with other policies, as it is shown.
    invalid: Option<Failure>,
}

/// Reads the configuration and every policy, holds the policies against each other, and asks of each whether its
/// schedule can keep what it promises.
pub(super) fn load(context: &Context) -> Loaded {
    let now = context.clock.now();
    let mut loaded = config::load(&context.config, now.date_naive());
    let mut found: Vec<Diagnostic> =
        loaded.policies.iter().flat_map(|policy| limits::limits(policy, now)).collect();
    for overlap in overlap::overlaps(&loaded.policies) {
        let (id, index) = &overlap.second;
        let Some(policy) = loaded.policies.iter().find(|policy| policy.id == *id) else { continue };
        let place = policy.places.data.get(*index).map_or(0..0, |places| places.collection.clone());
        found.push(Diagnostic::error(&policy.file, place, overlap.message).with_help(overlap.help));
    }
    found.retain(|one| !loaded.diagnostics.contains(one));
    loaded.diagnostics.extend(found);
    loaded
}

/// The same, or everything that is invalid in it.
pub(super) fn load_valid(context: &Context) -> Result<Loaded, Failure> {
    let loaded = load(context);
    match invalid(&loaded) {
        Some(failure) => Err(failure),
        None => Ok(loaded),
    }
}

/// The configuration alone, whatever its policies are like.
pub(super) fn config(context: &Context) -> Result<Config, Failure> {
    let loaded = load(context);
    let invalid = invalid(&loaded);
    loaded.config.ok_or_else(|| invalid.unwrap_or_else(|| Failure::invalid("the configuration is invalid")))
}

/// All errors, as they are shown.
fn invalid(loaded: &Loaded) -> Option<Failure> {
    let is_error = |found: &&Diagnostic| found.severity == Severity::Error;
    let errors: Vec<_> = loaded.diagnostics.iter().filter(is_error).cloned().collect();
    if errors.is_empty() {
        return loaded.config.is_none().then(|| Failure::invalid("the configuration is invalid"));
    }
    let shown = diagnostic::render(&errors, &loaded.sources, super::output::stderr_colours());
    let message = format!(
        "{} in the configuration or its policies: nothing is done until that is corrected",
        diagnostic::summary(&errors)
    );
    Some(Failure { shown: Some(shown.trim_end().to_owned()), ..Failure::invalid(message) })
}

impl Session {
    /// Opens what is valid: for commands that must work while some policy is broken.
    pub(super) fn open(context: &Context) -> Result<Self, Failure> {
        Self::of(load(context), Arc::clone(&context.clock))
    }

    /// Opens it all, or says everything that is invalid.
    pub(super) fn open_valid(context: &Context) -> Result<Self, Failure> {
        Self::open(context)?.if_valid()
    }

    /// The same for a command that only looks: where nothing was remembered yet, nothing is made.
    pub(super) fn look(context: &Context) -> Result<Self, Failure> {
        let mut loaded = load(context);
        let clock = Arc::clone(&context.clock);
        match &mut loaded.config {
            Some(config) if is_new(&config.state) => {
                // What is nowhere was not published either.
                config.audit.publish = Vec::new();
                Self::with(loaded, clock, |_, now| Ok(Remembered::of(MemoryState::new(now))))
            }
            _ => Self::of(loaded, clock),
        }
    }

    /// The session, or everything that is invalid in it.
    pub(super) fn if_valid(self) -> Result<Self, Failure> {
        match self.invalid {
            Some(failure) => Err(failure),
            None => Ok(self),
        }
    }

    fn of(loaded: Loaded, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        Self::with(loaded, clock, |config, now| {
            Ok(Remembered::of(SqliteState::open_as(&config.state, now, config.audit.origin.as_deref())?))
        })
    }

    fn with(
        loaded: Loaded,
        clock: Arc<dyn Clock>,
        open: impl FnOnce(&Config, Instant) -> Result<Remembered, StateError>,
    ) -> Result<Self, Failure> {
        let invalid = invalid(&loaded);
        let Some(config) = loaded.config else {
            return Err(invalid.unwrap_or_else(|| Failure::invalid("the configuration is invalid")));
        };
        let stores = registered::open(&config)?;
        let mut policies = loaded.policies;
        registered::reaches(&mut policies, &stores);
        let Remembered { state, outbox } = open(&config, clock.now())?;
        let recompile = recompile(&config, &policies, &stores);
        let engine = Engine { clock, state: Arc::clone(&state), stores, recompile };
        let publisher = Arc::new(Publisher::new(config.audit.publish.clone()));
        let published = publisher.published();
        for warning in heads::guard(&*state, &published)? {
            tracing::warn!("{warning}");
        }
        let at_end = PublishAtEnd {
            publisher: Arc::clone(&publisher),
            state: Arc::clone(&state),
            clock: Arc::clone(&engine.clock),
            size: if published.missing.is_empty() { Some(state.log_head()?.0) } else { None },
        };
        Ok(Self { config, policies, state, outbox, engine, publisher, published, _at_end: at_end, invalid })
    }

    /// What tells people.
    pub(super) fn desk(&self) -> Desk {
        Desk::new(
            self.engine.clone(),
            Arc::clone(&self.outbox),
            self.policies.clone(),
            self.config.notify.clone(),
            self.zone(),
            self.gaps(),
        )
    }

    /// Whether every collection of every store is covered by a policy.
    pub(super) fn coverage(&self) -> Vec<StoreCoverage> {
        coverage::coverage(&self.engine, &self.policies, &self.config.out_of_scope)
    }

    /// Counts what is not, later and again.
    fn gaps(&self) -> AskGaps {
        let (engine, policies) = (self.engine.clone(), self.policies.clone());
        let declared = self.config.out_of_scope.clone();
        Box::new(move || coverage::gaps(&coverage::coverage(&engine, &policies, &declared)))
    }

    /// Who gives an order.
    pub(super) fn actor(&self) -> Actor {
        actor::present(&self.config.state)
    }

    /// The same for an order that takes somebody else than another one did.
    pub(super) fn person(&self) -> Result<Actor, Failure> {
        actor::person(&self.config.state)
    }

    /// The zone of times that belong to no one policy.
    pub(super) fn zone(&self) -> Zone {
        self.config.defaults.zone
    }

    /// Whether every policy could be read.
    pub(super) fn is_valid(&self) -> bool {
        self.invalid.is_none()
    }

    /// Tells of policies that could not be read.
    pub(super) fn warn_of_invalid(&self, context: &Context) {
        if let Some(failure) = &self.invalid {
            super::output::report(failure);
            context.output.warn("what is invalid is missing above");
        }
    }

    /// The named policies, or all of them.
    pub(super) fn policies(&self, chosen: &[String]) -> Result<Vec<&Policy>, Failure> {
        names::named(&self.policies, chosen).map_err(|failure| self.explained(chosen, failure))
    }

    /// The policy of that name.
    pub(super) fn policy(&self, name: &str) -> Result<&Policy, Failure> {
        names::policy_of(&self.policies, name).map_err(|failure| self.explained(&[name.to_owned()], failure))
    }

    /// A policy that is missing because its file is invalid is another matter than one that nobody wrote.
    fn explained(&self, chosen: &[String], failure: Failure) -> Failure {
        let is_there = |name: &String| self.config.policies.join(format!("{name}.toml")).exists();
        let missing =
            chosen.iter().find(|name| !self.policies.iter().any(|policy| policy.id.as_str() == **name));
        match (&self.invalid, missing) {
            (Some(invalid), Some(name)) if is_there(name) => invalid.clone(),
            _ => failure,
        }
    }

    /// Fails for a policy that no file names, valid or not.
    pub(super) fn known_policy(&self, name: &str) -> Result<(), Failure> {
        match self.policy(name) {
            Err(failure) if failure.exit == super::Exit::Usage => Err(failure),
            _ => Ok(()),
        }
    }

    /// The registered store of that name, with its adapter's.
    pub(super) fn known_store(&self, name: &str) -> Result<(StoreName, String), Failure> {
        names::store_of(&self.config, name)
    }

    /// Every `[[data]]` of every policy.
    pub(super) fn all_data(&self) -> impl Iterator<Item = (&Policy, &Data)> {
        self.policies.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data)))
    }

    /// The policies by which records may go: those that are valid, and of those that are not, or whose file is gone,
    /// the text that was approved last. A daemon may still carry it out.
    pub(super) fn in_force(&self) -> Result<Vec<Policy>, Failure> {
        let mut all = self.policies.clone();
        for id in self.state.approved_policies()? {
            if all.iter().any(|policy| policy.id == id) {
                continue;
            }
            let approval = self.state.approval(&id)?;
            all.extend(approval.and_then(|approval| (self.engine.recompile)(&id, &approval.text)));
        }
        Ok(all)
    }

    /// Policies that somebody approved and whose file is no longer there: nothing is done under them.
    pub(super) fn vanished(&self) -> Result<Vec<PolicyId>, Failure> {
        let is_there = |id: &PolicyId| self.config.policies.join(format!("{id}.toml")).exists();
        Ok(self.state.approved_policies()?.into_iter().filter(|id| !is_there(id)).collect())
    }
}

/// What is remembered, in its two roles.
struct Remembered {
    state: Arc<dyn StateStore>,
    outbox: Arc<dyn Outbox>,
}

impl Remembered {
    fn of<S: StateStore + Outbox + 'static>(state: S) -> Self {
        let state = Arc::new(state);
        Self { outbox: Arc::<S>::clone(&state), state }
    }
}

/// Neither the state file nor the keys beside it are there. A state that is lost is another matter: opening it says so.
fn is_new(state: &Path) -> bool {
    let keys = state.parent().unwrap_or(Path::new("")).join("keys");
    [state, &keys]
        .into_iter()
        .all(|path| path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound))
}

/// Somebody else may keep the log only if every command tells what it added.
struct PublishAtEnd {
    publisher: Arc<Publisher>,
    state: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    /// The length of the log when the session began; `None` if some place has no head yet.
    size: Option<u64>,
}

impl Drop for PublishAtEnd {
    fn drop(&mut self) {
        if self.state.log_head().is_ok_and(|(size, _)| Some(size) == self.size) {
            return;
        }
        match self.publisher.publish(&*self.state, self.clock.now()) {
            Ok(failures) => failures.iter().for_each(|why| tracing::warn!("{why}")),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

/// Approved texts are read again with the configuration of today, beside the other policies of today: so the two
/// readings differ only where the texts do.
fn recompile(config: &Config, policies: &[Policy], stores: &Arc<Stores>) -> Recompile {
    let defaults = config.defaults.clone();
    let (policies, stores) = (policies.to_vec(), Arc::clone(stores));
    Arc::new(move |id: &PolicyId, text: &str| {
        let file = format!("{id}.toml");
        let approved = compile::compile(Path::new(&file), id.clone(), text, &defaults).policy?;
        let others = policies.iter().filter(|policy| policy.id != *id).cloned();
        let mut all: Vec<Policy> = std::iter::once(approved).chain(others).collect();
        registered::reaches(&mut all, &stores);
        all.into_iter().next()
    })
}
