//! Secrets: the configuration says where one is, never what it is. It is read when it is used, so that a new one counts
//! at once, and it is wiped from memory afterwards.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use super::stores::beside;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::strict::{Section, Spot, Text};

/// Where systemd puts what `LoadCredential=` names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// `{ credential = ".." }`, `{ file = ".." }` or `{ env = ".." }`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table such as { credential = \"smtp\" }")]
pub(super) struct SecretTable {
    pub(super) credential: Option<Spot<Text>>,
    pub(super) file: Option<Spot<Text>>,
    pub(super) env: Option<Spot<Text>>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A credential of the service, by its name (systemd `LoadCredential=`).
    Credential(String),
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
}

/// A secret cannot be read. Never holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SecretError(String);

impl Secret {
    /// The secret, without the line break at its end.
    pub fn read(&self) -> Result<Zeroizing<String>, SecretError> {
        let text = match self {
            Self::File(path) => read(path)?,
            Self::Credential(name) => {
                let dir = std::env::var_os(CREDENTIALS).ok_or_else(|| {
                    SecretError(format!(
                        "the credential {name} is not there: {CREDENTIALS} is not set. Under systemd add \
                         `LoadCredential={name}:/path` to the unit; for a command use `systemd-run -p`, or a file"
                    ))
                })?;
                read(&Path::new(&dir).join(name))?
            }
            Self::Environment(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
                SecretError(format!("the variable {name} of the environment is not set, or is not UTF-8"))
            })?),
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(SecretError(format!("{self} is empty")));
        }
        Ok(Zeroizing::new(secret.to_owned()))
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    fs_err::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| SecretError(format!("a secret cannot be read: {error}")))
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "the credential {name}"),
            Self::File(path) => write!(f, "the secret in {}", path.display()),
            Self::Environment(name) => write!(f, "the variable {name} of the environment"),
        }
    }
}

/// What the table says: exactly one place. `key` is what the table is the value of.
pub(super) fn secret(
    table: &Section<SecretTable>,
    key: &str,
    file: &Path,
    dir: &Path,
    found: &mut Vec<Diagnostic>,
) -> Option<Secret> {
    let places = [
        table.credential.as_ref().map(|name| Secret::Credential(name.to_string())),
        table.file.as_ref().map(|path| Secret::File(beside(dir, &***path))),
        table.env.as_ref().map(|name| Secret::Environment(name.to_string())),
    ];
    let mut places = places.into_iter().flatten();
    let (first, second) = (places.next(), places.next());
    let mut wrong = |span: Range<usize>, message: String| {
        let help = format!("write `{key} = {{ credential = \"NAME\" }}`, `{{ file = \"..\" }}` or `{{ env = \"..\" }}`");
        found.push(Diagnostic::error(file, span, message).with_help(help));
    };
    match (first, second) {
        (None, _) => wrong(table.span(), format!("nothing says where the secret `{key}` is")),
        (_, Some(_)) => wrong(table.span(), format!("the secret `{key}` is in several places")),
        (Some(Secret::Credential(name)), _) if name.contains('/') || name.starts_with('.') => {
            wrong(table.span(), format!("`{name}` is no name of a credential"));
        }
        (Some(secret), None) => return Some(secret),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_its_file_without_the_last_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs_err::write(&file, "hush hush\n").unwrap();
        assert_eq!(&**Secret::File(file.clone()).read().unwrap(), "hush hush");
        fs_err::write(&file, "\n").unwrap();
        assert!(Secret::File(file.clone()).read().unwrap_err().to_string().contains("is empty"));
        fs_err::remove_file(&file).unwrap();
        let error = Secret::File(file.clone()).read().unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        let error = Secret::Environment("FORFALL_NO_SUCH_VARIABLE".to_owned()).read().unwrap_err();
        assert!(error.to_string().contains("FORFALL_NO_SUCH_VARIABLE"), "{error}");
    }
}
