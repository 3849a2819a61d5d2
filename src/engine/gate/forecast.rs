//! The forecast breaker (DESIGN 5.5): stops a run that finds far more due than the curve said, nothing where it
//! said something, or everything.

use crate::engine::forecast;
use crate::state::api::Curve;
use crate::time::Instant;

use super::Answer;

/// The factor and the allowance above the curve.
const FACTOR: u64 = 2;
const ALLOWANCE: u64 = 100;
/// Below this a forecast of something is no reason to wonder about nothing, and a collection is too small to guard.
const ENOUGH: u64 = 20;
/// How many earlier runs make a baseline where no curve can.
pub const BASELINE_RUNS: usize = 7;

/// What the breaker compares for one stage.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The newest curve of the stage.
    pub curve: Option<&'a Curve>,
    /// The instant of the run.
    pub now: Instant,
    /// Due now and unheld.
    pub due: u64,
    /// Due now but held: they count as explained where the curve expected records.
    pub held: u64,
    /// Done by this stage since the curve was made.
    pub done_since: u64,
    /// Records of the curve that have gone on to later stages since, while no run came.
    pub moved_on: u64,
    /// Records that the curve knew as needed by others, which have gone since by our own hand: foreseen, one by one.
    pub freed: u64,
    /// The period is shorter than the distance between slots: the largest of the last runs is the baseline.
    pub baseline: Option<u64>,
    /// Nothing of the collection would be left.
    pub would_empty: bool,
    /// What all deleting stages together would take.
    pub going: u64,
    /// What the curves of all deleting stages together said.
    pub foreseen: u64,
    /// `[limit] may-empty`.
    pub may_empty: bool,
}

/// Whether the run may go on.
pub fn judge(seen: &Seen<'_>) -> Answer {
    too_many(seen).and_then(|| suspiciously_none(seen)).and_then(|| emptying(seen))
}

fn too_many(seen: &Seen<'_>) -> Answer {
    let found = seen.due + seen.done_since;
    // A curve that ends before now says nothing about today: only the part that it reaches can be compared.
    let expected = match (seen.baseline, seen.curve) {
        (Some(baseline), _) => baseline,
        (None, Some(curve)) => forecast::expected_by(curve, seen.now),
        (None, None) => {
            return Answer::Stop(
                "there is no forecast for this stage: approve the policy to make one".to_owned(),
            );
        }
    };
    let found = if seen.baseline.is_some() { seen.due } else { found };
    // Not doubled: who was freed is known exactly, and nothing else may come along with them.
    let most = expected.saturating_mul(FACTOR).saturating_add(ALLOWANCE).saturating_add(seen.freed);
    if found <= most {
        return Answer::Open;
    }
    if seen.baseline.is_none() && seen.curve.is_some_and(|curve| !forecast::reaches(curve, seen.now)) {
        return Answer::Stop(format!(
            "{found} records are due, and the forecast ends before that (it reaches 60 days from the last run or \
             approval): approve the policy to make a new one"
        ));
    }
    let found = match seen.done_since {
        done if done > 0 && seen.baseline.is_none() => {
            format!("{} records are due and {done} were done since the forecast, which", seen.due)
        }
        _ => format!("{found} records are due where the forecast"),
    };
    let freed = match seen.freed {
        0 => String::new(),
        freed => format!(" and {freed} are no longer needed by other records"),
    };
    Answer::Stop(format!(
        "{found} said {expected}{freed}: find out what changed (an import, a unit, a wrong clock), then approve again if it \
         is right"
    ))
}

/// What the forecast said, where nothing is due that it counted and so many are missing that it is a reason to wonder.
pub fn misses(seen: &Seen<'_>) -> Option<u64> {
    let expected = forecast::expected(seen.curve?, seen.now);
    let missing = expected.saturating_sub(seen.moved_on);
    let none = seen.due + seen.held + seen.done_since == 0 && seen.baseline.is_none();
    (none && missing >= ENOUGH).then_some(expected)
}

fn suspiciously_none(seen: &Seen<'_>) -> Answer {
    let Some(expected) = misses(seen) else { return Answer::Open };
    Answer::Stop(format!(
        "nothing is due where the forecast said {expected}: the records may have been moved, or their start has \
         changed. Approve again if it is right"
    ))
}

