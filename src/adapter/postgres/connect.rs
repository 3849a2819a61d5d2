//! Reaching the server: the URL from where it is kept, and the protection of the connection.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::{Trouble, translated};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::{Server, Tls};
use crate::adapter::secret::Secret;
use crate::adapter::sql::trusted;

/// A server that does not answer for so long is down.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects; what speaks to the server runs on the calling thread's runtime. Gives how the connection is protected, too.
pub(super) async fn connect(
    place: &str,
    server: &Server,
    url: &Secret,
) -> Result<(Client, Option<MakeRustlsConnect>), StoreError> {
    let mut config = config(place, url)?;
    let protected = match server.tls {
        Some(tls) => tls == Tls::Verify,
        None => server.ca.is_some() || !is_here(&config),
    };
    if protected {
        config.ssl_mode(SslMode::Require);
        let tls = MakeRustlsConnect::new(tls(place, server)?);
        let connecting = config.connect(tls.clone());
        let (client, connection) = connecting.await.map_err(|error| translated(place, &error))?;
        tokio::spawn(async { drop(connection.await) });
        Ok((client, Some(tls)))
    } else {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(|error| translated(place, &error))?;
        tokio::spawn(async { drop(connection.await) });
        Ok((client, None))
    }
}

fn config(place: &str, url: &Secret) -> Result<Config, StoreError> {
    let text = url.read().map_err(|error| {
        Trouble::at(place, StoreErrorKind::Unavailable, format!("its URL: {error}")).with_help(error.help)
    })?;
    // The parser's own message may repeat a part of the URL.
    let mut config = Config::from_str(&text).map_err(|_| {
        let why = format!("the text in {} is no PostgreSQL URL", url.whereabouts());
        Trouble::at(place, StoreErrorKind::Unavailable, why).with_help(
            "Write it as `postgres://user:password@host:port/database`, with %40 for an @ in the password",
        )
    })?;
    if config.get_dbname().is_none() {
        let why = format!("the URL in {} names no database", url.whereabouts());
        return Err(Trouble::at(place, StoreErrorKind::Unavailable, why)
            .with_help("Write it as `postgres://user:password@host:port/database`"));
    }
    config.application_name("forfall").connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(30));
    config.tcp_user_timeout(Duration::from_mins(1));
    Ok(config)
}

/// Whether nothing leaves this machine.
fn is_here(config: &Config) -> bool {
    let hosts = config.get_hosts();
    !hosts.is_empty()
        && hosts.iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
            }
        })
}

fn tls(place: &str, server: &Server) -> Result<rustls::ClientConfig, StoreError> {
    let wrong = |why: String| {
        Trouble::at(place, StoreErrorKind::Unavailable, why)
            .with_help("Name the certificates to be trusted with `ca`, or write `tls = \"off\"` for a network that you trust")
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(trusted(place, server)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
