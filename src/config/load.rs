//! Reads the configuration and every policy, and reports everything that is wrong in all of them at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::Sources;
use super::document::{BasesDocument, BasisTable, ConfigDocument, homes};
use super::files;
use super::notify::{self, NotifySettings};
use super::settings::{AuditSettings, Config, MetricsSettings};
use super::stores::{self, Stores};
use crate::model::action::Action;
use crate::policy::compile::{Basis, Defaults, compile};
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::rule::{Data, Policy};
use crate::policy::strict::{Dropped, Home, Reader, Spot, Text, Written};
use crate::state::heads::Target;
use crate::state::retention::Retention;
use crate::time::{After, Period, Schedule, Zone};

/// Everything that was read, with everything that is wrong in it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; `None` if anything in its own file is an error.
    pub config: Option<Config>,
    /// The policies that are sound, in the order of their ids. Those with an error are left out.
    pub policies: Vec<Policy>,
    /// What is wrong or worth a look, file by file.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Sources,
}

impl Loaded {
    /// Whether nothing is an error: only then may anything be executed.
    pub fn is_sound(&self) -> bool {
        self.config.is_some() && self.diagnostics.iter().all(|found| found.severity != Severity::Error)
    }
}

/// Reads `file` and the policies that it names. `today` tells whether a dated legal basis is in force.
pub fn load(file: &Path, today: NaiveDate) -> Loaded {
    let mut loaded =
        Loaded { config: None, policies: Vec::new(), diagnostics: Vec::new(), sources: Sources::default() };
    let Some(text) =
        loaded.read(file, "give the right path with `--config`, or make a configuration with `forfall init`")
    else {
        return loaded;
    };
    let Some((settled, config)) = configuration(file, &text, today, &mut loaded.diagnostics) else {
        return loaded;
    };
    let mut defaults = settled.defaults;
    if let Some(directory) = &settled.policies {
        let found = files::find(directory);
        loaded.diagnostics.extend(found.diagnostics);
        if let Some(bases) = &found.bases {
            defaults.bases = loaded.bases(bases);
        }
        for (id, path) in found.policies {
            let Some(text) = loaded.read(&path, "make it readable for the user that forfall runs as") else {
                continue;
            };
            let compiled = compile(&path, id, &text, &defaults);
            loaded.diagnostics.extend(compiled.diagnostics);
            loaded.policies.extend(compiled.policy);
        }
    }
    loaded.config = config.map(|config| Config { defaults, ..config });
    loaded.ask_who_is_told();
    loaded
}

impl Loaded {
    fn read(&mut self, path: &Path, help: &str) -> Option<Arc<str>> {
        match fs_err::read_to_string(path) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                self.sources.insert(path, Arc::clone(&text));
                Some(text)
            }
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(path, 0..0, error.to_string()).with_help(help));
                None
            }
        }
    }

    /// Where people are told at all, each policy's owner and each `to` should be somebody.
    fn ask_who_is_told(&mut self) {
        let Some(notify) = self.config.as_ref().map(|config| &config.notify) else { return };
        if notify.roles.is_empty() {
            return;
        }
        for policy in &self.policies {
            let escalates =
                policy.data.iter().flat_map(Data::stages).filter_map(|(_, stage)| match &stage.action {
                    Action::Escalate(escalate) => Some(&escalate.to),
                    _ => None,
                });
            let mut roles: Vec<&String> = std::iter::once(&policy.owner).chain(escalates.flatten()).collect();
            roles.dedup();
            for role in roles.into_iter().filter(|role| !notify.reaches(role)) {
                let nobody = Diagnostic::warning(&policy.file, 0..0, format!("nobody is told as `{role}`"));
                let help = format!(
                    "add `[notify.role.\"{role}\"]` to the configuration, or `every-policy = true` to a role there"
                );
                if !self.diagnostics.iter().any(|found| *found == nobody.clone().with_help(&help)) {
                    self.diagnostics.push(nobody.with_help(help));
                }
            }
        }
    }

    fn bases(&mut self, path: &Path) -> Vec<Basis> {
        let Some(text) = self.read(path, "make it readable for the user that forfall runs as") else {
            return Vec::new();
        };
        let homes = [Home::of::<BasisTable>("a legal basis")];
        let (mut reader, root) = Reader::parse(path, &text, &homes);
        let document: BasesDocument = reader.read(root, "").unwrap_or_default();
        for (name, table) in &document.0.0 {
            if table.title.is_none() {
                let missing =
                    Diagnostic::error(path, name.span(), format!("the legal basis `{name}` has no `title`"));
                reader.report(missing.with_help("add for example `title = \"Bookkeeping act section 13\"`"));
            }
            if let (Some(from), Some(until)) = (&table.valid_from, &table.valid_until)
                && until.value.0 < from.value.0
            {
                let wrong = Diagnostic::error(path, until.span(), "the legal basis ends before it begins");
                reader.report(wrong.with_help("correct `valid-from` or `valid-until`"));
            }
        }
        self.diagnostics.extend(reader.finish().0);
        document.0.0.into_iter().map(|(name, table)| basis(&name, &table)).collect()
    }
}

fn basis(name: &Text, table: &BasisTable) -> Basis {
    Basis {
        name: name.to_string(),
        title: table.title.as_ref().map(ToString::to_string).unwrap_or_default(),
        source: table.source.as_ref().map(ToString::to_string),
        valid_from: table.valid_from.as_ref().map(|day| day.value.0),
        valid_until: table.valid_until.as_ref().map(|day| day.value.0),
        keep_at_least: table.keep_at_least.as_ref().map(|period| period.value),
    }
}

/// What policies can be compiled with, even if the configuration has errors of its own.
struct Settled {
    defaults: Defaults,
    policies: Option<PathBuf>,
}

