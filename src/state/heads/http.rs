//! Heads at an HTTP server: `PUT` leaves the newest, `GET` reads it back.

use std::fmt;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url, header, redirect};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the whole answer may take. A head is a few hundred bytes.
const ANSWER: Duration = Duration::from_secs(10);
/// Nothing that is longer, in bytes, is a head.
const LONGEST: u64 = 64 * 1024;

/// Where a server keeps the newest head.
#[derive(Clone, PartialEq, Eq)]
pub struct HeadUrl(Url);

impl HeadUrl {
    /// Reads an address. What is wrong with it, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is no address")?;
        match url.scheme() {
            "http" | "https" if url.fragment().is_none() => Ok(Self(url)),
            "http" | "https" => Err("has a fragment (`#`), which no server sees"),
            _ => Err("is neither http:// nor https://"),
        }
    }

    /// Leaves a head there.
    pub(super) fn put(&self, note: &str) -> Result<(), String> {
        let answer = ask(|client| {
            client
                .put(self.0.clone())
                .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
                .body(note.to_owned())
                .send()
                .map(|answer| answer.status())
        })?;
        if answer.is_success() { Ok(()) } else { Err(format!("it answered {answer}")) }
    }

    /// The head that is there; `None` if the server says that there is none.
    pub(super) fn get(&self) -> Result<Option<String>, String> {
        let (status, body) = ask(|client| {
            let answer = client.get(self.0.clone()).send()?;
            Ok((answer.status(), body(answer)))
        })?;
        match status {
            StatusCode::OK => body.map(Some),
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            other => Err(format!("it answered {other}")),
        }
    }
}

/// Asks from a thread of its own: the client blocks, and would refuse to where a runtime drives the caller.
fn ask<T: Send>(request: impl FnOnce(&Client) -> Result<T, reqwest::Error> + Send) -> Result<T, String> {
    let asked = std::thread::scope(|scope| scope.spawn(|| request(&client()?).map_err(reason)).join());
    asked.unwrap_or_else(|_| Err("the request ended by a fault in the program".to_owned()))
}

/// Follows no redirection: where heads go is said in the configuration, not by whoever answers.
fn client() -> Result<Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .user_agent(concat!("forfall/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(reason)
}

fn body(answer: Response) -> Result<String, String> {
    let mut text = String::new();
    answer.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| format!("its answer: {error}"))?;
    if text.len() as u64 > LONGEST {
        return Err(format!("its answer is longer than {LONGEST} bytes, and so no head"));
    }
    Ok(text)
}

/// The whole chain of causes without the address, which may carry a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

/// Without what it needs to log in there.
impl fmt::Display for HeadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // Both refuse only addresses without a host, and http addresses have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if url.query().is_some() {
            url.set_query(Some("..."));
        }
        url.fmt(f)
    }
}

impl fmt::Debug for HeadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_never_shows_its_password() {
        for bad in ["", "heads.example.org", "ftp://a/b", "file:///x", "https://a/b#c"] {
            assert!(HeadUrl::parse(bad).is_err(), "{bad}");
        }
        let url = HeadUrl::parse("https://kari:secret@heads.example.org/log?token=secret").unwrap();
        assert_eq!(url.to_string(), "https://heads.example.org/log?...");
        assert!(!format!("{url:?}").contains("secret"));
    }
}
