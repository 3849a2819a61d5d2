//! Webhooks with the headers and the signature of Standard Webhooks (standardwebhooks.com, version 1): the receiver
//! knows the message by its id, and us by an HMAC over id, time and body.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::post::Trouble;
use crate::config::notify::{WebhookSettings, is_this_machine};
use crate::state::outbox::Letter;
use crate::time::Instant;

/// How every key begins.
const PREFIX: &str = "whsec_";
/// The sizes of a key, in bytes, that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Posts one letter; the receiver's answer.
pub fn send(settings: &WebhookSettings, letter: &Letter, now: Instant) -> Result<String, Trouble> {
    let key = key(settings)?;
    let client = client(settings)?;
    let time = now.timestamp();
    let answer = client
        .post(&settings.url)
        .header("content-type", "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", time.to_string())
        .header("webhook-signature", sign(&key, &letter.id, time, &letter.payload))
        .body(letter.payload.clone())
        .send()
        .map_err(|error| Trouble::of_the_way(told(&settings.name, &error)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(status.to_string());
    }
    // The receiver is gone for good, or does not know us: nothing changes by itself.
    let refused = [StatusCode::GONE, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
    let lasting = refused.contains(&status) || status.is_redirection();
    let way = lasting || status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Err(Trouble { why: format!("the webhook {} answered {status}", settings.name), way, lasting })
}

/// The value of `webhook-signature`.
fn sign(key: &[u8], id: &str, time: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn key(settings: &WebhookSettings) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let secret = settings.secret.read().map_err(|error| Trouble::of_a_secret(&error))?;
    let decoded = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
    decoded.filter(|key| KEY_BYTES.contains(&key.len())).ok_or_else(|| {
        Trouble::of_the_configuration(format!(
            "{} is no key of a webhook: write {PREFIX} and 24 to 64 random bytes in base64, such as \
             `{PREFIX}$(openssl rand -base64 32)`",
            settings.secret.whereabouts()
        ))
    })
}

fn client(settings: &WebhookSettings) -> Result<Client, Trouble> {
    let mut roots = RootCertStore::empty();
    // One bad certificate among those of the system is no reason to trust none of the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &settings.ca {
        let unfit =
            |why: &dyn std::fmt::Display| Trouble::of_the_configuration(format!("{}: {why}", file.display()));
        let pem = fs_err::read(file).map_err(|error| unfit(&error))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unfit(&error))?;
            roots.add(certificate).map_err(|error| unfit(&error))?;
        }
    }
    let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Trouble::of_the_configuration(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(settings.timeout)
        .connect_timeout(settings.timeout.min(Duration::from_secs(10)))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("forfall/", env!("CARGO_PKG_VERSION")));
    let url = reqwest::Url::parse(&settings.url).ok();
    if url.as_ref().and_then(reqwest::Url::host_str).is_some_and(is_this_machine) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| Trouble::of_the_configuration(told(&settings.name, &error)))
}

/// The error without the address: the path of a webhook is often a secret of its own.
fn told(name: &str, error: &reqwest::Error) -> String {
    use std::error::Error as _;
    if error.is_timeout() {
        return format!("the webhook {name} did not answer in time");
    }
    let mut cause = error.source();
    let mut deepest = None;
    while let Some(inner) = cause {
        deepest = Some(inner.to_string());
        cause = inner.source();
    }
    format!(
        "the webhook {name} cannot be reached: {}",
        deepest.unwrap_or_else(|| "nobody knows why".to_owned())
    )
}

#[cfg(test)]
mod tests;
