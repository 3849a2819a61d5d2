//! Where a store is and how it is reached: what an adapter needs to open it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::Secret;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file or a directory.
    Path(PathBuf),
    /// A database server.
    Server(Box<Server>),
}

/// How a database server is reached, and how gently it is to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URL with which records are disposed of.
    pub url: Secret,
    /// The URL of a role that only reads; `None`: the same as `url`.
    pub planner_url: Option<Secret>,
    /// How many connections may delete at the same time in one run, from 1. A run has up to three others that look.
    pub parallel: usize,
    /// Whether and how the connection is encrypted; `None`: verified, unless the server is on this machine.
    pub tls: Option<Tls>,
    /// Certificates (PEM) that are trusted instead of the machine's own.
    pub ca: Option<PathBuf>,
    /// A replica further behind than this pauses the run.
    pub max_replica_lag: Duration,
    /// The URLs of the replicas, where they have to be asked themselves.
    pub replicas: Vec<Secret>,
    /// How gently a run goes about it.
    pub pace: Pace,
}

/// How gently a run uses a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Gently while others are at work on the server, fully otherwise.
    #[default]
    Auto,
    /// As quickly as it goes.
    Full,
    /// With small batches and a rest after each.
    Gentle,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted, and the server's certificate and name are checked.
    Verify,
    /// Not encrypted.
    Off,
}

/// A replica that is further behind pauses a run, unless the configuration says otherwise.
pub const MAX_REPLICA_LAG: Duration = Duration::from_secs(10);

impl Server {
    /// A server behind a URL, with what the configuration does not say.
    pub fn at(url: Secret) -> Self {
        Self {
            url,
            planner_url: None,
            parallel: 1,
            tls: None,
            ca: None,
            max_replica_lag: MAX_REPLICA_LAG,
            replicas: Vec::new(),
            pace: Pace::Auto,
        }
    }

    /// So many connections may dispose at the same time.
    pub fn connections(&self) -> usize {
        if self.pace == Pace::Gentle { 1 } else { self.parallel }
    }

    /// The URL for reading.
    pub fn reading_url(&self) -> &Secret {
        self.planner_url.as_ref().unwrap_or(&self.url)
    }
}

impl Place {
    /// The file or directory that the store is; `None` for a server.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// The server that the store is on; `None` for a file or directory.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Path(_) => None,
            Self::Server(server) => Some(server),
        }
    }
}

/// What is wrong with a URL that stands in the configuration as it is: a sentence, and what to write instead.
/// `schemes` are those of the adapter, the usual one first.
pub fn check_plain_url(url: &str, schemes: &[&str]) -> Result<(), (String, String)> {
    let usual = schemes.first().copied().unwrap_or("scheme");
    let advice = || format!("write for example `{usual}://user@host/database`");
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(("this is no URL".to_owned(), advice()));
    };
    if !schemes.contains(&scheme) {
        let known = schemes.join("` or `");
        return Err((format!("the URL begins with `{known}`, not `{scheme}`"), advice()));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    // A `/` or `?` in a password ends the authority early: whatever stands before an `@` is looked at as well.
    let whole = rest.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(':') || whole.contains(':') || query.split('&').any(|one| one.starts_with("password=")) {
        let help = "keep the whole URL elsewhere: `{ credential = \"NAME\" }` for one that systemd hands over, \
                    `{ file = \"PATH\" }` or `{ env = \"NAME\" }`";
        return Err(("a password does not belong into this file".to_owned(), help.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_without_a_password_may_be_plain() {
        let check = |url| check_plain_url(url, &["postgres", "postgresql"]).map_err(|(why, _)| why);
        for good in
            ["postgres://reader@db.example.net/hr", "postgresql://db/hr?application_name=x", "postgres:///hr"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "postgres://reader:secret@db/hr",
            "postgres://reader:sec/ret@db/hr",
            "postgres://db/hr?password=secret",
            "postgres://db/hr?user=a&password=secret",
        ] {
            let why = check(bad).unwrap_err();
            assert!(why.contains("password") && !why.contains("secret"), "{bad}: {why}");
        }
        assert!(check("mysql://db/hr").unwrap_err().contains("`postgres` or `postgresql`, not `mysql`"));
        assert!(check("host=db dbname=hr").unwrap_err().contains("no URL"));
    }
}
