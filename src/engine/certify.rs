//! Which batches dealt with a record, and the certificates that prove it. The stores are not asked: the record may be
//! gone, and its store too.

use std::collections::BTreeMap;

use crate::audit::certificate::{Certificate, Logged, carried_out};
use crate::audit::commitment;
use crate::audit::entry::{Body, Intent, Outcome};
use crate::audit::note::Checkpoint;
use crate::audit::proof::TlogProof;
use crate::audit::tree::{self, Hash, leaf_hash};
use crate::model::ids::{BatchId, StoreName};
use crate::model::key::{Key, KeyForm, hex};
use crate::state::api::{EpochKey, Filter, Placed, StateError, StateStore};
use crate::state::prove;

/// How many entries are read at once while the log is searched.
const PAGE: usize = 1_000;

/// A record, by its names and key.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its store.
    pub store: StoreName,
    /// Its collection.
    pub collection: String,
    /// How its key is spelled.
    pub form: KeyForm,
    /// Its key.
    pub key: Key,
}

/// A batch whose intent names the record.
#[derive(Clone, Debug)]
pub struct Found {
    /// The entry of the intent.
    pub intent: Placed,
    /// The record's commitment in it.
    pub commitment: Hash,
    /// Its place among those of its collection in the batch.
    pub place: u64,
    /// What opens it.
    opening: Hash,
    /// The entry of the outcome, once there is one.
    pub outcome: Option<Placed>,
    /// Whether the action was carried out on this record; `None` while there is no outcome, or where it does not say
    /// so record by record.
    pub done: Option<bool>,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Search {
    /// The batches with the record, oldest first.
    pub found: Vec<Found>,
    /// Batches of its collection that could not be searched, and why.
    pub refused: Vec<(BatchId, String)>,
}

/// What was issued for a record.
#[derive(Debug, Default)]
pub struct Issued {
    /// A certificate for each batch that dealt with it, oldest first.
    pub certificates: Vec<(BatchId, Certificate)>,
    /// Batches for which there is none, and why.
    pub refused: Vec<(BatchId, String)>,
}

/// Finds every batch whose intent names the record, in the order of the log.
pub fn search(state: &dyn StateStore, record: &Record) -> Result<Search, StateError> {
    let filter =
        Filter { store: Some(record.store.clone()), kind: Some("intent".to_owned()), ..Filter::default() };
    let mut keys: BTreeMap<u32, Result<EpochKey, String>> = BTreeMap::new();
    let mut search = Search::default();
    let mut after = None;
    loop {
        let page = state.find(&filter, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(search) };
        after = Some(last.index);
        for placed in page {
            let Body::Intent(intent) = &placed.entry.body else { continue };
            let Some(range) = part(intent, &record.collection) else { continue };
            let batch = intent.label.batch;
            let key = keys.entry(intent.epoch).or_insert_with(|| epoch_key(state, intent.epoch));
            let secret = match key {
                Ok(key) => &key.key,
                Err(why) => {
                    search.refused.push((batch, why.clone()));
                    continue;
                }
            };
            let opening = commitment::opening(secret, &batch, &record.store, &record.collection, &record.key);
            let wanted = commitment::commitment(&opening, &record.store, &record.collection, &record.key);
            match state.place_of(&batch, range, &wanted) {
                Ok(None) => {}
                Ok(Some(place)) => {
                    let mut found = Found {
                        intent: placed,
                        commitment: wanted,
                        place,
                        opening,
                        outcome: None,
                        done: None,
                    };
                    found.settle(state, &record.collection)?;
                    search.found.push(found);
                }
                Err(error) => search.refused.push((batch, error.to_string())),
            }
        }
    }
}

fn epoch_key(state: &dyn StateStore, epoch: u32) -> Result<EpochKey, String> {
    match state.epoch_key_of(epoch) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => {
            Err(format!("the commitment key of epoch {epoch} was destroyed when its retention ended"))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Where the commitments of a collection stand in the list of a batch; `None` if it has none of it.
fn part(intent: &Intent, collection: &str) -> Option<std::ops::Range<u64>> {
    if intent.label.collection == collection {
        return Some(0..intent.count);
    }
    let mut from = intent.count;
    for with in &intent.companions {
        if with.collection == collection {
            return Some(from..from + with.count);
        }
        from += with.count;
    }
    None
}

/// The root that the intent announced over the commitments of a collection.
fn root_of<'a>(intent: &'a Intent, collection: &str) -> &'a str {
    let with = intent.companions.iter().find(|with| with.collection == collection);
    match with {
        Some(with) if intent.label.collection != collection => &with.root,
        _ => &intent.root,
    }
}

impl Found {
    /// The batch's intent.
    pub fn announced(&self) -> Option<&Intent> {
        if let Body::Intent(intent) = &self.intent.entry.body { Some(intent) } else { None }
    }

