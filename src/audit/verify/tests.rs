//! What a log that was tampered with cannot hide.

mod made_up;

use made_up::{approval, genesis, good, head, intent, key, leaves, noon, outcome, recovery, vkey};

use super::*;
use crate::audit::entry::{Entry, Genesis};
use crate::audit::leaf::Leaf;
use crate::audit::note::LogKey;
use crate::audit::tree::leaf_hash;

/// The problems of a log whose head is in order.
fn problems(bodies: Vec<Body>) -> Vec<Problem> {
    let leaves = leaves(bodies);
    verify(&leaves, &head(&leaves), &vkey(), None).problems
}

#[track_caller]
fn assert_problem(bodies: Vec<Body>, index: u64, words: &str) {
    let found = problems(bodies);
    assert!(
        found.iter().any(|problem| problem.index == Some(index) && problem.text.contains(words)),
        "{found:#?}"
    );
}

#[test]
fn a_good_log_is_good_and_its_limits_are_named() {
    let leaves = leaves(good());
    let report = verify(&leaves, &head(&leaves), &vkey(), None);
    assert!(report.ok, "{report:#?}");
    assert_eq!((report.size, report.intents, report.outcomes, report.open), (7, 2, 2, 0));
    assert!(report.not_checked.iter().any(|text| text.contains("--since")));
    assert!(report.not_checked.iter().any(|text| text.contains("other copies")));
    let against_older = verify(&leaves, &head(&leaves), &vkey(), Some(&head(&leaves[..4])));
    assert!(against_older.ok, "{against_older:#?}");
    assert!(!against_older.not_checked.iter().any(|text| text.contains("cut off")));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let leaves = leaves(good());
    let head = head(&leaves);
    let mut before = Verifier::new(&head, &vkey(), None);
    let mut flips = 0;
    for (place, leaf) in leaves.iter().enumerate() {
        for bit in 0..leaf.len() * 8 {
            let mut flipped = leaf.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut verifier = before.clone();
            verifier.leaf(&flipped);
            leaves[place + 1..].iter().for_each(|leaf| verifier.leaf(leaf));
            assert!(!verifier.finish().ok, "bit {bit} of entry {place}");
            flips += 1;
        }
        before.leaf(leaf);
    }
    assert!(before.finish().ok && flips > 10_000);
}

#[test]
fn every_entry_dropped_doubled_or_swapped_is_noticed() {
    let all = leaves(good());
    let head = head(&all);
    let bad = |leaves: Vec<Vec<u8>>| !verify(&leaves, &head, &vkey(), None).ok;
    for place in 0..all.len() {
        let mut dropped = all.clone();
        dropped.remove(place);
        assert!(bad(dropped), "dropped {place}");
        let mut doubled = all.clone();
        doubled.insert(place, all[place].clone());
        assert!(bad(doubled), "doubled {place}");
        for other in place + 1..all.len() {
            let mut swapped = all.clone();
            swapped.swap(place, other);
            assert!(bad(swapped), "swapped {place} and {other}");
        }
    }
}

#[test]
fn a_log_cut_off_and_signed_again_shows_against_an_older_head_only() {
    let all = leaves(good());
    let (shorter, older) = (all[..5].to_vec(), head(&all));
    assert!(verify(&shorter, &head(&shorter), &vkey(), None).ok);
    let report = verify(&shorter, &head(&shorter), &vkey(), Some(&older));
    assert!(!report.ok && report.problems[0].text.contains("cut off"), "{report:#?}");
}

#[test]
fn a_log_written_anew_shows_against_an_older_head() {
    let mut other = good();
    other[3] = outcome(1, 3, 0);
    let (old, new) = (leaves(good()), leaves(other));
    let report = verify(&new, &head(&new), &vkey(), Some(&head(&old[..5])));
    assert!(!report.ok && report.problems[0].text.contains("written anew"), "{report:#?}");
}

#[test]
fn entries_beyond_the_head_are_said_not_to_be_checked() {
    let all = leaves(good());
    let report = verify(&all, &head(&all[..4]), &vkey(), None);
    assert!(report.ok);
    assert!(report.not_checked.iter().any(|text| text.contains("newest 3 entries")), "{report:#?}");
}

#[test]
fn another_key_is_noticed_in_the_head_and_in_the_genesis() {
    let all = leaves(good());
    let other = LogKey::new("forfall/0f0f0f0f", &[8; 32]).unwrap().verifier().to_string();
    let report = verify(&all, &head(&all), &other, None);
    assert_eq!(report.problems.len(), 2, "{report:#?}");
    assert!(report.not_checked[0].contains("no valid checkpoint"));
    assert!(!verify(&all, &head(&all), "nonsense", None).ok);
    assert!(!verify(&all, "nonsense", &vkey(), None).ok);
}

