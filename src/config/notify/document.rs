//! `[notify]` as it is written.

use schemars::{Schema, json_schema};
use serde::Deserialize;

use crate::config::document::SecretTable;
use crate::model::notice::{Kind, Language as Tongue};
use crate::policy::document::language::{word, words};
use crate::policy::strict::{Count, Entries, Fault, Language, OneOrMany, Section, Spot, Text, Written};
use crate::time::Schedule;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct NotifyTable {
    pub(super) language: Option<Spot<Written<Tongue>>>,
    pub(super) digest: Option<Spot<Written<Slots>>>,
    pub(super) test_alarm: Option<Spot<Written<Slots>>>,
    pub(super) undetermined_above: Option<Spot<Count>>,
    pub(super) mail: Option<Section<MailTable>>,
    pub(super) webhook: Option<Entries<Section<WebhookTable>>>,
    pub(super) command: Option<Entries<Section<CommandTable>>>,
    pub(super) role: Option<Entries<Section<RoleTable>>>,
}

/// `[notify.mail]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct MailTable {
    pub(super) server: Option<Spot<Text>>,
    pub(super) port: Option<Spot<Count>>,
    pub(super) security: Option<Spot<Written<Security>>>,
    pub(super) ca: Option<Spot<Text>>,
    pub(super) from: Option<Spot<Text>>,
    pub(super) user: Option<Spot<Text>>,
    pub(super) password: Option<Section<SecretTable>>,
    pub(super) timeout_seconds: Option<Spot<Count>>,
}

/// `[notify.webhook.NAME]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct WebhookTable {
    pub(super) url: Option<Spot<Text>>,
    pub(super) secret: Option<Section<SecretTable>>,
    pub(super) ca: Option<Spot<Text>>,
    pub(super) timeout_seconds: Option<Spot<Count>>,
}

/// `[notify.command.NAME]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct CommandTable {
    pub(super) run: Option<Spot<Vec<Spot<Text>>>>,
    pub(super) timeout_seconds: Option<Spot<Count>>,
}

/// `[notify.role.NAME]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct RoleTable {
    pub(super) mail: Option<OneOrMany>,
    pub(super) webhook: Option<OneOrMany>,
    pub(super) command: Option<OneOrMany>,
    pub(super) kinds: Option<Spot<Vec<Spot<Written<Kind>>>>>,
    pub(super) language: Option<Spot<Written<Tongue>>>,
    pub(super) every_policy: Option<Spot<bool>>,
}

words! {
    /// How the way to a mail server is kept secret.
    Security, "a security such as \"starttls\"", {
        /// The connection begins in clear and is secured before anything is said; port 587.
        StartTls = "starttls",
        /// The connection is secured from its first byte; port 465.
        Tls = "tls",
        /// Not at all: only to this machine; port 25.
        None = "none",
    }
}

impl Language for Tongue {
    const EXPECTED: &'static str = "a language, \"en\" or \"nb\"";

    fn schema() -> Schema {
        json_schema!({ "enum": ["en", "nb"] })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        word(text, &Self::WORDS)
    }
}

impl Language for Kind {
    const EXPECTED: &'static str = "a kind of notice such as \"overdue\"";

    fn schema() -> Schema {
        json_schema!({ "enum": Self::WORDS.map(|(word, _)| word) })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        word(text, &Self::WORDS)
    }
}

/// A schedule, or `never`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slots(pub(super) Option<Schedule>);

impl Language for Slots {
    const EXPECTED: &'static str = "a schedule such as \"0 8 * * 1\", or \"never\"";

    fn schema() -> Schema {
        json_schema!({ "examples": ["0 8 * * 1", "never"] })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        if text == "never" {
            return Ok(Self(None));
        }
        <Schedule as Language>::read(text).map(|schedule| Self(Some(schedule)))
    }
}
