//! A text that is kept elsewhere than in the configuration: read when it is needed, wiped after use, never shown.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Where a secret is found. Nothing of this is secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Nothing in it is secret: it stands in the configuration.
    Plain(String),
    /// A credential that systemd hands over (`LoadCredential=`, `SetCredentialEncrypted=`).
    Credential(String),
    /// A file that holds nothing else.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// A secret that cannot be read: what, why, and what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what}: {why}")]
pub struct SecretError {
    /// Where the secret should be.
    pub what: String,
    /// Why it is not there.
    pub why: String,
    /// What to do now.
    pub help: String,
    /// Another user, or a process that the service's environment is given to, may find it all the same.
    pub elsewhere: bool,
}

impl Secret {
    /// Reads it, without the line break at its end.
    pub fn read(&self) -> Result<Zeroizing<String>, SecretError> {
        let text = match self {
            Self::Plain(text) => return Ok(Zeroizing::new(text.clone())),
            Self::Credential(name) => {
                let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
                    let why = "systemd handed over no credentials (CREDENTIALS_DIRECTORY is not set)";
                    return Err(SecretError { elsewhere: true, ..self.error(why.to_owned()) });
                };
                self.of_file(&PathBuf::from(directory).join(name))?
            }
            Self::File(path) => self.of_file(path)?,
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => Zeroizing::new(text),
                Err(std::env::VarError::NotPresent) => {
                    return Err(SecretError { elsewhere: true, ..self.error("it is not set".to_owned()) });
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(self.error("it is no text".to_owned()));
                }
            },
        };
        let trimmed = text.trim_end_matches(['\n', '\r']);
        if trimmed.trim().is_empty() {
            let empty = self.error("it is empty".to_owned());
            return Err(match self {
                Self::File(_) => SecretError { help: "write it into the file".to_owned(), ..empty },
                _ => empty,
            });
        }
        Ok(Zeroizing::new(trimmed.to_owned()))
    }

    /// Where it is, in words.
    pub fn whereabouts(&self) -> String {
        match self {
            Self::Plain(_) => "the configuration".to_owned(),
            Self::Credential(name) => format!("credential {name}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Env(name) => format!("environment variable {name}"),
        }
    }

    /// The file, with its mode, if every user of the machine may read it. What systemd hands over is not looked at: who may
    /// read that is its business, and it lets nobody else. A group may be meant to read (0640), and is not judged.
    pub fn exposed(&self) -> Option<(&Path, u32)> {
        let Self::File(path) = self else { return None };
        // Who may not even ask for the mode hears of it when the secret is read.
        let mode = |path: &Path| Some(fs_err::metadata(path).ok()?.permissions().mode() & 0o7777);
        let of_file = mode(path)?;
        // A directory that others may not pass keeps them from what is in it.
        let passed = path.parent().and_then(mode).is_none_or(|mode| mode & 0o001 != 0);
        (passed && of_file & 0o004 != 0).then_some((path.as_path(), of_file))
    }

    fn of_file(&self, path: &Path) -> Result<Zeroizing<String>, SecretError> {
        fs_err::read_to_string(path).map(Zeroizing::new).map_err(|error| SecretError {
            elsewhere: error.kind() == std::io::ErrorKind::PermissionDenied,
            ..self.error(error.to_string())
        })
    }

    fn error(&self, why: String) -> SecretError {
        let help = match self {
            Self::Plain(_) => "write it into the configuration".to_owned(),
            Self::Credential(name) => {
                format!(
                    "add `LoadCredential={name}:PATH` to the unit (`systemctl edit forfall`), or use `file`"
                )
            }
            Self::File(_) => {
                "make the file, readable for the user that forfall runs as and nobody else".to_owned()
            }
            Self::Env(name) => format!("set {name} for the service, or use `credential` or `file`"),
        };
        SecretError { what: self.whereabouts(), why, help, elsewhere: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_without_its_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("url");
        fs_err::write(&path, "postgres://db/hr\n").unwrap();
        let secret = Secret::File(path.clone());
        assert_eq!(secret.read().unwrap().as_str(), "postgres://db/hr");
        fs_err::write(&path, "\n").unwrap();
        let empty = secret.read().unwrap_err();
        assert_eq!((empty.why.as_str(), empty.help.as_str()), ("it is empty", "write it into the file"));
        fs_err::remove_file(&path).unwrap();
        let error = secret.read().unwrap_err();
        assert!(error.to_string().contains("url") && !error.help.is_empty(), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = Secret::Env("FORFALL_TEST_THAT_NOBODY_SETS".to_owned()).read().unwrap_err();
        assert_eq!(error.why, "it is not set");
        assert!(error.what.contains("FORFALL_TEST_THAT_NOBODY_SETS"));
    }
}
