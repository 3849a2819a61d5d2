use super::*;
use crate::adapter::api::{Group, StoreErrorKind};
use crate::model::key::Key;
use crate::model::target::Link;
use crate::model::value::Value;

fn counted(place: &Place, pattern: &str) -> crate::adapter::api::Counted {
    let group = Group { predicate: ALL, start: Some(start("modified", None)), samples: 3 };
    place.store.count(&Place::scope(pattern), &[group]).unwrap()
}

#[test]
fn pages_come_in_the_order_of_whole_paths() {
    let place = Place::new();
    let paths = ["a", "a.b", "a0", "b/a/x", "b/a.x", "b/a", "b-c/x", "b.c", "bb", "B/x", "å/x", "b/é"];
    // Of a file and a directory of the same name only one can be.
    let mut paths: Vec<&str> = paths.into_iter().filter(|path| *path != "b/a").collect();
    place.write_all(&paths);
    paths.sort_unstable();
    for limit in [1, 2, 5, 100] {
        let mut seen: Vec<String> = Vec::new();
        let mut after: Option<Key> = None;
        loop {
            let page = place.store.scan(&Place::scope("**"), &ALL, after.as_ref(), limit).unwrap();
            assert!(page.rows.len() <= limit);
            seen.extend(page.rows.iter().map(|row| String::from_utf8(row.key.as_bytes().to_vec()).unwrap()));
            after = page.rows.last().map(|row| row.key.clone()).or(after);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, paths);
    }
}

#[test]
fn links_are_counted_and_not_followed() {
    let place = Place::new();
    place.write("real/a.log");
    fs_err::create_dir(place.directory.path().join("outside")).unwrap();
    write(&place.directory.path().join("outside/b.log"), "2020-01-01T00:00:00Z");
    std::os::unix::fs::symlink("../outside", place.path("linked")).unwrap();
    std::os::unix::fs::symlink("real/a.log", place.path("c.log")).unwrap();
    std::os::unix::fs::symlink("real/a.log", place.path("c.txt")).unwrap();
    let counted = self::counted(&place, "**/*.log");
    assert_eq!(counted.tallies[0].count, 1);
    assert_eq!(
        counted.remarks,
        ["3 links were not followed"],
        "each might lead to a file or directory that is meant"
    );
    assert_eq!(counted.gaps, []);
    assert_eq!(self::counted(&place, "*.log").remarks, ["1 links were not followed"]);
    assert_eq!(place.count("linked/*.log"), 0);
    let key = Key::from_path(b"linked/b.log");
    assert!(place.store.read(&Place::scope("**"), &key).unwrap().is_none());
    assert!(place.store.read(&Place::scope("**"), &Key::from_path(b"real/../real/a.log")).unwrap().is_none());
    assert!(place.store.read(&Place::scope("**"), &Key::from_path(b"real/a.log")).unwrap().is_some());
}

#[test]
fn what_is_ours_is_never_a_record() {
    let place = Place::adopted("**");
    place.write(".forfall/aside/x/0/7");
    place.write("inner/.forfall/store");
    place.write("a");
    assert_eq!(place.count("**"), 1);
    assert_eq!(place.store.scan(&Place::scope("**"), &ALL, None, 10).unwrap().rows.len(), 1);
    for path in ["inner/.forfall/store", ".forfall/store", ".forfall/aside/x/0/7"] {
        let key = Key::from_path(path.as_bytes());
        assert!(place.store.read(&Place::scope("**"), &key).unwrap().is_none());
        let keys = Arc::new(HashSet::from([key]));
        let job = Job { predicate: Predicate::KeyIn(keys), ..Place::job(target("**")) };
        assert!(place.store.walk(job).unwrap().prepare(&label(), 10, &HashSet::new()).unwrap().is_none());
    }
}

#[test]
fn other_kinds_of_files_are_no_records() {
    let place = Place::new();
    place.write("a");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).unwrap();
    let counted = counted(&place, "*");
    assert_eq!((counted.tallies[0].count, counted.remarks.len(), counted.gaps.len()), (1, 0, 0));
}

#[test]
fn times_are_rounded_up_and_names_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let odd = place.root().join(std::ffi::OsStr::from_bytes(b"\xff\n"));
    fs_err::write(&odd, "x").unwrap();
    touch(&odd, "2026-01-01T00:00:00.000000001Z");
    let row = place.store.read(&Place::scope("{n}"), &Key::from_path(b"\xff\n")).unwrap().unwrap();
    let get = |column: &str| row.fields.get(&Field::own(column)).unwrap();
    assert!(get("modified") == Value::Instant("2026-01-01T00:00:00.000001Z".parse().unwrap()));
    assert!(get("n") == Value::Bytes(b"\xff\n".to_vec()));
    assert_eq!(row.fields.event_key(), "hex:ff0a");
    assert_eq!(counted(&place, "*").tallies[0].samples, [Key::from_path(b"\xff\n")]);
}

