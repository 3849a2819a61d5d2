//! How large the next batch should be, and what the batches of a stage cost.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::ids::PolicyId;

/// The time that a batch should take: long enough to be quick, short enough for the application beside it.
const BATCH_TARGET: Duration = Duration::from_millis(250);
/// The first batch is small: nothing is known yet about how quick the store is.
pub(super) const FIRST_BATCH: usize = 2_000;
/// The bounds between which a batch's size adapts. The upper one bounds memory.
pub(super) const BATCH_SIZES: RangeInclusive<usize> = 50..=50_000;

/// A batch is at most so many times as large as the one before it.
const GROWTH: usize = 4;

/// The next batch's size: towards the target time, at most four times as large at once.
pub(super) fn adapted(size: usize, took: Duration, sizes: &RangeInclusive<usize>) -> usize {
    let factor = BATCH_TARGET.as_secs_f64() / took.as_secs_f64().max(0.001);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive size times a factor between 0.1 and 4 fits"
    )]
    let next = (size as f64 * factor.clamp(0.1, GROWTH as f64)) as usize;
    next.clamp(*sizes.start(), *sizes.end())
}

/// The sizes of one stage's batches, and whether they still grow.
#[derive(Debug)]
pub(super) struct Pace {
    grows: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { grows: true }
    }
}

impl Pace {
    /// The size after a batch of `size` that took so long.
    pub(super) fn adapt(&mut self, size: usize, took: Duration) -> usize {
        let next = adapted(size, took, &BATCH_SIZES);
        self.grows = next >= size.saturating_mul(GROWTH);
        next
    }

    /// The size that will probably follow on `size`, before it is known how long that takes.
    pub(super) fn next(&self, size: usize) -> usize {
        let next = if self.grows { size.saturating_mul(GROWTH) } else { size };
        next.min(*BATCH_SIZES.end())
    }
}

/// What the batches of a stage cost, and for how long they waited for their commitments and the list of these.
#[derive(Debug, Default)]
pub(super) struct Spent {
    batches: u32,
    whole: Duration,
    evidence: Duration,
}

impl Spent {
    /// One more batch.
    pub(super) fn add(&mut self, whole: Duration, evidence: Duration) {
        self.batches += 1;
        self.whole += whole;
        self.evidence += evidence;
    }

    /// Tells the log of the program, at the stage's end.
    pub(super) fn tell(self, policy: &PolicyId) {
        let Self { batches, whole, evidence } = self;
        let (whole, evidence) = (whole.as_micros(), evidence.as_micros());
        tracing::debug!(%policy, batches, whole_us = whole, evidence_us = evidence, "a stage ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_slowly_and_shrinks_at_once() {
        let next = |size, took| adapted(size, took, &BATCH_SIZES);
        assert_eq!(next(2_000, Duration::from_millis(10)), 8_000);
        assert_eq!(next(2_000, Duration::from_millis(250)), 2_000);
        assert_eq!(next(2_000, Duration::from_millis(500)), 1_000);
        assert_eq!(next(100, Duration::from_mins(1)), *BATCH_SIZES.start());
        assert_eq!(next(50_000, Duration::from_millis(1)), *BATCH_SIZES.end());
    }

    #[test]
    fn what_grew_is_expected_to_grow_again() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_millis(250));
        let mut pace = Pace::default();
        assert_eq!(pace.next(2_000), 8_000);
        assert_eq!((pace.adapt(2_000, quick), pace.next(8_000)), (8_000, 32_000));
        assert_eq!((pace.adapt(32_000, quick), pace.next(50_000)), (50_000, 50_000));
        assert_eq!((pace.adapt(8_000, slow), pace.next(8_000)), (8_000, 8_000));
    }
}
