//! Directory trees. A record is a file that the collection's pattern matches; its key is its path.
//!
//! Reading: `tree` opens directories so that nothing leads out of the root, `crawl` and `look` walk with several
//! threads, `count` and `scan` are what they walk for. Disposing: `walk` collects what is due, `batch` moves each file
//! to `.forfall/aside`, looks whether it is the one that was planned, and only then unlinks it; `resolve` finds out
//! after a crash what became of a batch.

mod aside;
mod batch;
mod companions;
mod count;
mod crawl;
mod describe;
mod found;
mod identity;
mod look;
mod narrow;
mod prune;
mod record;
mod resolve;
mod scan;
mod spool;
mod tree;
mod walk;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fd::AsFd;

use self::count::{Counting, Looking, Spanning, Surveying, Totalling};
use self::crawl::{Crawl, Visitor, threads};
use self::found::Found;
use self::narrow::Range;
use self::record::FileRow;
use self::tree::{Meta, Tree, directory_of};
use super::api::{
    Act, Capabilities, Counted, Dispose, Group, Inspect, Job, Listed, Outline, Page, Row, Scope, StoreError,
    StoreErrorKind, Surveyed, Total, Walk, cannot_aggregate,
};
use crate::model::batch::{BatchLabel, Fate};
use crate::model::ids::StoreName;
use crate::model::key::{Key, KeyForm};
use crate::model::pattern::Pattern;
use crate::model::predicate::Predicate;
use crate::model::schema::{Identity, Schema};
use crate::model::start::Start;
use crate::model::target::Target;
use crate::time::StartSet;

/// A directory tree as a store.
pub struct FilesystemStore {
    name: StoreName,
    root: PathBuf,
    /// The mark was seen once: from then on a root without it is an unmounted disk.
    marked: AtomicBool,
    /// Directories that lost files to us since the last [`Dispose::settle`], each with its slash.
    emptied: Mutex<BTreeSet<Vec<u8>>>,
}

impl FilesystemStore {
    /// The store with this root. Touches nothing: whether the root is there is found out when it is asked.
    pub fn open(name: StoreName, root: PathBuf) -> Self {
        Self { name, root, marked: AtomicBool::new(false), emptied: Mutex::default() }
    }

    /// Opens the root, and refuses one that has lost its mark.
    fn tree(&self) -> Result<Arc<Tree>, StoreError> {
        let tree = Tree::open(&self.root)?;
        self.still_marked(&tree)?;
        Ok(Arc::new(tree))
    }

    fn still_marked(&self, tree: &Tree) -> Result<(), StoreError> {
        if identity::mark(tree, &self.name)?.is_some() {
            self.marked.store(true, Ordering::Relaxed);
        } else if self.marked.load(Ordering::Relaxed) {
            return Err(self.unmarked("its mark `.forfall/store` was there before and is gone"));
        }
        Ok(())
    }

    fn unmarked(&self, why: &str) -> StoreError {
        let what = format!("store `{}` at {}", self.name, self.root.display());
        StoreError::new(StoreErrorKind::Foreign, what, why).with_help(
            "An unmounted disk looks like this: mount it. If the store is new, approve its policies first",
        )
    }

    fn pattern(target: &Target) -> Result<Pattern, StoreError> {
        Pattern::parse(&target.collection).map_err(|error| {
            let what = format!("pattern `{}` in store `{}`", target.collection, target.store);
            StoreError::new(StoreErrorKind::NotFound, what, error.to_string())
        })
    }

    /// Walks the whole tree with one visitor for each thread. The root must be the same before and after: a disk that
    /// is unmounted meanwhile would look as if it held less.
    fn crawl<V: Visitor>(
        &self,
        range: Range,
        visitor: impl Fn() -> V,
    ) -> Result<(Vec<V>, Found), StoreError> {
        let tree = self.tree()?;
        let before = identity::identity(&tree, &self.name)?;
        let crawl = Crawl::new(Arc::clone(&tree), range);
        let visitors = crawl.with((0..threads()).map(|_| visitor()).collect());
        let after = identity::identity(&Tree::open(&self.root)?, &self.name)?;
        if let Some(difference) = before.difference(&after) {
            return Err(self.unmarked(&format!("it became another while it was read ({difference})")));
        }
        Ok((visitors, crawl.take_found()))
    }

    fn everywhere(target: &Target) -> Result<Range, StoreError> {
        Ok(Range { pattern: Self::pattern(target)?, keys: None })
    }

    fn range(scope: &Scope, predicate: &Predicate) -> Result<Range, StoreError> {
        Ok(narrow::range(&Self::pattern(&scope.target)?, predicate))
    }
}

