//! The right disk, and only it (I29, I31).

use std::process::Command;

use super::*;
use crate::adapter::api::{Group, StoreErrorKind};
use crate::model::schema::Identity;

fn part<'i>(identity: &'i Identity, name: &str) -> &'i str {
    &identity.parts.iter().find(|(part, _)| part == name).unwrap().1
}

#[test]
fn opening_touches_nothing_and_a_missing_root_is_told() {
    let place = Place::new();
    let root = place.directory.path().join("unmounted");
    let store = FilesystemStore::open(StoreName::new("files"), root.clone());
    let error = store.identity().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    insta::assert_snapshot!(error.to_string().replace(root.to_str().unwrap(), "ROOT"),
        @"directory ROOT: it cannot be read: No such file or directory (os error 2). An unmounted disk looks like this: mount it, or correct `root` in forfall.toml");
    assert!(store.probe(&target("*")).is_err() && store.total(&target("*")).is_err());
    assert!(!root.exists());
}

#[test]
fn an_unapproved_store_can_be_planned_but_has_no_mark() {
    let place = Place::new();
    place.write("a");
    let before = place.store.identity().unwrap();
    assert_eq!(part(&before, "marker"), "none");
    assert_eq!(place.count("*"), 1);
    assert!(!place.path(".forfall").exists(), "planning writes nothing");
    let after = place.store.adopt(&target("*")).unwrap();
    assert_ne!(part(&after, "marker"), "none");
    assert_eq!(part(&before, "root-inode"), part(&after, "root-inode"));
    assert_eq!(place.store.identity().unwrap(), after);
}

#[test]
fn a_mark_that_is_gone_stops_everything() {
    let place = Place::adopted("*");
    place.write("a");
    let approved = place.store.identity().unwrap();
    let mut walk = place.store.walk(place.job(target("*"))).unwrap();
    let batch = prepare(&mut *walk, &label());
    fs_err::rename(place.path(".forfall/store"), place.directory.path().join("store")).unwrap();
    let error = batch.commit().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Foreign);
    assert!(error.to_string().contains("it became another during the run (marker: was"), "{error}");
    drop(walk);
    assert!(place.path("a").exists());
    assert!(approved.difference(&place.store.identity().unwrap()).unwrap().contains("is none"));
    let group = Group { predicate: ALL, start: None, samples: 0 };
    let error = place.store.count(&place.scope("*"), &[group]).unwrap_err();
    assert!(error.to_string().contains("was there before and is gone"), "{error}");
    // Nor does another process of ours walk it.
    let other = FilesystemStore::open(StoreName::new("files"), place.root());
    assert!(other.walk(place.job(target("*"))).is_err());
    assert!(approved.difference(&other.identity().unwrap()).is_some());
}

#[test]
fn a_root_exchanged_between_plan_and_batch_loses_nothing() {
    let place = Place::adopted("*");
    place.write("a");
    let other = place.directory.path().join("other");
    fs_err::create_dir(&other).unwrap();
    fs_err::create_dir(other.join(".forfall")).unwrap();
    fs_err::copy(place.path(".forfall/store"), other.join(".forfall/store")).unwrap();
    fs_err::copy(place.path("a"), other.join("a")).unwrap();
    let mut walk = place.store.walk(place.job(target("*"))).unwrap();
    let batch = prepare(&mut *walk, &label());
    fs_err::rename(place.root(), place.directory.path().join("old")).unwrap();
    fs_err::rename(&other, place.root()).unwrap();
    let error = batch.commit().unwrap_err();
    assert!(
        error.to_string().contains("root-inode"),
        "a copied mark does not make a copy the store: {error}"
    );
    assert!(place.path("a").exists() && place.directory.path().join("old/a").exists());
}

