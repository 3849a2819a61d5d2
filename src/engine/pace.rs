//! How large the next batch should be, how long to rest after it, and what the batches of a stage cost.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::progress::Stop;
use crate::adapter::api::{HeadStart, Pacing};
use crate::model::ids::PolicyId;

/// The time that a batch should take: long enough to be quick, short enough for the application beside it.
const BATCH_TARGET: Duration = Duration::from_millis(250);
/// While a batch waits for its turn, its transaction is open: that may be so many times as long as the target, and is still less
/// than half a second then.
const OPEN: f64 = 1.5;
/// The same while others are at work: whoever commits has to wait until what a batch wrote is on the disk as well.
const GENTLE_TARGET: Duration = Duration::from_millis(4);
/// While others are at work, so many times as long as a batch took, nothing is done after it.
const REST: u32 = 3;
/// However long a batch took, for a lock perhaps, the rest is no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// The first batch is small: nothing is known yet about how quick the store is.
const FIRST_BATCH: usize = 2_000;
/// The first batch beside others.
const FIRST_GENTLE: usize = 1_000;
/// Beside others a batch is no smaller than this, however slow the disk of the log is: each is an entry of it.
const SMALLEST_GENTLE: usize = 500;
/// The same where the walk goes in steps, which it does with so many at least.
const SMALLEST_IN_STEPS: usize = FIRST_GENTLE;
/// The largest batch beside others: what is made of it takes one processor for a few milliseconds.
const LARGEST_GENTLE: usize = 1_500;
/// The bounds between which a batch's size adapts. The upper one bounds memory.
const SIZES: RangeInclusive<usize> = 50..=50_000;

/// A batch is at most so many times as large as the one before it.
const GROWTH: usize = 4;

/// The next batch's size: towards the usual target time, at most four times as large at once.
pub(super) fn adapted(size: usize, took: Duration, sizes: &RangeInclusive<usize>) -> usize {
    towards(BATCH_TARGET, size, took, sizes)
}

