//! From a configuration to an engine: the one place where stores and state are opened, for commands and the daemon.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Context;
use super::exit::Failure;
use crate::adapter::api::Dispose;
use crate::adapter::registry;
use crate::config::{self, Config, Loaded, diagnostic};
use crate::engine::{Engine, Recompile};
use crate::model::ids::{PolicyId, StoreName};
use crate::model::target::Target;
use crate::policy::compile;
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::rule::{Data, Policy};
use crate::policy::{limits, overlap};
use crate::state::api::{Actor, StateStore};
use crate::state::heads::{self, Publisher};
use crate::state::sqlite::SqliteState;
use crate::time::{Clock, Zone};

/// The opened stores.
type Stores = BTreeMap<StoreName, Arc<dyn Dispose>>;

/// A configuration with everything opened that it names. Opening a store connects to nothing: a store that is down
/// shows when it is asked.
pub struct Session {
    /// The configuration.
    pub config: Config,
    /// The valid policies, in the order of their names.
    pub policies: Vec<Policy>,
    /// What is remembered.
    pub state: Arc<dyn StateStore>,
    /// What carries policies out.
    pub engine: Engine,
    /// Where heads of the log go.
    pub publisher: Arc<Publisher>,
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

/// The policy of that name.
pub(super) fn policy_of<'a>(policies: &'a [Policy], name: &str) -> Result<&'a Policy, Failure> {
    let known = policies.iter().map(|policy| policy.id.as_str());
    let found = policies.iter().find(|policy| policy.id.as_str() == name);
    found.ok_or_else(|| Failure::usage(unknown("policy", name, known)))
}

/// The named policies, each once, or all of them.
pub(super) fn named<'a>(policies: &'a [Policy], names: &[String]) -> Result<Vec<&'a Policy>, Failure> {
    if names.is_empty() {
        return Ok(policies.iter().collect());
    }
    let mut chosen: Vec<&Policy> = Vec::new();
    for name in names {
        let policy = policy_of(policies, name)?;
        if !chosen.iter().any(|other| other.id == policy.id) {
            chosen.push(policy);
        }
    }
    Ok(chosen)
}

impl Session {
    /// Opens what is valid: for commands that must work while some policy is broken.
    pub(super) fn open(context: &Context) -> Result<Self, Failure> {
        Self::of(load(context), Arc::clone(&context.clock))
    }

    /// Opens it all, or says everything that is invalid.
    pub(super) fn open_valid(context: &Context) -> Result<Self, Failure> {
        let session = Self::open(context)?;
        match session.invalid {
            Some(failure) => Err(failure),
            None => Ok(session),
        }
    }

