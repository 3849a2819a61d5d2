//! `[limit]` (DESIGN 5.5): compared before the first deletion; over it nothing is deleted.

use crate::adapter::api::Total;
use crate::policy::rule::Limit;

use super::Answer;

/// Whether `due` records may go out of `total`.
pub fn judge(limit: &Limit, due: u64, total: Total) -> Answer {
    if let Some(most) = limit.records
        && due > most
    {
        return Answer::Stop(format!(
            "{due} records are due and `limit.records` is {most}: raise the limit in the policy and approve it, or \
             find out why so many are due"
        ));
    }
    if let Some(most) = limit.share
        && due > 0
        && due as f64 > total.count as f64 * most
    {
        return Answer::Stop(format!(
            "{due} of {}{} records are due and `limit.share` is {most}: raise the limit in the policy and approve \
             it, or find out why so many are due",
            if total.exact { "" } else { "about " },
            total.count
        ));
    }
    Answer::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDRED: Total = Total { count: 100, exact: true };

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        let records = Limit { records: Some(10), ..Limit::default() };
        assert_eq!(judge(&records, 10, HUNDRED), Answer::Open);
        assert!(matches!(judge(&records, 11, HUNDRED), Answer::Stop(_)));
        let share = Limit { share: Some(0.25), ..Limit::default() };
        assert_eq!(judge(&share, 25, HUNDRED), Answer::Open);
        assert!(matches!(judge(&share, 26, HUNDRED), Answer::Stop(_)));
    }

    #[test]
    fn an_empty_collection_is_within_any_share() {
        let share = Limit { share: Some(0.25), ..Limit::default() };
        assert_eq!(judge(&share, 0, Total { count: 0, exact: true }), Answer::Open);
    }
}
