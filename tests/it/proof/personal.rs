//! What was deleted is nowhere: not in the state, the log, an export, a certificate, or anything that was said.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{DUE, configured, text};
use crate::fixture::{Said, said};

/// Values to look for, by their length.
struct Values(BTreeMap<usize, HashSet<Vec<u8>>>);

impl Values {
    fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut by_length: BTreeMap<usize, HashSet<Vec<u8>>> = BTreeMap::new();
        for value in values {
            assert!(value.len() >= 6, "{value} is too short to be told from anything else");
            by_length.entry(value.len()).or_default().insert(value.into_bytes());
        }
        Self(by_length)
    }

    fn in_bytes(&self, bytes: &[u8]) -> HashSet<String> {
        let of_length = |(length, values): (&usize, &HashSet<Vec<u8>>)| -> Vec<String> {
            let found = bytes.windows(*length).filter(|window| values.contains(*window));
            found.map(|window| String::from_utf8_lossy(window).into_owned()).collect()
        };
        self.0.iter().flat_map(of_length).collect()
    }

    /// What is anywhere under a directory: each value with the file that has it.
    fn under(&self, dir: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(self.under(&path));
            } else {
                let file = path.display().to_string();
                let inside = self.in_bytes(&fs_err::read(&path).unwrap());
                found.extend(inside.into_iter().map(|value| (value, file.clone())));
            }
        }
        found
    }
}

#[test]
fn nothing_of_what_was_deleted_is_anywhere() {
    let fixture = configured("");
    let mut heard = Vec::new();
    for policy in ["calls", "clips"] {
        fixture.approve(policy, DUE);
        let output =
            fixture.command(&["--verbose", "run", policy]).env("RUST_LOG", "trace").output().unwrap();
        heard.extend([output.stdout, output.stderr].concat());
    }
    let export = fixture.path("state/export");
    fixture.run(&["audit", "export", text(&export)]).expect(0);
    heard.extend(fixture.run(&["audit", "list"]).expect(0).out.into_bytes());
    fs_err::write(fixture.path("state/heard"), heard).unwrap();
    let values =
        Values::new((0..DUE).flat_map(|row| {
            [format!("+4799{row:06}"), format!("clip-{row:05}"), format!("recording {row:05}")]
        }));
    assert_eq!(values.under(&fixture.path("state")), []);
    // The search finds what is there.
    fs_err::write(fixture.path("state/trap"), "x+4799000003y").unwrap();
    assert_eq!(values.under(&fixture.path("state")).len(), 1);
}

/// Everything of the demo's sample data that stands for one record alone.
fn sample() -> Vec<String> {
    let callers = (0..3_000).map(|call| format!("+4700{:06}", call * 7919 % 1_000_000));
    let people = (1..=60).map(|number| format!("person{number}@example.org"));
    let clips = (1..=3)
        .flat_map(|camera| (0..72).map(move |clip| format!("sample clip {clip} of camera {camera}\n")));
    callers.chain(people).chain(clips).collect()
}

#[test]
fn a_whole_demo_leaves_nothing_of_what_it_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    let forfall = |words: &[&str]| -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
        command.args(words).env_remove("FORFALL_CONFIG").env("RUST_LOG", "debug").stdin(Stdio::null());
        said(command.output().unwrap()).expect(0)
    };
    let ran = forfall(&["--verbose", "demo", text(&demo)]);
    let config = demo.join("forfall.toml");
    let export = forfall(&["--config", text(&config), "audit", "export", text(&demo.join("export"))]);
    let words = ["audit", "certificate", "--store", "switchboard", "--collection", "call_log", "--key", "17"];
    let out = ["--out", text(&demo.join("certificates")).to_owned().leak()];
    let issued = forfall(&[&["--config", text(&config)], &words[..], &out[..]].concat());
    for (name, said) in [("ran", &ran), ("export", &export), ("issued", &issued)] {
        fs_err::write(dir.path().join(name), format!("{}{}", said.out, said.err)).unwrap();
    }

    let all = Values::new(sample());
    let kept: HashSet<String> = all.under(&demo.join("stores")).into_iter().map(|(value, _)| value).collect();
    let deleted: Vec<String> = sample().into_iter().filter(|value| !kept.contains(value)).collect();
    assert!(deleted.len() > 1_500 && !kept.is_empty(), "{} of {}", deleted.len(), sample().len());
    let gone = Values::new(deleted.clone());
    assert_eq!(gone.under(dir.path()), []);
    for place in ["state", "export", "certificates"] {
        assert!(demo.join(place).is_dir(), "{place} was looked into");
    }
    // A leak would be found wherever it is.
    fs_err::write(demo.join("state/leak"), format!("x{}y", deleted[7])).unwrap();
    assert_eq!(gone.under(dir.path()).len(), 1);
}