fn towards(target: Duration, size: usize, took: Duration, sizes: &RangeInclusive<usize>) -> usize {
    let factor = target.as_secs_f64() / took.as_secs_f64().max(0.001);
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
pub(super) struct Sizing {
    /// The next batch's size.
    pub(super) size: usize,
    most: usize,
    grows: bool,
    pacing: Pacing,
}

impl Sizing {
    /// For batches of at most `most` records.
    pub(super) fn new(most: usize) -> Self {
        Self { size: FIRST_BATCH.min(most), most, grows: true, pacing: Pacing::Full }
    }

    /// How to go about it from now on. Whoever comes is not made to wait for one more large batch.
    pub(super) fn follow(&mut self, pacing: Pacing) {
        if self.pacing == Pacing::Full && pacing != Pacing::Full {
            self.size = self.size.min(FIRST_GENTLE);
        }
        self.pacing = pacing;
    }

    /// Whether one processor has to do.
    pub(super) fn is_gentle(&self) -> bool {
        self.pacing != Pacing::Full
    }

    /// After a batch that took so long. One that was begun before it was asked for is a measure for the size of then; where
    /// several are at work, each takes longer than there is between two of their batches.
    pub(super) fn adapt(&mut self, took: Duration, begun: Option<HeadStart>) {
        let (size, took) = begun.map_or((self.size, took), |begun| {
            (begun.want, took.max(begun.took).max(begun.open.div_f64(OPEN)))
        });
        let (target, sizes) = match self.pacing {
            Pacing::Full => (BATCH_TARGET, SIZES),
            Pacing::Gentle => (GENTLE_TARGET, SMALLEST_GENTLE..=LARGEST_GENTLE),
            Pacing::InSteps => (BATCH_TARGET, SMALLEST_IN_STEPS..=LARGEST_GENTLE),
        };
        let next = towards(target, size, took, &sizes);
        self.grows = next >= self.size.saturating_mul(GROWTH);
        self.size = next.min(self.most);
    }

    /// After a batch for which the store was too busy.
    pub(super) fn shrink(&mut self) {
        self.size = (self.size / 4).max(*SIZES.start());
    }

    /// The size that will probably follow, before it is known how long this one takes.
    pub(super) fn next(&self) -> usize {
        let next = if self.grows { self.size.saturating_mul(GROWTH) } else { self.size };
        next.min(*SIZES.end()).min(self.most)
    }

    /// Leaves the store to others for a while after a batch that took so long.
    pub(super) fn rest(&self, took: Duration, stop: &Stop) {
        if self.pacing == Pacing::Gentle && !stop.is_asked() {
            std::thread::sleep((took * REST).min(LONGEST_REST));
        }
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

    const QUICK: Duration = Duration::from_millis(1);

    #[test]
    fn a_batch_grows_slowly_and_shrinks_at_once() {
        let next = |size, took| adapted(size, took, &SIZES);
        assert_eq!(next(2_000, Duration::from_millis(10)), 8_000);
        assert_eq!(next(2_000, Duration::from_millis(250)), 2_000);
        assert_eq!(next(2_000, Duration::from_millis(500)), 1_000);
        assert_eq!(next(100, Duration::from_mins(1)), *SIZES.start());
        assert_eq!(next(50_000, QUICK), *SIZES.end());
    }

    #[test]
    fn what_grew_is_expected_to_grow_again() {
        let mut sizing = Sizing::new(usize::MAX);
        assert_eq!((sizing.size, sizing.next()), (2_000, 8_000));
        sizing.adapt(QUICK, None);
        assert_eq!((sizing.size, sizing.next()), (8_000, 32_000));
        sizing.adapt(QUICK, None);
        sizing.adapt(QUICK, None);
        assert_eq!((sizing.size, sizing.next()), (50_000, 50_000));
        sizing.adapt(Duration::from_millis(500), None);
        assert_eq!((sizing.size, sizing.next()), (25_000, 25_000));
    }

    #[test]
    fn a_batch_that_was_begun_when_they_were_smaller_is_a_measure_for_its_own_size() {
        let mut sizing = Sizing::new(usize::MAX);
        sizing.adapt(QUICK, None);
        assert_eq!(sizing.size, 8_000);
        let begun = |took, open| {
            let [took, open] = [took, open].map(Duration::from_millis);
            Some(HeadStart { want: 2_000, took, open })
        };
        sizing.adapt(QUICK, begun(125, 125));
        assert_eq!(sizing.size, 4_000);
        // One connection: between two of its batches there is more than what the store took.
        sizing.adapt(Duration::from_millis(250), begun(1, 1));
        assert_eq!(sizing.size, 2_000);
        // Several: this one waited for its turn.
        sizing.adapt(QUICK, begun(125, 750));
        assert_eq!(sizing.size, 1_000);
    }

    #[test]
    fn no_batch_is_larger_than_it_may_be() {
        let mut sizing = Sizing::new(300);
        assert_eq!((sizing.size, sizing.next()), (300, 300));
        sizing.adapt(QUICK, None);
        assert_eq!(sizing.size, 300);
    }

    #[test]
    fn whoever_comes_is_not_made_to_wait_for_a_large_batch() {
        let mut sizing = Sizing::new(usize::MAX);
        sizing.follow(Pacing::Gentle);
        assert_eq!(sizing.size, FIRST_GENTLE);
        sizing.adapt(GENTLE_TARGET, None);
        sizing.follow(Pacing::Gentle);
        assert_eq!(sizing.size, FIRST_GENTLE, "what fits the time stays");
        sizing.follow(Pacing::Full);
        sizing.adapt(QUICK, None);
        sizing.adapt(QUICK, None);
        assert_eq!(sizing.size, FIRST_GENTLE * GROWTH * GROWTH, "alone again, it grows");
        sizing.follow(Pacing::InSteps);
        sizing.adapt(QUICK, None);
        assert_eq!(sizing.size, LARGEST_GENTLE);
        sizing.adapt(Duration::from_mins(1), None);
        assert_eq!(sizing.size, SMALLEST_IN_STEPS, "a smaller one would go row by row, without steps");
        sizing.follow(Pacing::Gentle);
        sizing.adapt(Duration::from_mins(1), None);
        assert_eq!(sizing.size, SMALLEST_GENTLE);
    }
}
