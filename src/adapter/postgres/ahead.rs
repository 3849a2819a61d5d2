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
        let all = if gently { None } else { self.all_at_once(places, asked, telling)? };
        let records = match all {
            Some(records) => records,
            None => self.row_by_row(places, asked, gently, telling)?,
        };
        let row = self.session.one(self.check, &self.checked)?;
        if row.get::<_, String>(0) != self.signature {
            return Err(super::standing::tables_changed(&self.session));
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
    /// Asks for the keys and then deletes, both in one view of the table, so that the same rows are meant. The server sends
    /// keys quicker so than row by row with the deletion, and they are known before it is done. `None` where somebody
    /// else changes a row meanwhile, or where rows lie so far apart that to find them twice would take longer: nothing was
    /// done, and no transaction is open.
    fn all_at_once(
        &self,
        places: &Places,
        (condition, bound): &Asked,
        telling: &Telling,
    ) -> Result<Option<Vec<Key>>, StoreError> {
        if matches!(self.division, Division::Windows(_)) {
            return Ok(None);
        }
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
            return Ok(Some(records));
        }
        let gone =
            self.session.change(&format!("DELETE FROM {} WHERE {whole}", self.bound.from()), &bound)?;
        match gone {
            Some(gone) if gone == records.len() as u64 => Ok(Some(records)),
            Some(_) => {
                let why = "other records went than those that were there";
                let help = "Nothing of the batch was done. See what rules and row security the table has";
                Err(self.session.trouble(StoreErrorKind::Changed, why).with_help(help))
            }
            None => self.session.run("ROLLBACK").map(|()| None),
        }
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
