//! `[store.NAME]` on a database server: the texts of its table, and the place that they mean.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use schemars::{Schema, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::document::{SecretTable, ServerTable};
use super::stores::beside;
use crate::adapter::place::{MAX_REPLICA_LAG, Pace, Server, Tls, check_plain_url};
use crate::adapter::secret::Secret;
use crate::policy::strict::{Fault, Language, Spot, Text};

/// More connections than this would only wait for each other.
const MOST_PARALLEL: u32 = 8;

/// A URL as it stands, or where it is kept.
#[derive(Clone, Debug)]
pub(super) enum UrlText {
    /// As it stands.
    Plain(String),
    /// Where it is kept.
    Kept(SecretTable),
}

impl<'de> Deserialize<'de> for UrlText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Urls;
        impl<'de> Visitor<'de> for Urls {
            type Value = UrlText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL in quotes, or where it is kept, such as { credential = \"hr-db\" }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<UrlText, E> {
                Ok(UrlText::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UrlText, A::Error> {
                SecretTable::deserialize(MapAccessDeserializer::new(map)).map(UrlText::Kept)
            }
        }
        from.deserialize_any(Urls)
    }
}

/// `tls = "verify"` or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TlsText(Tls);

impl Language for TlsText {
    const EXPECTED: &'static str = "\"verify\" or \"off\"";

    fn schema() -> Schema {
        json_schema!({ "enum": ["verify", "off"] })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        match text {
            "verify" => Ok(Self(Tls::Verify)),
            "off" => Ok(Self(Tls::Off)),
            _ => Err(Fault::new(format!("`{text}` is no way to protect a connection")).with_help(
                "write `verify` (encrypted, and the server's certificate is checked) or `off` (not encrypted)",
            )),
        }
    }
}

/// `pace = "auto"`, `"full"` or `"gentle"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PaceText(Pace);

impl Language for PaceText {
    const EXPECTED: &'static str = "\"auto\", \"full\" or \"gentle\"";

    fn schema() -> Schema {
        json_schema!({ "enum": ["auto", "full", "gentle"] })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        match text {
            "auto" => Ok(Self(Pace::Auto)),
            "full" => Ok(Self(Pace::Full)),
            "gentle" => Ok(Self(Pace::Gentle)),
            _ => Err(Fault::new(format!("`{text}` is no pace")).with_help(
                "write `gentle` (small batches, and a rest after each), `full` (as quickly as it goes) or `auto` \
                 (gently while others are at work on the server)",
            )),
        }
    }
}

/// `max-replica-lag = "10 seconds"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LagText(Duration);

impl Language for LagText {
    const EXPECTED: &'static str = "a time such as \"10 seconds\"";

    fn schema() -> Schema {
        json_schema!({ "pattern": "^[1-9][0-9]* (second|seconds|minute|minutes)$" })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        let wrong = || {
            Fault::new(format!("`{text}` is no time to wait for replicas"))
                .with_help("write a whole number of seconds or minutes, such as `10 seconds`")
        };
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let seconds = match unit {
            "second" | "seconds" => Some(number),
            "minute" | "minutes" => number.checked_mul(60),
            _ => None,
        };
        match seconds {
            Some(seconds) if (1..=86_400).contains(&seconds) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(wrong()),
        }
    }
}

/// What is wrong in a server's table, and where.
pub(super) type Wrong = (Range<usize>, Fault);

