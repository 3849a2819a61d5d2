use super::*;
use crate::adapter::secret::Secret;

const CONFIG: &str = r#"
timezone = "Europe/Oslo"
schedule = "0 4 * * *"
grace    = "12 hours"
state    = "sqlite:state/state.db"
policies = "policies"

[store.switchboard]
adapter  = "sqlite"
path     = "cdr.db"
earliest = "1995-01-01"

[store.cctv]
adapter = "filesystem"
root    = "cctv"
"#;

const CALLS: &str = r#"
title = "Call log"
owner = "it-operations"

[[data]]
store        = "switchboard"
collection   = "call_log"
start.field  = "called_at"
start.format = "rfc3339"

[[stage]]
after  = "30 days"
action = "delete"
"#;

/// Writes the files into a new directory and loads `forfall.toml` from it.
fn loaded(files: &[(&str, &str)]) -> (tempfile::TempDir, Loaded) {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("policies")).unwrap();
    for (name, text) in files {
        fs_err::write(dir.path().join(name), text).unwrap();
    }
    let loaded = load(&dir.path().join("forfall.toml"), "2026-11-20".parse().unwrap());
    (dir, loaded)
}

fn messages(loaded: &Loaded) -> Vec<&str> {
    loaded.diagnostics.iter().map(|found| found.message.as_str()).collect()
}

#[track_caller]
fn refused(config: &str, message: &str) {
    let (_dir, loaded) = loaded(&[("forfall.toml", config), ("policies/calls.toml", CALLS)]);
    assert!(!loaded.is_sound() && loaded.config.is_none(), "accepted");
    let all = messages(&loaded);
    assert!(all.iter().any(|found| found.contains(message)), "{all:?}");
    assert!(loaded.diagnostics.iter().all(|found| found.help.is_some()), "{all:?}");
}

#[test]
fn everything_is_read_and_paths_count_from_the_file() {
    let (dir, loaded) = loaded(&[("forfall.toml", CONFIG), ("policies/calls.toml", CALLS)]);
    assert!(loaded.is_sound(), "{:?}", loaded.diagnostics);
    let config = loaded.config.unwrap();
    assert_eq!(config.state, dir.path().join("state/state.db"));
    assert_eq!(config.policies, dir.path().join("policies"));
    assert_eq!(config.defaults.grace.hours, 12);
    let switchboard = config.store(&crate::model::ids::StoreName::new("switchboard")).unwrap();
    assert_eq!(switchboard.adapter, "sqlite");
    assert_eq!(switchboard.place.path(), Some(&*dir.path().join("cdr.db")));
    let policy = &loaded.policies[0];
    assert_eq!(policy.id.as_str(), "calls");
    let start = policy.data[0].branches[0].stages[0].start.as_ref().unwrap();
    assert_eq!(start.earliest, "1995-01-01".parse().unwrap());
    assert_eq!(policy.grace.hours, 12);
}

#[test]
fn errors_of_all_files_come_together() {
    let broken = CONFIG.replace("12 hours", "12").replace("\"filesystem\"", "\"filesytem\"");
    let policy = CALLS.replace("30 days", "30");
    let (_dir, loaded) =
        loaded(&[("forfall.toml", &broken), ("policies/a.toml", &policy), ("policies/b.toml", "x = 1\n")]);
    let all = messages(&loaded);
    for expected in ["12", "filesytem", "30", "unknown key `x`", "no `title`"] {
        assert!(all.iter().any(|message| message.contains(expected)), "{expected}: {all:?}");
    }
    assert!(loaded.policies.is_empty());
}

#[test]
fn one_wrong_policy_leaves_the_others() {
    let (_dir, loaded) = loaded(&[
        ("forfall.toml", CONFIG),
        ("policies/calls.toml", CALLS),
        ("policies/wrong.toml", "title = 5\n"),
    ]);
    assert!(!loaded.is_sound() && loaded.config.is_some());
    assert_eq!(loaded.policies.len(), 1);
}