impl Inspect for FilesystemStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { transactional: false, changes_fields: false, links: false, key_form: KeyForm::Path }
    }

    fn identity(&self) -> Result<Identity, StoreError> {
        identity::identity(&Tree::open(&self.root)?, &self.name)
    }

    fn collections(&self) -> Result<Vec<Listed>, StoreError> {
        let target = Target::new(self.name.clone(), "**");
        let (visitors, found) = self.crawl(Self::everywhere(&target)?, Spanning::default)?;
        let mut all = Spanning::default();
        for part in visitors {
            all.count += part.count;
            all.add(part.extremes);
        }
        let schema = self.probe(&target)?;
        let mut spanned = count::SPANNED.iter().zip(all.extremes).collect::<Vec<_>>();
        let mut extreme = |name: &str| {
            let place = spanned.iter().position(|(spanned, _)| **spanned == name)?;
            spanned.swap_remove(place).1
        };
        let extremes = schema.columns.iter().map(|column| extreme(&column.name)).collect();
        let total = Total { count: all.count, exact: found.into_gaps().is_empty() };
        Ok(vec![Listed { schema, total: Some(total), extremes, unread: None }])
    }

    fn outline(&self) -> Result<Outline, StoreError> {
        self.tree()?.outline()
    }

    fn probe(&self, target: &Target) -> Result<Schema, StoreError> {
        describe::schema(&*self.tree()?, target, &Self::pattern(target)?)
    }

    fn total(&self, target: &Target) -> Result<Total, StoreError> {
        let (visitors, found) = self.crawl(Self::everywhere(target)?, Totalling::default)?;
        let count = visitors.iter().map(|part| part.0).sum();
        Ok(Total { count, exact: found.into_gaps().is_empty() })
    }

    fn count(&self, scope: &Scope, groups: &[Group]) -> Result<Counted, StoreError> {
        let (visitors, found) =
            self.crawl(Self::everywhere(&scope.target)?, || Counting::new(scope, groups))?;
        let (tallies, linked) = Counting::sum(visitors);
        let mut remarks = Vec::new();
        if found.links > 0 {
            remarks.push(format!("{} links were not followed", found.links));
        }
        if linked > 0 {
            remarks.push(format!(
                "{linked} files have further hard links: deleting them here leaves their content elsewhere"
            ));
        }
        Ok(Counted { tallies, gaps: found.into_gaps(), remarks })
    }

    fn survey(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        start: &Arc<Start>,
        sets: &[StartSet],
    ) -> Result<Surveyed, StoreError> {
        let (visitors, found) = self.crawl(Self::range(scope, predicate)?, || Surveying {
            scope,
            predicate,
            start,
            sets,
            counts: vec![0; sets.len()],
        })?;
        let mut sum = 0;
        let each = |set: usize| {
            sum += visitors.iter().map(|part| part.counts[set]).sum::<u64>();
            sum
        };
        Ok(Surveyed { counts: (0..sets.len()).map(each).collect(), gaps: found.into_gaps() })
    }

    fn any(&self, scope: &Scope, predicate: &Predicate, _: Option<&Arc<Start>>) -> Result<bool, StoreError> {
        let range = Self::range(scope, predicate)?;
        let (visitors, _) = self.crawl(range, || Looking { scope, predicate, any: false })?;
        Ok(visitors.iter().any(|part| part.any))
    }

    fn scan(
        &self,
        scope: &Scope,
        predicate: &Predicate,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let pattern = Arc::new(Self::pattern(&scope.target)?);
        let range = narrow::range(&pattern, predicate);
        Ok(scan::scan(&*self.tree()?, &pattern, &range, scope, predicate, after, limit))
    }

    fn read(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, StoreError> {
        let pattern = Self::pattern(&scope.target)?;
        let tree = self.tree()?;
        let Some((directory, name)) = directory_of(key.as_bytes()) else { return Ok(None) };
        if !pattern.matches(key.as_bytes()) {
            return Ok(None);
        }
        let name = std::ffi::CString::new(name).expect("a plain path has no zero byte");
        let found = tree
            .directory(directory.strip_suffix(b"/").unwrap_or(directory))
            .and_then(|directory| Meta::of(directory.as_fd(), &name));
        match found {
            Ok(meta) if meta.is_file() => {
                let row = FileRow { pattern: Arc::new(pattern), path: key.as_bytes().into(), meta };
                Ok(Some(Row { key: key.clone(), fields: Box::new(row) }))
            }
            Ok(_) => Ok(None),
            Err(errno) if look::gap(errno).is_none() => Ok(None),
            Err(errno) => Err(tree.trouble("looking at one file", errno)),
        }
    }
}

impl Dispose for FilesystemStore {
    fn inspect(&self) -> &dyn Inspect {
        self
    }

    fn adopt(&self, target: &Target) -> Result<Identity, StoreError> {
        Self::pattern(target)?;
        let identity = identity::adopt(&*self.tree()?, &self.name)?;
        self.marked.store(true, Ordering::Relaxed);
        Ok(identity)
    }

    fn walk<'a>(&'a self, job: Job) -> Result<Box<dyn Walk + 'a>, StoreError> {
        if let Act::Change(_) = job.act {
            let what = format!("pattern `{}` in store `{}`", job.scope.target.collection, self.name);
            let why = "files are deleted whole; anonymize works on databases";
            return Err(StoreError::new(StoreErrorKind::Unsupported, what, why)
                .with_help("Use `delete` for files, or correct the policy's store"));
        }
        if job.aggregate.is_some() {
            return Err(cannot_aggregate(&job.scope.target));
        }
        Ok(Box::new(walk::FileWalk::begin(self, job)?))
    }

    fn resolve(&self, label: &BatchLabel, _: &Target, spool: &[u8]) -> Result<Fate, StoreError> {
        resolve::resolve(self, label, spool)
    }

    fn settle(&self, target: &Target) -> Result<(), StoreError> {
        prune::settle(self, target)
    }
}

#[cfg(test)]
mod tests;