#[test]
fn hard_links_are_told_before_anything_goes() {
    let place = Place::new();
    place.write("a");
    place.write("b");
    fs_err::hard_link(place.path("a"), place.directory.path().join("elsewhere")).unwrap();
    let remarks = counted(&place, "*").remarks;
    assert_eq!(
        remarks,
        ["1 files have further hard links: deleting them here leaves their content elsewhere"]
    );
}

#[test]
fn a_collection_is_described_by_its_pattern() {
    let place = Place::new();
    place.write("cam1/20260101.mp4");
    let schema = place.store.probe(&target("cam{camera}/{at:%Y%m%d}.mp4")).unwrap();
    let names: Vec<_> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["camera", "at", "path", "name", "ext", "size", "modified", "created"]);
    assert_eq!(schema.column("at").unwrap().declared, "part %Y%m%d");
    assert_eq!(schema.warnings, [] as [&str; 0]);
    let other = place.store.probe(&target("cam{camera}/{at:%Y%m%d}.mp?")).unwrap();
    assert_ne!(schema.fingerprint, other.fingerprint);
    let missing = place.store.probe(&target("door/x/*.mp4")).unwrap();
    assert_eq!(
        missing.warnings,
        ["there is no directory `door` that could be read; the pattern matches nothing"]
    );
    let listed = place.store.collections().unwrap();
    assert_eq!((listed.len(), listed[0].total.unwrap().count), (1, 1));
    assert!(listed[0].extremes[3].is_some() && listed[0].extremes[0].is_none());
}

#[test]
fn what_files_cannot_do_is_refused() {
    let place = Place::new();
    let refused = |change: &dyn Fn(&mut Target)| {
        let mut target = target("{id}.x");
        change(&mut target);
        place.store.probe(&target).unwrap_err().to_string()
    };
    let link = || Link { name: "a".to_owned(), collection: "b".to_owned(), key: None, by: "id".to_owned() };
    let with = |collection: &str| crate::model::target::With {
        store: None,
        collection: collection.to_owned(),
        by: None,
    };
    insta::assert_snapshot!(refused(&|target| target.links.push(link())),
        @"pattern `{id}.x` in store `files`: files do not link to records. Remove `[[data.link]]`");
    insta::assert_snapshot!(refused(&|target| target.collection = "a**".to_owned()),
        @"pattern `a**` in store `files`: `**` stands alone between slashes. Write `DIRECTORY/**/*.mp4`, or `*` within a name");
    insta::assert_snapshot!(refused(&|target| target.with.push(with("*.y"))),
        @"pattern `*.y` in `[[data.with]]`, store `files`: it names the same files for every record. Let a part of the record's path stand in it");
    insta::assert_snapshot!(refused(&|target| target.with.push(with("{nr}.y"))),
        @"pattern `{nr}.y` in `[[data.with]]`, store `files`: `nr` is no part of the record's path `{id}.x`. Use the parts that the collection names, without a format");
    let change = Job { act: Act::Change(Vec::new()), ..Place::job(target("*")) };
    let error = place.store.walk(change).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Unsupported);
    insta::assert_snapshot!(error,
        @"pattern `*` in store `files`: files are deleted whole; anonymize works on databases. Use `delete` for files, or correct the policy's store");
}

#[test]
fn many_threads_count_what_one_would() {
    let place = Place::new();
    for directory in 0..7 {
        for file in 0..200 {
            place.write(&format!("d{directory}/sub/{file}.dat"));
        }
    }
    for file in 0..1500 {
        place.write(&format!("flat/{file}.dat"));
    }
    assert_eq!(place.count("**/*.dat"), 2900);
    assert_eq!(place.count("flat/*.dat"), 1500);
    assert_eq!(place.count("d*/sub/1?.dat"), 70);
    let counted = counted(&place, "**");
    assert_eq!((counted.tallies[0].count, counted.tallies[0].samples.len()), (2900, 3));
    assert!(place.store.any(&Place::scope("**"), &ALL, None).unwrap());
    assert!(!place.store.any(&Place::scope("**"), &ALL.negated(), None).unwrap());
}