    pub(super) fn of(loaded: Loaded, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let invalid = invalid(&loaded);
        let Some(config) = loaded.config else {
            return Err(invalid.unwrap_or_else(|| Failure::invalid("the configuration is invalid")));
        };
        let mut stores = Stores::new();
        for store in &config.stores {
            let opened =
                registry::open(&store.adapter, &store.name, store.settings.location()).ok_or_else(|| {
                    Failure::invalid(format!(
                        "store {}: this program has no adapter {}",
                        store.name, store.adapter
                    ))
                })?;
            stores.insert(store.name.clone(), opened);
        }
        let stores = Arc::new(stores);
        let mut policies = loaded.policies;
        overlap::reaches(&mut policies, &|target| primary_key(&stores, target));
        let state: Arc<dyn StateStore> =
            Arc::new(SqliteState::open_as(&config.state, clock.now(), config.audit.origin.as_deref())?);
        let recompile = recompile(&config, &policies, &stores);
        let engine = Engine { clock, state: Arc::clone(&state), stores, recompile };
        let publisher = Arc::new(Publisher::new(config.audit.publish.clone()));
        for warning in heads::guard(&*state, &publisher)? {
            tracing::warn!("{warning}");
        }
        let at_end = PublishAtEnd {
            publisher: Arc::clone(&publisher),
            state: Arc::clone(&state),
            clock: Arc::clone(&engine.clock),
            size: state.log_head()?.0,
        };
        Ok(Self { config, policies, state, engine, publisher, _at_end: at_end, invalid })
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
    pub(super) fn policies(&self, names: &[String]) -> Result<Vec<&Policy>, Failure> {
        named(&self.policies, names).map_err(|failure| self.explained(names, failure))
    }

    /// The policy of that name.
    pub(super) fn policy(&self, name: &str) -> Result<&Policy, Failure> {
        policy_of(&self.policies, name).map_err(|failure| self.explained(&[name.to_owned()], failure))
    }

    /// A policy that is missing because its file is invalid is another matter than one that nobody wrote.
    fn explained(&self, names: &[String], failure: Failure) -> Failure {
        let is_there = |name: &String| self.config.policies.join(format!("{name}.toml")).exists();
        let missing =
            names.iter().find(|name| !self.policies.iter().any(|policy| policy.id.as_str() == **name));
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
        let known = self.config.stores.iter().map(|store| store.name.as_str());
        self.config
            .store(&StoreName::new(name))
            .map(|store| (store.name.clone(), store.adapter.clone()))
            .ok_or_else(|| Failure::usage(unknown("store", name, known)))
    }

    /// The registered stores with their adapters' names.
    pub(super) fn registered(&self) -> Vec<(StoreName, String)> {
        self.config.stores.iter().map(|store| (store.name.clone(), store.adapter.clone())).collect()
    }

    /// Every `[[data]]` of every policy.
    pub(super) fn all_data(&self) -> impl Iterator<Item = (&Policy, &Data)> {
        self.policies.iter().flat_map(|policy| policy.data.iter().map(move |data| (policy, data)))
    }

    /// Whether some policy asks for that event.
    pub(super) fn event_is_used(&self, name: &str) -> bool {
        self.policies.iter().any(|policy| policy.names_event(name))
    }
}

/// Somebody else may keep the log only if every command tells what it added.
struct PublishAtEnd {
    publisher: Arc<Publisher>,
    state: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    /// The length of the log when the session began.
    size: u64,
}

impl Drop for PublishAtEnd {
    fn drop(&mut self) {
        if self.state.log_head().is_ok_and(|(size, _)| size == self.size) {
            return;
        }
        match self.publisher.publish(&*self.state, self.clock.now()) {
            Ok(failures) => failures.iter().for_each(|why| tracing::warn!("{why}")),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

/// `there is no policy cctc: did you mean cctv?`
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        .map(|other| (strsim::damerau_levenshtein(other, name), other))
        .min()
        .filter(|(distance, _)| *distance <= 2.max(name.len() / 3));
    let name = super::phrase::safe(name);
    match near {
        Some((_, near)) => format!("there is no {what} {name}: did you mean {near}?"),
        None if known.is_empty() => format!("there is no {what} {name}: there is none at all"),
        None => format!("there is no {what} {name}: there are {}", known.join(", ")),
    }
}

/// The one key column of a collection, as its store says.
fn primary_key(stores: &Stores, target: &Target) -> Option<String> {
    let schema = stores.get(&target.store)?.inspect().probe(target).ok()?;
    match schema.key.as_slice() {
        [column] => Some(column.clone()),
        _ => None,
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
        overlap::reaches(&mut all, &|target| primary_key(&stores, target));
        all.into_iter().next()
    })
}

/// Who gives the order: the system's user, also behind `sudo`. The environment is believed only where the system's
/// own answer is root, who could claim anything anyway.
pub(super) fn actor() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let claimed = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
    let uid = if uid == 0 { claimed.unwrap_or(uid) } else { uid };
    let name = fs_err::read_to_string("/etc/passwd").ok().and_then(|users| name_of(&users, uid));
    Actor(name.unwrap_or_else(|| format!("uid {uid}")))
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nforfall:x:998:998::/var/lib/forfall:/usr/sbin/nologin\n";
        assert_eq!(name_of(users, 998).as_deref(), Some("forfall"));
        assert_eq!(name_of(users, 1), None);
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        let known = || ["cctv", "switchboard-log"].into_iter();
        assert_eq!(unknown("policy", "cctc", known()), "there is no policy cctc: did you mean cctv?");
        assert_eq!(
            unknown("policy", "xyz-abc", known()),
            "there is no policy xyz-abc: there are cctv, switchboard-log"
        );
    }
}