    fn ended(&self) -> Option<&Outcome> {
        match self.outcome.as_ref().map(|placed| &placed.entry.body) {
            Some(Body::Outcome(outcome)) => Some(outcome),
            _ => None,
        }
    }

    fn settle(&mut self, state: &dyn StateStore, collection: &str) -> Result<(), StateError> {
        let batch = self.announced().map(|intent| intent.label.batch);
        let filter = Filter { batch, kind: Some("outcome".to_owned()), ..Filter::default() };
        self.outcome = state.find(&filter, Some(self.intent.index), 1)?.pop();
        let both = self.announced().zip(self.ended());
        self.done = both
            .and_then(|(intent, outcome)| carried_out(intent, outcome, collection, &hex(&self.commitment)));
        Ok(())
    }
}

/// Issues a certificate for each batch that dealt with the record, under `head`: a signed head of this log, such as a
/// cosigned one, or the newest. The record's commitment and both entries are proven under it.
pub fn certify(state: &dyn StateStore, record: &Record, head: Option<&str>) -> Result<Issued, StateError> {
    let search = search(state, record)?;
    let mut issued = Issued { refused: search.refused, ..Issued::default() };
    let note = match head {
        Some(note) => note.to_owned(),
        None => state.last_checkpoint()?.unwrap_or_default(),
    };
    let head = Checkpoint::unverified(&note)
        .map_err(|error| StateError::Refused(format!("the head cannot be used: {error}")))?;
    let mut ready = Vec::new();
    for found in &search.found {
        match certifiable(found, &head) {
            Ok(places) => ready.push((found, places)),
            Err(why) => issued.refused.push((batch_of(found), why)),
        }
    }
    let indices: Vec<u64> = ready.iter().flat_map(|(_, places)| *places).collect();
    let mut proofs = prove::inclusion(state, head.size, &indices)?.into_iter();
    for (found, [intent, outcome]) in ready {
        let mut logged = |placed: &Placed, index: u64| Logged {
            leaf: placed.entry.canonical(),
            proof: TlogProof {
                extra: None,
                index,
                hashes: proofs.next().unwrap_or_default(),
                checkpoint: note.clone(),
            },
        };
        let intent = logged(&found.intent, intent);
        let ended = found.outcome.as_ref().map(|placed| logged(placed, outcome));
        match ended.map(|outcome| issue(state, record, found, intent, outcome)) {
            Some(Ok(certificate)) => issued.certificates.push((batch_of(found), certificate)),
            Some(Err(error)) => issued.refused.push((batch_of(found), error.to_string())),
            None => {}
        }
    }
    Ok(issued)
}

fn batch_of(found: &Found) -> BatchId {
    found.announced().expect("only intents are searched").label.batch
}

/// The places of both entries, or why there is no certificate.
fn certifiable(found: &Found, head: &Checkpoint) -> Result<[u64; 2], String> {
    let Some(outcome) = &found.outcome else { return Err("it has no outcome yet".to_owned()) };
    match found.done {
        Some(true) if outcome.index < head.size => Ok([found.intent.index, outcome.index]),
        Some(true) => Err(format!(
            "its outcome is entry {}, and the head is over {} entries: use a newer one",
            outcome.index, head.size
        )),
        Some(false) => Err("the record was left alone in it".to_owned()),
        None => Err("its outcome does not say what became of each record".to_owned()),
    }
}

fn issue(
    state: &dyn StateStore,
    record: &Record,
    found: &Found,
    intent: Logged,
    outcome: Logged,
) -> Result<Certificate, StateError> {
    let announced = found.announced().expect("only intents are searched");
    let batch = announced.label.batch;
    let all = state.manifest(&batch)?.ok_or_else(|| crate::state::api::no_manifest(&batch))?;
    let range = part(announced, &record.collection).unwrap_or(0..0);
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(all.len());
    let nodes: Vec<Hash> = all[at(range.start)..at(range.end)].iter().map(|c| leaf_hash(c)).collect();
    if hex(&tree::root(&nodes)) != root_of(announced, &record.collection) {
        return Err(StateError::Damaged {
            what: format!("the list of commitments of batch {batch}"),
            why: "it does not lead to the root in the intent".to_owned(),
        });
    }
    Ok(Certificate {
        store: record.store.clone(),
        collection: record.collection.clone(),
        form: record.form,
        key: record.key.clone(),
        opening: found.opening,
        place: found.place,
        path: tree::prove_inclusion(&nodes, found.place),
        intent,
        outcome,
        policy: state.policy_text(&announced.hash)?,
    })
}
