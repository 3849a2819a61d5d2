//! One connection: an asynchronous driver behind blocking calls.
//!
//! Time-outs, zone, strictness and isolation are set before anything else is done. A zero date is never refused on
//! the way out, and an error in arithmetic never becomes a silent NULL in what is written.

use std::cell::{Cell, RefCell, RefMut};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, Params, Row, Value as SqlValue};
use tokio::runtime::Runtime;

use super::connect;
use super::trouble::translated;
use super::value::{self, Bind};
use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::{Pace, Server};
use crate::adapter::secret::Secret;
use crate::adapter::sql::Limits;
use crate::adapter::sql::company::{Company, Done, Few};

/// A server that does not answer for so long is down.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many statements of all clients the server has begun, which everybody may ask: those of procedures and events, and
/// what only asks whether the server lives, are not among them.
const WORK: &str = "SHOW GLOBAL STATUS LIKE 'Questions'";
/// The server's own time, in the midst of a statement too.
const TIME: &str = "SELECT UNIX_TIMESTAMP(SYSDATE(6))";

/// A connection.
pub(super) struct Session {
    runtime: Runtime,
    connection: RefCell<Conn>,
    company: Arc<Company>,
    /// The connection was lost.
    is_broken: Cell<bool>,
    /// The store as messages name it.
    pub(super) place: String,
    /// MariaDB rather than MySQL.
    pub(super) is_mariadb: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.place)
    }
}

impl Session {
    /// Connects for reading only.
    pub(super) fn read(
        place: &str,
        server: &Server,
        limits: Limits,
        company: &Arc<Company>,
    ) -> Result<Self, StoreError> {
        let statement = limits.reading;
        let session = Self::open(place, (server, server.reading_url()), limits, statement, company)?;
        session.run("SET SESSION TRANSACTION READ ONLY")?;
        Ok(session)
    }

    /// Connects to a replica, to ask it how far it is.
    pub(super) fn watch(server: &Server, url: &Secret, limits: Limits) -> Result<Self, StoreError> {
        let place = connect::replica(url);
        // What is done on another server is none of the work on this one.
        let company = Arc::new(Company::new(Pace::Full, Few::STATEMENTS, 1));
        let session = Self::open(&place, (server, url), limits, limits.reading, &company)?;
        session.run("SET SESSION TRANSACTION READ ONLY")?;
        Ok(session)
    }

    /// Connects for disposing.
    pub(super) fn write(
        place: &str,
        server: &Server,
        limits: Limits,
        company: &Arc<Company>,
    ) -> Result<Self, StoreError> {
        let session = Self::open(place, (server, &server.url), limits, limits.batch, company)?;
        // The count of what others do begins as early as it can. Where it cannot be asked the walk says so.
        let _ = session.has_company();
        Ok(session)
    }