#[test]
fn stores_are_read_by_their_adapter() {
    refused(&CONFIG.replace("\"sqlite\"", "\"sqllite\""), "there is no adapter `sqllite`");
    refused(&CONFIG.replace("\"sqlite\"", "\"mysql\""), "unknown key `path`");
    refused(&CONFIG.replace("adapter = \"filesystem\"\n", ""), "has no `adapter`");
    refused(&CONFIG.replace("path     =", "root     ="), "unknown key `root` in `[store.switchboard]`");
    refused(&CONFIG.replace("path     = \"cdr.db\"\n", ""), "has no `path`");
    refused(&CONFIG.replace("1995-01-01", "01.01.1995"), "is not a date");
    refused(&CONFIG.replace("[store.cctv]", "[store.\"c c\"]"), "no name for a store");
    refused(&CONFIG.replace("[store.cctv]", "grace = \"1 day\"\n[store.cctv]"), "unknown key `grace`");
}

#[test]
fn the_state_is_never_a_store() {
    refused(&CONFIG.replace("cdr.db", "./state/state.db"), "is the state file itself");
    refused(&CONFIG.replace("root    = \"cctv\"", "root    = \"state\""), "the state file lies inside");
    refused(&CONFIG.replace("root    = \"cctv\"", "root    = \".\""), "the state file lies inside");
    refused(&format!("{CONFIG}\n[store.again]\nadapter = \"sqlite\"\npath = \"cdr.db\"\n"), "are the same");
    refused(
        &format!("{CONFIG}\n[store.inner]\nadapter = \"filesystem\"\nroot = \"cctv/new\"\n"),
        "inside the other",
    );
}

#[test]
fn the_state_is_found_behind_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join("policies")).unwrap();
    fs_err::create_dir_all(dir.path().join("state")).unwrap();
    fs_err::write(dir.path().join("state/state.db"), "").unwrap();
    std::os::unix::fs::symlink("state/state.db", dir.path().join("cdr.db")).unwrap();
    fs_err::write(dir.path().join("forfall.toml"), CONFIG).unwrap();
    let loaded = load(&dir.path().join("forfall.toml"), "2026-11-20".parse().unwrap());
    assert!(messages(&loaded).iter().any(|message| message.contains("is the state file itself")));
}

#[test]
fn what_must_be_there_is_asked_for() {
    refused(&CONFIG.replace("timezone = \"Europe/Oslo\"\n", ""), "has no `timezone`");
    refused(&CONFIG.replace("state    = \"sqlite:state/state.db\"\n", ""), "has no `state`");
    refused(&CONFIG.replace("sqlite:state", "postgres://host"), "cannot be kept on a server yet");
    refused(&CONFIG.replace("sqlite:state/state.db", "state.db"), "no place for the state");
    refused(&CONFIG.replace("Europe/Oslo", "Oslo"), "there is no time zone");
    let (_dir, loaded) = loaded(&[]);
    assert!(!loaded.is_sound() && loaded.diagnostics.len() == 1);
}

#[test]
fn legal_bases_supply_the_minimum_and_are_dated() {
    let bases = "[bokforing-13]\ntitle = \"Bookkeeping act section 13\"\nkeep-at-least = \"5 years\"\n\
                 [old]\ntitle = \"Archive act 1992\"\nvalid-until = \"2025-12-31\"\n";
    let lawful = CALLS.replace("[[data]]", "law = \"bokforing-13\"\n[[data]]").replace("30 days", "6 years");
    let (_dir, one) =
        loaded(&[("forfall.toml", CONFIG), ("policies/bases.toml", bases), ("policies/a.toml", &lawful)]);
    assert!(one.is_sound(), "{:?}", one.diagnostics);
    assert_eq!(one.policies[0].keep_at_least, Some("5 years".parse().unwrap()));
    let ended = lawful.replace("bokforing-13", "old");
    let (_dir, other) =
        loaded(&[("forfall.toml", CONFIG), ("policies/bases.toml", bases), ("policies/a.toml", &ended)]);
    assert!(other.is_sound() && messages(&other)[0].contains("ended on 2025-12-31"));
    let wrong = "[bokforing-13]\nkeep-at-leest = \"5 years\"\n";
    let (_dir, third) =
        loaded(&[("forfall.toml", CONFIG), ("policies/bases.toml", wrong), ("policies/a.toml", &lawful)]);
    assert!(messages(&third).iter().any(|message| message.contains("unknown key `keep-at-leest`")));
}

const SERVER: &str = r#"
[store.hr]
adapter     = "postgres"
url         = { credential = "hr-db" }
planner-url = "postgres://reader@db/hr"
parallel    = 2
tls         = "verify"
ca          = "ca.pem"
"#;