/// The server that the table means, with everything that is wrong. `schemes` are those of the adapter's URLs.
pub(super) fn server(
    table: &ServerTable,
    schemes: &[&str],
    dir: &Path,
    wrong: &mut Vec<Wrong>,
) -> Option<Server> {
    let planner_url = match &table.planner_url {
        Some(url) => Some(secret(url, schemes, dir, wrong)?),
        None => None,
    };
    let url = secret(table.url.as_ref()?, schemes, dir, wrong)?;
    let tls = table.tls.as_ref().map(|tls| tls.value.0);
    if let (Some(Tls::Off), Some(ca)) = (tls, &table.ca) {
        wrong.push((
            ca.span(),
            Fault::new("`ca` means nothing without encryption")
                .with_help("remove `ca`, or write `tls = \"verify\"`"),
        ));
    }
    let parallel = table.parallel.as_ref().map_or(1, |count| count.0);
    if let Some(written) = table.parallel.as_ref().filter(|_| parallel > MOST_PARALLEL) {
        let fault = Fault::new(format!("{parallel} connections at once are too many"));
        wrong.push((written.span(), fault.with_help(format!("write a number from 1 to {MOST_PARALLEL}"))));
    }
    let replicas = replicas(table, schemes, dir, wrong)?;
    Some(Server {
        url,
        planner_url,
        parallel: parallel as usize,
        tls,
        ca: table.ca.as_ref().map(|path| beside(dir, &***path)),
        max_replica_lag: table.max_replica_lag.as_ref().map_or(MAX_REPLICA_LAG, |lag| lag.value.0),
        replicas,
        pace: table.pace.as_ref().map_or(Pace::Auto, |pace| pace.value.0),
    })
}

/// The URLs of the replicas. A primary of PostgreSQL tells of its replicas itself; those of MySQL and MariaDB have to be
/// asked one by one.
fn replicas(
    table: &ServerTable,
    schemes: &[&str],
    dir: &Path,
    wrong: &mut Vec<Wrong>,
) -> Option<Vec<Secret>> {
    let is_asked = schemes.contains(&"mysql");
    let Some(urls) = &table.replicas else {
        if let Some(lag) = table.max_replica_lag.as_ref().filter(|_| is_asked) {
            let fault = Fault::new("`max-replica-lag` means nothing without `replicas`: only they know it");
            wrong.push((lag.span(), fault.with_help("add `replicas`, the URL of each, or remove it")));
        }
        return Some(Vec::new());
    };
    if !is_asked {
        let fault =
            Fault::new("`replicas` is for MySQL and MariaDB: PostgreSQL tells of its replicas itself");
        wrong.push((urls.span(), fault.with_help("remove it; `max-replica-lag` is enough")));
        return None;
    }
    urls.iter().map(|url| secret(url, schemes, dir, wrong)).collect()
}

fn secret(url: &Spot<UrlText>, schemes: &[&str], dir: &Path, wrong: &mut Vec<Wrong>) -> Option<Secret> {
    let table = match &**url {
        UrlText::Plain(text) => {
            if let Err((why, help)) = check_plain_url(text, schemes) {
                wrong.push((url.span(), Fault::new(why).with_help(help)));
                return None;
            }
            return Some(Secret::Plain(text.clone()));
        }
        UrlText::Kept(table) => table,
    };
    kept(table, &url.span(), dir, wrong)
}

/// Where a secret that does not stand in the configuration is kept. `span` is the place of its table.
pub(super) fn kept(
    table: &SecretTable,
    span: &Range<usize>,
    dir: &Path,
    wrong: &mut Vec<Wrong>,
) -> Option<Secret> {
    let SecretTable { credential, file, env } = table;
    let text = |text: &Spot<Text>| text.to_string();
    let found = match (credential, file, env) {
        (Some(name), None, None) => {
            if name.contains('/') || name.starts_with('.') {
                let fault = Fault::new(format!("`{}` is no name for a credential", text(name)));
                wrong.push((
                    name.span(),
                    fault.with_help("use letters, digits, `-` and `_`, or `file` for a path"),
                ));
                return None;
            }
            Some(Secret::Credential(text(name)))
        }
        (None, Some(path), None) => Some(Secret::File(beside(dir, &***path))),
        (None, None, Some(name)) => Some(Secret::Env(text(name))),
        _ => None,
    };
    if found.is_none() {
        let fault = Fault::new("a secret is kept in exactly one place").with_help(
            "write one of `{ credential = \"NAME\" }`, `{ file = \"PATH\" }`, `{ env = \"NAME\" }`",
        );
        wrong.push((span.clone(), fault));
    }
    found
}
