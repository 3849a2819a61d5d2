//! Why the directories beside a state file cannot be made, and what to do about it: most often one command was given as
//! another user than the others.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::state::api::StateError;

/// `path`, which is `dir` or lies in it, could not be made.
pub(super) fn refused(path: &Path, dir: &Path, error: &io::Error) -> StateError {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let owner = fs_err::metadata(dir).ok().map(|found| found.uid());
            format!("{error}. {}", advice(dir, owner, rustix::process::geteuid().as_raw()))
        }
        _ => error.to_string(),
    };
    StateError::Broken { what: format!("the directory {} cannot be made", path.display()), why }
}

fn advice(dir: &Path, owner: Option<u32>, own: u32) -> String {
    let dir = dir.display();
    match owner {
        Some(owner) if owner == own => format!("Let its owner write in {dir}: `chmod 0700 {dir}`"),
        Some(owner) => format!(
            "{dir} belongs to user {owner}: run every forfall as one and the same user (`sudo -u '#{owner}' forfall ..`), \
             or give it to yours with `chown -R`"
        ),
        None => format!(
            "As root, make it for the user that every forfall runs as: `install -d -m 0700 -o USER {dir}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_the_directory_is_decides_what_to_do() {
        let dir = Path::new("/var/lib/forfall");
        assert!(advice(dir, Some(0), 998).contains("belongs to user 0: run every forfall as one"));
        assert!(advice(dir, None, 998).contains("`install -d -m 0700 -o USER /var/lib/forfall`"));
        assert!(advice(dir, Some(998), 998).contains("`chmod 0700 /var/lib/forfall`"));
    }

    #[test]
    fn what_is_no_matter_of_permission_is_told_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, b"").unwrap();
        let error =
            crate::state::sqlite::layout::Layout::beside(&file.join("state.db")).unwrap_err().to_string();
        assert!(error.contains("cannot be made: ") && !error.contains("chmod"), "{error}");
    }
}
