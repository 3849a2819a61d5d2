//! `[notify]`: whom to tell of what, and by which way.
//!
//! A policy names roles (its `owner`, the `to` of an `escalate`). `[notify.role.NAME]` says who that is: addresses,
//! webhooks, commands. `[notify.mail]`, `[notify.webhook.NAME]` and `[notify.command.NAME]` say how they are reached.

mod document;
mod settings;

use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

pub(super) use self::document::NotifyTable;
use self::document::{CommandTable, MailTable, RoleTable, Slots, WebhookTable};
use self::settings::UNDETERMINED;
use super::document::SecretTable;
use super::server::kept;
use super::stores::beside;
use crate::adapter::secret::Secret;
use crate::model::notice::Language;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::strict::{Count, Home, OneOrMany, Section, Spot, Text, Written, nearest};

pub use self::document::Security;
pub use self::settings::{CommandSettings, MailSettings, NotifySettings, Role, WebhookSettings};

/// How long the other side of a connection may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The tables with their keys.
pub(super) fn homes() -> Vec<Home> {
    vec![
        Home::of::<NotifyTable>("[notify]"),
        Home::of::<MailTable>("[notify.mail]"),
        Home::of::<WebhookTable>("[notify.webhook.NAME]"),
        Home::of::<CommandTable>("[notify.command.NAME]"),
        Home::of::<RoleTable>("[notify.role.NAME]"),
        Home::of::<SecretTable>("a secret"),
    ]
}

/// Reads the table; what is wrong is added to `found`.
pub(super) fn notify(
    table: &Section<NotifyTable>,
    file: &Path,
    dir: &Path,
    found: &mut Vec<Diagnostic>,
) -> NotifySettings {
    let default = NotifySettings::default();
    let mut reading = Reading { file, dir, found };
    let language = table.language.as_ref().map_or(Language::English, |language| language.value);
    let mail = table.mail.as_ref().and_then(|mail| reading.mail(mail));
    let webhooks: Vec<_> = table
        .webhook
        .iter()
        .flat_map(|all| &all.0)
        .filter_map(|(name, one)| reading.webhook(name, one))
        .collect();
    let commands: Vec<_> = table
        .command
        .iter()
        .flat_map(|all| &all.0)
        .filter_map(|(name, one)| reading.command(name, one))
        .collect();
    let known = Known {
        mail: table.mail.is_some(),
        webhooks: table.webhook.iter().flat_map(|all| &all.0).map(|(name, _)| name.to_string()).collect(),
        commands: table.command.iter().flat_map(|all| &all.0).map(|(name, _)| name.to_string()).collect(),
    };
    let roles = table
        .role
        .iter()
        .flat_map(|all| &all.0)
        .map(|(name, one)| reading.role(name, one, language, &known))
        .collect();
    let slots = |written: &Option<Spot<Written<Slots>>>, default| {
        written.as_ref().map_or(default, |written| written.value.0.clone())
    };
    NotifySettings {
        digest: slots(&table.digest, default.digest),
        test_alarm: slots(&table.test_alarm, default.test_alarm),
        undetermined_above: table
            .undetermined_above
            .as_ref()
            .map_or(UNDETERMINED, |count| u64::from(count.0)),
        mail,
        webhooks,
        commands,
        roles,
    }
}

/// The ways that a role may name.
struct Known {
    mail: bool,
    webhooks: Vec<String>,
    commands: Vec<String>,
}

struct Reading<'a> {
    file: &'a Path,
    dir: &'a Path,
    found: &'a mut Vec<Diagnostic>,
}