#[test]
fn the_mark_of_another_store_is_never_adopted() {
    let place = Place::adopted("*");
    let other = FilesystemStore::open(StoreName::new("archive"), place.root());
    for error in [other.identity().unwrap_err(), other.adopt(&target("*")).unwrap_err()] {
        assert_eq!(error.kind, StoreErrorKind::Foreign);
        assert!(error.to_string().contains("it says store `files`"), "{error}");
    }
    let mark = fs_err::read_to_string(place.path(".forfall/store")).unwrap();
    for garbage in ["", "{}", &mark.replace("files", "files\", \"x\": \""), &mark[..20]] {
        fs_err::write(place.path(".forfall/store"), garbage).unwrap();
        assert_eq!(place.store.adopt(&target("*")).unwrap_err().kind, StoreErrorKind::Damaged);
    }
    fs_err::write(place.path(".forfall/store"), mark.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert_eq!(place.store.identity().unwrap_err().kind, StoreErrorKind::Unsupported);
    fs_err::remove_file(place.path(".forfall/store")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", place.path(".forfall/store")).unwrap();
    assert!(place.store.identity().is_err(), "a link is no mark");
}

#[test]
fn a_copied_tree_gets_a_mark_of_its_own_when_it_is_approved() {
    let place = Place::adopted("*");
    let first = place.store.identity().unwrap();
    let copy = place.directory.path().join("copy");
    fs_err::create_dir_all(copy.join(".forfall")).unwrap();
    fs_err::copy(place.path(".forfall/store"), copy.join(".forfall/store")).unwrap();
    let store = FilesystemStore::open(StoreName::new("files"), copy);
    assert!(first.difference(&store.identity().unwrap()).unwrap().starts_with("root-inode"));
    let adopted = store.adopt(&target("*")).unwrap();
    assert_ne!(part(&first, "marker"), part(&adopted, "marker"));
}

/// Runs one of the tests here again in a mount namespace of its own.
fn in_own_mounts(test: &str) -> bool {
    const INSIDE: &str = "FORFALL_TEST_OWN_MOUNTS";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let possible = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        skip(&format!("{test} needs root and `unshare -m`"));
        return false;
    }
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let own = std::env::current_exe().unwrap();
    let run = Command::new("unshare")
        .arg("-m")
        .arg(own)
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let run = run.unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn mount(arguments: &[&str], on: &Path) {
    let done = Command::new("mount").args(arguments).arg(on).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_mount_inside_is_a_gap_and_is_not_entered() {
    if !in_own_mounts("a_mount_inside_is_a_gap_and_is_not_entered") {
        return;
    }
    let place = Place::adopted("**");
    ["a/1", "b/2", "c/3"].iter().for_each(|path| place.write(path));
    mount(&["-t", "tmpfs", "none"], &place.path("b"));
    place.write("b/canary");
    mount(&["--bind", place.path("a/1").to_str().unwrap()], &place.path("c/3"));
    let group = Group { predicate: ALL, start: None, samples: 0 };
    let counted = place.store.count(&place.scope("**"), &[group]).unwrap();
    assert_eq!((counted.tallies[0].count, counted.gaps.len()), (2, 1));
    assert!(counted.gaps[0].reason.contains("another file system is mounted there"));
    assert!(
        !counted.gaps[0].place.contains("/b/"),
        "a name that a wildcard matched: {}",
        counted.gaps[0].place
    );
    assert_eq!(place.store.scan(&place.scope("**"), &ALL, None, 10).unwrap().gaps.len(), 1);
    let mut walk = place.store.walk(place.job(target("**"))).unwrap();
    let applied = prepare(&mut *walk, &label()).commit().unwrap();
    assert!(walk.prepare(&label(), 1, &HashSet::new()).unwrap().is_none());
    assert_eq!((applied.done, walk.gaps().len()), (1, 1));
    assert_eq!(applied.failed[0].reason, "something is mounted on it");
    drop(walk);
    assert!(place.path("b/canary").exists() && place.path("c/3").exists());
}

#[test]
fn a_disk_unmounted_between_plan_and_batch_is_an_error() {
    if !in_own_mounts("a_disk_unmounted_between_plan_and_batch_is_an_error") {
        return;
    }
    let place = Place::new();
    // What the disk hides must not be touched when it is gone.
    place.write("hidden");
    mount(&["-t", "tmpfs", "none"], &place.root());
    place.store.adopt(&target("*")).unwrap();
    place.write("a");
    let approved = place.store.identity().unwrap();
    let mut walk = place.store.walk(place.job(target("*"))).unwrap();
    let batch = prepare(&mut *walk, &label());
    let spool = batch.spool();
    let done = Command::new("umount").arg("-l").arg(place.root()).output().unwrap();
    assert!(done.status.success());
    assert!(batch.commit().is_err());
    drop(walk);
    assert!(approved.difference(&place.store.identity().unwrap()).is_some());
    assert!(place.store.total(&target("*")).is_err() && place.store.walk(place.job(target("*"))).is_err());
    assert!(place.store.resolve(&label(), &target("*"), &spool).is_err(), "an empty place is no evidence");
    assert!(place.path("hidden").exists());
}

#[test]
fn an_unreadable_directory_is_a_gap() {
    if rustix::process::geteuid().is_root() {
        // Root reads everything; the directory's owner has to be somebody else who may not.
        return as_nobody();
    }
    gap_for_an_unreadable_directory();
}

fn as_nobody() {
    let own = std::env::current_exe().unwrap();
    let name = format!("{}::an_unreadable_directory_is_a_gap", module_path!().split_once("::").unwrap().1);
    let run = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(own)
        .args(["--exact", &name, "--nocapture"])
        .current_dir("/")
        .output();
    match run {
        Ok(run) if run.status.success() => {}
        Ok(run) if String::from_utf8_lossy(&run.stderr).contains("Permission denied") => {
            skip("an_unreadable_directory_is_a_gap: another user may not run the test's program");
        }
        Ok(run) => panic!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr)),
        Err(_) => skip("an_unreadable_directory_is_a_gap needs `setpriv`"),
    }
}

fn gap_for_an_unreadable_directory() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    ["a/1", "b/2", "c/3"].iter().for_each(|path| place.write(path));
    let allow = |path: &str, mode| {
        fs_err::set_permissions(place.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("a", 0o000);
    // Its names can be listed, but nothing can be learnt of them.
    allow("b", 0o400);
    let group = Group { predicate: ALL, start: Some(start("modified", None)), samples: 0 };
    let counted = place.store.count(&place.scope("**"), &[group]).unwrap();
    let total = place.store.total(&target("**")).unwrap();
    let page = place.store.scan(&place.scope("**"), &ALL, None, 10).unwrap();
    allow("a", 0o700);
    allow("b", 0o700);
    assert_eq!((counted.tallies[0].count, counted.gaps.len()), (1, 2));
    assert!(counted.gaps.iter().all(|gap| gap.reason.contains("Permission denied")), "{:?}", counted.gaps);
    assert!(!total.exact);
    assert_eq!((page.rows.len(), page.gaps.len()), (1, 2));
}
