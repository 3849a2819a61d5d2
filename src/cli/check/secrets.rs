//! Secrets that stand in files which every user of the machine may read.

use std::ops::Range;

use crate::adapter::secret::Secret;
use crate::config::Config;
use crate::policy::diagnostic::Diagnostic;

/// A warning for each such file. Whether a group may read it is for whoever set the group up.
pub(super) fn exposed(config: &Config) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    for (secret, place) in secrets(config) {
        let Some(path) = secret.open_to_all() else { continue };
        let path = path.display().to_string();
        let text = format!("every user of this machine can read {path}");
        told.push(
            Diagnostic::warning(&config.file, place, text).with_help(format!("run `chmod 600 {path}`")),
        );
    }
    told.dedup_by(|one, other| one.message == other.message);
    told
}

/// Every secret that the configuration names, with its place there; of a notice's there is none.
fn secrets(config: &Config) -> impl Iterator<Item = (&Secret, Range<usize>)> {
    let of_stores = config.stores.iter().filter_map(|store| Some((store.place.server()?, &store.written)));
    let of_stores = of_stores.flat_map(|(server, written)| {
        let urls = std::iter::once(&server.url).chain(&server.planner_url).chain(&server.replicas);
        urls.map(|url| (url, written.clone()))
    });
    let login = config.notify.mail.iter().filter_map(|mail| Some(&mail.login.as_ref()?.1));
    let of_notices = login.chain(config.notify.webhooks.iter().map(|webhook| &webhook.secret));
    of_stores.chain(of_notices.map(|secret| (secret, 0..0)))
}
