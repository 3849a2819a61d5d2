//! Comparing periods that have no fixed length.

use super::{After, Period};

/// What clock changes can add to or take from a period of calendar days, in hours. Summer time moves clocks by
/// one hour, Troll by two; a country that crosses the date line is left out.
const CLOCK_CHANGE: i64 = 2;

/// Months in a cycle of the calendar: after 400 years leap years fall alike.
const CYCLE: i64 = 4_800;

impl Period {
    /// The fewest hours between a start and its due, over all starts and zones.
    pub fn min_hours(self) -> i64 {
        self.calendar_days().0 * 24 - self.clock_change() + i64::from(self.hours)
    }

    /// The most hours between a start and its due, over all starts and zones.
    pub fn max_hours(self) -> i64 {
        self.calendar_days().1 * 24 + self.clock_change() + i64::from(self.hours)
    }

    /// Whether no start and no zone makes this period end before `other`: what `at-latest` must be to `after`.
    pub fn is_certainly_at_least(self, other: Self) -> bool {
        self.certainly(other, |ours, theirs| ours >= theirs)
    }

    /// Whether this period ends after `other` for every start and in every zone, as rising stages must.
    /// Neither of `1 month` and `30 days` is certainly longer.
    pub fn is_certainly_longer_than(self, other: Self) -> bool {
        self != other && self.certainly(other, |ours, theirs| ours > theirs)
    }

    fn certainly(self, other: Self, exceeds: impl Fn(i64, i64) -> bool) -> bool {
        // Unit by unit the question needs no lengths: a month more is never shorter, however long it is.
        if self.months >= other.months && self.days >= other.days && self.hours >= other.hours {
            return true;
        }
        // Calendar parts are compared as days, because both walk over the same clock changes.
        let (fewest, most) = (self.calendar_days().0, other.calendar_days().1);
        let (ours, theirs) = (i64::from(self.hours), i64::from(other.hours));
        let by_days = exceeds(fewest, most) && ours >= theirs;
        let by_hours = fewest >= most && exceeds(ours, theirs);
        by_days || by_hours || exceeds(self.min_hours(), other.max_hours())
    }

    fn clock_change(self) -> i64 {
        if self.is_elapsed_time() { 0 } else { CLOCK_CHANGE }
    }

    /// The fewest and the most days of the calendar part.
    fn calendar_days(self) -> (i64, i64) {
        let (months, days) = (i64::from(self.months), i64::from(self.days));
        if months == 0 {
            return (days, days);
        }
        let (mut fewest, mut most) = (i64::MAX, 0);
        for month in 0..CYCLE {
            let whole = first_of(month + months) - first_of(month);
            let clamped = (length_of(month) - length_of(month + months)).max(0);
            fewest = fewest.min(whole - clamped);
            most = most.max(whole);
        }
        (fewest + days, most + days)
    }
}

impl After {
    /// As for the periods; `at once` is the shortest.
    pub fn is_certainly_at_least(self, other: Self) -> bool {
        self.period().is_certainly_at_least(other.period())
    }

    /// As for the periods; `at once` is the shortest.
    pub fn is_certainly_longer_than(self, other: Self) -> bool {
        self.period().is_certainly_longer_than(other.period())
    }
}

/// The number of the first day of a month; months are counted from January of a year divisible by 400.
fn first_of(month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let (year, index) = (month / 12, month % 12);
    // Leap days that lie before this month: those of earlier years, and this year's after February.
    let leap_years = if index > 1 { year + 1 } else { year };
    let leap_days = (leap_years + 3) / 4 - (leap_years + 99) / 100 + (leap_years + 399) / 400;
    let index = usize::try_from(index).expect("a remainder of twelve is an index");
    year * 365 + BEFORE[index] + leap_days
}

fn length_of(month: i64) -> i64 {
    first_of(month + 1) - first_of(month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use proptest::prelude::*;

    fn period(text: &str) -> Period {
        text.parse::<After>().unwrap().period()
    }

    #[test]
    fn month_numbers_agree_with_the_calendar() {
        let origin = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        for month in 0..CYCLE + 24 {
            let first = origin + chrono::Months::new(u32::try_from(month).unwrap());
            assert_eq!((first - origin).num_days(), first_of(month), "{first}");
        }
    }

    #[test]
    fn lengths_have_the_extremes_of_the_calendar() {
        for (text, fewest, most) in [
            ("1 month", 28, 31),
            ("2 months", 59, 62),
            ("1 year", 365, 366),
            ("4 years", 1460, 1461),
            ("400 years", 146_097, 146_097),
            ("1 month 3 days", 31, 34),
            ("2 weeks", 14, 14),
        ] {
            assert_eq!(period(text).calendar_days(), (fewest, most), "{text}");
        }
        assert_eq!((period("72 hours").min_hours(), period("72 hours").max_hours()), (72, 72));
        assert_eq!((period("3 days").min_hours(), period("3 days").max_hours()), (70, 74));
    }

    #[test]
    fn only_certain_order_counts() {
        for (longer, shorter) in [
            ("30 days", "29 days"),
            ("2 months", "1 month"),
            ("1 month 1 hour", "1 month"),
            ("32 days", "1 month"),
            ("1 month", "27 days"),
            ("1 year", "11 months"),
            ("1 year", "364 days"),
            ("3 days", "48 hours"),
            ("25 years", "24 years 11 months"),
        ] {
            assert!(period(longer).is_certainly_longer_than(period(shorter)), "{longer} > {shorter}");
            assert!(period(longer).is_certainly_at_least(period(shorter)), "{longer} >= {shorter}");
            assert!(!period(shorter).is_certainly_at_least(period(longer)), "{shorter} < {longer}");
        }
        for (one, other) in
            [("1 month", "30 days"), ("1 day", "24 hours"), ("1 year", "366 days"), ("6 months", "182 days")]
        {
            assert!(!period(one).is_certainly_longer_than(period(other)), "{one} > {other}");
            assert!(!period(other).is_certainly_longer_than(period(one)), "{other} > {one}");
        }
        assert!(period("1 year").is_certainly_at_least(period("365 days")));
        assert!(period("366 days").is_certainly_at_least(period("1 year")));
        assert!(period("1 year").is_certainly_at_least(period("12 months")));
        assert!("1 hour".parse::<After>().unwrap().is_certainly_longer_than(After::AtOnce));
    }

    proptest! {
        #[test]
        fn certain_order_holds_for_every_start(
            one in (0u32..30, 0u32..70), other in (0u32..30, 0u32..70), day in 0i64..150_000,
        ) {
            let [one, other] = [one, other].map(|(months, days)| Period { months, days, hours: 0 });
            let start = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + chrono::TimeDelta::days(day);
            if one.is_certainly_longer_than(other) {
                prop_assert!(one.on(start) > other.on(start));
            }
            if one.is_certainly_at_least(other) {
                prop_assert!(one.on(start) >= other.on(start));
            }
            let days = (one.on(start).unwrap() - start).num_days();
            prop_assert!(one.calendar_days().0 <= days && days <= one.calendar_days().1);
        }
    }
}
