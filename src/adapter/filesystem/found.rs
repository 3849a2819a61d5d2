//! What a crawl came across besides files.

use super::super::api::Gap;

/// What a crawl came across besides files.
#[derive(Default)]
pub(super) struct Found {
    /// Links that lie where the pattern reaches.
    pub(super) links: u64,
    pub(super) gaps: Vec<Gap>,
    /// Gaps beyond those that are told one by one.
    more_gaps: u64,
}

/// Gaps that are told one by one.
const MOST_GAPS: usize = 50;

impl Found {
    pub(super) fn add(&mut self, gap: Gap) {
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(gap);
        } else {
            self.more_gaps += 1;
        }
    }

    pub(super) fn into_gaps(mut self) -> Vec<Gap> {
        if self.more_gaps > 0 {
            let place = format!("{} more directories", self.more_gaps);
            self.gaps.push(Gap { place, reason: "they could not be read either".to_owned() });
        }
        self.gaps
    }
}
