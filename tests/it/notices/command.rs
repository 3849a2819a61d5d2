//! Programs as a way to tell people.

use super::tell;
use crate::cli::forfall;
use crate::fixture::Fixture;

fn tables(run: &str) -> String {
    format!(
        "[notify.command.page]\nrun = {run}\ntimeout-seconds = 1\n\n[notify.role.everybody]\ncommand = \"page\"\n\
         every-policy = true\n"
    )
}

#[test]
fn a_program_gets_the_message_on_its_standard_input() {
    let fixture = Fixture::new(1, 1);
    let file = fixture.path("told.json");
    tell(&fixture, &tables(&format!("[\"/usr/bin/tee\", {:?}]", file.display().to_string())));
    forfall(&fixture, &["notify", "test"]).expect(0);
    let told: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&told["type"], &told["data"]["notice"]), (&"forfall.trial".into(), &"trial".into()));
}

fn answer(fixture: &Fixture) -> String {
    let trials = fixture.run(&["notify", "test"]).expect(12).json();
    trials["trials"][0]["answer"].as_str().unwrap().to_owned()
}

#[test]
fn one_that_fails_says_why_and_one_that_hangs_is_ended() {
    let fixture = Fixture::new(1, 1);
    tell(&fixture, &tables("[\"/bin/sh\", \"-c\", \"echo no pager today >&2; exit 3\"]"));
    let said = answer(&fixture);
    assert!(said.contains("exit status: 3: no pager today"), "{said}");
    tell(&fixture, &tables("[\"/usr/bin/tail\", \"-f\", \"/dev/null\"]"));
    let said = answer(&fixture);
    assert!(said.contains("still running after 1 s"), "{said}");
    tell(&fixture, &tables("[\"/nonexistent/page\"]"));
    let said = answer(&fixture);
    assert!(said.contains("/nonexistent/page cannot be started"), "{said}");
}
