//! Deleting much: a range of places in one transaction, and in one statement unless others are at work.

use std::sync::Arc;

use super::arrays;
use super::catalogue::quoted;
use super::fate::{self, Server, Spool};
use super::schema::Bound;
use super::session::Session;
use super::value::{self, Bind};
use super::windows::Windows;
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::ahead::{Coming, GENTLE_REST, Hand, Places, Struck, Telling};
use crate::model::ids::BatchId;
use crate::model::key::Key;

/// What goes, and what that binds.
pub(super) type Asked = (String, Vec<Bind>);

/// What is inserted after a table was divided may all lie in one place: of more records than this, a batch would take too long
/// and too much memory.
const MOST_AT_ONCE: usize = 100_000;

/// After somebody has changed a row between the question and the deletion, so many ranges go row by row: whoever does so once
/// may do so for each.
const DISTURBED: u32 = 16;

/// What a place is.
#[derive(Clone)]
pub(super) enum Division {
    /// A page of the table.
    Pages,
    /// A window of starts, with a few records in it.
    Windows(Arc<Windows>),
}

impl Division {
    /// Beside others, so many places go at once: whoever commits meanwhile waits until their log is on the disk as well.
    fn gentle_step(&self) -> u64 {
        match self {
            Self::Pages => 2,
            Self::Windows(_) => 1,
        }
    }

    /// The condition that the records of these places meet, with what it binds behind so many others.
    fn within(&self, places: &Places, alias: &str, bound: usize) -> (String, Vec<Bind>) {
        match self {
            Self::Pages => {
                let (first, past) = (bound + 1, bound + 2);
                let sql =
                    format!("{alias}.ctid >= ${first}::text::tid AND {alias}.ctid < ${past}::text::tid");
                (sql, [places.start, places.end].map(|page| Bind::Text(format!("({page},0)"))).to_vec())
            }
            Self::Windows(windows) => windows.within(places, bound),
        }
    }
}

/// One connection that deletes place by place.
pub(super) struct PlaceHand {
    pub(super) session: Session,
    pub(super) bound: Bound,
    pub(super) division: Division,
    pub(super) server: Server,
    /// Asked in each transaction: the tables are as they were.
    pub(super) check: &'static str,
    pub(super) checked: Vec<Bind>,
    pub(super) signature: String,
    /// So many more ranges go row by row.
    pub(super) disturbed: u32,
}

impl Hand for PlaceHand {
    type Question = Asked;

    fn strike(
        &mut self,
        places: &Places,
        asked: &Asked,
        gently: bool,
        telling: &Telling,
    ) -> Result<Struck, StoreError> {
        let all =
            if gently || !self.knows_first() { None } else { self.all_at_once(places, asked, telling)? };
        let (records, gone) = if let Some(all) = all {
            all
        } else {
            let records = self.row_by_row(places, asked, gently, telling)?;
            let gone = records.len() as u64;
            (records, gone)
        };
        let row = self.session.one(self.check, &self.checked)?;
        if row.get::<_, String>(0) != self.signature {
            return Err(super::standing::tables_changed(&self.session));
        }
        if gone != records.len() as u64 {
            let why = format!("{} records were there to go, and {gone} went", records.len());
            let help =
                "Nothing of the batch was done. Find out what keeps rows of this table from being deleted";
            return Err(self.session.trouble(StoreErrorKind::Changed, why).with_help(help));
        }
        let spool = Spool { server: self.server.clone(), transaction: row.get(1) };
        Ok(Struck { records, spool: fate::encode(&spool, &[]) })
    }

    fn commit(&mut self, _: &BatchId) -> Result<(), StoreError> {
        self.session.run("COMMIT")
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        self.session.run("ROLLBACK")
    }
}

