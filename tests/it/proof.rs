//! What a data protection officer does with the log: certificates, exports, heads kept elsewhere, keys.

mod bad_input;
mod disk_full;
mod independent;
mod personal;
mod publish;
mod server;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture::{Fixture, Said, said};

const DUE: usize = 120;
const KEPT: usize = 9;

/// A command as on another machine: no configuration, no state.
fn elsewhere(words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
    command.args(["--config", "/nonexistent/forfall.toml", "--format", "json"]).args(words);
    command.env_remove("FORFALL_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null());
    said(command.output().unwrap())
}

fn configured(more: &str) -> Fixture {
    let fixture = Fixture::new(DUE, KEPT);
    let config = fs_err::read_to_string(fixture.path("forfall.toml")).unwrap();
    let (top, stores) = config.split_once("\n\n").unwrap();
    fs_err::write(fixture.path("forfall.toml"), format!("{top}\n\n{more}\n\n{stores}")).unwrap();
    fixture
}

fn run(fixture: &Fixture) {
    for policy in ["calls", "clips"] {
        fixture.approve(policy, DUE);
        fixture.run(&["run", policy]).expect(0);
    }
}

fn vkey(fixture: &Fixture) -> String {
    fixture.run(&["audit", "vkey"]).expect(0).json()["vkey"].as_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_stranger_checks_a_certificate_with_nothing_but_the_key() {
    let fixture = configured("");
    run(&fixture);
    let vkey = vkey(&fixture);
    let clip = "cam0/clip-00005.mp4";
    for (store, collection, key) in [("calls", "call_log", "7"), ("cameras", "cam{camera}/*.mp4", clip)] {
        let issued = fixture
            .run(&["audit", "certificate", "--store", store, "--collection", collection, "--key", key])
            .expect(0)
            .json();
        assert_eq!(issued["certificates"].as_array().unwrap().len(), 1, "{issued}");
        let certificate = issued["certificates"][0]["certificate"].as_str().unwrap();
        assert!(
            certificate
                .contains(&format!("The record {key} of {collection} in the store {store}\nwas deleted"))
        );
        assert!(certificate.contains("| title = "), "the rule is enclosed");
        let file = fixture.path("one.certificate");
        fs_err::write(&file, certificate).unwrap();
        let report =
            elsewhere(&["audit", "check-certificate", text(&file), "--vkey", &vkey]).expect(0).json();
        assert_eq!(
            (report["ok"].as_bool(), report["action"].as_str()),
            (Some(true), Some("delete")),
            "{report}"
        );
        let changed = certificate.replacen("was deleted", "was seleted", 1);
        fs_err::write(&file, changed).unwrap();
        elsewhere(&["audit", "check-certificate", text(&file), "--vkey", &vkey]).expect(13);
        fs_err::write(&file, certificate).unwrap();
        elsewhere(&["audit", "check-certificate", text(&file), "--vkey", "nonsense"]).expect(13);
    }
    let kept = (DUE + 3).to_string();
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", &kept];
    fixture.run(&words).expect(2);
    elsewhere(&["audit", "check-certificate", "/nonexistent", "--vkey", &vkey]).expect(2);
}

#[test]
fn an_export_is_verified_and_cosigned_elsewhere() {
    let fixture = configured("");
    run(&fixture);
    let (vkey, dir) = (vkey(&fixture), fixture.path("export"));
    fixture.run(&["audit", "export", text(&dir)]).expect(0);
    let report = elsewhere(&["audit", "verify", text(&dir), "--vkey", &vkey]).expect(0).json();
    assert_eq!(report["ok"], true, "{report}");
    let (key, last) = (fixture.path("officer.key"), fixture.path("last"));
    let words = ["audit", "cosign", text(&dir), "--key", text(&key), "--last", text(&last), "--vkey", &vkey];
    elsewhere(&words).expect(2);
    let with_key = [&words[..], &["--new-key", "dpo.example.org"]].concat();
    let cosigned = elsewhere(&with_key).expect(0).json();
    let cosigner = cosigned["cosigner"].as_str().unwrap().to_owned();
    fixture.run(&["pause"]).expect(0);
    fixture.run(&["audit", "export", text(&dir)]).expect(0);
    let second = elsewhere(&words).expect(0).json();
    assert_eq!(second["last"], cosigned["size"]);
    elsewhere(&["audit", "verify", text(&dir), "--vkey", &vkey, "--since", text(&last)]).expect(0);
    // A certificate under the cosigned head lists the cosigner.
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", "7"];
    let issued = fixture.run(&[&words[..], &["--head", text(&last)]].concat()).expect(0).json();
    let file = fixture.path("one.certificate");
    fs_err::write(&file, issued["certificates"][0]["certificate"].as_str().unwrap()).unwrap();
    let words = ["audit", "check-certificate", text(&file), "--vkey", &vkey, "--cosigner", &cosigner];
    let report = elsewhere(&words).expect(0).json();
    assert_eq!(report["cosigners"][0]["verified"], true, "{report}");
    // A truncated export is told as such.
    let bundle = dir.join("tile/entries/000.p");
    let bundle = fs_err::read_dir(bundle).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    for bundle in fs_err::read_dir(bundle.parent().unwrap()).unwrap() {
        let bundle = bundle.unwrap().path();
        let bytes = fs_err::read(&bundle).unwrap();
        fs_err::write(&bundle, &bytes[..bytes.len() / 2]).unwrap();
    }
    let report = elsewhere(&["audit", "verify", text(&dir), "--vkey", &vkey]).expect(13).json();
    assert!(report["problems"].to_string().contains("cut off"), "{report}");
}

#[test]
fn a_state_from_an_old_backup_does_nothing_until_it_is_recovered() {
    let fixture = configured("[audit]\npublish = { directory = \"published\" }");
    fixture.approve("calls", DUE);
    let (live, backup) = (fixture.path("state/state.db"), fixture.path("backup.db"));
    fs_err::copy(&live, &backup).unwrap();
    let old = vkey(&fixture);
    fixture.run(&["run", "calls"]).expect(0);
    for end in ["-wal", "-shm"] {
        let _ = fs_err::remove_file(format!("{}{end}", live.display()));
    }
    fs_err::copy(&backup, &live).unwrap();
    let published = fs_err::read_to_string(fixture.path("published/checkpoint")).unwrap();
    let refused = fixture.run(&["run", "clips"]).expect(11);
    assert!(refused.err.contains("audit recover"), "{}", refused.err);
    fixture.run(&["pause"]).expect(11);
    assert_eq!(fs_err::read_to_string(fixture.path("published/checkpoint")).unwrap(), published);
    fixture.run(&["audit", "recover", "--yes"]).expect(0);
    let new = vkey(&fixture);
    assert_ne!(old, new);
    fixture.approve("clips", DUE);
    fixture.run(&["run", "clips"]).expect(0);
    fixture.run(&["audit", "verify"]).expect(0);
    let lost = fixture.path("lost");
    fs_err::write(&lost, published).unwrap();
    let report = fixture.run(&["audit", "verify", "--since", text(&lost)]).expect(13).json();
    assert!(report["problems"].to_string().contains("were lost"), "{report}");
    fixture.run(&["audit", "recover", "--yes"]).expect(2);
}

#[test]
fn keys_follow_one_another_and_an_epoch_can_be_destroyed() {
    let fixture = configured("");
    run(&fixture);
    let first = vkey(&fixture);
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", "7"];
    let issued = fixture.run(&words).expect(0).json();
    let file = fixture.path("one.certificate");
    fs_err::write(&file, issued["certificates"][0]["certificate"].as_str().unwrap()).unwrap();
    fixture.run(&["audit", "keys", "rotate", "--overlap", "7 days"]).expect(0);
    fixture.run(&["audit", "keys", "rotate", "--epoch"]).expect(0);
    let keys = fixture.run(&["audit", "keys", "list"]).expect(0).json();
    assert_eq!((keys["log"].as_array().unwrap().len(), keys["epochs"].as_array().unwrap().len()), (2, 2));
    fixture.run(&["audit", "keys", "destroy", "1"]).expect(2);
    let hold = fixture.run(&["hold", "add", "--store", "audit-log", "--reason", "case-17"]).expect(0).json();
    fixture.run(&["audit", "keys", "destroy", "1", "--yes"]).expect(11);
    fixture.end_of_hold(hold["hold"]["hold"].as_str().unwrap());
    let refused = fixture.run(&["audit", "keys", "destroy", "1", "--yes"]).expect(11);
    assert!(refused.err.contains("has not ended"), "{}", refused.err);
    let destroyed = fixture.run(&["audit", "keys", "destroy", "1", "--yes", "--early"]).expect(0).json();
    assert_eq!(destroyed["manifests"], 2, "{destroyed}");
    let refused = fixture.run(&words).expect(12).json();
    assert!(refused["refused"][0]["reason"].as_str().unwrap().contains("was destroyed"), "{refused}");
    let prune = fixture.entries().iter().position(|entry| entry["kind"] == "prune").unwrap().to_string();
    let shown = fixture.run(&["audit", "show", &prune]).expect(0).json();
    assert_eq!(shown["entry"]["body"]["early"], true, "{shown}");
    fixture.run(&["audit", "verify"]).expect(0);
    elsewhere(&["audit", "check-certificate", text(&file), "--vkey", &first]).expect(0);
}

#[test]
fn the_log_can_be_filtered_paged_and_put_into_a_spreadsheet() {
    let fixture = configured("");
    run(&fixture);
    let csv = fixture.run(&["audit", "list", "--csv", "--kind", "intent"]).expect(0).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("index,time,kind,policy") && lines[1].contains(",intent,calls,"), "{csv}");
    let all = fixture.entries();
    let of = |words: &[&str]| -> usize {
        let said = fixture.run(&[&["audit", "list"], words].concat()).expect(0).json();
        said["entries"].as_array().unwrap().len()
    };
    assert_eq!(of(&["--action", "delete"]), 2);
    let batch = all.iter().find(|entry| entry["kind"] == "intent").unwrap()["batch"].as_str().unwrap();
    assert_eq!(of(&["--batch", batch]), 2);
    assert_eq!(of(&["--before", "3"]), 3);
    assert_eq!(of(&["--before", "3", "--limit", "2"]), 2);
    let index = all.iter().position(|entry| entry["kind"] == "intent").unwrap().to_string();
    let mut plain = Command::new(env!("CARGO_BIN_EXE_forfall"));
    plain.arg("--config").arg(fixture.path("forfall.toml")).args(["audit", "show", &index]);
    let shown = said(plain.env("NO_COLOR", "1").output().unwrap()).expect(0).out;
    assert!(shown.contains("worded then") && shown.contains("title = \"Switchboard call log\""), "{shown}");
}

#[test]
fn what_people_type_must_not_name_people() {
    let fixture = configured("");
    for reason in ["asked by ola@example.no", "phone 99887766", "fnr 01019012345"] {
        let said = fixture.run(&["hold", "add", "--store", "calls", "--reason", reason]).expect(2);
        assert!(said.err.contains("--reason"), "{}", said.err);
        let words = ["hold", "add", "--store", "calls", "--reason", "case-1", "--authority", reason];
        fixture.run(&words).expect(2);
    }
    fixture.run(&["hold", "add", "--store", "calls", "--reason", "case 2026/17"]).expect(0);
}
