//! What entries about the log itself mean, in whole sentences.

use crate::audit::entry::Genesis;
use crate::audit::upkeep::{KeyRotation, Prune};
use crate::cli::phrase;
use crate::time::Zone;

pub(super) fn rotation(rotation: &KeyRotation, zone: Zone) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(epoch) = rotation.epoch {
        sentences.push(format!("{} began epoch {epoch}: commitments are made with a new key.", rotation.by));
        sentences.push(
            "Older certificates stay valid; the older key is kept until its own retention ends.".to_owned(),
        );
    }
    if let Some(handover) = &rotation.handover {
        sentences.push(format!("{} gave the log a new key: {}.", rotation.by, handover.new));
        sentences.push(format!("It follows {}, which signed the handover.", handover.old));
        let until = phrase::local_named(handover.until, zone);
        sentences.push(format!("Heads carry both signatures until {until}."));
    }
    sentences
}

pub(super) fn prune(prune: &Prune) -> Vec<String> {
    let phase = if prune.phase == "begun" { "is about to dispose" } else { "has disposed" };
    let lists = prune.manifests.map_or(String::new(), |count| {
        format!(" and {}", phrase::counted(count, "list of commitments", "lists of commitments"))
    });
    match (prune.epoch, prune.minimum) {
        (Some(epoch), _) => vec![
            format!(
                "{} {phase} of the commitment key of epoch {epoch}{lists}{}.",
                prune.by,
                if prune.early { ", before its retention had ended" } else { "" }
            ),
            "Entries and certificates that were issued still verify; for other records of that time no certificate \
             can be made any more."
                .to_owned(),
        ],
        (None, minimum) => vec![
            format!("{} {phase} of the text of every entry before {}.", prune.by, phrase::number(minimum.unwrap_or(0))),
            "Their digests stay, so that the log and certificates that were issued still verify.".to_owned(),
        ],
    }
}

pub(super) fn beginning(genesis: &Genesis) -> Vec<String> {
    let mut sentences = vec![format!("The log goes on under the name {}.", genesis.origin)];
    if let Some(continues) = &genesis.continues {
        sentences.push(format!(
            "Under its former name {} a head over {} was published, with the root {}. Only the first {} were still \
             there: the others are lost.",
            continues.origin,
            phrase::counted(continues.size, "entry", "entries"),
            continues.root,
            phrase::number(continues.kept)
        ));
        sentences.push(format!("{} ordered to go on.", continues.by));
    }
    sentences.push(format!("Its heads are signed with the key {}.", genesis.vkey));
    sentences
}
