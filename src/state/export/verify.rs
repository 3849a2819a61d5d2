//! Verifying an export: nothing but its files and the log's public key.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{CHECKPOINT, ExportError, POLICIES, fetch, policy_path};
use crate::audit::entry::{Body, Entry};
use crate::audit::tiles::{self, TileReader, WIDTH};
use crate::audit::tree::leaf_hash;
use crate::audit::verify::{Problem, Report, Verifier};
use crate::model::key::hex;

/// Verifies an export with the log's public key alone.
pub fn verify(dir: &Path, vkey: &str, since: Option<&str>) -> Result<Report, ExportError> {
    let note = fs_err::read_to_string(dir.join(CHECKPOINT))?;
    let mut verifier = Verifier::new(&note, vkey.trim(), since);
    let size = verifier.signed_size().unwrap_or(0);
    let (mut problems, mut told) = (Vec::new(), Told::default());
    let fetch = fetch(dir);
    for number in 0..size.div_ceil(WIDTH) {
        let width = (size - number * WIDTH).min(WIDTH);
        let tile = fetch(&tiles::path(Some(0), number, width));
        let digests = tile.as_ref().ok().map(|bytes| bytes.as_chunks::<32>().0.to_vec());
        let place = number * WIDTH;
        match fetch(&tiles::path(None, number, width)) {
            Ok(bundle) => {
                let Ok(entries) = tiles::entries(&bundle) else {
                    problems.push((
                        place,
                        "its bundle ends in the middle of an entry: it was cut off".to_owned(),
                    ));
                    break;
                };
                if entries.len() as u64 != width {
                    problems.push((
                        place,
                        format!("its bundle holds {} entries instead of {width}", entries.len()),
                    ));
                }
                for (entry, place) in entries.iter().zip(place..) {
                    told.look(place, entry);
                    verifier.leaf(entry);
                }
                let own = entries.iter().map(|entry| leaf_hash(entry));
                if digests.is_none_or(|digests| !own.eq(digests)) {
                    problems.push((place, "its tile is missing or does not fit the entries".to_owned()));
                }
            }
            // Without its bundle an entry is pruned, if the log says so, and its digest stands in the tile.
            Err(why) => {
                let Some(digests) = digests else {
                    problems.push((place, why));
                    break;
                };
                for digest in digests {
                    verifier.pruned(digest);
                }
            }
        }
    }
    let mut report = verifier.finish();
    report.problems.extend(problems.into_iter().map(|(index, text)| Problem { index: Some(index), text }));
    check_upper_tiles(size, &fetch, &mut report);
    check_policies(dir, &told, &mut report)?;
    report.ok = report.problems.is_empty();
    Ok(report)
}

/// The tiles of every level must lead to the same root: proofs for others are made from them.
fn check_upper_tiles(size: u64, fetch: tiles::Fetch<'_>, report: &mut Report) {
    match TileReader::new(size, fetch).root(size) {
        Ok(root) if hex(&root) == report.root => {
            report.checked.push("the tiles lead to the same root".to_owned());
        }
        Ok(_) => report.problems.push(whole("the tiles of the upper levels lead to another root")),
        Err(error) => report.problems.push(whole(&error.to_string())),
    }
}

/// Which entry first tells of each version of a policy.
#[derive(Default)]
struct Told(BTreeMap<String, u64>);

impl Told {
    fn look(&mut self, place: u64, leaf: &[u8]) {
        // The spelling of an entry is fixed: reading only those that can be meant is enough.
        if leaf.windows(KIND.len()).any(|part| part == KIND)
            && let Ok(Entry { body: Body::Policy(seen), .. }) = Entry::parse(leaf)
        {
            self.0.entry(seen.hash).or_insert(place);
        }
    }
}

const KIND: &[u8] = b"\"kind\":\"policy\"";

/// Every version of a policy that the log tells of has its text in the export, and every text the digest that names it.
fn check_policies(dir: &Path, told: &Told, report: &mut Report) -> Result<(), ExportError> {
    let mut count = 0;
    for entry in fs_err::read_dir(dir.join(POLICIES)).into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if hex(&Sha256::digest(fs_err::read(&path)?)) == name {
            count += 1;
        } else {
            report.problems.push(whole(&format!("{} is not the text that its name says", path.display())));
        }
    }
    for (hash, place) in &told.0 {
        let path = policy_path(hash);
        if !dir.join(&path).is_file() {
            let text = format!(
                "it tells of a version of a policy whose text is not in the export: {path} is missing"
            );
            report.problems.push(Problem { index: Some(*place), text });
        }
    }
    report.checked.push(format!("the texts of {count} versions of policies have the digests that name them"));
    Ok(())
}

fn whole(text: &str) -> Problem {
    Problem { index: None, text: text.to_owned() }
}
