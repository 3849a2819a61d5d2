//! Which starts are due now: the question of `due`, turned round, so that a store can answer it with an index.

use chrono::{Months, NaiveDate, NaiveDateTime, TimeDelta};

use super::{After, Cutoff, Instant, Period, StartValue, Zone, due, whole_micros};

/// The exact set of starts that are due at one instant.
///
/// It is one unbounded range and, where clocks change or months are clamped, a few more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartSet {
    /// Starts that are instants: ascending inclusive ranges of whole microseconds with gaps between them. The
    /// first one has no lower end.
    pub instants: Vec<(Option<Instant>, Instant)>,
    /// Starts that are dates: this one and all before it.
    pub dates_through: Option<NaiveDate>,
}

impl StartSet {
    /// The set without any start.
    pub fn empty() -> Self {
        Self { instants: Vec::new(), dates_through: None }
    }

    /// Whether no start is due.
    pub fn is_empty(&self) -> bool {
        self.instants.is_empty() && self.dates_through.is_none()
    }

    /// Whether a record with this start is due; an instant is read to the microsecond.
    pub fn contains(&self, start: StartValue) -> bool {
        match start {
            StartValue::Date(date) => self.dates_through.is_some_and(|last| date <= last),
            StartValue::Instant(at) => {
                let at = whole_micros(at);
                self.instants.iter().any(|(from, to)| from.is_none_or(|from| from <= at) && at <= *to)
            }
        }
    }

    /// The upper end of the first range: every instant up to it is due.
    pub fn bound(&self) -> Option<Instant> {
        self.instants.first().map(|(_, to)| *to)
    }

    /// The latest instant that is due; between `bound` and it only some are.
    pub fn last(&self) -> Option<Instant> {
        self.instants.last().map(|(_, to)| *to)
    }
}

/// The starts whose due instant is not after `now`: `cutoff(now, ..).contains(start)` exactly when
/// `due(start, ..) <= now`.
pub fn cutoff(now: Instant, after: After, cutoff: Option<Cutoff>, zone: Zone) -> StartSet {
    let question = Question { now: whole_micros(now), after, period: after.period(), cutoff, zone };
    question.answer().unwrap_or_else(StartSet::empty)
}

#[derive(Debug)]
struct Question {
    now: Instant,
    after: After,
    period: Period,
    cutoff: Option<Cutoff>,
    zone: Zone,
}

impl Question {
    /// `None` where the period leads back beyond the calendar's beginning.
    fn answer(&self) -> Option<StartSet> {
        let nominal = self.nominal_start()?;
        let dates_through = self.latest_date(nominal.date());
        let instants = if self.cutoff.is_none() && self.period.is_elapsed_time() {
            vec![(None, self.now.checked_sub_signed(self.hours()?)?)]
        } else if self.cutoff.is_none() {
            self.ranges(nominal - TimeDelta::days(6), nominal + TimeDelta::days(8))
        } else {
            // A calendar period makes one day's starts fall due together, dates and instants alike.
            let next = dates_through?.succ_opt()?.and_time(chrono::NaiveTime::MIN);
            self.ranges(next - TimeDelta::days(3), next + TimeDelta::days(3))
        };
        Some(StartSet { instants, dates_through })
    }

    fn hours(&self) -> Option<TimeDelta> {
        TimeDelta::try_hours(i64::from(self.period.hours))
    }

    /// The local time from which the period leads to `now` or a little before: what `due` would answer if no
    /// clock were ever changed. The edges of the set lie within days of it.
    fn nominal_start(&self) -> Option<NaiveDateTime> {
        let due = self.zone.local(self.now.checked_sub_signed(self.hours()?)?);
        let start = due.checked_sub_days(chrono::Days::new(u64::from(self.period.days)))?;
        let start = start.checked_sub_months(Months::new(self.period.months))?;
        // Room for the windows below, so that they need no further checks.
        let room = TimeDelta::days(800);
        (start.checked_sub_signed(room).is_some() && start.checked_add_signed(room).is_some())
            .then_some(start)
    }

    /// Dates are due in their order, so halving finds the last one.
    fn latest_date(&self, nominal: NaiveDate) -> Option<NaiveDate> {
        let calendar_period = if self.cutoff.is_some() { 370 } else { 0 };
        let mut due = nominal - TimeDelta::days(calendar_period + 10);
        let mut not_due = nominal + TimeDelta::days(10);
        if !self.is_due(StartValue::Date(due)) {
            return None;
        }
        while (not_due - due).num_days() > 1 {
            let middle = due + (not_due - due) / 2;
            if self.is_due(StartValue::Date(middle)) { due = middle } else { not_due = middle }
        }
        Some(due)
    }

