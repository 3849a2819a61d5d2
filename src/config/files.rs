//! Finds the policy files under a directory.

use std::path::{Path, PathBuf};

use crate::model::ids::PolicyId;
use crate::policy::diagnostic::Diagnostic;

/// The file of legal bases, at the top of the policies directory.
pub const BASES: &str = "bases.toml";

/// How deep directories are looked into: deeper than anybody sorts policies, and an end to links that go round.
const DEEPEST: usize = 16;
/// A policy is a page or two; a file above this size is something else.
const LARGEST: u64 = 1 << 20;

/// What was found under a policies directory.
#[derive(Debug, Default)]
pub struct Found {
    /// The policy files with their ids, in the order of the ids.
    pub policies: Vec<(PolicyId, PathBuf)>,
    /// `bases.toml`, if it is there.
    pub bases: Option<PathBuf>,
    /// What could not be looked at, or cannot be a policy.
    pub diagnostics: Vec<Diagnostic>,
}

/// Looks for every file that ends in `.toml`. Names that begin with a full stop are left alone, as editors and
/// version control use them; an unreadable directory is an error, because a rule may be hidden in it.
pub fn find(directory: &Path) -> Found {
    let mut found = Found::default();
    walk(directory, "", 0, &mut found);
    found.policies.sort();
    found
}

fn walk(directory: &Path, prefix: &str, depth: usize, found: &mut Found) {
    let entries = fs_err::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            return found.refuse(
                directory,
                error.to_string(),
                "create it, correct `policies` in the configuration, or make it readable for the user that forfall \
                 runs as",
            );
        }
    };
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            found.refuse(&path, "the file's name is not UTF-8", "rename it");
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        // Links are followed: a package may put policies elsewhere.
        let meta = match fs_err::metadata(&path) {
            Ok(meta) => meta,
            Err(error) => {
                found.refuse(&path, error.to_string(), "remove the link, or mend what it leads to");
                continue;
            }
        };
        if meta.is_dir() {
            if depth >= DEEPEST {
                found.refuse(&path, "directories are nested too deeply", "look for a link that leads back");
            } else {
                walk(&path, &format!("{prefix}{name}/"), depth + 1, found);
            }
        } else if let Some(stem) = name.strip_suffix(".toml") {
            take(&path, prefix, stem, meta.len(), found);
        } else if is_misspelt(name) {
            found.diagnostics.push(
                Diagnostic::warning(&path, 0..0, "this file is not read: a policy's name ends in `.toml`")
                    .with_help("rename it if it is a policy"),
            );
        }
    }
}

/// Whether somebody seems to have meant `.toml`.
fn is_misspelt(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    ["toml", "tml", "tom", "toml_", "tolm"].contains(&ending.as_str()) || name.ends_with(".toml.txt")
}

fn take(path: &Path, prefix: &str, stem: &str, size: u64, found: &mut Found) {
    if size > LARGEST {
        return found.refuse(
            path,
            "the file is larger than 1 MiB",
            "a policy is short: look whether it is one",
        );
    }
    if prefix.is_empty() && format!("{stem}.toml") == BASES {
        found.bases = Some(path.to_owned());
        return;
    }
    let id = format!("{prefix}{stem}");
    if id.is_empty()
        || id.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\')
    {
        return found.refuse(
            path,
            "a policy's id is its file's name, and has no blanks",
            "rename it, such as `call-log.toml`",
        );
    }
    found.policies.push((PolicyId::new(id), path.to_owned()));
}

impl Found {
    fn refuse(&mut self, path: &Path, why: impl Into<String>, help: &str) {
        self.diagnostics.push(Diagnostic::error(path, 0..0, why).with_help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_paths_in_order_and_bases_are_apart() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "b.toml",
            "imdi/cctv.toml",
            "a.toml",
            "bases.toml",
            "imdi/bases.toml",
            "README.md",
            ".hidden.toml",
        ] {
            let path = dir.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        fs_err::write(dir.path().join("Calls.TOML"), "").unwrap();
        fs_err::write(dir.path().join("calls.tml"), "").unwrap();
        let found = find(dir.path());
        let ids: Vec<&str> = found.policies.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "imdi/bases", "imdi/cctv"]);
        assert_eq!(found.bases, Some(dir.path().join("bases.toml")));
        assert_eq!(found.diagnostics.len(), 2, "a misspelt ending is told: {:?}", found.diagnostics);
    }

    #[test]
    fn what_cannot_be_looked_at_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find(&dir.path().join("missing")).diagnostics.len(), 1);
        std::os::unix::fs::symlink("nowhere", dir.path().join("gone.toml")).unwrap();
        std::os::unix::fs::symlink(".", dir.path().join("round")).unwrap();
        fs_err::write(dir.path().join("call log.toml"), "").unwrap();
        let wrong: Vec<String> =
            find(dir.path()).diagnostics.into_iter().map(|found| found.message).collect();
        assert!(wrong.iter().any(|message| message.contains("nested too deeply")), "{wrong:?}");
        assert!(wrong.iter().any(|message| message.contains("no blanks")), "{wrong:?}");
        assert!(wrong.iter().any(|message| message.contains("gone.toml")), "{wrong:?}");
    }
}
