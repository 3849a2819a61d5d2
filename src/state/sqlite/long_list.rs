//! Sorting a list of commitments that is too long to be held: sorted runs in a file without a name, then merged.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use fs_err::File;

use super::layout::{Layout, broken};
use crate::audit::blocks::{BLOCK, Blocks};
use crate::audit::commitment::order;
use crate::audit::tree::Hash;
use crate::model::ids::BatchId;
use crate::state::api::{Kept, LongList, StateError, named_twice};

/// So many commitments are sorted in memory at once: 4 MiB.
const RUN: usize = 1 << 17;
/// The memory for reading the runs while they are merged, in commitments: 4 MiB.
const MERGING: usize = 1 << 17;
/// So many commitments are merged before they are hashed and written.
const STRETCH: usize = 8 * BLOCK;

const WHAT: &str = "the list of commitments of a batch cannot be kept";

/// A list that is being gathered.
#[derive(Debug)]
pub(super) struct Gathering<'a> {
    layout: &'a Layout,
    batch: BatchId,
    run: Vec<Hash>,
    /// So many commitments are one run.
    length: usize,
    /// The runs, one behind the other.
    spill: Option<File>,
    runs: u64,
}

impl<'a> Gathering<'a> {
    pub(super) fn begin(layout: &'a Layout, batch: BatchId) -> Self {
        Self::in_runs_of(RUN, layout, batch)
    }

    fn in_runs_of(length: usize, layout: &'a Layout, batch: BatchId) -> Self {
        Self { layout, batch, run: Vec::new(), length, spill: None, runs: 0 }
    }

    fn write_run(&mut self) -> Result<(), StateError> {
        sort(&mut self.run);
        let file = match &self.spill {
            Some(file) => file,
            None => self.spill.insert(self.layout.nameless(&self.batch)?),
        };
        let at = self.runs * (self.length * size_of::<Hash>()) as u64;
        file.file().write_all_at(self.run.as_flattened(), at).map_err(broken(WHAT))?;
        self.runs += 1;
        self.run.clear();
        Ok(())
    }
}

impl LongList for Gathering<'_> {
    fn add(&mut self, mut part: &[Hash]) -> Result<(), StateError> {
        while !part.is_empty() {
            let (now, later) = part.split_at(part.len().min(self.length - self.run.len()));
            self.run.extend_from_slice(now);
            part = later;
            if self.run.len() == self.length {
                self.write_run()?;
            }
        }
        Ok(())
    }

    fn keep(mut self: Box<Self>) -> Result<Kept, StateError> {
        sort(&mut self.run);
        let length = self.length as u64;
        let count = self.runs * length + self.run.len() as u64;
        let last = std::mem::take(&mut self.run);
        let mut merging = Merging::begin(self.spill.as_ref().map(File::file), self.runs, length, last)?;
        let mut blocks = Blocks::default();
        self.layout.write_list(&self.batch, |file| {
            let mut file = BufWriter::with_capacity(1 << 18, file);
            let mut stretch = Vec::with_capacity(STRETCH);
            let mut last = None;
            loop {
                stretch.clear();
                while stretch.len() < STRETCH
                    && let Some(next) = merging.next()?
                {
                    if last.replace(next) == Some(next) {
                        return Err(named_twice());
                    }
                    stretch.push(next);
                }
                if stretch.is_empty() {
                    return file.flush().map_err(broken(WHAT));
                }
                blocks.add(&stretch);
                file.write_all(stretch.as_flattened()).map_err(broken(WHAT))?;
            }
        })?;
        Ok(Kept { count, root: blocks.root() })
    }
}

/// Pieces that came in order are found and merged.
fn sort(run: &mut [Hash]) {
    run.sort_by(order);
}

/// The smallest commitment of a run that is not given out yet.
#[derive(PartialEq, Eq)]
struct Next(Hash, usize);

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.0, &other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A sorted run, read piece by piece.
struct Run {
    held: std::vec::IntoIter<Hash>,
    /// The bytes of it that are not read yet.
    rest: std::ops::Range<u64>,
}

