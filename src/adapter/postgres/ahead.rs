//! Deleting much: a range of pages in one statement of one transaction.

use super::catalogue::quoted;
use super::fate::{self, Server, Spool};
use super::schema::Bound;
use super::session::Session;
use super::value::{self, Bind};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::sql::ahead::{Hand, Places, Struck};
use crate::model::ids::BatchId;

/// What goes, and what that binds.
pub(super) type Asked = (String, Vec<Bind>);

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

    fn strike(&mut self, pages: &Places, (condition, bound): &Asked) -> Result<Struck, StoreError> {
        self.session.run(super::batch::BEGIN)?;
        let alias = quoted(&self.bound.frame.own.name);
        let mut bound = bound.clone();
        let mut place = |page: u64| {
            bound.push(Bind::Text(format!("({page},0)")));
            format!("${}::text::tid", bound.len())
        };
        let (first, past) = (place(pages.start), place(pages.end));
        let sql = format!(
            "DELETE FROM {} WHERE {alias}.ctid >= {first} AND {alias}.ctid < {past} AND {condition} RETURNING {}",
            self.bound.from(),
            self.bound.key_list()
        );
        let mut records = Vec::new();
        self.session.each(&sql, &bound, |row| {
            let key = value::key(row, 0, &self.bound.key)
                .map_err(|error| self.session.trouble(StoreErrorKind::Changed, error.to_string()))?;
            records.extend(key);
            Ok(())
        })?;
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
