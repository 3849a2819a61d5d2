//! Stores that stand in front of another one: what they do not do themselves, the other does.

/// Within `impl Inspect` or `impl Dispose`: these methods are those of `self.inner`.
#[macro_export]
macro_rules! forward {
    ($($method:ident)+) => {
        $($crate::forward_one!($method);)+
    };
}

/// One method of [`forward`](crate::forward).
#[doc(hidden)]
#[macro_export]
macro_rules! forward_one {
    (capabilities) => {
        fn capabilities(&self) -> $crate::adapter::api::Capabilities {
            self.inner.capabilities()
        }
    };
    (identity) => {
        fn identity(&self) -> Result<$crate::model::schema::Identity, $crate::adapter::api::StoreError> {
            self.inner.identity()
        }
    };
    (collections) => {
        fn collections(&self) -> Result<Vec<$crate::adapter::api::Listed>, $crate::adapter::api::StoreError> {
            self.inner.collections()
        }
    };
    (probe) => {
        fn probe(
            &self,
            target: &$crate::model::target::Target,
        ) -> Result<$crate::model::schema::Schema, $crate::adapter::api::StoreError> {
            self.inner.probe(target)
        }
    };
    (total) => {
        fn total(
            &self,
            target: &$crate::model::target::Target,
        ) -> Result<$crate::adapter::api::Total, $crate::adapter::api::StoreError> {
            self.inner.total(target)
        }
    };
    (count) => {
        fn count(
            &self,
            scope: &$crate::adapter::api::Scope,
            groups: &[$crate::adapter::api::Group],
        ) -> Result<$crate::adapter::api::Counted, $crate::adapter::api::StoreError> {
            self.inner.count(scope, groups)
        }
    };
    (survey) => {
        fn survey(
            &self,
            scope: &$crate::adapter::api::Scope,
            predicate: &$crate::model::predicate::Predicate,
            start: &std::sync::Arc<$crate::model::start::Start>,
            sets: &[$crate::time::StartSet],
        ) -> Result<$crate::adapter::api::Surveyed, $crate::adapter::api::StoreError> {
            self.inner.survey(scope, predicate, start, sets)
        }
    };
    (scan) => {
        fn scan(
            &self,
            scope: &$crate::adapter::api::Scope,
            predicate: &$crate::model::predicate::Predicate,
            after: Option<&$crate::model::key::Key>,
            limit: usize,
        ) -> Result<$crate::adapter::api::Page, $crate::adapter::api::StoreError> {
            self.inner.scan(scope, predicate, after, limit)
        }
    };
    (read) => {
        fn read(
            &self,
            scope: &$crate::adapter::api::Scope,
            key: &$crate::model::key::Key,
        ) -> Result<Option<$crate::adapter::api::Row>, $crate::adapter::api::StoreError> {
            self.inner.read(scope, key)
        }
    };
    (inspect) => {
        fn inspect(&self) -> &dyn $crate::adapter::api::Inspect {
            self
        }
    };
    (adopt) => {
        fn adopt(
            &self,
            target: &$crate::model::target::Target,
        ) -> Result<$crate::model::schema::Identity, $crate::adapter::api::StoreError> {
            self.inner.adopt(target)
        }
    };
    (walk) => {
        fn walk<'a>(
            &'a self,
            job: $crate::adapter::api::Job,
        ) -> Result<Box<dyn $crate::adapter::api::Walk + 'a>, $crate::adapter::api::StoreError> {
            self.inner.walk(job)
        }
    };
    (resolve) => {
        fn resolve(
            &self,
            label: &$crate::model::batch::BatchLabel,
            target: &$crate::model::target::Target,
            spool: &[u8],
        ) -> Result<$crate::model::batch::Fate, $crate::adapter::api::StoreError> {
            self.inner.resolve(label, target, spool)
        }
    };
    (settle) => {
        fn settle(
            &self,
            target: &$crate::model::target::Target,
        ) -> Result<(), $crate::adapter::api::StoreError> {
            self.inner.settle(target)
        }
    };
}
