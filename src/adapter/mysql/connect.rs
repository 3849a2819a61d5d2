//! Reaching the server: the URL from where it is kept, and the protection of the connection.

use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};

use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::{Server, Tls};
use crate::adapter::secret::Secret;
use crate::adapter::sql::{Limits, trusted};

/// The URL as the driver knows it: both servers speak the same.
fn as_mysql(url: &str) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(match url.strip_prefix("mariadb://") {
        Some(rest) => format!("mysql://{rest}"),
        None => url.to_owned(),
    })
}

/// How to reach the server, and how the connection is protected.
pub(super) fn options(place: &str, server: &Server, url: &Secret) -> Result<Opts, StoreError> {
    const FORM: &str =
        "Write it as `mysql://user:password@host:port/database`, with %40 for an @ in the password";
    let unavailable = |why: String| StoreError::new(StoreErrorKind::Unavailable, place, why);
    let text = url.read().map_err(|error| unavailable(format!("its URL: {error}")).with_help(error.help))?;
    // The parser's own message may repeat a part of the URL.
    let parsed = Opts::from_url(&as_mysql(&text)).map_err(|_| {
        unavailable(format!("the text in {} is no URL of a MySQL or MariaDB server", url.whereabouts()))
            .with_help(FORM)
    })?;
    // A replica is asked about itself, not about one of its databases.
    if parsed.db_name().is_none_or(str::is_empty) && !server.replicas.contains(url) {
        let why = format!("the URL in {} names no database", url.whereabouts());
        return Err(unavailable(why).with_help(FORM));
    }
    // Not by the driver's own answer: behind a URL it takes 127.0.0.1 for a name.
    let host = parsed.ip_or_hostname();
    let is_loopback = host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let here = is_loopback || host == "localhost" || parsed.socket().is_some();
    let protected = match server.tls {
        Some(tls) => tls == Tls::Verify,
        None => server.ca.is_some() || !here,
    };
    let tls = if protected {
        // The driver's own list would be trusted besides.
        let roots = trusted(place, server)?.into_iter().map(|certificate| certificate.to_vec().into());
        Some(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots.collect()))
    } else {
        None
    };
    // Left to itself the driver leaves a protected connection for a socket that the server names.
    Ok(OptsBuilder::from_opts(parsed).prefer_socket(false).client_found_rows(true).ssl_opts(tls).into())
}

/// A replica as messages name it.
pub(super) fn replica(url: &Secret) -> String {
    match url.read().ok().and_then(|text| Opts::from_url(&as_mysql(&text)).ok()) {
        Some(options) => format!("replica {}:{}", options.ip_or_hostname(), options.tcp_port()),
        None => format!("the replica in {}", url.whereabouts()),
    }
}

/// What a session says before anything else.
pub(super) fn settings(is_mariadb: bool, limits: Limits, statement: Duration) -> [String; 4] {
    let lock = limits.lock.as_secs().max(1);
    [
        "SET NAMES utf8mb4".to_owned(),
        format!(
            "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,\
             NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION', sql_auto_is_null = 0, innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}"
        ),
        if is_mariadb {
            // A long list of keys is not made a table of its own, beside which the other one may be read from end to end.
            format!(
                "SET SESSION max_statement_time = {}, idle_transaction_timeout = 900, in_predicate_conversion_threshold = 0",
                statement.as_secs()
            )
        } else {
            // How many rows a table may have is known as of now, not as of yesterday.
            format!(
                "SET SESSION max_execution_time = {}, information_schema_stats_expiry = 0",
                statement.as_millis()
            )
        },
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
    ]
}