impl Reading<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic::error(self.file, span, message).with_help(help));
    }

    fn secret(&mut self, table: &Section<SecretTable>) -> Option<Secret> {
        let mut wrong = Vec::new();
        let secret = kept(table, &table.span(), self.dir, &mut wrong);
        self.found.extend(wrong.into_iter().map(|(span, fault)| fault.at(self.file, span)));
        secret
    }

    fn mail(&mut self, table: &Section<MailTable>) -> Option<MailSettings> {
        let security = table.security.as_ref().map_or(Security::StartTls, |security| security.value);
        let port = match &table.port {
            Some(port) => u16::try_from(port.0).ok().or_else(|| {
                self.error(port.span(), format!("there is no port {}", port.0), "write a number up to 65535");
                None
            }),
            None => Some(match security {
                Security::StartTls => 587,
                Security::Tls => 465,
                Security::None => 25,
            }),
        };
        if table.server.is_none() {
            self.error(
                table.span(),
                "mail has no `server`",
                "add for example `server = \"smtp.example.org\"`",
            );
        }
        if let Some(server) = &table.server
            && security == Security::None
            && !is_this_machine(server)
        {
            self.error(
                server.span(),
                format!("mail to {server} would be readable on its way"),
                "write `security = \"starttls\"` or `\"tls\"`; without it only this machine's own mail server is used",
            );
        }
        if table.from.is_none() {
            self.error(
                table.span(),
                "mail has no `from`",
                "add for example `from = \"forfall@example.org\"`",
            );
        }
        if let Some(from) = &table.from {
            self.address(from);
        }
        let login = match (&table.user, &table.password) {
            (Some(user), Some(password)) => self.secret(password).map(|secret| (user.to_string(), secret)),
            (Some(user), None) => {
                self.error(
                    user.span(),
                    "a `user` without a `password`",
                    "add `password = { credential = \"smtp\" }`, or `{ file = \"..\" }`, or `{ env = \"..\" }`",
                );
                None
            }
            (None, Some(password)) => {
                self.error(password.span(), "a `password` without a `user`", "add `user = \"..\"`");
                None
            }
            (None, None) => None,
        };
        Some(MailSettings {
            server: table.server.as_ref()?.to_string(),
            port: port?,
            security,
            ca: table.ca.as_ref().map(|path| beside(self.dir, &***path)),
            from: table.from.as_ref()?.to_string(),
            login,
            timeout: timeout(table.timeout_seconds.as_ref()),
        })
    }

    fn address(&mut self, address: &Spot<Text>) {
        if address.to_string().parse::<lettre::message::Mailbox>().is_err() {
            self.error(
                address.span(),
                format!("`{address}` is no mail address"),
                "write for example `ops@example.org`",
            );
        }
    }

    fn webhook(&mut self, name: &Spot<Text>, table: &Section<WebhookTable>) -> Option<WebhookSettings> {
        if table.url.is_none() {
            let help = "add for example `url = \"https://hooks.example.org/forfall\"`";
            self.error(name.span(), format!("the webhook `{name}` has no `url`"), help);
        }
        if table.secret.is_none() {
            let help = "add `secret = { credential = \"NAME\" }`: a key that begins with `whsec_`, with which the \
                        receiver checks the signature";
            self.error(name.span(), format!("the webhook `{name}` has no `secret`"), help);
        }
        if let Some(url) = &table.url {
            self.url(url);
        }
        let secret = table.secret.as_ref().and_then(|table| self.secret(table));
        Some(WebhookSettings {
            name: name.to_string(),
            url: table.url.as_ref()?.to_string(),
            secret: secret?,
            ca: table.ca.as_ref().map(|path| beside(self.dir, &***path)),
            timeout: timeout(table.timeout_seconds.as_ref()),
        })
    }

    fn url(&mut self, written: &Spot<Text>) {
        let Ok(url) = reqwest::Url::parse(&written.to_string()) else {
            let help = "write for example `https://hooks.example.org/forfall`";
            return self.error(written.span(), format!("`{written}` is no address of a web server"), help);
        };
        let here = url.host_str().is_some_and(is_this_machine);
        if url.password().is_some() || !url.username().is_empty() {
            let help = "leave it out: the receiver knows us by the signature";
            self.error(written.span(), "a login in a `url`", help);
        } else if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            self.error(
                written.span(),
                format!("`{written}` would be readable on its way"),
                "write `https://`; `http://` is for this machine only",
            );
        }
    }

    fn command(&mut self, name: &Spot<Text>, table: &Section<CommandTable>) -> Option<CommandSettings> {
        let run: Vec<String> = table.run.iter().flat_map(|words| words.iter()).map(Spot::to_string).collect();
        if run.is_empty() {
            let help = "add `run = [\"/usr/local/bin/page\", \"--quiet\"]`: the program and its arguments";
            self.error(name.span(), format!("the command `{name}` has no program to `run`"), help);
            return None;
        }
        Some(CommandSettings {
            name: name.to_string(),
            run,
            timeout: timeout(table.timeout_seconds.as_ref()),
        })
    }

    fn role(
        &mut self,
        name: &Spot<Text>,
        table: &Section<RoleTable>,
        language: Language,
        known: &Known,
    ) -> Role {
        let list = |names: &Option<OneOrMany>| -> Vec<Spot<Text>> {
            names.iter().flat_map(|all| all.0.clone()).collect()
        };
        let (mail, webhooks, commands) = (list(&table.mail), list(&table.webhook), list(&table.command));
        if mail.is_empty() && webhooks.is_empty() && commands.is_empty() {
            let help = "add `mail = \"..\"`, `webhook = \"..\"` or `command = \"..\"`";
            self.error(name.span(), format!("nothing says how the role `{name}` is reached"), help);
        }
        for address in &mail {
            self.address(address);
            if !known.mail {
                let help = "add `[notify.mail]` with `server` and `from`";
                self.error(address.span(), "there is no mail server", help);
            }
        }
        for (names, there, what) in
            [(&webhooks, &known.webhooks, "webhook"), (&commands, &known.commands, "command")]
        {
            for name in names.iter().filter(|name| !there.contains(&name.to_string())) {
                let text = name.to_string();
                let near = nearest(&text, there.iter().map(String::as_str));
                let help = near.map_or_else(
                    || format!("add `[notify.{what}.{text}]`"),
                    |near| format!("write `{near}`"),
                );
                self.error(name.span(), format!("there is no {what} `{text}`"), help);
            }
        }
        let texts = |names: Vec<Spot<Text>>| names.iter().map(Spot::to_string).collect();
        Role {
            name: name.to_string(),
            mail: texts(mail),
            webhooks: texts(webhooks),
            commands: texts(commands),
            kinds: table.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| kind.value).collect()),
            language: table.language.as_ref().map_or(language, |language| language.value),
            every_policy: table.every_policy.as_ref().is_some_and(|every| **every),
        }
    }
}

fn timeout(seconds: Option<&Spot<Count>>) -> Duration {
    seconds.map_or(TIMEOUT, |seconds| Duration::from_secs(u64::from(seconds.0)))
}

/// Whether a name is certainly this machine's.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