#[test]
fn mistakes_about_a_server_are_told_where_they_stand() {
    let with = |was: &str, is: &str| {
        assert!(SERVER.contains(was));
        format!("{CONFIG}{}", SERVER.replace(was, is))
    };
    refused(&with("url         = { credential = \"hr-db\" }", ""), "the store `hr` has no `url`");
    refused(&with("{ credential = \"hr-db\" }", "{ credential = \"a\", env = \"B\" }"), "exactly one place");
    refused(&with("{ credential = \"hr-db\" }", "{ credential = \"../a\" }"), "no name for a credential");
    refused(&with("{ credential = \"hr-db\" }", "{ secret = \"a\" }"), "unknown key `secret`");
    refused(&with("{ credential = \"hr-db\" }", "5"), "expected a URL");
    refused(&with("reader@db", "reader:hidden@db"), "a password does not belong into this file");
    refused(&with("postgres://reader", "mysql://reader"), "not `mysql`");
    refused(&with("parallel    = 2", "parallel = 0"), "out of range");
    refused(&with("parallel    = 2", "parallel = 64"), "too many");
    refused(&with("\"verify\"", "\"prefer\""), "no way to protect a connection");
    refused(&with("\"verify\"", "\"off\""), "means nothing without encryption");
    refused(&with("\"verify\"", "\"verify\"\npace = \"slow\""), "`slow` is no pace");
    let lag = |text: &str| with("parallel    = 2", &format!("parallel = 2\nmax-replica-lag = \"{text}\""));
    refused(&lag("30"), "no time to wait for replicas");
    let slow = lag("30 seconds").replace("\"postgres", "\"mysql").replace("parallel = 2\n", "");
    refused(&slow, "`max-replica-lag` means nothing without `replicas`");
    let replicas = |text: &str| with("parallel    = 2", &format!("replicas = [\"{text}\"]"));
    refused(&replicas("postgres://db2/hr"), "`replicas` is for MySQL and MariaDB");
    let asked = |text: &str| replicas(text).replace("\"postgres", "\"mysql");
    refused(&asked("mysql://watcher:hidden@db2"), "a password does not belong into this file");
    refused(&asked("http://db2"), "not `http`");
    refused(&with("url         =", "uri ="), "unknown key `uri`");
}

#[test]
fn replicas_are_named_like_the_server_itself() {
    let lagging = "max-replica-lag = \"30 seconds\"\nreplicas = [\"mysql://watcher@db2\", { env = \"DB3\" }]";
    let text = SERVER.replace("postgres", "mysql").replace("parallel    = 2", lagging);
    let (_dir, loaded) = loaded(&[("forfall.toml", &format!("{CONFIG}{text}"))]);
    assert!(loaded.is_sound(), "{:?}", loaded.diagnostics);
    let config = loaded.config.unwrap();
    let hr = config.stores.iter().find(|store| store.name.as_str() == "hr").unwrap();
    let expected = [Secret::Plain("mysql://watcher@db2".to_owned()), Secret::Env("DB3".to_owned())];
    assert_eq!(hr.place.server().unwrap().replicas, expected);
}

#[test]
fn a_password_is_never_repeated() {
    let config = format!("{CONFIG}{}", SERVER.replace("reader@db", "reader:hidden@db"));
    let (_dir, loaded) = loaded(&[("forfall.toml", &config)]);
    assert!(!format!("{:?}", loaded.diagnostics).contains("hidden"));
}

#[test]
fn one_file_under_two_names_is_one_store() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(dir.path().join("policies")).unwrap();
    fs_err::create_dir_all(dir.path().join("state")).unwrap();
    let told = |config: &str| {
        fs_err::write(dir.path().join("forfall.toml"), config).unwrap();
        let loaded = load(&dir.path().join("forfall.toml"), "2026-11-20".parse().unwrap());
        loaded.diagnostics.iter().map(|found| found.message.clone()).collect::<Vec<_>>()
    };
    fs_err::write(dir.path().join("cdr.db"), "").unwrap();
    fs_err::hard_link(dir.path().join("cdr.db"), dir.path().join("copy.db")).unwrap();
    let twice = told(&format!("{CONFIG}\n[store.again]\nadapter = \"sqlite\"\npath = \"copy.db\"\n"));
    assert!(twice.iter().any(|message| message.contains("are the same")), "{twice:?}");
    fs_err::hard_link(dir.path().join("cdr.db"), dir.path().join("state/state.db")).unwrap();
    let state = told(CONFIG);
    assert!(state.iter().any(|message| message.contains("is the state file itself")), "{state:?}");
}
