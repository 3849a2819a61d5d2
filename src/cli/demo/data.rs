//! The sample data: invented people, dates counted back from now, so that the demo shows the same on any day.

use std::path::Path;

use chrono::{NaiveDate, TimeDelta, Timelike};
use rusqlite::{Connection, Transaction, params};

use super::super::exit::Failure;
use crate::time::{Instant, Zone};

/// Calls, spread evenly over the days before now.
const CALLS: i64 = 3_000;
const CALL_DAYS: i64 = 45;
/// Clips of each camera, one every four hours.
const CAMERAS: i64 = 3;
const CLIPS: i64 = 72;

/// What the demo speaks of by its key.
pub(super) struct Known {
    /// A call that is due to be deleted.
    pub(super) old_call: i64,
    /// Another one, which a hold keeps.
    pub(super) held_call: i64,
    /// One of which nobody can know when it was.
    pub(super) timeless_call: i64,
    /// A clip that is older than seven days.
    pub(super) clip: String,
}

/// Fills the stores of the demo under `dir`.
pub(super) fn fill(dir: &Path, now: Instant, zone: Zone) -> Result<Known, Failure> {
    fs_err::create_dir_all(dir)?;
    // Whole seconds, as such logs have.
    let now = now.with_nanosecond(0).unwrap_or(now);
    let today = zone.local(now).date();
    calls(&dir.join("switchboard.db"), now)?;
    let clip = clips(&dir.join("cctv"), now, zone)?;
    applicants(&dir.join("hr.db"), today)?;
    journal(&dir.join("journal.db"), today)?;
    case_files(&dir.join("archive.db"), today)?;
    Ok(Known { old_call: 17, held_call: 42, timeless_call: CALLS + 1, clip })
}

fn calls(file: &Path, now: Instant) -> Result<(), Failure> {
    database(file, |rows| {
        rows.execute_batch(
            "create table call_log (
               id integer primary key, called_at text, caller text, department text not null, seconds integer);
             create index call_log_by_time on call_log (called_at);",
        )?;
        let mut insert = rows.prepare(
            "insert into call_log (called_at, caller, department, seconds) values (?1, ?2, ?3, ?4)",
        )?;
        for call in 0..CALLS {
            let at = now - TimeDelta::minutes(CALL_DAYS * 24 * 60 * (CALLS - call) / CALLS);
            // No number in Norway begins with a zero.
            let caller = format!("+4700{:06}", call * 7919 % 1_000_000);
            let department = ["switchboard", "library", "planning"][usize::try_from(call % 3).unwrap_or(0)];
            insert.execute(params![at.to_rfc3339(), caller, department, call * 37 % 600])?;
        }
        // What a real table has too: nobody can know when these were.
        for broken in [None, Some("yesterday"), Some("1970-01-01T00:00:00Z")] {
            insert.execute(params![broken, "+4700000000", "switchboard", 1])?;
        }
        Ok(())
    })
}

fn clips(root: &Path, now: Instant, zone: Zone) -> Result<String, Failure> {
    let mut eight_days_old = String::new();
    for camera in 1..=CAMERAS {
        let directory = root.join(format!("cam{camera}"));
        fs_err::create_dir_all(&directory)?;
        for clip in 0..CLIPS {
            let recorded = zone.local(now - TimeDelta::hours(clip * 4 + 1));
            let name = format!("{}.mp4", recorded.format("%Y%m%d-%H%M%S"));
            fs_err::write(directory.join(&name), format!("sample clip {clip} of camera {camera}\n"))?;
            if clip == 48 {
                eight_days_old = format!("cam{camera}/{name}");
            }
        }
    }
    // It does not match the pattern: it is never touched.
    fs_err::write(root.join("cam1/README.txt"), "Not a clip.\n")?;
    Ok(eight_days_old)
}

fn applicants(file: &Path, today: NaiveDate) -> Result<(), Failure> {
    database(file, |rows| {
        rows.execute_batch(
            "create table recruitment (id integer primary key, post text not null, closed_at text);
             create table applicant (
               id integer primary key, recruitment_id integer not null references recruitment (id),
               name text not null, email text not null, outcome text not null, consent_until text);
             create index applicant_by_recruitment on applicant (recruitment_id);",
        )?;
        let posts =
            [("Librarian", Some(200)), ("Planner", Some(130)), ("Caretaker", Some(30)), ("Archivist", None)];
        let mut insert = rows.prepare("insert into recruitment (post, closed_at) values (?1, ?2)")?;
        for (post, closed) in posts {
            insert.execute(params![post, closed.map(|days| ago(today, days))])?;
        }
        let mut insert = rows.prepare(
            "insert into applicant (recruitment_id, name, email, outcome, consent_until) values (?1, ?2, ?3, ?4, ?5)",
        )?;
        for number in 1..=60_i64 {
            let recruitment = (number - 1) / 15 + 1;
            let hired = number % 15 == 1 && recruitment < 4;
            let consent = match number % 15 {
                2 => Some(-90),
                3 => Some(10),
                _ => None,
            };
            insert.execute(params![
                recruitment,
                format!("Sample Person {number}"),
                format!("person{number}@example.org"),
                if hired { "hired" } else { "not hired" },
                consent.map(|days| ago(today, days)),
            ])?;
        }
        Ok(())
    })
}

fn journal(file: &Path, today: NaiveDate) -> Result<(), Failure> {
    database(file, |rows| {
        rows.execute_batch(
            "create table entry (id integer primary key, entry_date text not null, title text not null, party text);",
        )?;
        let mut insert = rows.prepare("insert into entry (entry_date, title, party) values (?1, ?2, ?3)")?;
        for number in 0..400_i64 {
            let day = ago(today, 730 - number * 730 / 400);
            insert.execute(params![
                day,
                format!("Letter no. {number}"),
                format!("Sample Person {number}")
            ])?;
        }
        Ok(())
    })
}

fn case_files(file: &Path, today: NaiveDate) -> Result<(), Failure> {
    database(file, |rows| {
        rows.execute_batch(
            "create table case_file (id integer primary key, title text not null, closed_at text);",
        )?;
        let mut insert = rows.prepare("insert into case_file (title, closed_at) values (?1, ?2)")?;
        for number in 0..30_i64 {
            let closed = (number % 5 > 0).then(|| ago(today, 365 * (number + 1)));
            insert.execute(params![format!("Case no. {number}"), closed])?;
        }
        Ok(())
    })
}

fn ago(today: NaiveDate, days: i64) -> String {
    (today - TimeDelta::days(days)).to_string()
}

/// Makes a database in one transaction.
fn database(file: &Path, rows: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), Failure> {
    let made = Connection::open(file).and_then(|mut connection| {
        let transaction = connection.transaction()?;
        rows(&transaction)?;
        transaction.commit()
    });
    made.map_err(|error| Failure::internal(format!("{} cannot be made: {error}", file.display())))
}