    fn open(
        place: &str,
        (server, url): (&Server, &Secret),
        limits: Limits,
        statement: Duration,
        company: &Arc<Company>,
    ) -> Result<Self, StoreError> {
        let unavailable = |why: String| StoreError::new(StoreErrorKind::Unavailable, place, why);
        let options = connect::options(place, server, url)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unavailable(error.to_string()))?;
        // The driver asks one question of its own.
        company.work();
        let connection = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, Conn::new(options)).await })
            .map_err(|_| {
                unavailable(format!("the server does not answer within {} s", PATIENCE.as_secs()))
                    .with_help("See that the server runs and can be reached from here")
            })?
            .map_err(|error| translated(place, &error))?;
        let connection = RefCell::new(connection);
        let mut session = Self {
            runtime,
            connection,
            company: Arc::clone(company),
            is_broken: Cell::new(false),
            place: place.to_owned(),
            is_mariadb: false,
        };
        let version = session.rows("SELECT VERSION()", &[])?;
        session.is_mariadb = version
            .first()
            .and_then(|row| row.get::<String, _>(0))
            .is_some_and(|version| version.contains("MariaDB"));
        for setting in connect::settings(session.is_mariadb, limits, statement) {
            session.run(&setting)?;
        }
        Ok(session)
    }

    /// Whether others are at work on the server, so that nothing of ours may be felt.
    pub(super) fn has_company(&self) -> Result<bool, StoreError> {
        self.company.is_there(|| {
            let at: Vec<(f64,)> = self.asked(TIME, &[])?;
            // The question is among the statements that its answer counts.
            let own = self.company.own() + 1;
            let work: Vec<(String, u64)> = self.asked(WORK, &[])?;
            match (at.as_slice(), work.as_slice()) {
                (&[(at,)], &[(_, work)]) => Ok(Done { at, work, own }),
                _ => Err(self
                    .trouble(StoreErrorKind::Unsupported, "the server does not say how much it has done")
                    .with_help(
                        "Write `pace = \"full\"` or `pace = \"gentle\"` for its store: then it is not asked",
                    )),
            }
        })
    }

    /// The connection, for one statement of ours, which is no sign of others.
    fn speak(&self) -> RefMut<'_, Conn> {
        self.company.work();
        self.connection.borrow_mut()
    }

    /// Runs a statement that binds and gives nothing.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        let mut connection = self.speak();
        self.runtime.block_on(connection.query_drop(sql)).map_err(|error| self.failed(&error))
    }

    /// The rows that a statement gives.
    pub(super) fn rows(&self, sql: &str, bound: &[Bind]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.each(sql, bound, |row| {
            rows.push(row.clone());
            Ok(())
        })?;
        Ok(rows)
    }

    /// The rows of a statement that cannot be prepared, such as SHOW, from a server that is given up if it is silent.
    pub(super) fn told(&self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let mut connection = self.speak();
        let answer = async { tokio::time::timeout(PATIENCE, connection.query(sql)).await };
        let Ok(rows) = self.runtime.block_on(answer) else {
            self.is_broken.set(true);
            let why = format!("the server does not answer within {} s", PATIENCE.as_secs());
            return Err(self.trouble(StoreErrorKind::Unavailable, why));
        };
        rows.map_err(|error| self.failed(&error))
    }

    /// The one row that a statement gives.
    pub(super) fn one(&self, sql: &str, bound: &[Bind]) -> Result<Row, StoreError> {
        let mut rows = self.rows(sql, bound)?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => {
                Err(self
                    .trouble(StoreErrorKind::Changed, "a question for one row got another number of them"))
            }
        }
    }

    /// The rows that a statement gives, handed over one by one as they come: a large answer is never held as a whole.
    pub(super) fn each(
        &self,
        sql: &str,
        bound: &[Bind],
        mut take: impl FnMut(&Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (sql, values) = value::rendered(sql, bound);
        let mut connection = self.speak();
        self.runtime.block_on(async {
            let failed = |error: mysql_async::Error| self.failed(&error);
            let mut answer = connection.exec_iter(sql, params(values)).await.map_err(failed)?;
            while let Some(row) = answer.next().await.map_err(failed)? {
                take(&row)?;
            }
            answer.drop_result().await.map_err(failed)
        })
    }

    /// Changes rows; gives how many were found, whether they were as they should be or not.
    pub(super) fn change(&self, sql: &str, bound: &[Bind]) -> Result<u64, StoreError> {
        let (sql, values) = value::rendered(sql, bound);
        let mut connection = self.speak();
        let done = self.runtime.block_on(connection.exec_drop(sql, params(values)));
        done.map_err(|error| self.failed(&error))?;
        Ok(connection.affected_rows())
    }

    /// What the catalogue answers; a `?` in the text for each that is bound.
    pub(super) fn asked<T: FromRow>(&self, sql: &str, bound: &[&str]) -> Result<Vec<T>, StoreError> {
        let bound = bound.iter().map(|text| SqlValue::from(*text)).collect();
        let mut connection = self.speak();
        let rows: Vec<Row> = self
            .runtime
            .block_on(connection.exec(sql, params(bound)))
            .map_err(|error| self.failed(&error))?;
        let rows = rows.into_iter().map(mysql_async::from_row_opt);
        rows.collect::<Result<_, _>>()
            .map_err(|_| self.trouble(StoreErrorKind::Damaged, "the catalogue answers in another form"))
    }

    /// Refuses a server that only reads.
    pub(super) fn require_primary(&self) -> Result<(), StoreError> {
        let found: Vec<(i64,)> = self.asked("SELECT @@global.read_only", &[])?;
        if found.first().is_some_and(|(only,)| *only == 0) {
            return Ok(());
        }
        Err(self
            .trouble(StoreErrorKind::Unsupported, "this server only reads, as a replica does")
            .with_help("Name the primary in the URL"))
    }

    /// Whether the connection can still be used.
    pub(super) fn is_open(&self) -> bool {
        !self.is_broken.get()
    }

    fn failed(&self, error: &mysql_async::Error) -> StoreError {
        if !matches!(error, mysql_async::Error::Server(_)) {
            self.is_broken.set(true);
        }
        translated(&self.place, error)
    }

    /// An error about this store.
    pub(super) fn trouble(&self, kind: StoreErrorKind, why: impl Into<String>) -> StoreError {
        StoreError::new(kind, &self.place, why)
    }
}

