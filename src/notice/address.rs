//! Who is told: roles become recipients, and each gets its own letter.

use std::collections::BTreeSet;

use super::decide::{Audience, Told};
use super::letter;
use crate::config::NotifySettings;
use crate::config::notify::Role;
use crate::model::notice::{Language, Notice};
use crate::policy::rule::Policy;
use crate::state::outbox::{Channel, Letter, Recipient};
use crate::time::{Instant, Zone};

/// The recipients of one role.
pub fn recipients_of(role: &Role) -> impl Iterator<Item = Recipient> + '_ {
    let ways =
        [(Channel::Mail, &role.mail), (Channel::Webhook, &role.webhooks), (Channel::Command, &role.commands)];
    ways.into_iter().flat_map(|(channel, names)| {
        names.iter().map(move |address| Recipient { channel, address: address.clone() })
    })
}

/// Every recipient, each once.
pub fn recipients(settings: &NotifySettings) -> Vec<Recipient> {
    let all: BTreeSet<Recipient> = settings.roles.iter().flat_map(recipients_of).collect();
    all.into_iter().collect()
}

/// The recipients that hear of a kind: who is sent test alarms.
pub fn hearing(settings: &NotifySettings, kind: crate::model::notice::Kind) -> Vec<Recipient> {
    let all: BTreeSet<Recipient> =
        settings.roles.iter().filter(|role| hears(role, kind)).flat_map(recipients_of).collect();
    all.into_iter().collect()
}

fn hears(role: &Role, kind: crate::model::notice::Kind) -> bool {
    role.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
}

/// Writes the letters. A recipient that several roles have gets one, in the language of the first.
pub fn letters(
    told: &Told,
    settings: &NotifySettings,
    policies: &[Policy],
    zone: Zone,
    now: Instant,
) -> Vec<Letter> {
    let kind = told.notice.kind();
    // Times are those of the policy that it is about.
    let policy = told.notice.policy().and_then(|id| policies.iter().find(|policy| policy.id == *id));
    let zone = policy.map_or(zone, |policy| policy.zone);
    if let Audience::Recipient(to) = &told.audience {
        let role = settings.roles.iter().find(|role| recipients_of(role).any(|one| one == *to));
        let language = role.map_or(Language::English, |role| role.language);
        return vec![letter::write(&told.notice, &told.period, to, language, zone, now)];
    }
    let mut written: Vec<Letter> = Vec::new();
    for role in settings.roles.iter().filter(|role| hears(role, kind)) {
        let concerned = match &told.audience {
            Audience::Owner(owner) => role.name == *owner,
            Audience::Roles(roles) => roles.contains(&role.name),
            Audience::Everybody => true,
            Audience::Operators | Audience::Recipient(_) => false,
        };
        if !concerned && !role.every_policy {
            continue;
        }
        let Some(notice) = narrowed(&told.notice, role, policies) else { continue };
        for to in recipients_of(role) {
            let letter = letter::write(&notice, &told.period, &to, role.language, zone, now);
            if !written.iter().any(|other| other.id == letter.id) {
                written.push(letter);
            }
        }
    }
    written
}

/// A digest for a role that does not hear of everything speaks of its own policies only; without any there is none.
fn narrowed(notice: &Notice, role: &Role, policies: &[Policy]) -> Option<Notice> {
    let Notice::Digest(digest) = notice else { return Some(notice.clone()) };
    if role.every_policy {
        return Some(notice.clone());
    }
    let mut own = digest.clone();
    own.policies
        .retain(|line| policies.iter().any(|policy| policy.id == line.policy && policy.owner == role.name));
    own.gaps.clear();
    own.unacknowledged.clear();
    own.undelivered = 0;
    (!own.policies.is_empty()).then_some(Notice::Digest(own))
}
