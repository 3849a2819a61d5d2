//! What the catalogue says, and what it forbids.

use super::{target, world};
use crate::adapter::api::{Inspect, StoreErrorKind};
use crate::adapter::sqlite::SqliteStore;
use crate::model::ids::StoreName;
use crate::model::predicate::Reach;
use crate::model::schema::ColumnKind;
use crate::model::target::{Link, Target, With};

fn with(collection: &str, by: &str) -> With {
    With { store: None, collection: collection.to_owned(), by: Some(by.to_owned()) }
}

fn effects(sql: &str, target: &Target) -> Vec<String> {
    let schema = world(sql).store.probe(target).unwrap();
    schema.side_effects.into_iter().map(|effect| effect.text).collect()
}

#[test]
fn columns_are_described() {
    let world = world(
        "CREATE TABLE Record (id INTEGER PRIMARY KEY, at DATETIME, day DATE NOT NULL, flag BOOLEAN, mail TEXT UNIQUE,
                              half AS (mail || 'x'));
         CREATE INDEX some ON record (day) WHERE flag; CREATE INDEX by_at ON record (at, mail);",
    );
    let schema = world.store.probe(&target("RECORD")).unwrap();
    assert_eq!((schema.collection.as_str(), schema.key.as_slice()), ("Record", ["id".to_owned()].as_slice()));
    let described: Vec<_> = schema
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.kind, column.nullable, column.indexed, column.unique))
        .collect();
    assert_eq!(
        described,
        [
            ("id", ColumnKind::Int, false, true, true),
            ("at", ColumnKind::Any, true, true, false),
            ("day", ColumnKind::Any, false, false, false),
            ("flag", ColumnKind::Bool, true, false, false),
            ("mail", ColumnKind::Text, true, true, true),
            ("half", ColumnKind::Any, true, false, false),
        ]
    );
    assert!(schema.columns.iter().all(|column| !column.kind.settles_time()), "SQLite has no type for time");
    assert_eq!(schema.marker.as_deref(), Some("forfall_batch"));
}

#[test]
fn every_table_has_a_key_or_a_reason() {
    let world = world(
        "CREATE TABLE bare (a);
         CREATE TABLE pair (a INTEGER, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
         CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT);
         CREATE TABLE named (a TEXT, b TEXT, UNIQUE (a));
         CREATE TABLE loose (a TEXT PRIMARY KEY);
         CREATE TABLE shadowed (rowid TEXT, a);",
    );
    let key = |name: &str| world.store.probe(&target(name)).unwrap();
    assert_eq!(key("bare").key, ["rowid"]);
    assert!(key("bare").warnings[0].contains("VACUUM"));
    assert_eq!(key("shadowed").key, ["_rowid_"]);
    assert_eq!(key("pair").key, ["b", "a"]);
    assert_eq!(key("loose").key, ["a"]);
    assert!(key("loose").warnings[0].contains("may be NULL"));
    let named = |column: &str| Target { key: Some(vec![column.to_owned()]), ..target("named") };
    assert_eq!(world.store.probe(&named("A")).unwrap().key, ["a"]);
    let refused = [named("b"), named("nothing"), target("hidden")].map(|target| {
        let error = world.store.probe(&target).unwrap_err();
        (error.kind, error.why)
    });
    insta::assert_debug_snapshot!(refused, @r#"
    [
        (
            Unsupported,
            "the key (b) of table `named` is not unique, so one key may mean several records",
        ),
        (
            NotFound,
            "table `named` has no column `nothing`",
        ),
        (
            Unsupported,
            "table `hidden` has no primary key, and columns hide its row numbers",
        ),
    ]
    "#);
}

#[test]
fn only_tables_hold_records() {
    let world = world(
        "CREATE TABLE call_log (id INTEGER PRIMARY KEY); CREATE VIEW calls AS SELECT * FROM call_log;
         CREATE VIRTUAL TABLE words USING fts5(word);",
    );
    let why = |name: &str| {
        let error = world.store.probe(&target(name)).unwrap_err();
        (error.kind, format!("{} {}", error.why, error.help.unwrap_or_default()))
    };
    assert_eq!(why("calls").0, StoreErrorKind::Unsupported);
    assert!(why("calls").1.contains("`calls` is a view"));
    assert!(why("words").1.contains("virtual table"));
    assert!(why("words_data").1.contains("belongs to a virtual table"));
    let (kind, text) = why("call_logs");
    assert_eq!(kind, StoreErrorKind::NotFound);
    assert!(text.contains("Did you mean `call_log`?"), "{text}");
    let listed: Vec<_> =
        world.store.collections().unwrap().into_iter().map(|listed| listed.schema.collection).collect();
    assert_eq!(listed, ["call_log"]);
}

const FAMILY: &str = "
    CREATE TABLE record (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b));
    CREATE TABLE child (id INTEGER PRIMARY KEY, of INTEGER REFERENCES record ON DELETE CASCADE);
    CREATE TABLE grandchild (id INTEGER PRIMARY KEY, of INTEGER REFERENCES child);
    CREATE TABLE diary (of INTEGER REFERENCES Record (ID));";

