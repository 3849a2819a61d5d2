//! What a data protection officer may be handed instead of the real thing, and what is said of it.

use std::path::{Path, PathBuf};

use forfall::audit::entry::Body;
use forfall::audit::note::LogKey;
use forfall::state::api::StateStore;
use forfall::state::export;
use forfall::state::memory::MemoryState;

use super::{DUE, configured, elsewhere, run, text, vkey};
use crate::fixture::Fixture;

/// An export of 300 entries, and the log's key.
fn exported(dir: &Path) -> String {
    let start = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let state = MemoryState::new(start);
    while state.log_head().unwrap().0 < 300 {
        state.append(start, Body::Heartbeat {}).unwrap();
    }
    export::export(&state, dir).unwrap();
    state.verifier_key().unwrap().trim().to_owned()
}

/// Every file of an export apart from the key that lies there for convenience.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("vkey") {
            found.push(path);
        }
    }
    found
}

#[track_caller]
fn problems(dir: &Path, vkey: &str) -> String {
    elsewhere(&["audit", "verify", text(dir), "--vkey", vkey]).expect(13).json()["problems"].to_string()
}

#[test]
fn a_wrong_or_missing_key_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let key = exported(dir.path());
    let missing = elsewhere(&["audit", "verify", text(dir.path())]).expect(2);
    assert!(missing.err.contains("--vkey"), "{}", missing.err);
    let other = LogKey::new(key.split('+').next().unwrap(), &[3; 32]).unwrap().verifier().to_string();
    assert!(problems(dir.path(), &other).contains("has no signature of"), "another key of the same name");
    let stranger = LogKey::new("somebody.else", &[3; 32]).unwrap().verifier().to_string();
    let said = problems(dir.path(), &stranger);
    assert!(said.contains("has no signature of somebody.else") && said.contains("another log"), "{said}");
    for bad in ["", "nonsense", &key[..key.len() - 3], &key.replace('+', "-")] {
        assert!(problems(dir.path(), bad).contains("NAME+HASH+KEY"), "{bad}");
    }
    // The key's first byte names the kind of its signatures: 0x01 is Ed25519, 0x07 is nothing that we know.
    let unknown = key_of_kind(&key, 7);
    let said = problems(dir.path(), &unknown);
    assert!(said.contains("signatures of type 0x07"), "{said}");
}

/// The same key under another kind, with the hash that belongs to it.
fn key_of_kind(vkey: &str, kind: u8) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};
    let parts: Vec<&str> = vkey.splitn(3, '+').collect();
    let mut key = STANDARD.decode(parts[2]).unwrap();
    key[0] = kind;
    let id = Sha256::digest([parts[0].as_bytes(), b"\n", &key].concat());
    let id = u32::from_be_bytes([id[0], id[1], id[2], id[3]]);
    format!("{}+{id:08x}+{}", parts[0], STANDARD.encode(key))
}

#[test]
fn every_file_of_an_export_that_is_missing_cut_off_or_changed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let key = exported(dir.path());
    let verify = |dir: &Path| elsewhere(&["audit", "verify", text(dir), "--vkey", &key]);
    verify(dir.path()).expect(0);
    let all = files(dir.path());
    assert_eq!(all.len(), 6, "{all:?}");
    for path in all {
        let whole = fs_err::read(&path).unwrap();
        let mut changed = whole.clone();
        let middle = whole.len() / 2;
        changed[middle] ^= 4;
        for bad in
            [Some(&whole[..middle]), Some(&whole[..whole.len() - 1]), Some(&changed[..]), Some(b""), None]
        {
            match bad {
                Some(bytes) => fs_err::write(&path, bytes).unwrap(),
                None => fs_err::remove_file(&path).unwrap(),
            }
            let said = verify(dir.path());
            let code = if bad.is_none() && path.ends_with("checkpoint") { 2 } else { 13 };
            assert_eq!(said.code, Some(code), "{}: {}{}", path.display(), said.out, said.err);
            if code == 13 {
                assert!(!said.json()["problems"].as_array().unwrap().is_empty());
            }
        }
        fs_err::write(&path, whole).unwrap();
    }
    verify(dir.path()).expect(0);
}