struct Merging<'a> {
    spill: Option<&'a std::fs::File>,
    piece: usize,
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<Next>>,
}

impl<'a> Merging<'a> {
    fn begin(
        spill: Option<&'a std::fs::File>,
        spilled: u64,
        length: u64,
        last: Vec<Hash>,
    ) -> Result<Self, StateError> {
        let length = length * size_of::<Hash>() as u64;
        let mut runs: Vec<Run> = (0..spilled)
            .map(|run| Run { held: Vec::new().into_iter(), rest: run * length..(run + 1) * length })
            .collect();
        runs.push(Run { held: last.into_iter(), rest: 0..0 });
        let piece = (MERGING / runs.len()).clamp(64, RUN);
        let mut merging = Self { spill, piece, runs, heads: BinaryHeap::new() };
        for run in 0..merging.runs.len() {
            if let Some(first) = merging.of(run)? {
                merging.heads.push(Reverse(Next(first, run)));
            }
        }
        Ok(merging)
    }

    /// The next commitment of one run.
    fn of(&mut self, run: usize) -> Result<Option<Hash>, StateError> {
        let run = &mut self.runs[run];
        if let Some(next) = run.held.next() {
            return Ok(Some(next));
        }
        let Some(file) = self.spill.filter(|_| !run.rest.is_empty()) else { return Ok(None) };
        let bytes = ((self.piece * size_of::<Hash>()) as u64).min(run.rest.end - run.rest.start);
        let mut held = vec![[0; 32]; usize::try_from(bytes).unwrap_or(0) / size_of::<Hash>()];
        file.read_exact_at(held.as_flattened_mut(), run.rest.start).map_err(broken(WHAT))?;
        run.rest.start += bytes;
        run.held = held.into_iter();
        Ok(run.held.next())
    }

    /// The smallest of all.
    fn next(&mut self) -> Result<Option<Hash>, StateError> {
        let Some(Reverse(Next(_, run))) = self.heads.peek() else { return Ok(None) };
        let follower = self.of(*run)?;
        let mut head = self.heads.peek_mut().expect("it was there just now");
        let next = match follower {
            Some(follower) => std::mem::replace(&mut head.0.0, follower),
            None => std::collections::binary_heap::PeekMut::pop(head).0.0,
        };
        Ok(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::audit::commitment::root_of;
    use crate::state::contract::sample::noon;

    fn hashes(many: u64) -> Vec<Hash> {
        (0..many).map(|number| Sha256::digest(number.to_be_bytes()).into()).collect()
    }

    #[test]
    fn runs_on_the_disk_give_the_same_list_as_one_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::beside(&dir.path().join("state.db")).unwrap();
        for many in [0, 1, 99, 100, 101, 1_000, 20_001] {
            let batch = BatchId::at(noon());
            let mut all = hashes(many);
            let mut list = Box::new(Gathering::in_runs_of(100, &layout, batch));
            for part in all.chunks(37) {
                list.add(part).unwrap();
            }
            let kept = list.keep().unwrap();
            all.sort_unstable();
            assert_eq!(kept, Kept { count: many, root: root_of(&all) });
            assert_eq!(layout.read_manifest(&batch).unwrap(), Some(all));
        }
    }

    #[test]
    fn what_comes_twice_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::beside(&dir.path().join("state.db")).unwrap();
        let mut list = Box::new(Gathering::in_runs_of(10, &layout, BatchId::at(noon())));
        list.add(&hashes(55)).unwrap();
        list.add(&hashes(1)).unwrap();
        assert!(list.keep().unwrap_err().to_string().contains("named twice"));
        assert_eq!(fs_err::read_dir(dir.path().join("manifests")).unwrap().count(), 0);
    }

    #[test]
    fn a_list_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::beside(&dir.path().join("state.db")).unwrap();
        let mut list = Gathering::in_runs_of(10, &layout, BatchId::at(noon()));
        list.add(&hashes(55)).unwrap();
        drop(list);
        assert_eq!(fs_err::read_dir(dir.path().join("manifests")).unwrap().count(), 0);
    }
}