    fn due(&self, start: StartValue) -> Option<Instant> {
        due(start, self.after, self.cutoff, self.zone)
    }

    fn is_due(&self, start: StartValue) -> bool {
        self.due(start).is_some_and(|due| due <= self.now)
    }

    /// The set, given that every start before the window is due and none after it.
    ///
    /// Between two neighbouring breakpoints `due` is either constant or start plus a constant: one look at a
    /// piece's beginning settles the whole piece.
    fn ranges(&self, from: NaiveDateTime, to: NaiveDateTime) -> Vec<(Option<Instant>, Instant)> {
        let (low, high) = (from.and_utc(), to.and_utc());
        let mut points = self.breakpoints(from, to);
        points.retain(|point| low < *point && *point < high);
        points.push(low);
        points.sort_unstable();
        points.dedup();

        let mut ranges: Vec<(Option<Instant>, Instant)> = vec![(None, low - TICK)];
        for (index, &first) in points.iter().enumerate() {
            let last = points.get(index + 1).map_or(high, |next| *next - TICK);
            let Some(due) = self.due(StartValue::Instant(first)).filter(|due| *due <= self.now) else {
                continue;
            };
            let through = if self.cutoff.is_some() { last } else { last.min(first + (self.now - due)) };
            match ranges.last_mut() {
                Some((_, end)) if *end + TICK == first => *end = through,
                _ => ranges.push((Some(first), through)),
            }
        }
        ranges
    }

    /// All instants in the window where `due` may bend: where the wall clock of the start or of the due jumps,
    /// and at local midnights, where the number of days in the period changes. Too many do no harm.
    fn breakpoints(&self, from: NaiveDateTime, to: NaiveDateTime) -> Vec<Instant> {
        let day = TimeDelta::days(1);
        let starts = self.zone.transitions(from.and_utc() - day, to.and_utc() + day);
        let mut offsets = vec![self.zone.offset(from.and_utc() - day)];
        offsets.extend(starts.iter().map(|change| change.after));
        offsets.dedup();

        let mut local = Vec::new();
        let dates: Vec<NaiveDate> =
            (from.date() - day).iter_days().take_while(|date| *date <= to.date() + day).collect();
        local.extend(dates.iter().map(|date| date.and_time(chrono::NaiveTime::MIN)));
        if self.cutoff.is_none() {
            local.extend(self.bends_of_due(&dates));
        }
        let on_the_time_line = local.iter().flat_map(|local| {
            offsets.iter().filter_map(|offset| Some(local.checked_sub_offset(*offset)?.and_utc()))
        });
        starts.iter().map(|change| change.at).chain(on_the_time_line).collect()
    }

    /// The local start times whose due falls on an end of a skipped or repeated stretch of the wall clock.
    fn bends_of_due(&self, dates: &[NaiveDate]) -> Vec<NaiveDateTime> {
        let pairs: Vec<_> = dates.iter().filter_map(|date| Some((*date, self.period.on(*date)?))).collect();
        let (Some((_, first)), Some((_, last))) = (pairs.first(), pairs.last()) else { return Vec::new() };
        let window =
            (first.checked_sub_days(chrono::Days::new(2)), last.checked_add_days(chrono::Days::new(3)));
        let (Some(from), Some(to)) = window else { return Vec::new() };
        let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
        let changes = self.zone.transitions(midnight(from), midnight(to));
        let edges = changes.iter().flat_map(|change| {
            let wall = |offset| change.at.naive_utc().checked_add_offset(offset);
            [wall(change.before), wall(change.after)]
        });
        let edges: Vec<NaiveDateTime> = edges.flatten().collect();
        let on_edge = |(start, due): &(NaiveDate, NaiveDate)| {
            edges
                .iter()
                .filter(|edge| edge.date() == *due)
                .map(|edge| start.and_time(edge.time()))
                .collect::<Vec<_>>()
        };
        pairs.iter().flat_map(on_edge).collect()
    }
}

const TICK: TimeDelta = TimeDelta::microseconds(1);

#[cfg(test)]
mod tests;