fn configuration(
    file: &Path,
    text: &str,
    today: NaiveDate,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Settled, Option<Config>)> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let homes = homes();
    let (mut reader, mut root) = Reader::parse(file, text, &homes);
    let stores = take_stores(&mut root, file, dir, &mut reader);
    let document: Option<ConfigDocument> = reader.read(root, "");
    let state =
        document.as_ref().and_then(|document| Some(stores::beside(dir, &document.state.as_ref()?.value.0)));
    stores::check_apart(&stores.configs, state.as_deref(), file, &mut reader);
    let (mut found, dropped) = reader.finish();
    let Some(document) = document else {
        diagnostics.append(&mut found);
        return None;
    };
    missing(&document, &stores, &dropped, file, &mut found);
    let notify = document.notify.as_ref();
    let notify = notify.map_or_else(NotifySettings::default, |it| notify::notify(it, file, dir, &mut found));
    found.sort_by_key(|found| (found.span.start, found.span.end));
    let sound = found.iter().all(|found| found.severity != Severity::Error);
    diagnostics.append(&mut found);
    let policies = document.policies.as_ref().map(|path| stores::beside(dir, &***path));
    let defaults = defaults(&document, &stores, today);
    let config = (|| {
        Some(Config {
            file: file.to_owned(),
            state: state.filter(|_| sound)?,
            policies: policies.clone()?,
            stores: stores.configs,
            out_of_scope: stores.out_of_scope,
            defaults: defaults.clone(),
            audit: audit(&document, dir),
            notify,
            metrics: metrics(&document, dir),
        })
    })();
    Some((Settled { defaults, policies }, config))
}

/// `[store.NAME]` tables are read by their adapters; the rest of the configuration goes on without them.
fn take_stores(root: &mut Spanned<DeTable<'_>>, file: &Path, dir: &Path, reader: &mut Reader<'_>) -> Stores {
    match root.get_mut().remove("store") {
        Some(value) => stores::read(&value, file, dir, reader),
        None => Stores::default(),
    }
}

fn missing(
    document: &ConfigDocument,
    stores: &Stores,
    dropped: &Dropped,
    file: &Path,
    found: &mut Vec<Diagnostic>,
) {
    let needs = [
        ("timezone", document.timezone.is_none(), "timezone = \"Europe/Oslo\""),
        ("state", document.state.is_none(), "state = \"sqlite:/var/lib/forfall/state.db\""),
        ("policies", document.policies.is_none(), "policies = \"policies\""),
    ];
    for (key, _, example) in needs.into_iter().filter(|(key, missing, _)| *missing && !dropped.may_hold(key))
    {
        let missing = Diagnostic::error(file, 0..0, format!("the configuration has no `{key}`"));
        found.push(missing.with_help(format!("add for example `{example}`, above the first `[`")));
    }
    if stores.known.is_empty() && !dropped.may_hold("store") {
        let none = Diagnostic::warning(file, 0..0, "no store is registered, so no policy can run");
        found.push(none.with_help(
            "add `[store.NAME]` with `adapter = \"sqlite\"` and `path`, `adapter = \"filesystem\"` and `root`, or `adapter = \
             \"postgres\"`, `\"mariadb\"` or `\"mysql\"` and `url`",
        ));
    }
}

fn defaults(document: &ConfigDocument, stores: &Stores, today: NaiveDate) -> Defaults {
    let zone = document.timezone.as_ref().map_or(Zone::UTC, |zone| zone.value);
    let schedule = document.schedule.as_ref().map_or_else(nightly, |schedule| schedule.value.clone());
    let grace = document.grace.as_ref().map_or(Period { hours: 24, ..Period::ZERO }, |grace| grace.value);
    Defaults {
        window: document.window.as_ref().map(|window| window.value),
        wait: document.wait.as_ref().map(|wait| wait.value),
        approvers: document.approvers.as_ref().map_or(1, |approvers| approvers.0),
        notify_before: document.notify_before.as_ref().map(|period| period.value),
        stale_after: document.stale_after.as_ref().map(|period| period.value),
        stores: stores.known.clone(),
        ..Defaults::new(zone, schedule, grace, today)
    }
}

/// Three in the morning, where nothing else is written.
fn nightly() -> Schedule {
    "0 3 * * *".parse().expect("a schedule written here is one")
}

fn audit(document: &ConfigDocument, dir: &Path) -> AuditSettings {
    let Some(table) = &document.audit else { return AuditSettings::default() };
    let heads = table.heads.iter().flat_map(|heads| heads.iter());
    let mut publish: Vec<Target> =
        heads.map(|head| Target::Directory(stores::beside(dir, &***head))).collect();
    if let Some(to) = &table.publish {
        publish.extend(to.directory.iter().map(|to| Target::Directory(stores::beside(dir, &***to))));
        let command = to.command.as_ref().map(|words| words.iter().map(Spot::to_string).collect());
        publish.extend(command.map(Target::Command));
        publish.extend(to.url.iter().map(|url| Target::Url(url.value.clone())));
    }
    let after = |period: &Option<Spot<Written<Period>>>, default| {
        period.as_ref().map_or(default, |period| After::Period(period.value))
    };
    let default = Retention::default();
    AuditSettings {
        origin: table.origin.as_ref().map(ToString::to_string),
        publish,
        retention: Retention {
            manifests: after(&table.keep_manifests, default.manifests),
            entries: after(&table.keep_entries, default.entries),
        },
    }
}

fn metrics(document: &ConfigDocument, dir: &Path) -> MetricsSettings {
    let textfile = document.metrics.as_ref().and_then(|table| table.textfile.as_ref());
    MetricsSettings { textfile: textfile.map(|path| stores::beside(dir, &***path)) }
}

#[cfg(test)]
mod tests;