#[test]
fn a_cascade_has_to_be_declared() {
    let refused = effects(FAMILY, &target("record"));
    assert_eq!(refused.len(), 1);
    insta::assert_snapshot!(refused[0], @r#"deleting from table `record` would also delete rows of `child` by its foreign key (of): declare `[[data.with]]` with collection = "child" and by = "of" if that is meant"#);
    let by_another = Target { with: vec![with("child", "id")], ..target("record") };
    assert!(!effects(FAMILY, &by_another).is_empty(), "declared by another column");
}

#[test]
fn what_refers_to_a_companion_has_to_go_before_it() {
    let declared = Target { with: vec![with("child", "of")], ..target("record") };
    let refused = effects(FAMILY, &declared);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].contains("rows of table `grandchild` refer to rows of `child`"), "{refused:?}");
    let before = Target { with: vec![with("grandchild", "id"), with("child", "of")], ..target("record") };
    assert!(effects(FAMILY, &before).is_empty());
    let after = Target { with: vec![with("child", "of"), with("grandchild", "id")], ..target("record") };
    assert!(!effects(FAMILY, &after).is_empty());
}

#[test]
fn a_plain_reference_keeps_its_record() {
    let declared = Target { with: vec![with("child", "of"), with("diary", "of")], ..target("record") };
    let world = world(FAMILY);
    let schema = world.store.probe(&target("record")).unwrap();
    let reach = Reach { collection: "diary".to_owned(), by: "of".to_owned(), key: "ID".to_owned() };
    assert_eq!(schema.referenced_by, [reach]);
    assert!(schema.warnings.iter().any(|warning| warning.contains("kept as needed")));
    assert!(schema.warnings.iter().any(|warning| warning.contains("has no index")));
    assert!(world.store.probe(&declared).unwrap().referenced_by.is_empty(), "declared to go with it");
    let composite = "CREATE TABLE record (a, b, PRIMARY KEY (a, b));
        CREATE TABLE child (a, b, FOREIGN KEY (a, b) REFERENCES record);
        CREATE TABLE setter (a, b, FOREIGN KEY (a, b) REFERENCES record ON DELETE SET NULL);";
    let refused = effects(composite, &target("record"));
    assert!(refused[0].contains("by several columns") && refused[1].contains("also change rows of `setter`"));
}

#[test]
fn every_trigger_on_change_is_refused() {
    let sql = "CREATE TABLE record (id INTEGER PRIMARY KEY, at); CREATE TABLE child (of);
        CREATE TRIGGER harmless AFTER INSERT ON record BEGIN SELECT 1; END;
        CREATE TRIGGER stamp AFTER UPDATE OF at ON record BEGIN SELECT 1; END;
        CREATE TRIGGER archive BEFORE DELETE ON Record BEGIN INSERT INTO child VALUES (old.id); END;
        CREATE TRIGGER deep DELETE ON child BEGIN SELECT 1; END;";
    let names = |target: &Target| -> Vec<String> {
        let schema = world(sql).store.probe(target).unwrap();
        schema.side_effects.into_iter().map(|effect| effect.name).collect()
    };
    assert_eq!(names(&target("record")), ["archive", "stamp"]);
    let declared = Target { with: vec![with("child", "of")], ..target("record") };
    assert_eq!(names(&declared), ["archive", "stamp", "deep"]);
}