fn params(values: Vec<SqlValue>) -> Params {
    if values.is_empty() { Params::Empty } else { Params::Positional(values) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::alone;
    use super::super::value;
    use super::*;
    use crate::adapter::contract::server::mariadb;
    use crate::adapter::place::Tls;
    use crate::model::schema::ColumnKind;
    use crate::model::value::Value;

    fn at(url: String) -> Server {
        Server::at(Secret::Plain(url))
    }

    /// A session in a database of its own.
    pub(in super::super) fn database() -> Session {
        Session::write("store `t`", &empty(), Limits::default(), &alone()).unwrap()
    }

    fn empty() -> Server {
        let server = mariadb();
        let (port, name) = (server.port, server.new_name());
        let root = Session::write(
            "store `t`",
            &at(format!("mysql://root@127.0.0.1:{port}/mysql")),
            Limits::default(),
            &alone(),
        );
        root.unwrap().run(&format!("CREATE DATABASE {name}")).unwrap();
        at(format!("mariadb://root@127.0.0.1:{port}/{name}"))
    }

    #[test]
    fn a_zero_date_arrives_as_it_is_stored_and_a_timestamp_in_utc() {
        let server = empty();
        let session = Session::write("store `t`", &server, Limits::default(), &alone()).unwrap();
        assert_eq!(session.is_mariadb, mariadb().is_mariadb());
        session.run("CREATE TABLE t (d DATE, s TIMESTAMP NULL) ENGINE = InnoDB").unwrap();
        session.run("SET sql_mode = ''").unwrap();
        session.run("INSERT INTO t VALUES ('0000-00-00', FROM_UNIXTIME(86400))").unwrap();
        let rows = Session::read("store `t`", &server, Limits::default(), &alone())
            .unwrap()
            .rows("SELECT d, s FROM t", &[])
            .unwrap();
        let read = |at: usize, kind| value::read(rows[0].as_ref(at).unwrap(), kind);
        assert!(read(0, ColumnKind::Date) == Value::Text("0000-00-00".to_owned()));
        let expected = chrono::DateTime::from_timestamp(86400, 0).unwrap();
        assert!(read(1, ColumnKind::Instant) == Value::Instant(expected));
    }

    #[test]
    fn a_reading_session_cannot_write() {
        let server = empty();
        let session = Session::write("store `t`", &server, Limits::default(), &alone()).unwrap();
        session.run("CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB").unwrap();
        let reading = Session::read("store `t`", &server, Limits::default(), &alone()).unwrap();
        let refused = reading.run("INSERT INTO t VALUES (1)").unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Unsupported, "{refused}");
    }

    #[test]
    fn errors_hold_no_value_of_a_record() {
        let server = empty();
        let session = Session::write("store `t`", &server, Limits::default(), &alone()).unwrap();
        session.run("CREATE TABLE t (name VARCHAR(20) PRIMARY KEY) ENGINE = InnoDB").unwrap();
        session.run("INSERT INTO t VALUES ('sensitive')").unwrap();
        let twice = session.run("INSERT INTO t VALUES ('sensitive')").unwrap_err();
        assert_eq!(twice.kind, StoreErrorKind::Changed);
        assert!(!twice.to_string().contains("sensitive"), "{twice}");
    }

    #[test]
    fn a_server_is_known_by_its_issuer() {
        let server = mariadb();
        let cipher = |server: &Server| {
            let session = Session::read("store `t`", server, Limits::default(), &alone()).unwrap();
            let found: Vec<(String, String)> = session.asked("SHOW STATUS LIKE 'Ssl_cipher'", &[]).unwrap();
            found[0].1.clone()
        };
        let plain = at(format!("mysql://root@127.0.0.1:{}/mysql", server.port));
        assert_eq!(cipher(&plain), "", "on this machine nothing is encrypted unless asked for");
        let known = Server { ca: Some(server.issuer()), ..plain.clone() };
        assert_ne!(cipher(&known), "");
        let renamed =
            Server { url: Secret::Plain(format!("mysql://root@localhost:{}/mysql", server.port)), ..known };
        let refused =
            Session::read("store `t`", &renamed, Limits::default(), &alone()).unwrap_err().to_string();
        assert!(refused.contains("not valid for name") && refused.contains("`ca`"), "{refused}");
    }

    #[test]
    fn what_cannot_be_reached_says_why() {
        let port = mariadb().port;
        let open =
            |server: &Server| Session::read("store `t`", server, Limits::default(), &alone()).unwrap_err();
        // MySQL asks each of them for a login of another kind.
        for number in 0..20 {
            let wrong = open(&at(format!("mysql://nobody{number}:hidden@127.0.0.1:{port}/mysql")));
            assert_eq!(wrong.kind, StoreErrorKind::Denied, "{wrong}");
            let wrong = wrong.to_string();
            assert!(wrong.contains("Correct user and password") && !wrong.contains("hidden"), "{wrong}");
        }
        let missing = open(&at(format!("mysql://root@127.0.0.1:{port}/no_such_database")));
        assert_eq!(missing.kind, StoreErrorKind::NotFound, "{missing}");
        let stranger =
            Server { tls: Some(Tls::Verify), ..at(format!("mysql://root@127.0.0.1:{port}/mysql")) };
        let stranger = open(&stranger).to_string();
        assert!(stranger.contains("UnknownIssuer") && stranger.contains("tls = \"off\""), "{stranger}");
        let nameless = open(&at(format!("mysql://root@127.0.0.1:{port}")));
        assert!(nameless.to_string().contains("names no database"), "{nameless}");
    }
}
