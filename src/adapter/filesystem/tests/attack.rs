//! Somebody who can write below the root exchanges directories and files while batches run (I30).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;

/// A tree outside with the names of the tree inside, so that a link followed would do harm.
fn canaries(place: &Place, names: &[String]) -> PathBuf {
    let outside = place.directory.path().join("canaries");
    for name in names {
        write(&outside.join(name), "2020-01-01T00:00:00Z");
    }
    outside
}

fn fingerprint(directory: &Path) -> Vec<(PathBuf, u64, Vec<u8>)> {
    below(directory)
        .into_iter()
        .map(|path| (path.clone(), inode(&path), fs_err::read(&path).unwrap()))
        .collect()
}

/// Ends the attacker, also where the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    const SWAPS: u64 = 10_000;
    const ROUNDS: u64 = 300;
    let place = Place::adopted("**");
    let names: Vec<String> = (0..40).map(|file| format!("{file}.dat")).collect();
    let outside = canaries(&place, &names);
    let before = fingerprint(&outside);
    fs_err::create_dir(place.path("victim")).unwrap();
    std::os::unix::fs::symlink(&outside, place.path("link")).unwrap();
    let (swaps, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut done = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (victim, link) = (place.path("victim"), place.path("link"));
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &victim, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Writes files anew wherever the directory is now, and disposes of them, till all swaps are made.
        let ending = Ending(&stop);
        let mut rounds = 0;
        while swaps.load(Ordering::Relaxed) < SWAPS || rounds < ROUNDS {
            rounds += 1;
            for name in &names {
                let real = ["victim", "link"].map(|directory| place.path(directory));
                let Some(real) =
                    real.iter().find(|path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir()))
                else {
                    continue;
                };
                // Written beside, moved in without following a link: what lands outside would be our own doing.
                let new = place.directory.path().join("new");
                write(&new, "2020-01-01T00:00:00Z");
                let directory = rustix::fs::open(
                    real,
                    rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW,
                    rustix::fs::Mode::empty(),
                );
                let Ok(directory) = directory else { continue };
                renameat_with(CWD, &new, &directory, name.as_str(), RenameFlags::empty()).unwrap();
            }
            let mut walk = place.store.walk(place.job(target("victim/*.dat"))).unwrap();
            while let Some(batch) = walk.prepare(&label(), 10, &HashSet::new()).unwrap() {
                done += batch.commit().unwrap().done;
            }
        }
        drop(ending);
    });
    assert_eq!(fingerprint(&outside), before, "a canary was touched");
    assert!(done > 0, "the batches did something");
    assert_eq!(place.aside(), [] as [PathBuf; 0]);
}

#[test]
fn a_file_swapped_for_another_survives() {
    let place = Place::adopted("*");
    // Much younger than what is due: disposing of one would be a breach.
    let young = place.directory.path().join("young");
    write(&young, "2026-10-31T00:00:00Z");
    let inode_of_young = inode(&young);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Whatever of the two is there: the exchange fails while the file lies aside.
                let _ = renameat_with(CWD, &young, CWD, place.path("a"), RenameFlags::EXCHANGE);
            }
        });
        let ending = Ending(&stop);
        for _ in 0..500 {
            if !place.path("a").exists() {
                place.write("b");
                let _ = renameat_with(CWD, place.path("b"), CWD, place.path("a"), RenameFlags::NOREPLACE);
            }
            let mut walk = place.store.walk(place.job(target("a"))).unwrap();
            while let Some(batch) = walk.prepare(&label(), 10, &HashSet::new()).unwrap() {
                batch.commit().unwrap();
            }
        }
        drop(ending);
    });
    let places = [young, place.path("a")].into_iter().chain(place.aside());
    let survived = places.filter(|path| path.exists()).any(|path| inode(&path) == inode_of_young);
    assert!(survived, "the young file is gone");
}
