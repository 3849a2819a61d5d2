//! Whom to tell, and how they are reached, as it was read.

use std::path::PathBuf;
use std::time::Duration;

use super::Security;
use crate::adapter::secret::Secret;
use crate::model::notice::{Kind, Language};
use crate::time::Schedule;

/// Above this many undetermined records somebody is told, unless the configuration says otherwise.
pub(super) const UNDETERMINED: u64 = 100;

/// `[notify]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NotifySettings {
    /// The slots of the digest; `None`: there is none.
    pub digest: Option<Schedule>,
    /// The slots of the test alarm; `None`: there is none.
    pub test_alarm: Option<Schedule>,
    /// More undetermined records than this under one policy are an alarm.
    pub undetermined_above: u64,
    /// The mail server.
    pub mail: Option<MailSettings>,
    /// The webhooks.
    pub webhooks: Vec<WebhookSettings>,
    /// The programs.
    pub commands: Vec<CommandSettings>,
    /// Who is told.
    pub roles: Vec<Role>,
}

/// `[notify.mail]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The server's name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// A file of certificates (PEM) that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
    /// The sender, as in `Forfall <forfall@example.org>`.
    pub from: String,
    /// With which name and password to log in.
    pub login: Option<(String, Secret)>,
    /// How long the server may take for all of one message.
    pub timeout: Duration,
}

/// `[notify.webhook.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Its name.
    pub name: String,
    /// Where it is posted to.
    pub url: String,
    /// The key of its signature: `whsec_` and base64.
    pub secret: Secret,
    /// A file of certificates (PEM) that are trusted beside those of the system.
    pub ca: Option<PathBuf>,
    /// How long the receiver may take.
    pub timeout: Duration,
}

/// `[notify.command.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSettings {
    /// Its name.
    pub name: String,
    /// The program and its arguments; no shell.
    pub run: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// `[notify.role.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name that policies use.
    pub name: String,
    /// Addresses.
    pub mail: Vec<String>,
    /// Names of webhooks.
    pub webhooks: Vec<String>,
    /// Names of commands.
    pub commands: Vec<String>,
    /// What this role hears of; `None`: everything.
    pub kinds: Option<Vec<Kind>>,
    /// In which language.
    pub language: Language,
    /// Hears of every policy, whoever its owner is.
    pub every_policy: bool,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            digest: "0 8 * * 1".parse().ok(),
            test_alarm: "0 9 * * 1".parse().ok(),
            undetermined_above: UNDETERMINED,
            mail: None,
            webhooks: Vec::new(),
            commands: Vec::new(),
            roles: Vec::new(),
        }
    }
}

impl NotifySettings {
    /// Whether somebody hears of what concerns this role.
    pub fn reaches(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known.every_policy || known.name == role)
    }
}