#[test]
fn what_no_run_could_have_written_is_noticed() {
    let with = |more: &[Body]| good().into_iter().chain(more.iter().cloned()).collect::<Vec<_>>();
    assert_problem(vec![approval()], 0, "genesis");
    assert_problem(with(&[genesis()]), 7, "genesis");
    assert_problem(vec![genesis(), intent(1, 3)], 1, "approved");
    assert_problem(with(&[intent(1, 3)]), 7, "second intent");
    assert_problem(with(&[intent(3, 3), intent(3, 3)]), 8, "second intent");
    assert_problem(with(&[outcome(1, 3, 0)]), 7, "second outcome");
    assert_problem(with(&[outcome(9, 3, 0)]), 7, "without an intent");
    assert_problem(with(&[intent(3, 3), outcome(3, 2, 0)]), 8, "announced 3");
    assert_problem(with(&[recovery(1)]), 7, "was not open");
    assert_problem(with(&[intent(3, 1), recovery(3), recovery(3)]), 9, "recovered before");
    assert_problem(with(&[intent(3, 1), recovery(3), approval(), outcome(3, 1, 0)]), 10, "stand between");
    assert!(!verify(Vec::<Vec<u8>>::new(), &head(&[]), &vkey(), None).ok);
}

#[test]
fn an_open_intent_is_counted_and_is_no_problem() {
    let leaves = leaves(vec![genesis(), approval(), intent(1, 3)]);
    let report = verify(&leaves, &head(&leaves), &vkey(), None);
    assert!(report.ok);
    assert_eq!((report.intents, report.outcomes, report.open), (1, 0, 1));
}

#[test]
fn a_clock_that_ran_backwards_is_told_and_is_no_damage() {
    let at = |minutes: i64| Entry::new(noon() - TimeDelta::minutes(minutes), Body::Heartbeat {}).canonical();
    let mut all = leaves(vec![genesis()]);
    all.push(at(5));
    let report = verify(&all, &head(&all), &vkey(), None);
    assert!(report.ok && report.remarks.is_empty(), "a little is usual: {report:#?}");
    assert!(report.checked.iter().any(|text| text.contains("backwards")));
    all.push(at(11));
    let report = verify(&all, &head(&all), &vkey(), None);
    assert!(report.ok && report.remarks[0].index == Some(2), "{report:#?}");
    assert!(!report.checked.iter().any(|text| text.contains("backwards")), "{report:#?}");
    assert!(report.not_checked.iter().any(|text| text.contains("ran backwards 1 times")), "{report:#?}");
}

#[test]
fn nothing_that_failed_is_said_to_be_checked() {
    let mut all = leaves(good());
    let head = head(&all);
    all[4] = leaves(vec![intent(1, 1)]).remove(0);
    let report = verify(&all, &head, &vkey(), None);
    assert!(!report.ok, "{report:#?}");
    for words in ["signed the checkpoint", "unchanged", "one intent", "directly before"] {
        assert!(!report.checked.iter().any(|text| text.contains(words)), "{words}: {report:#?}");
    }
    assert!(report.checked.iter().any(|text| text.contains("canonical")));
    assert!(report.not_checked[0].contains("no valid checkpoint"), "{report:#?}");
}

#[test]
fn many_threads_find_what_one_finds() {
    let mut all = leaves(good());
    for minute in 0..700 {
        all.push(Entry::new(noon() + TimeDelta::minutes(minute), Body::Heartbeat {}).canonical());
    }
    let head = head(&all);
    all[300] = b"x".to_vec();
    all[5].push(b' ');
    let pruned: Vec<Leaf> = all.iter().take(2).map(|leaf| Leaf::Pruned(leaf_hash(leaf))).collect();
    let pages: Vec<Leaf> = pruned.into_iter().chain(all.iter().skip(2).cloned().map(Leaf::Entry)).collect();
    let mut one = Verifier::new(&head, &vkey(), None);
    for leaf in &pages {
        match leaf {
            Leaf::Entry(bytes) => one.leaf(bytes),
            Leaf::Pruned(digest) => one.pruned(*digest),
        }
    }
    let expected = one.finish();
    for size in [1, 7, 300, 1_000] {
        let mut pages = pages.chunks(size).map(<[Leaf]>::to_vec);
        let mut many = Verifier::new(&head, &vkey(), None);
        let Ok(()) = many.read::<std::convert::Infallible>(|| Ok(pages.next().unwrap_or_default()));
        assert_eq!(many.finish(), expected);
    }
    let mut cut = Verifier::new(&head, &vkey(), None);
    let mut pages = pages.chunks(7).map(<[Leaf]>::to_vec).take(9).map(Ok).chain([Err("gone")]);
    assert_eq!(cut.read(|| pages.next().unwrap()), Err("gone"));
    assert_eq!(cut.finish().size, 63, "what came before is read");
}

#[test]
fn a_flood_of_problems_is_counted() {
    let leaves = vec![b"x".to_vec(); 150];
    let report = verify(&leaves, &head(&leaves), &vkey(), None);
    assert_eq!(report.problems.len(), LISTED + 1);
    assert_eq!(report.problems[LISTED].text, "50 further problems are not listed");
}

fn second_key() -> LogKey {
    LogKey::new("forfall/0f0f0f0f", &[8; 32]).unwrap()
}