impl PlaceHand {
    /// Whether to ask for the keys before the rows go. Not where rows lie so far apart that to find them twice takes
    /// longer; where other tables decide, which are best looked at as late as can be; or where others were seen to change rows.
    fn knows_first(&mut self) -> bool {
        let was_disturbed = self.disturbed > 0;
        self.disturbed = self.disturbed.saturating_sub(1);
        matches!(self.division, Division::Pages) && self.bound.reaching.is_empty() && !was_disturbed
    }

    /// Asks for the keys and then deletes, both in one view of the table, so that the same rows are meant; gives the keys, and
    /// how many rows went. The server sends keys quicker so than row by row with the deletion, and they are known before it is
    /// done. `None` where somebody else has changed a row meanwhile: nothing was done, and no transaction is open.
    fn all_at_once(
        &mut self,
        places: &Places,
        (condition, bound): &Asked,
        telling: &Telling,
    ) -> Result<Option<(Vec<Key>, u64)>, StoreError> {
        self.session.begin_fixed(&self.bound.entry.sql())?;
        let alias = quoted(&self.bound.frame.own.name);
        let (within, more) = self.division.within(places, &alias, bound.len());
        let bound: Vec<_> = bound.iter().cloned().chain(more).collect();
        let whole = format!("{within} AND {condition}");
        let row = self.session.one(&arrays::question(&self.bound, &whole, MOST_AT_ONCE + 1), &bound)?;
        let found = arrays::keys(&row, &self.bound.key).map_err(|error| self.changed(&error))?;
        let mut coming = Coming::new(telling);
        for key in found.ok_or_else(|| self.nameless())? {
            coming.push(key);
        }
        let records = coming.all();
        if records.len() > MOST_AT_ONCE {
            return Err(self.too_many());
        }
        if records.is_empty() {
            return Ok(Some((records, 0)));
        }
        let gone =
            self.session.change(&format!("DELETE FROM {} WHERE {whole}", self.bound.from()), &bound)?;
        let Some(gone) = gone else {
            self.session.run("ROLLBACK")?;
            self.disturbed = DISTURBED;
            return Ok(None);
        };
        Ok(Some((records, gone)))
    }

    /// Deletes and is told what went, row by row; beside others in steps with rests between them.
    fn row_by_row(
        &self,
        places: &Places,
        (condition, bound): &Asked,
        gently: bool,
        telling: &Telling,
    ) -> Result<Vec<Key>, StoreError> {
        self.session.begin()?;
        let alias = quoted(&self.bound.frame.own.name);
        let mut coming = Coming::new(telling);
        let step = if gently { self.division.gentle_step() } else { u64::MAX };
        let mut begins = places.start;
        while begins < places.end {
            let ends = begins.saturating_add(step).min(places.end);
            let before = coming.len();
            let (within, more) = self.division.within(&(begins..ends), &alias, bound.len());
            let bound: Vec<_> = bound.iter().cloned().chain(more).collect();
            let sql = format!(
                "DELETE FROM {} WHERE {within} AND {condition} RETURNING {}",
                self.bound.from(),
                self.bound.key_list()
            );
            self.session.each(&sql, &bound, |row| {
                let key = value::key(row, 0, &self.bound.key).map_err(|error| self.changed(&error))?;
                coming.push(key.ok_or_else(|| self.nameless())?);
                if coming.len() > MOST_AT_ONCE { Err(self.too_many()) } else { Ok(()) }
            })?;
            begins = ends;
            if gently && coming.len() > before {
                std::thread::sleep(GENTLE_REST);
            }
        }
        Ok(coming.all())
    }

    fn changed(&self, error: &tokio_postgres::Error) -> StoreError {
        self.session.trouble(StoreErrorKind::Changed, error.to_string())
    }

    fn nameless(&self) -> StoreError {
        let why = "a row that was to go has no key by which it could be named";
        self.session.trouble(StoreErrorKind::Unsupported, why)
    }

    fn too_many(&self) -> StoreError {
        let why = "far more records than planned are in one range now";
        let help = "Nothing of the batch was done. The next run counts them first";
        self.session.trouble(StoreErrorKind::Busy, why).with_help(help)
    }
}
