//! Files of secrets that too many people may read: nothing stops because of them, and nobody would notice.

use std::ops::Range;

use crate::adapter::secret::Secret;
use crate::config::Config;
use crate::policy::diagnostic::Diagnostic;

/// A warning for each such file that the configuration names, once.
pub(super) fn exposed(config: &Config) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (secret, span) in secrets(config) {
        let Some((path, mode)) = secret.exposed() else { continue };
        let path = path.display();
        let text =
            format!("every user of this machine may read {path}, which holds a secret (mode {mode:04o})");
        if !found.iter().any(|known| known.message == text) {
            let help = format!(
                "run `chmod 600 {path}`, see that it belongs to the user that forfall runs as, and change the secret if \
                 others use this machine"
            );
            found.push(Diagnostic::warning(&config.file, span, text).with_help(help));
        }
    }
    found
}

/// Every secret, and where the table stands that names it, as far as that is known.
fn secrets(config: &Config) -> impl Iterator<Item = (&Secret, Range<usize>)> {
    let of_stores = config.stores.iter().filter_map(|store| Some((store.place.server()?, &store.written)));
    let of_stores = of_stores.flat_map(|(server, written)| {
        let all = std::iter::once(&server.url).chain(&server.planner_url).chain(&server.replicas);
        all.map(|secret| (secret, written.clone()))
    });
    let notify = &config.notify;
    let mail = notify.mail.iter().flat_map(|mail| &mail.login).map(|(_, password)| password);
    let of_notices = mail.chain(notify.webhooks.iter().map(|webhook| &webhook.secret));
    of_stores.chain(of_notices.map(|secret| (secret, 0..0)))
}
