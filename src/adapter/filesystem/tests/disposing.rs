use super::*;
use crate::model::target::With;
use crate::model::value::Value;

#[test]
fn only_what_the_pattern_matches_goes() {
    let place = Place::adopted("cam{n}/*.mp4");
    for path in ["cam1/a.mp4", "cam1/a.txt", "cam1/sub/b.mp4", "door/a.mp4", "a.mp4", "cam2/b.mp4"] {
        place.write(path);
    }
    write(&place.path("cam2/young.mp4"), "2026-10-01T00:00:00Z");
    assert_eq!(place.dispose(target("cam{n}/*.mp4")).done, 2);
    let left: Vec<_> =
        below(&place.root()).iter().map(|path| path.strip_prefix(place.root()).unwrap().to_owned()).collect();
    let expected =
        [".forfall/store", "a.mp4", "cam1/a.txt", "cam1/sub/b.mp4", "cam2/young.mp4", "door/a.mp4"];
    assert_eq!(left, expected.map(PathBuf::from));
    assert!(!place.path(".forfall/aside").read_dir().unwrap().any(|_| true), "nothing of a batch is left");
}

#[test]
fn thousands_go_by_several_threads_and_none_is_lost() {
    let place = Place::adopted("**");
    for file in 0..2500 {
        place.write(&format!("d{}/{file}", file % 90));
    }
    let mut walk = place.store.walk(place.job(target("d*/*"))).unwrap();
    let mut keys = HashSet::new();
    let mut done = 0;
    while let Some(batch) = walk.prepare(&label(), 1100, &HashSet::new()).unwrap() {
        assert!(batch.records().len() <= 1100);
        keys.extend(batch.records().iter().cloned());
        done += batch.commit().unwrap().done;
    }
    assert_eq!((keys.len(), done), (2500, 2500));
    assert_eq!(place.count("**"), 0);
    assert_eq!(place.aside(), [] as [PathBuf; 0]);
}

#[test]
fn a_file_exchanged_after_the_plan_is_put_back() {
    let place = Place::adopted("*");
    for name in ["changed", "exchanged", "longer", "gone", "linked", "directory", "same"] {
        place.write(name);
    }
    let mut walk = place.store.walk(place.job(target("*"))).unwrap();
    let batch = prepare(&mut *walk, &label());
    touch(&place.path("changed"), "2020-01-02T00:00:00Z");
    fs_err::rename(place.path("exchanged"), place.directory.path().join("kept")).unwrap();
    place.write("exchanged");
    fs_err::write(place.path("longer"), "one more").unwrap();
    touch(&place.path("longer"), "2020-01-01T00:00:00Z");
    for name in ["gone", "linked", "directory"] {
        fs_err::remove_file(place.path(name)).unwrap();
    }
    std::os::unix::fs::symlink("same", place.path("linked")).unwrap();
    fs_err::create_dir(place.path("directory")).unwrap();
    let inodes =
        ["changed", "exchanged", "longer", "linked", "directory"].map(|name| inode(&place.path(name)));
    let keys = batch.records().to_vec();
    let applied = batch.commit().unwrap();
    assert_eq!((applied.done, applied.skipped.len(), applied.failed.len()), (1, 6, 0));
    for left in &applied.skipped {
        let gone = keys[left.place].as_bytes() == b"gone";
        assert_eq!(
            left.reason,
            if gone { "it was gone already" } else { "it changed after it had been read" }
        );
    }
    assert!(!place.path("same").exists());
    let after =
        ["changed", "exchanged", "longer", "linked", "directory"].map(|name| inode(&place.path(name)));
    assert_eq!(after, inodes);
    assert_eq!(place.aside(), [] as [PathBuf; 0]);
}

#[test]
fn directories_are_pruned_only_where_the_policy_says_so() {
    let prune = |prune_empty_dirs| Target { prune_empty_dirs, ..target("logs/{host}/**") };
    for (wish, kept) in [(false, vec!["logs/a/b/c", "logs/d", "logs/e/f"]), (true, vec!["logs/e/f"])] {
        let place = Place::adopted("logs/{host}/**");
        ["logs/a/b/c/1", "logs/a/2", "logs/d/3"].iter().for_each(|path| place.write(path));
        fs_err::create_dir_all(place.path("logs/e/f")).unwrap();
        assert_eq!(place.dispose(prune(wish)).done, 3);
        place.store.settle(&prune(wish)).unwrap();
        for path in ["logs/a/b/c", "logs/d", "logs/e/f"] {
            assert_eq!(place.path(path).exists(), kept.contains(&path), "{path}, pruning {wish}");
        }
        assert!(place.path("logs").exists(), "the pattern itself names it");
    }
}