#[test]
fn an_approval_is_bound_to_what_a_deletion_means() {
    let world = world("CREATE TABLE record (id INTEGER PRIMARY KEY, at); CREATE TABLE child (of);");
    let fingerprint = || world.store.probe(&target("record")).unwrap().fingerprint;
    let mut before = fingerprint();
    let mut step = |sql: &str, changes: bool| {
        world.other.execute_batch(sql).unwrap();
        let after = fingerprint();
        assert_eq!(before != after, changes, "{sql}");
        before = after;
    };
    step("CREATE INDEX by_at ON record (at)", false);
    step("CREATE TABLE unrelated (a)", false);
    step("INSERT INTO record VALUES (1, 2)", false);
    step("ALTER TABLE record ADD COLUMN word TEXT", true);
    step("CREATE TRIGGER stamp AFTER UPDATE ON record BEGIN SELECT 1; END", true);
    step("CREATE TABLE diary (of REFERENCES record)", true);
}

#[test]
fn a_link_names_one_row() {
    let world = world(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, door TEXT);
         CREATE TABLE door (name TEXT, number INTEGER); CREATE TABLE pair (a, b, PRIMARY KEY (a, b));",
    );
    let linked = |collection: &str, key: Option<&str>| {
        let link = Link {
            name: "door".to_owned(),
            collection: collection.to_owned(),
            key: key.map(str::to_owned),
            by: "door".to_owned(),
        };
        world.store.probe(&Target { links: vec![link], ..target("record") })
    };
    let schema = linked("door", Some("name")).unwrap();
    assert!(schema.warnings[0].contains("is not unique"), "{:?}", schema.warnings);
    assert_eq!(schema.linked("door").unwrap().len(), 2);
    assert_eq!(linked("pair", None).unwrap_err().kind, StoreErrorKind::Unsupported);
    assert_eq!(linked("door", Some("nr")).unwrap_err().kind, StoreErrorKind::NotFound);
}

#[test]
fn what_is_no_database_is_said_and_never_made() {
    let directory = tempfile::tempdir().unwrap();
    let error = |name: &str| {
        let store = SqliteStore::open(StoreName::new("box"), directory.path().join(name));
        let errors = [
            store.identity().unwrap_err(),
            store.probe(&target("record")).unwrap_err(),
            crate::adapter::api::Dispose::adopt(&store, &target("record")).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind == errors[0].kind));
        errors[0].kind
    };
    assert_eq!(error("missing.db"), StoreErrorKind::Unavailable);
    assert!(!directory.path().join("missing.db").exists());
    fs_err::create_dir(directory.path().join("folder")).unwrap();
    assert_eq!(error("folder"), StoreErrorKind::Unavailable);
    fs_err::write(
        directory.path().join("text"),
        "This is no database, and longer than a header of one hundred bytes. ".repeat(3),
    )
    .unwrap();
    assert_eq!(error("text"), StoreErrorKind::Damaged);
}

#[test]
fn only_times_are_shown_as_extremes() {
    let world = world(
        // DATETIME compares like a number with whatever looks like one, also with a text in our own statement.
        "CREATE TABLE record (id INTEGER PRIMARY KEY, at INTEGER, day TEXT, name TEXT, stamp DATETIME, free);
         INSERT INTO record VALUES (1, 1700000000, '2023-01-02', 'Ada', '2023-01-02 10:00:00', '1999-01-01'),
                                   (2, 1700000001, '2023-01-03', 'Bob', '2023-01-03 10:00:00', '2000-01-01'),
                                   (3, NULL, NULL, NULL, NULL, NULL);",
    );
    let listed = world.store.collections().unwrap();
    assert_eq!(listed[0].total, Some(crate::adapter::api::Total { count: 3, exact: true }));
    let shown: Vec<bool> = listed[0].extremes.iter().map(Option::is_some).collect();
    assert_eq!(shown, [false, true, true, false, true, true]);
}
