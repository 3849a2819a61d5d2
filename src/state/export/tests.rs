//! Exports of real states, read with nothing else, and everything that can be done to them.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::audit::cosignature::CosignerKey;
use crate::audit::note::VerifierKey;
use crate::audit::verify::Report;
use crate::model::key::hex;
use crate::state::contract::sample::{approval, batch, by, later, noon, policy};
use crate::state::sqlite::SqliteState;
use tempfile::TempDir;

struct Scene {
    dir: TempDir,
    state: SqliteState,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db"), noon()).unwrap();
        let text = "title = \"x\"";
        state.see_policy(noon(), &policy(), &hex(&Sha256::digest(text)), text).unwrap();
        state.approve(noon(), &by(), &approval(3, Vec::new())).unwrap();
        batch(&state, noon(), 0..3);
        Self { dir, state }
    }

    fn grow(&self, count: i64) {
        for second in 0..count {
            self.state.append(later(second), Body::Heartbeat {}).unwrap();
        }
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("export")
    }

    fn export(&self) -> Exported {
        export(&self.state, &self.to()).unwrap()
    }

    fn verify(&self) -> Report {
        verify(&self.to(), &self.state.verifier_key().unwrap(), None).unwrap()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn an_export_grows_and_verifies_at_each_size() {
    let scene = Scene::new();
    let mut before = 0;
    for more in [0, 1, 250, 1, 3, 260] {
        scene.grow(more);
        let exported = scene.export();
        assert_eq!(exported.from, before);
        before = exported.size;
        let report = scene.verify();
        assert!(report.ok && report.size == before, "{report:#?}");
    }
    assert_eq!(scene.export().from, before, "nothing is new");
    assert!(scene.verify().ok);
    // Exporting anew gives the same files, apart from partial ones of earlier heads.
    let anew = scene.dir.path().join("anew");
    export(&scene.state, &anew).unwrap();
    for file in files(&anew) {
        let name = file.strip_prefix(&anew).unwrap();
        assert_eq!(
            fs_err::read(&file).unwrap(),
            fs_err::read(scene.to().join(name)).unwrap(),
            "{}",
            name.display()
        );
    }
}

#[test]
fn every_file_that_is_changed_cut_or_missing_is_noticed() {
    let scene = Scene::new();
    scene.grow(300);
    scene.export();
    assert!(scene.verify().ok);
    let all = files(&scene.to());
    assert!(all.len() >= 8, "{all:#?}");
    for file in all.iter().filter(|file| !file.ends_with(VKEY)) {
        let good = fs_err::read(file).unwrap();
        let is_bad = || {
            verify(&scene.to(), &scene.state.verifier_key().unwrap(), None).map_or(true, |report| !report.ok)
        };
        let mut changed = good.clone();
        let middle = good.len() / 2;
        changed[middle] ^= 1;
        fs_err::write(file, &changed).unwrap();
        assert!(is_bad(), "{} was changed", file.display());
        fs_err::write(file, &good[..good.len() - 1]).unwrap();
        assert!(is_bad(), "{} was cut", file.display());
        fs_err::remove_file(file).unwrap();
        assert!(is_bad(), "{} was removed", file.display());
        fs_err::write(file, &good).unwrap();
    }
    assert!(scene.verify().ok);
}

#[test]
fn an_export_of_another_log_is_not_continued() {
    let (one, two) = (Scene::new(), Scene::new());
    one.grow(10);
    two.grow(20);
    one.export();
    let error = export(&two.state, &one.to()).unwrap_err();
    assert!(error.to_string().contains("another log"), "{error}");
    assert!(one.verify().ok, "its head still fits its tiles");
    let longer = Scene::new();
    export(&two.state, &longer.to()).unwrap();
    assert!(export(&longer.state, &longer.to()).unwrap_err().to_string().contains("lost entries"));
}

#[test]
fn a_pruned_log_is_exported_with_digests() {
    let scene = Scene::new();
    scene.grow(600);
    let keeper = scene.state.keeper().unwrap();
    keeper.prune_entries(later(700), &by(), 512).unwrap();
    scene.export();
    assert!(!scene.to().join("tile/entries/000").exists() && scene.to().join("tile/0/000").exists());
    let report = scene.verify();
    assert!(report.ok && report.pruned == 512, "{report:#?}");
}

#[test]
fn a_cosigner_signs_what_follows_and_nothing_else() {
    let scene = Scene::new();
    let key = CosignerKey::new("officer.example", &[9; 32]).unwrap();
    let log = VerifierKey::parse(&scene.state.verifier_key().unwrap()).unwrap();
    let cosign = |last: Option<&str>| officer::cosign(&scene.to(), last, Some(&log), &key, noon());
    scene.export();
    let first = cosign(None).unwrap();
    assert_eq!((first.last, first.size), (None, 5));
    scene.grow(700);
    scene.export();
    let second = cosign(Some(&first.note)).unwrap();
    assert_eq!((second.last, second.size), (Some(5), 705));
    assert_eq!(key.verifier().verify(&second.note), Ok(noon()));
    assert!(log.open(&second.note).is_ok());

    // The same log with another fifth entry.
    let other = Scene::new();
    other.grow(700);
    other.export();
    let fork = officer::cosign(&other.to(), Some(&second.note), None, &key, noon()).unwrap_err();
    assert!(fork.to_string().contains("not cosigned"), "{fork}");
    let stranger = VerifierKey::parse(&other.state.verifier_key().unwrap()).unwrap();
    assert!(officer::cosign(&scene.to(), None, Some(&stranger), &key, noon()).is_err());
    let longer = second.note.replacen("705", "706", 1);
    let error = cosign(Some(&longer)).unwrap_err();
    assert!(error.to_string().contains("cut off"), "{error}");
    let rewritten = Checkpoint { root: [7; 32], ..Checkpoint::unverified(&first.note).unwrap() };
    let rewritten = format!("{}\n{}", rewritten.text(), first.note.split_once("\n\n").unwrap().1);
    assert!(cosign(Some(&rewritten)).unwrap_err().to_string().contains("a fork"));
}
