//! Every state in which a crash can leave a file.

use super::*;
use crate::adapter::api::StoreErrorKind;
use crate::model::batch::{Fate, Leftover};

struct Crashed {
    place: Place,
    label: BatchLabel,
    spool: Vec<u8>,
    /// The names in the order of the batch.
    names: Vec<String>,
}

impl Crashed {
    /// A batch that was prepared and whose intent was written.
    fn new(names: &[&str]) -> Self {
        let (place, label) = (Place::adopted("*"), label());
        names.iter().for_each(|name| place.write(name));
        let mut walk = place.store.walk(place.job(target("*"))).unwrap();
        let batch = prepare(&mut *walk, &label);
        let spool = batch.spool();
        let name = |key: &crate::model::key::Key| String::from_utf8(key.as_bytes().to_vec()).unwrap();
        let names = batch.records().iter().map(name).collect();
        batch.abort().unwrap();
        drop(walk);
        Self { place, label, spool, names }
    }

    fn aside(&self, name: &str) -> PathBuf {
        let number = self.names.iter().position(|known| known == name).unwrap();
        self.place.path(&format!(".forfall/aside/{}/0/{number}", self.label.batch))
    }

    /// As it is after the rename.
    fn move_aside(&self, name: &str) {
        let aside = self.aside(name);
        fs_err::create_dir_all(aside.parent().unwrap()).unwrap();
        fs_err::rename(self.place.path(name), aside).unwrap();
    }

    fn resolve(&self) -> Fate {
        self.place.store.resolve(&self.label, &target("*"), &self.spool).unwrap()
    }

    fn reasons(&self, left: &[Leftover]) -> Vec<(String, String)> {
        let mut reasons: Vec<_> = left
            .iter()
            .map(|left| {
                assert_eq!(left.key.as_ref().unwrap().as_bytes(), self.names[left.place].as_bytes());
                (self.names[left.place].clone(), left.reason.replace(&self.label.batch.to_string(), "BATCH"))
            })
            .collect();
        reasons.sort();
        reasons
    }
}

#[test]
fn nothing_done_is_not_done() {
    let crashed = Crashed::new(&["a", "b"]);
    assert_eq!(crashed.resolve(), Fate::NotDone);
    fs_err::create_dir_all(crashed.aside("a").parent().unwrap()).unwrap();
    assert_eq!(crashed.resolve(), Fate::NotDone, "directories alone are nothing");
    assert_eq!(crashed.place.count("*"), 2);
}

#[test]
fn what_lies_aside_is_finished() {
    let crashed = Crashed::new(&["a", "b"]);
    crashed.move_aside("a");
    fs_err::remove_file(crashed.place.path("b")).unwrap();
    assert_eq!(crashed.resolve(), Fate::Done);
    assert_eq!(crashed.resolve(), Fate::Done, "asking twice");
    assert_eq!(crashed.place.count("*"), 0);
    assert!(!crashed.place.path(".forfall/aside").read_dir().unwrap().any(|_| true));
}

#[test]
fn each_file_has_its_own_end() {
    let crashed = Crashed::new(&["aside", "untouched", "exchanged", "taken", "gone", "replaced", "grown"]);
    let path = |name: &str| crashed.place.path(name);
    crashed.move_aside("aside");
    // Exchanged between plan and rename: not what was planned lies aside.
    for name in ["exchanged", "taken"] {
        fs_err::rename(path(name), crashed.place.directory.path().join(name)).unwrap();
        crashed.place.write(name);
        crashed.move_aside(name);
    }
    crashed.place.write("taken");
    fs_err::remove_file(path("gone")).unwrap();
    fs_err::rename(path("replaced"), crashed.place.directory.path().join("elsewhere")).unwrap();
    crashed.place.write("replaced");
    fs_err::write(path("grown"), "more than before, in the same file").unwrap();
    let Fate::Each(applied) = crashed.resolve() else { panic!("records went different ways") };
    assert_eq!(applied.done, 3, "aside, gone, replaced");
    let pair = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
    assert_eq!(
        crashed.reasons(&applied.skipped),
        [
            pair("exchanged", "it changed after it had been read"),
            pair("grown", "it changed after it had been read"),
            pair("untouched", "the batch ended before it"),
        ]
    );
    let number = crashed.names.iter().position(|name| name == "taken").unwrap();
    let kept = format!(
        "it changed after it had been read; kept in aside: .forfall/aside/BATCH/0/{number}, because its place is taken by another file"
    );
    assert_eq!(crashed.reasons(&applied.failed), [pair("taken", &kept)]);
    assert_eq!(crashed.place.aside(), [crashed.aside("taken")]);
    assert!(path("exchanged").exists() && path("replaced").exists() && path("taken").exists());
}

#[test]
fn a_store_that_is_not_the_marked_one_says_nothing() {
    let crashed = Crashed::new(&["a"]);
    let ask =
        |store: &FilesystemStore| store.resolve(&crashed.label, &target("*"), &crashed.spool).unwrap_err();
    let store = |root| FilesystemStore::open(StoreName::new("files"), root);
    // An unmounted disk: the directory is there, and empty.
    let empty = crashed.place.directory.path().join("empty");
    fs_err::create_dir(&empty).unwrap();
    assert_eq!(ask(&store(empty)).kind, StoreErrorKind::Foreign);
    assert_eq!(ask(&store(crashed.place.directory.path().join("nowhere"))).kind, StoreErrorKind::Unavailable);
    let another = Place::adopted("*");
    assert_eq!(ask(&another.store).kind, StoreErrorKind::Foreign);
    let garbage = crashed.place.store.resolve(&crashed.label, &target("*"), b"what");
    assert_eq!(garbage.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(crashed.resolve(), Fate::NotDone);
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let (place, label) = (Place::adopted("**"), label());
    place.write("d/a");
    let mut walk = place.store.walk(place.job(target("d/*"))).unwrap();
    let spool = prepare(&mut *walk, &label).spool();
    drop(walk);
    let outside = place.directory.path().join("outside");
    fs_err::rename(place.path("d"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, place.path("d")).unwrap();
    let Fate::Each(applied) = place.store.resolve(&label, &target("d/*"), &spool).unwrap() else {
        panic!("its fate cannot be known")
    };
    assert_eq!((applied.done, applied.failed.len()), (0, 1));
    assert!(outside.join("a").exists());
}