#[test]
fn a_newer_format_is_told_as_such() {
    let log = LogKey::new("forfall/0f0f0f0f", &[7; 32]).unwrap();
    let newer = br#"{"form":"unheard of","v":2}"#;
    let head = log.sign(1, forfall::audit::tree::leaf_hash(newer));
    let report = forfall::audit::verify::verify([newer], &head, &log.verifier().to_string(), None);
    assert!(
        report.problems[0].text.contains("format version 2")
            && report.problems[0].text.contains("newer forfall")
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.certificate");
    fs_err::write(&file, "forfall-certificate/v9\n\nwords\nsha256 00\n").unwrap();
    let key = log.verifier().to_string();
    let said = elsewhere(&["audit", "check-certificate", text(&file), "--vkey", &key]).expect(13);
    assert!(said.out.contains("format version 9") && said.out.contains("newer forfall"), "{}", said.out);
    fs_err::write(&file, b"\xff\xfe not text").unwrap();
    let said = elsewhere(&["audit", "check-certificate", text(&file), "--vkey", &key]);
    assert!(matches!(said.code, Some(2 | 13)) && !said.err.contains("panicked"), "{}{}", said.out, said.err);
}

fn certificate(fixture: &Fixture, code: i32) -> serde_json::Value {
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", "7"];
    fixture.run(&words).expect(code).json()
}

#[test]
fn an_unreadable_list_refuses_its_batch_and_says_why() {
    let fixture = configured("");
    run(&fixture);
    let issued = certificate(&fixture, 0);
    let text = issued["certificates"][0]["certificate"].as_str().unwrap();
    let found = forfall::audit::certificate::Certificate::parse(text).unwrap();
    let intent: serde_json::Value = serde_json::from_slice(&found.intent.leaf).unwrap();
    let list =
        fixture.path(&format!("state/manifests/{}", intent["body"]["label"]["batch"].as_str().unwrap()));
    let whole = fs_err::read(&list).unwrap();
    let mut swapped = whole.clone();
    // Another commitment in the place of one that is not the record's: the search still finds it.
    let other = usize::try_from((found.place + 1) % DUE as u64).unwrap();
    let at = whole.len() - DUE * 32 + other * 32;
    swapped[at + 31] ^= 1;
    for (bad, why) in [
        (Some(b"not a list".to_vec()), "first line"),
        (Some(whole[..whole.len() - 32].to_vec()), "cut off"),
        (Some(whole[..whole.len() - 5].to_vec()), "cut off"),
        (Some(swapped), "does not lead to the root"),
        (None, "list of commitments"),
    ] {
        match bad {
            Some(bytes) => fs_err::write(&list, bytes).unwrap(),
            None => fs_err::remove_file(&list).unwrap(),
        }
        let issued = certificate(&fixture, 12);
        let reason = issued["refused"][0]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(why), "{why}: {issued}");
        assert_eq!(issued["certificates"], serde_json::json!([]), "{why}");
    }
    fs_err::write(&list, whole).unwrap();
    certificate(&fixture, 0);
}

#[test]
fn a_certificate_with_any_byte_changed_does_not_hold() {
    let fixture = configured("");
    run(&fixture);
    let vkey = vkey(&fixture);
    let issued = certificate(&fixture, 0);
    let text = issued["certificates"][0]["certificate"].as_str().unwrap().as_bytes();
    let check = |bytes: &[u8]| {
        std::str::from_utf8(bytes).is_ok_and(|text| forfall::audit::certificate::check(text, &vkey, &[]).ok)
    };
    assert!(check(text));
    for place in 0..text.len() {
        let mut changed = text.to_vec();
        changed[place] ^= 1;
        assert!(!check(&changed), "byte {place}");
        changed.remove(place);
        assert!(!check(&changed), "without byte {place}");
    }
}

/// What `keys destroy` cannot destroy is not said to be destroyed.
#[test]
fn a_key_that_comes_as_a_credential_is_used_and_is_not_ours_to_destroy() {
    let fixture = configured("");
    run(&fixture);
    let keys = fixture.path("credentials");
    fs_err::create_dir(&keys).unwrap();
    fs_err::rename(fixture.path("state/keys/epoch-1.key"), keys.join("forfall-epoch-1")).unwrap();
    let issued = certificate(&fixture, 12);
    assert!(issued["refused"][0]["reason"].as_str().unwrap().contains("epoch-1.key"), "{issued}");
    let with = |words: &[&str]| {
        let output = fixture.command(words).env("CREDENTIALS_DIRECTORY", &keys).output().unwrap();
        crate::fixture::said(output)
    };
    let words = ["audit", "certificate", "--store", "calls", "--collection", "call_log", "--key", "7"];
    with(&words).expect(0);
    with(&["audit", "keys", "rotate", "--epoch"]).expect(0);
    let refused = with(&["audit", "keys", "destroy", "1", "--yes", "--early"]).expect(11);
    assert!(refused.err.contains("systemd credential forfall-epoch-1"), "{}", refused.err);
    with(&words).expect(0);
}
