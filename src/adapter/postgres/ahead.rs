//! Deleting much: a range of pages in one transaction, and in one statement unless others are at work.

use super::catalogue::quoted;
use super::fate::{self, Server, Spool};
use super::schema::Bound;
use super::session::Session;
use super::value::{self, Bind};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::ahead::{GENTLE_REST, Hand, Places, Struck, Telling};
use crate::model::ids::BatchId;

/// What goes, and what that binds.
pub(super) type Asked = (String, Vec<Bind>);

/// Beside others, so many pages go at once: whoever commits meanwhile waits until their log is on the disk as well.
const GENTLE_STEP: u64 = 2;

/// One connection that deletes page by page.
pub(super) struct PageHand {
    pub(super) session: Session,
    pub(super) bound: Bound,
    pub(super) server: Server,
    /// Asked in each transaction: the tables are as they were.
    pub(super) check: &'static str,
    pub(super) checked: Vec<Bind>,
    pub(super) signature: String,
}

impl Hand for PageHand {
    type Question = Asked;

    fn strike(
        &mut self,
        pages: &Places,
        (condition, bound): &Asked,
        gently: bool,
        _: &Telling,
    ) -> Result<Struck, StoreError> {
        self.session.begin()?;
        let alias = quoted(&self.bound.frame.own.name);
        let (first, past) =
            (format!("${}::text::tid", bound.len() + 1), format!("${}::text::tid", bound.len() + 2));
        let sql = format!(
            "DELETE FROM {} WHERE {alias}.ctid >= {first} AND {alias}.ctid < {past} AND {condition} RETURNING {}",
            self.bound.from(),
            self.bound.key_list()
        );
        let mut records = Vec::new();
        let step = if gently { GENTLE_STEP } else { u64::MAX };
        let mut begins = pages.start;
        while begins < pages.end {
            let ends = begins.saturating_add(step).min(pages.end);
            let before = records.len();
            let places = [begins, ends].map(|page| Bind::Text(format!("({page},0)")));
            let bound: Vec<_> = bound.iter().cloned().chain(places).collect();
            self.session.each(&sql, &bound, |row| {
                let key = value::key(row, 0, &self.bound.key)
                    .map_err(|error| self.session.trouble(StoreErrorKind::Changed, error.to_string()))?;
                let nameless = "a row that was to go has no key by which it could be named";
                let key = key.ok_or_else(|| self.session.trouble(StoreErrorKind::Unsupported, nameless))?;
                records.push(key);
                Ok(())
            })?;
            begins = ends;
            if gently && records.len() > before {
                std::thread::sleep(GENTLE_REST);
            }
        }
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
