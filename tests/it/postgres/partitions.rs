//! Whole partitions: dropped, proven, and safe against a kill between any two steps.

use std::os::unix::process::ExitStatusExt as _;

use super::{DUE, Desk, KEPT, POLICY, sql};

/// Two partitions that are due as a whole, of which the older one has all records but 100, and one that is not.
fn desk() -> Desk {
    let desk = Desk::with(&format!(
        "CREATE TABLE visits (id bigint, at timestamptz, who text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         DO $$ DECLARE today timestamptz := date_trunc('day', now(), 'Europe/Oslo'); BEGIN \
           EXECUTE format('CREATE TABLE older PARTITION OF visits FOR VALUES FROM (MINVALUE) TO (%L)', \
             today - interval '50 days'); \
           EXECUTE format('CREATE TABLE old PARTITION OF visits FOR VALUES FROM (%L) TO (%L)', \
             today - interval '50 days', today - interval '35 days'); \
           EXECUTE format('CREATE TABLE new PARTITION OF visits FOR VALUES FROM (%L) TO (MAXVALUE)', \
             today - interval '35 days'); \
         END $$; \
         INSERT INTO visits SELECT n, now() - CASE WHEN n <= {} THEN interval '60 days' \
           WHEN n <= {DUE} THEN interval '40 days' ELSE interval '3 days' END, 'visitor ' || n \
           FROM generate_series(1, {}) n; ANALYZE visits",
        DUE - 100,
        DUE + KEPT
    ));
    desk.write("policies/visits.toml", &POLICY.replace("[[stage]]", "drop-partitions = true\n\n[[stage]]"));
    desk
}

fn partitions(desk: &Desk) -> Vec<String> {
    let all =
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'visits'::regclass ORDER BY 1";
    sql(&desk.database, all)
}

/// How many records each outcome names.
fn outcomes(desk: &Desk) -> Vec<u64> {
    let entries = desk.run(&["audit", "list", "--kind", "outcome"]).expect(0).json();
    entries["entries"].as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).collect()
}

#[test]
fn a_partition_goes_whole_and_each_record_of_it_is_proven() {
    let desk = desk();
    let plan = desk.run(&["plan"]).expect(0).json();
    assert!(plan["policies"][0]["stages"][0]["route"].as_str().unwrap().contains("as a whole"), "{plan}");
    // What was read before the drop is what the certificate is asked for.
    let at = sql(&desk.database, "SET timezone = 'UTC'; SELECT at::text FROM visits WHERE id = 17").remove(0);
    desk.approve();
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert_eq!(run["runs"][0]["state"], "complete", "{run}");
    assert_eq!(run["runs"][0]["stages"][0]["done"], DUE);
    assert!(run.to_string().contains("older was dropped whole, with 2500 records"), "{run}");
    assert_eq!((partitions(&desk), desk.visits()), (vec!["new".to_owned()], KEPT.to_string()));
    let mut done = outcomes(&desk);
    done.sort_unstable();
    assert_eq!(done, [100, DUE as u64 - 100], "one batch for each partition");
    desk.verified();
    let key = serde_json::json!([17, at]).to_string();
    let words = ["audit", "certificate", "--store", "desk", "--collection", "visits", "--key", &key];
    let issued = desk.run(&words).expect(0).json();
    desk.write("certificate", issued["certificates"][0]["certificate"].as_str().unwrap());
    let file = desk.dir.path().join("certificate");
    let vkey = desk.run(&["audit", "vkey"]).expect(0).json()["vkey"].as_str().unwrap().to_owned();
    let checked =
        desk.run(&["audit", "check-certificate", file.to_str().unwrap(), "--vkey", &vkey]).expect(0);
    assert_eq!(checked.json()["ok"], true, "{}", checked.out);
}

#[test]
fn a_held_record_keeps_its_partition_and_the_others_of_it_go() {
    let desk = desk();
    desk.approve();
    let at = sql(&desk.database, "SET timezone = 'UTC'; SELECT at::text FROM visits WHERE id = 17").remove(0);
    let key = serde_json::json!([17, at]).to_string();
    let words =
        ["hold", "add", "--store", "desk", "--collection", "visits", "--key", &key, "--reason", "case-17"];
    desk.run(&words).expect(0);
    let run = desk.run(&["run", "visits"]).expect(0).json();
    assert!(run.to_string().contains("partition `older` was not dropped whole: "), "{run}");
    assert!(run.to_string().contains("(1 held)"), "{run}");
    assert_eq!(run["runs"][0]["stages"][0]["done"], DUE - 1);
    assert_eq!(partitions(&desk), ["new", "older"]);
    assert_eq!(sql(&desk.database, "SELECT id FROM older"), ["17"]);
    desk.verified();
}

#[test]
fn a_drop_survives_a_kill_between_any_two_steps() {
    for place in ["prepared", "manifest", "intent", "committed", "outcome", "intent:2", "committed:2"] {
        let desk = desk();
        desk.approve();
        let output = desk.command(&["run", "visits"]).env("FORFALL_CRASH_AT", place).output().unwrap();
        assert_eq!(
            output.status.signal(),
            Some(9),
            "at {place}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let run = desk.run(&["run", "visits"]).expect(0).json();
        assert_eq!(run["runs"][0]["state"], "complete", "at {place}: {run}");
        let verified = desk.verified();
        assert_eq!(verified["intents"], verified["outcomes"], "at {place}");
        assert_eq!(outcomes(&desk).iter().sum::<u64>(), DUE as u64, "at {place}: each record once");
        assert_eq!(
            (partitions(&desk), desk.visits()),
            (vec!["new".to_owned()], KEPT.to_string()),
            "at {place}"
        );
    }
}

#[test]
fn a_table_that_is_not_divided_so_is_refused() {
    let desk = Desk::new();
    desk.write("policies/visits.toml", &POLICY.replace("[[stage]]", "drop-partitions = true\n\n[[stage]]"));
    super::complains(
        &desk,
        &["`visits` is not divided into partitions by ranges", "remove `drop-partitions`"],
    );
    sql(
        &desk.database,
        "DROP TABLE visits; CREATE TABLE visits (id bigint, at timestamptz, seen timestamptz, \
           PRIMARY KEY (id, seen)) PARTITION BY RANGE (seen)",
    );
    super::complains(&desk, &["`visits` is divided by `seen`, from which no stage that deletes counts"]);
}
