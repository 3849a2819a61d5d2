//! Delivers what is in the outbox: at least once, with the letter's identifier in it, and never given up.
//!
//! A letter that fails is tried again after a minute, two, four, up to an hour. A server that does not answer at all is
//! asked once in a round, not once for each letter.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{command, mail, webhook};
use crate::adapter::secret::SecretError;
use crate::config::NotifySettings;
use crate::state::api::StateError;
use crate::state::outbox::{Asked, Attempt, Channel, Letter, Outbox, PATIENCE, Posted, Recipient};
use crate::time::{Clock, Instant};

/// The first pause, and the longest.
const FIRST: TimeDelta = TimeDelta::minutes(1);
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// How many letters one round takes.
const ROUND: usize = 100;
/// How long a delivered letter is shown by `notify list`.
const SHOWN: TimeDelta = TimeDelta::days(90);

/// A letter was not taken, or nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What the other side said, or why there was nobody to say anything.
    pub why: String,
    /// It concerns the way, not this letter: others on it would fare the same.
    pub way: bool,
    /// It stays so until somebody changes something.
    pub lasting: bool,
}

impl Trouble {
    /// The other side cannot be reached, or does not answer.
    pub(super) fn of_the_way(why: impl Into<String>) -> Self {
        Self { why: why.into(), way: true, lasting: false }
    }

    /// A password or key cannot be read.
    pub(super) fn of_a_secret(error: &SecretError) -> Self {
        Self::of_the_configuration(format!("{error}. {}", error.help))
    }

    /// The configuration has to be changed first.
    pub(super) fn of_the_configuration(why: impl Into<String>) -> Self {
        Self { why: why.into(), way: true, lasting: true }
    }
}

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Delivered.
    pub delivered: usize,
    /// Failed or put off, with the last reason for each recipient.
    pub failed: Vec<(Recipient, String)>,
    /// Somebody else is delivering.
    pub busy: bool,
}

/// Delivers by the configured ways.
#[derive(Debug)]
pub struct Carrier {
    settings: NotifySettings,
    clock: Arc<dyn Clock>,
}

impl Carrier {
    /// A carrier that has connected to nothing yet.
    pub fn new(settings: NotifySettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }

    /// Delivers one letter; what the other side said.
    pub fn deliver(&self, letter: &Letter) -> Result<String, Trouble> {
        let (name, now) = (letter.to.address.as_str(), self.clock.now());
        let gone = |what: &str| Trouble {
            why: format!("the configuration has no {what} any more"),
            way: true,
            lasting: true,
        };
        match letter.to.channel {
            Channel::Mail => {
                mail::send(self.settings.mail.as_ref().ok_or_else(|| gone("mail server"))?, letter, now)
            }
            Channel::Webhook => {
                let known = self.settings.webhooks.iter().find(|webhook| webhook.name == name);
                webhook::send(known.ok_or_else(|| gone(&format!("webhook {name}")))?, letter, now)
            }
            Channel::Command => {
                let known = self.settings.commands.iter().find(|command| command.name == name);
                command::send(known.ok_or_else(|| gone(&format!("command {name}")))?, letter)
            }
        }
    }

    /// Delivers what is due. Only one process at a time does.
    pub fn round(&self, outbox: &dyn Outbox) -> Result<Round, StateError> {
        let mut round = Round::default();
        let due = outbox.letters(Asked::Due, self.clock.now(), ROUND)?;
        if due.is_empty() {
            return Ok(round);
        }
        let Some(_lease) = outbox.delivering()? else { return Ok(Round { busy: true, ..round }) };
        let mut closed: HashMap<(Channel, String), Trouble> = HashMap::new();
        // Asked again under the lease: somebody may have delivered some meanwhile.
        for posted in outbox.letters(Asked::Due, self.clock.now(), ROUND)? {
            let way = way(&posted.letter.to);
            let result = match closed.get(&way) {
                Some(trouble) => Err(trouble.clone()),
                None => self.deliver(&posted.letter),
            };
            let now = self.clock.now();
            match result {
                Ok(_) => {
                    round.delivered += 1;
                    outbox.attempted(now, &posted.letter.id, &Attempt::Delivered)?;
                }
                Err(trouble) => {
                    let again = again(&posted, &trouble, now);
                    let attempt = Attempt::Failed { why: trouble.why.clone(), again };
                    outbox.attempted(now, &posted.letter.id, &attempt)?;
                    round.failed.retain(|(to, _)| *to != posted.letter.to);
                    round.failed.push((posted.letter.to, trouble.why.clone()));
                    if trouble.way {
                        closed.entry(way).or_insert(trouble);
                    }
                }
            }
        }
        outbox.forget(self.clock.now() - SHOWN)?;
        Ok(round)
    }
}

/// All mail goes by one server; each webhook and each command is a way of its own.
fn way(to: &Recipient) -> (Channel, String) {
    match to.channel {
        Channel::Mail => (Channel::Mail, String::new()),
        other => (other, to.address.clone()),
    }
}

fn again(posted: &Posted, trouble: &Trouble, now: Instant) -> Instant {
    if trouble.lasting {
        return now + PATIENCE;
    }
    // Above six doublings the longest pause is reached.
    let doubled = FIRST * (1 << posted.attempts.min(6));
    now + doubled.min(LONGEST)
}