fn rotation() -> Body {
    Body::KeyRotation(crate::audit::upkeep::KeyRotation {
        of: "log".into(),
        by: "op-00000000".into(),
        epoch: None,
        handover: Some(crate::audit::upkeep::Handover::sign(&key(), &second_key(), noon())),
    })
}

fn signed_by(signer: &LogKey, leaves: &[Vec<u8>]) -> String {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    signer.sign(hashes.len() as u64, crate::audit::tree::root(&hashes))
}

#[test]
fn a_key_that_took_over_is_trusted_from_the_first_and_by_itself() {
    let mut bodies = good();
    bodies.push(rotation());
    bodies.push(Body::Heartbeat {});
    let leaves = leaves(bodies);
    let new = second_key().verifier().to_string();
    let head = signed_by(&second_key(), &leaves);
    for vkey in [&vkey(), &new] {
        let report = verify(&leaves, &head, vkey, Some(&signed_by(&key(), &leaves[..5])));
        assert!(report.ok, "{report:#?}");
    }
    // The old key may have been stolen after it was given up: what only it signs is not believed.
    let stolen = signed_by(&key(), &leaves);
    assert!(!verify(&leaves, &stolen, &vkey(), None).ok);
    assert!(!verify(&leaves, &stolen, &new, None).ok);
    let overlap = second_key().sign_too(&stolen).unwrap();
    assert!(verify(&leaves, &overlap, &vkey(), None).ok);
    let third = LogKey::new("forfall/0f0f0f0f", &[9; 32]).unwrap();
    assert!(!verify(&leaves, &signed_by(&third, &leaves), &vkey(), None).ok);
    assert!(!verify(&leaves, &head, &third.verifier().to_string(), None).ok);
}

#[test]
fn a_forged_handover_is_a_problem() {
    let thief = LogKey::new("forfall/0f0f0f0f", &[9; 32]).unwrap();
    let Body::KeyRotation(mut forged) = rotation() else { unreachable!() };
    let handover = crate::audit::upkeep::Handover::sign(&thief, &thief, noon());
    forged.handover = Some(crate::audit::upkeep::Handover { old: vkey(), ..handover });
    let mut bodies = good();
    bodies.push(Body::KeyRotation(forged));
    assert_problem(bodies, 7, "not signed by both keys");
}

fn continued(kept: u64) -> Body {
    let new = LogKey::new("forfall/0f0f0f0f/2", &[8; 32]).unwrap().verifier();
    let continues =
        crate::audit::upkeep::Continues::sign(&key(), &new.to_string(), 9, &[3; 32], kept, "op-0".into());
    Body::Genesis(Genesis { origin: new.name().into(), vkey: new.to_string(), continues: Some(continues) })
}

#[test]
fn a_log_that_goes_on_after_a_loss_says_what_was_lost() {
    let mut bodies = good();
    bodies.push(continued(7));
    bodies.push(Body::Heartbeat {});
    let leaves = leaves(bodies);
    let new = LogKey::new("forfall/0f0f0f0f/2", &[8; 32]).unwrap();
    let head = signed_by(&new, &leaves);
    for vkey in [vkey(), new.verifier().to_string()] {
        let report = verify(&leaves, &head, &vkey, Some(&signed_by(&key(), &leaves[..6])));
        assert!(report.ok, "an older head within what is left: {report:#?}");
        let lost = key().sign(9, [3; 32]);
        let report = verify(&leaves, &head, &vkey, Some(&lost));
        assert!(!report.ok && report.problems[0].text.contains("were lost"), "{report:#?}");
    }
    let mut moved = good();
    moved.push(continued(6));
    assert_problem(moved, 7, "another place");
    let mut twice = good();
    twice.push(genesis());
    assert_problem(twice, 7, "only the first entry begins a log");
}

#[test]
fn pruned_entries_must_be_declared() {
    let mut bodies = good();
    let declared = Body::Prune(crate::audit::upkeep::Prune {
        what: "entries".into(),
        phase: "begun".into(),
        by: "op-0".into(),
        epoch: None,
        manifests: None,
        minimum: Some(4),
        early: false,
    });
    bodies.push(declared);
    let leaves = leaves(bodies);
    let read = |pruned: usize, leaves: &[Vec<u8>]| {
        let mut verifier = Verifier::new(&head(leaves), &vkey(), None);
        leaves[..pruned].iter().for_each(|leaf| verifier.pruned(leaf_hash(leaf)));
        leaves[pruned..].iter().for_each(|leaf| verifier.leaf(leaf));
        verifier.finish()
    };
    for pruned in 0..=4 {
        let report = read(pruned, &leaves);
        assert!(report.ok && report.pruned == pruned as u64, "{pruned}: {report:#?}");
    }
    assert!(!read(5, &leaves).ok, "more than declared");
    assert!(!read(1, &leaves[..7]).ok, "not declared at all");
    let mut hole = Verifier::new(&head(&leaves), &vkey(), None);
    for (index, leaf) in leaves.iter().enumerate() {
        if index == 1 { hole.pruned(leaf_hash(leaf)) } else { hole.leaf(leaf) }
    }
    assert!(!hole.finish().ok, "only the oldest may be pruned");
}