fn emptying(seen: &Seen<'_>) -> Answer {
    if !seen.would_empty || seen.may_empty || seen.going < ENOUGH {
        return Answer::Open;
    }
    // Records that were needed do not count as predicted: what kept them may have been lost, and with it everything.
    let predicted = seen.curve.is_some_and(|curve| seen.foreseen >= curve.remaining && curve.remaining > 0);
    if predicted {
        return Answer::Open;
    }
    Answer::Stop(format!(
        "all {} records would go and nothing would be left. If that is right, write `may-empty = true` under \
         `[limit]`, or approve again",
        seen.going
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Instant {
        chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hour)
    }

    fn curve(remaining: u64) -> Curve {
        let points = vec![(at(0), 0), (at(1), 10), (at(2), 40), (at(24), 50)];
        Curve { of: "0/-/1".to_owned(), made: at(0), remaining, points, needed: Vec::new(), whole: None }
    }

    fn seen(curve: &Curve, due: u64) -> Seen<'_> {
        let (held, done_since, moved_on, freed, baseline) = (0, 0, 0, 0, None);
        Seen {
            curve: Some(curve),
            now: at(2),
            due,
            held,
            done_since,
            moved_on,
            freed,
            baseline,
            would_empty: false,
            going: due,
            foreseen: forecast::expected(curve, at(2)),
            may_empty: false,
        }
    }

    #[test]
    fn twice_the_curve_and_a_hundred_is_the_most() {
        let curve = curve(1000);
        assert_eq!(judge(&seen(&curve, 180)), Answer::Open);
        assert!(matches!(judge(&seen(&curve, 181)), Answer::Stop(_)));
        assert!(matches!(judge(&Seen { done_since: 1, ..seen(&curve, 180) }), Answer::Stop(_)));
    }

    #[test]
    fn the_reason_tells_what_is_due_from_what_was_done() {
        let curve = curve(1000);
        let Answer::Stop(reason) = judge(&Seen { done_since: 150, ..seen(&curve, 31) }) else {
            panic!("181 are too many");
        };
        assert!(
            reason.starts_with("31 records are due and 150 were done since the forecast, which said 40"),
            "{reason}"
        );
    }

    #[test]
    fn between_two_points_the_later_one_is_the_measure_for_too_many_and_the_earlier_for_none() {
        let curve = curve(1000);
        let between = |due| Seen { now: at(3), ..seen(&curve, due) };
        assert_eq!(judge(&between(200)), Answer::Open);
        assert!(matches!(judge(&between(201)), Answer::Stop(_)));
        assert_eq!(
            judge(&Seen { now: at(1), ..seen(&curve, 0) }),
            Answer::Open,
            "ten expected is too few to wonder"
        );
        assert!(matches!(judge(&between(0)), Answer::Stop(_)));
    }

    #[test]
    fn records_that_are_needed_no_longer_are_allowed_one_by_one() {
        let curve = curve(1000);
        assert_eq!(judge(&Seen { freed: 500, ..seen(&curve, 680) }), Answer::Open);
        let Answer::Stop(reason) = judge(&Seen { freed: 500, ..seen(&curve, 681) }) else {
            panic!("one more than is explained")
        };
        assert!(reason.contains("said 40 and 500 are no longer needed by other records"), "{reason}");
    }

    #[test]
    fn held_or_done_records_explain_a_zero() {
        let curve = curve(1000);
        assert_eq!(judge(&Seen { held: 1, ..seen(&curve, 0) }), Answer::Open);
        assert_eq!(judge(&Seen { done_since: 1, ..seen(&curve, 0) }), Answer::Open);
    }

    #[test]
    fn records_that_stand_in_a_later_stage_explain_as_many_that_are_missing() {
        let curve = curve(1000);
        assert_eq!(judge(&Seen { moved_on: 21, ..seen(&curve, 0) }), Answer::Open);
        assert!(matches!(judge(&Seen { moved_on: 20, ..seen(&curve, 0) }), Answer::Stop(_)));
    }

    #[test]
    fn a_collection_is_emptied_only_as_predicted_or_allowed() {
        let unforeseen = curve(1000);
        let emptying = |curve| Seen { would_empty: true, ..seen(curve, 40) };
        assert!(matches!(judge(&emptying(&unforeseen)), Answer::Stop(_)));
        assert_eq!(judge(&Seen { may_empty: true, ..emptying(&unforeseen) }), Answer::Open);
        assert_eq!(judge(&Seen { going: 19, ..emptying(&unforeseen) }), Answer::Open);
        let foreseen = curve_that_empties();
        assert_eq!(judge(&emptying(&foreseen)), Answer::Open);
    }

    fn curve_that_empties() -> Curve {
        curve(40)
    }

    #[test]
    fn without_a_curve_nothing_is_deleted_and_a_curve_that_ended_says_so() {
        let curve = curve(1000);
        assert!(matches!(judge(&Seen { curve: None, ..seen(&curve, 1) }), Answer::Stop(_)));
        let late = Seen { now: at(10_000), ..seen(&curve, 1000) };
        let Answer::Stop(reason) = judge(&late) else { panic!("a curve from long ago allowed 1000 records") };
        assert!(reason.contains("60 days"), "{reason}");
    }

    #[test]
    fn a_baseline_takes_the_place_of_the_curve() {
        let curve = curve(1000);
        let with = |due| Seen { baseline: Some(500), ..seen(&curve, due) };
        assert_eq!(judge(&with(1100)), Answer::Open);
        assert!(matches!(judge(&with(1101)), Answer::Stop(_)));
    }
}