#[test]
fn a_directory_that_is_not_empty_stays() {
    let place = Place::adopted("{host}/**");
    ["a/b/old", "c/old"].iter().for_each(|path| place.write(path));
    write(&place.path("a/young"), "2026-10-01T00:00:00Z");
    let target = Target { prune_empty_dirs: true, ..target("{host}/**") };
    assert_eq!(place.dispose(target.clone()).done, 2);
    place.write("c/new");
    place.store.settle(&target).unwrap();
    assert!(!place.path("a/b").exists() && place.path("a/young").exists() && place.path("c/new").exists());
}

fn sidecars() -> Target {
    let with = With { store: None, collection: "meta/{id}.*".to_owned(), by: None };
    Target { with: vec![with], ..target("video/{id}.mp4") }
}

#[test]
fn sidecars_go_with_their_record_and_keep_it_if_they_cannot() {
    let place = Place::adopted("video/{id}.mp4");
    for path in ["video/1.mp4", "video/2.mp4", "meta/1.xml", "meta/1.srt", "meta/2.xml", "meta/3.xml"] {
        place.write(path);
    }
    let mut walk = place.store.walk(place.job(sidecars())).unwrap();
    let batch = prepare(&mut *walk, &label());
    let companions = batch.companions();
    assert_eq!((companions.len(), companions[0].0.as_str(), companions[0].1.len()), (1, "meta/{id}.*", 3));
    fs_err::write(place.path("meta/2.xml"), "written meanwhile").unwrap();
    let keys = batch.records().to_vec();
    let applied = batch.commit().unwrap();
    assert_eq!(applied.done, 1);
    assert_eq!(keys[applied.skipped[0].place].as_bytes(), b"video/2.mp4");
    assert_eq!(applied.skipped[0].reason, "what goes with it: it changed after it had been read");
    let left = |directory: &str| below(&place.path(directory)).len();
    assert_eq!((left("video"), left("meta")), (1, 2));
    assert!(place.path("meta/2.xml").exists() && place.path("meta/3.xml").exists());
}

#[test]
fn a_part_that_is_a_whole_directory_is_entered_by_name() {
    let place = Place::adopted("{applicant}/**");
    ["1/a", "2/b/c", "3/d", "12/e"].iter().for_each(|path| place.write(path));
    let one_of = |values: &[&str]| {
        let values = values.iter().map(|value| Value::Text((*value).to_owned())).collect();
        Predicate::OneOf { field: Field::own("applicant"), values }
    };
    let job = Job { predicate: one_of(&["2", "1", "..", "nobody"]), ..place.job(target("{applicant}/**")) };
    let mut walk = place.store.walk(job).unwrap();
    assert_eq!(prepare(&mut *walk, &label()).commit().unwrap().done, 2);
    drop(walk);
    let left: Vec<_> = below(&place.root());
    assert_eq!(left, [".forfall/store", "12/e", "3/d"].map(|path| place.path(path)));
}

#[test]
fn an_unapproved_store_is_not_walked() {
    let place = Place::new();
    place.write("a");
    let error = place.store.walk(place.job(target("*"))).err().unwrap();
    assert!(error.to_string().contains("it is not approved yet"), "{error}");
}

#[test]
fn an_undisposable_file_is_told_and_stays() {
    let place = Place::adopted("*");
    place.write("a");
    let applied = {
        let mut walk = place.store.walk(place.job(target("*"))).unwrap();
        let label = label();
        let batch = prepare(&mut *walk, &label);
        // The place aside is taken, as if the batch had been begun before.
        let aside = place.path(&format!(".forfall/aside/{}/0", label.batch));
        fs_err::create_dir_all(&aside).unwrap();
        fs_err::write(aside.join("0"), "other").unwrap();
        batch.commit().unwrap()
    };
    assert_eq!((applied.done, applied.failed.len()), (0, 1));
    assert!(place.path("a").exists());
}
