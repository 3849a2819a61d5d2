//! Tiles against the tree that they are tiles of.

use std::collections::BTreeMap;

use super::super::tree::{self, Hash, leaf_hash};
use super::*;

fn leaf(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn write(size: u64) -> BTreeMap<String, Vec<u8>> {
    let mut writer = TileWriter::new();
    let mut files = BTreeMap::new();
    let mut keep = |new: Vec<File>| {
        for file in new {
            assert_eq!(files.insert(file.path.clone(), file.bytes), None, "{} was written twice", file.path);
        }
    };
    for index in 0..size {
        keep(writer.append(&leaf(index)).unwrap());
    }
    keep(writer.partial());
    files
}

fn fetch(files: &BTreeMap<String, Vec<u8>>) -> impl Fn(&str) -> Result<Vec<u8>, String> + '_ {
    |path| files.get(path).cloned().ok_or_else(|| "it is missing".to_owned())
}

/// The paths and widths that the specification names.
#[test]
fn the_examples_of_the_specification_hold() {
    assert_eq!(path(Some(3), 1_234_067, 256), "tile/3/x001/x234/067");
    assert_eq!(path(None, 0, 7), "tile/entries/000.p/7");
    let files = write(70_000);
    let of = |prefix: &str| files.keys().filter(|path| path.starts_with(prefix)).count();
    assert_eq!(of("tile/0/"), 274);
    assert!(files.contains_key("tile/0/273.p/112") && files.contains_key("tile/1/000"));
    assert!(files.contains_key("tile/1/001.p/17") && files.contains_key("tile/2/000.p/1"));
    assert_eq!((of("tile/1/"), of("tile/2/"), of("tile/entries/")), (2, 1, 274));
    let small = write(256);
    let names: Vec<&str> = small.keys().map(String::as_str).collect();
    assert_eq!(names, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    assert_eq!(files["tile/0/000"].len(), 8_192);
}

#[test]
fn tiles_prove_what_the_tree_proves() {
    let leaves: Vec<Hash> = (0..70_000).map(|index| leaf_hash(&leaf(index))).collect();
    for size in [1, 2, 255, 256, 257, 511, 512, 1_000, 65_536, 66_000] {
        let files = write(size);
        let fetch = fetch(&files);
        let tiles = TileReader::new(size, &fetch);
        let leaves = &leaves[..usize::try_from(size).unwrap()];
        assert_eq!(tiles.root(size), Ok(tree::root(leaves)));
        for index in [0, size / 3, size / 2, size - 1] {
            assert_eq!(
                tiles.prove_inclusion(index),
                Ok(tree::prove_inclusion(leaves, index)),
                "{index} of {size}"
            );
            assert_eq!(
                tiles.prove_consistency(index),
                Ok(tree::prove_consistency(leaves, index)),
                "{index} to {size}"
            );
            assert_eq!(tiles.root(index), Ok(tree::root(&leaves[..usize::try_from(index).unwrap()])));
        }
    }
}

#[test]
fn going_on_gives_the_same_files_as_beginning_anew() {
    for (old, new) in [(1, 2), (255, 256), (256, 300), (300, 70_000), (65_535, 65_600), (512, 512)] {
        let mut files = write(old);
        let mut added = Vec::new();
        {
            let fetch = fetch(&files);
            let mut writer = TileWriter::resume(old, &TileReader::new(old, &fetch)).unwrap();
            for index in old..new {
                added.extend(writer.append(&leaf(index)).unwrap());
            }
            added.extend(writer.partial());
        }
        files.extend(added.into_iter().map(|file| (file.path, file.bytes)));
        for (path, bytes) in write(new) {
            assert_eq!(files.get(&path), Some(&bytes), "{path} of {old} and then {new}");
        }
    }
}

#[test]
fn tiles_that_were_cut_or_changed_are_refused() {
    let files = write(300);
    let resume = |files: &BTreeMap<String, Vec<u8>>| {
        let fetch = fetch(files);
        TileWriter::resume(300, &TileReader::new(300, &fetch)).err()
    };
    assert_eq!(resume(&files), None);
    let mut cut = files.clone();
    cut.get_mut("tile/0/001.p/44").unwrap().pop();
    assert_eq!(resume(&cut), Some(BadTiles::Length("tile/0/001.p/44".into())));
    let mut changed = files.clone();
    changed.get_mut("tile/entries/001.p/44").unwrap()[5] ^= 1;
    assert_eq!(resume(&changed), Some(BadTiles::Contradicts("tile/entries/001.p/44".into())));
    let mut gone = files;
    gone.remove("tile/1/000.p/1");
    assert!(matches!(resume(&gone), Some(BadTiles::Missing(..))));
}

#[test]
fn bundles_are_read_back_and_long_entries_refused() {
    let files = write(300);
    let entries = entries(&files["tile/entries/001.p/44"]).unwrap();
    assert_eq!(entries.len(), 44);
    assert_eq!(entries[43], leaf(299));
    assert_eq!(super::entries(&[0, 3, 1]), Err(BadBundle));
    assert_eq!(super::entries(&[0]), Err(BadBundle));
    let mut writer = TileWriter::new();
    assert!(writer.append(&vec![0; 65_535]).is_ok());
    assert_eq!(writer.append(&vec![0; 65_536]), Err(TooLong { index: 1, length: 65_536 }));
}
