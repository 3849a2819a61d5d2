//! Whether what is found in order could also be carried out: the role behind `url` is tried, which the planner never uses
//! where it has one of its own.

use std::ops::Range;
use std::path::Path;

use super::super::registered::Stores;
use crate::adapter::api::StoreError;
use crate::config::{Config, StoreConfig};
use crate::engine::rehearse;
use crate::model::schema::Schema;
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::rule::{Data, Policy};

/// One `[[data]]` that the planner found in order.
pub(super) struct Sound<'p> {
    pub(super) policy: &'p Policy,
    pub(super) data: &'p Data,
    pub(super) schema: Schema,
}

/// What stands in the way of the runs. Nothing is changed in any store.
pub(super) fn rehearsed(config: &Config, stores: &Stores, sound: &[Sound<'_>]) -> Vec<Diagnostic> {
    config.stores.iter().flat_map(|store| of_store(config, store, stores, sound)).collect()
}

fn of_store(config: &Config, store: &StoreConfig, stores: &Stores, sound: &[Sound<'_>]) -> Vec<Diagnostic> {
    let here = sound.iter().filter(|one| one.data.target.store == store.name);
    // What cannot be spelled out was told where it stands.
    let wanted: Vec<_> =
        here.filter_map(|one| Some((one, rehearse::wanted(one.data, &one.schema).ok()?))).collect();
    let wanted: Vec<_> = wanted.into_iter().filter(|(_, wanted)| !wanted.acts.is_empty()).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let server = store.place.server();
    if let Some(Err(error)) = server.map(|server| server.url.read())
        && error.elsewhere
    {
        // Whoever looks need not be whoever runs: it may be right that this person cannot read it.
        let text =
            format!("whether runs can dispose in store {} was not tried: its `url`: {error}", store.name);
        let help = format!(
            "Run `forfall check` as the user that forfall runs as, and with its environment; if it says the same there, {}",
            error.help
        );
        return vec![Diagnostic::warning(&config.file, store.written.clone(), text).with_help(help)];
    }
    // A file that cannot be written may be another user's to write.
    let severity = if server.is_some() { Severity::Error } else { Severity::Warning };
    let role = if server.is_some() {
        "as the role in `url`, by which runs dispose: "
    } else {
        "runs dispose of nothing: "
    };
    let told = |file: &Path, span: Range<usize>, error: StoreError| Diagnostic {
        severity,
        file: file.to_owned(),
        span,
        message: format!("{role}{}: {}", error.what, error.why),
        help: error.help.map(|help| help.trim_start_matches("Nothing was done. ").to_owned()),
    };
    let (data, wanted): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
    match rehearse::rehearse(stores, &store.name, &wanted) {
        Err(error) => vec![told(&config.file, store.written.clone(), error)],
        Ok(missing) => {
            let mut found = Vec::new();
            for (one, missing) in data.into_iter().zip(missing) {
                let places = one.policy.places.data.get(one.data.index);
                let span = places.map_or(0..0, |places| places.collection.clone());
                found.extend(missing.into_iter().map(|error| told(&one.policy.file, span.clone(), error)));
            }
            found
        }
    }
}
