//! The layers import only downward, and the sensitive calls stay in their one home.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each layer with its height. A module may import its own layer's modules only where `SIDEWAYS` says so.
const LAYERS: [(&str, u8); 15] = [
    ("crash", 0),
    ("program", 0),
    ("time", 0),
    ("model", 1),
    ("policy", 2),
    ("audit", 2),
    ("adapter", 3),
    ("state", 3),
    ("config", 4),
    ("engine", 4),
    ("schedule", 5),
    ("notice", 5),
    ("daemon", 6),
    ("cli", 7),
    ("main", 8),
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = open.pop() {
        for entry in fs_err::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "only {} source files were found", found.len());
    found
}

fn module(path: &Path) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn layers_import_only_downward() {
    let heights: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut wrong = Vec::new();
    for path in sources() {
        let from = module(&path);
        if from == "lib" {
            continue;
        }
        let text = fs_err::read_to_string(&path).unwrap();
        for name in imported(&text) {
            let (Some(own), Some(theirs)) = (heights.get(from.as_str()), heights.get(name.as_str())) else {
                wrong.push(format!("{}: {from} or {name} is in no layer", path.display()));
                continue;
            };
            if from != name && theirs >= own {
                wrong.push(format!("{}: {from} must not import {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first segment after every `crate::` (or, in `main`, `forfall::`).
fn imported(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for start in ["crate::", "forfall::"] {
            for (at, _) in line.match_indices(start) {
                let rest = &line[at + start.len()..];
                let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                // A macro stands at the crate's root and says nothing of layers.
                if !name.is_empty() && !rest[name.len()..].starts_with('!') {
                    names.push(name);
                }
            }
        }
    }
    names
}

#[test]
fn the_test_itself_sees_an_import() {
    assert_eq!(
        imported("use crate::engine::run;\n// crate::cli\n    let x = crate::time::due();"),
        ["engine", "time"]
    );
}

fn users_of(needles: &[&str]) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut users: Vec<_> = sources()
        .into_iter()
        .filter(|path| {
            let text = fs_err::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or("");
            needles.iter().any(|needle| code.contains(needle))
        })
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .filter(|path| !path.contains("tests"))
        .collect();
    users.sort();
    users
}

#[test]
fn records_go_in_one_place_only() {
    let users = users_of(&[".walk("]);
    let allowed =
        ["src/adapter/contract", "src/adapter/faulty", "src/adapter/forward.rs", "src/engine/execute.rs"];
    for user in users {
        assert!(
            allowed.iter().any(|allowed| user.starts_with(allowed)),
            "{user} walks records to dispose of them"
        );
    }
}

#[test]
fn only_the_ticker_knows_the_scheduler_crate() {
    assert_eq!(users_of(&["tokio_cron_scheduler::"]), ["src/schedule/ticker.rs"]);
}
