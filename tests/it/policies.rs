//! Every file under `tests/policies` is a test: valid ones compile without a finding, and for each invalid one what is
//! shown to its author is kept as a snapshot beside it.

use std::path::{Path, PathBuf};

use forfall::config::diagnostic::{Sources, render};
use forfall::model::ids::{PolicyId, StoreName};
use forfall::policy::compile::{Basis, Compiled, Defaults, KnownStore, StoreKind, compile};
use forfall::policy::limits::limits;
use forfall::policy::overlap::overlaps;
use forfall::policy::rule::Policy;
use forfall::time::Period;

/// The stores and laws that the files may name.
fn defaults() -> Defaults {
    let store = |name: &str, kind, published| KnownStore {
        name: StoreName::new(name),
        kind,
        published,
        earliest: None,
    };
    Defaults {
        stores: vec![
            store("switchboard", StoreKind::Rows, false),
            store("cctv", StoreKind::Files, false),
            store("recruitment", StoreKind::Rows, false),
            store("cv-files", StoreKind::Files, false),
            store("journal", StoreKind::Rows, true),
            store("archive", StoreKind::Rows, false),
        ],
        bases: vec![Basis {
            name: "bokforing-13".to_owned(),
            title: "Bookkeeping act section 13".to_owned(),
            source: None,
            valid_from: None,
            valid_until: None,
            keep_at_least: Some("5 years".parse().unwrap()),
        }],
        ..Defaults::new(
            "Europe/Oslo".parse().unwrap(),
            "0 3 * * *".parse().unwrap(),
            Period { hours: 24, ..Period::ZERO },
            "2026-11-20".parse().unwrap(),
        )
    }
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

fn compiled(path: &Path) -> (Compiled, String) {
    let text = fs_err::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap();
    let compiled = compile(path, PolicyId::new(name), &text, &defaults());
    let mut sources = Sources::default();
    sources.insert(path, text.into());
    let shown = render(&compiled.diagnostics, &sources, false);
    (compiled, shown)
}

/// Runs the policy's own tests.
#[track_caller]
fn pass(policy: &Policy) {
    for result in forfall::policy::test::run(policy) {
        assert!(result.passed, "{}: {result:#?}", policy.id);
    }
}

#[test]
fn every_valid_file_compiles_without_a_finding() {
    let files = files("tests/policies/valid");
    assert!(files.len() >= 10, "the valid files are gone");
    for path in files {
        let (compiled, shown) = compiled(&path);
        assert!(compiled.policy.is_some() && shown.is_empty(), "{}\n{shown}", path.display());
        pass(&compiled.policy.unwrap());
    }
}

#[test]
fn every_invalid_file_is_refused_and_says_why() {
    let files = files("tests/policies/invalid");
    assert!(files.len() >= 60, "the invalid files are gone");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../policies/invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in files {
        let (compiled, shown) = compiled(&path);
        assert!(compiled.policy.is_none(), "{} is accepted", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
}

#[test]
fn every_error_says_what_to_do_instead() {
    for path in files("tests/policies/invalid") {
        let (compiled, _) = compiled(&path);
        for found in compiled.diagnostics {
            assert!(found.help.is_some(), "{}: {} has no help", path.display(), found.message);
        }
    }
}

/// The stores of `forfall demo`.
fn demo() -> Defaults {
    let store = |name: &str, kind, published| KnownStore {
        name: StoreName::new(name),
        kind,
        published,
        earliest: None,
    };
    Defaults {
        stores: vec![
            store("switchboard", StoreKind::Rows, false),
            store("cctv", StoreKind::Files, false),
            store("hr", StoreKind::Rows, false),
            store("journal", StoreKind::Rows, true),
            store("archive", StoreKind::Rows, false),
        ],
        ..defaults()
    }
}

#[test]
fn the_policies_that_come_along_are_sound_and_pass_their_own_tests() {
    let files = files("policies");
    assert_eq!(files.len(), 5);
    let mut policies = Vec::new();
    for path in files {
        let text = fs_err::read_to_string(&path).unwrap();
        let id = PolicyId::new(path.file_stem().unwrap().to_str().unwrap());
        let compiled = compile(&path, id, &text, &demo());
        let mut sources = Sources::default();
        sources.insert(&path, text.into());
        let shown = render(&compiled.diagnostics, &sources, false);
        assert!(shown.is_empty(), "{shown}");
        let policy = compiled.policy.unwrap();
        assert!(policy.tests.len() >= 4, "{} has too few tests", policy.id);
        pass(&policy);
        let unmet = limits(&policy, "2026-11-20T12:00:00Z".parse().unwrap());
        assert!(unmet.is_empty(), "{unmet:?}");
        policies.push(policy);
    }
    assert!(overlaps(&policies).is_empty());
}
