//! Webhooks: at least once, with one id, signed anew at each attempt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use forfall::adapter::secret::Secret;
use forfall::config::NotifySettings;
use forfall::config::notify::WebhookSettings;
use forfall::model::notice::{Language, Notice};
use forfall::notice::letter;
use forfall::notice::post::Carrier;
use forfall::state::memory::MemoryState;
use forfall::state::outbox::{Asked, Channel, Outbox as _, Post, Recipient};
use forfall::time::{Clock as _, Instant, ManualClock, Zone};

use super::receiver::{Receiver, Then};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Sender {
    clock: ManualClock,
    outbox: MemoryState,
    carrier: Carrier,
    _secret: tempfile::TempDir,
}

impl Sender {
    /// A sender with so many letters for one webhook.
    fn new(url: &str, key: &str, letters: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("key"), key).unwrap();
        let clock = ManualClock::new("2026-11-23T08:00:00Z".parse().unwrap());
        let webhook = WebhookSettings {
            name: "pager".to_owned(),
            url: url.to_owned(),
            secret: Secret::File(dir.path().join("key")),
            ca: None,
            timeout: Duration::from_secs(1),
        };
        let settings = NotifySettings { webhooks: vec![webhook], ..NotifySettings::default() };
        let outbox = MemoryState::new(clock.now());
        let to = Recipient { channel: Channel::Webhook, address: "pager".to_owned() };
        let write = |n: usize| {
            letter::write(&Notice::Trial, &n.to_string(), &to, Language::English, Zone::UTC, clock.now())
        };
        let post = Post { letters: (0..letters).map(write).collect(), ..Post::default() };
        outbox.post(clock.now(), &post).unwrap();
        Self { carrier: Carrier::new(settings, Arc::new(clock.clone())), clock, outbox, _secret: dir }
    }

    /// One round; how many were delivered, and until when the first that waits has to wait.
    fn round(&self) -> (usize, Option<Instant>) {
        let round = self.carrier.round(&self.outbox).unwrap();
        let waiting = self.outbox.letters(Asked::Waiting, self.clock.now(), 1).unwrap();
        (round.delivered, waiting.first().and_then(|posted| posted.next))
    }

    fn error(&self) -> String {
        self.outbox.letters(Asked::All, self.clock.now(), 1).unwrap()[0].error.clone().unwrap()
    }
}

#[test]
fn a_receiver_that_fails_closes_and_delays_gets_the_same_message_until_it_takes_it() {
    let receiver = Receiver::start(vec![Then::Status(500), Then::Close, Then::Wait, Then::Status(200)]);
    let sender = Sender::new(&receiver.url, KEY, 1);
    let mut requests = Vec::new();
    for (minutes, reason) in [(1, "500"), (2, "cannot be reached"), (4, "did not answer in time")] {
        let (delivered, next) = sender.round();
        assert_eq!((delivered, next), (0, Some(sender.clock.now() + chrono::TimeDelta::minutes(minutes))));
        assert!(sender.error().contains(reason), "{}", sender.error());
        requests.push(receiver.request());
        let (delivered, _) = sender.round();
        assert_eq!(delivered, 0, "not before its time");
        sender.clock.advance(Duration::from_mins(minutes.unsigned_abs()));
    }
    assert_eq!(sender.round(), (1, None));
    requests.push(receiver.request());

    let ids: BTreeSet<_> = requests.iter().map(|request| &request.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), 1, "a receiver that keeps the ids that it has seen deals with it once");
    let times: BTreeSet<_> = requests.iter().map(|request| &request.headers["webhook-timestamp"]).collect();
    assert_eq!(times.len(), 4, "each attempt has its time, so that none can be replayed later");
    assert!(requests.iter().all(|request| request.is_signed_with(KEY)));
    assert!(!requests[0].is_signed_with("whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["id"]),
        (&"forfall.trial".into(), &requests[0].headers["webhook-id"].as_str().into())
    );
}

#[test]
fn a_receiver_that_is_down_is_asked_once_in_a_round_and_loses_nothing() {
    let receiver =
        Receiver::start(vec![Then::Status(503), Then::Status(204), Then::Status(204), Then::Status(204)]);
    let sender = Sender::new(&receiver.url, KEY, 3);
    assert_eq!(sender.round().0, 0);
    receiver.request();
    assert_eq!(sender.outbox.undelivered().unwrap(), 3, "the others were put off with the first");
    sender.clock.advance(Duration::from_mins(1));
    assert_eq!(sender.round(), (3, None));
    let ids: BTreeSet<_> = (0..3).map(|_| receiver.request().headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_message_that_is_refused_keeps_no_other_back() {
    let receiver = Receiver::start(vec![Then::Status(422), Then::Status(200)]);
    let sender = Sender::new(&receiver.url, KEY, 2);
    assert_eq!(sender.round().0, 1);
}

#[test]
fn a_pause_is_never_longer_than_an_hour_while_it_may_help_to_try_again() {
    let sender = Sender::new("http://127.0.0.1:9/forfall", KEY, 1);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let (_, next) = sender.round();
        let pause = next.unwrap() - sender.clock.now();
        pauses.push(pause.num_minutes());
        sender.clock.advance(pause.to_std().unwrap());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn what_only_a_person_can_mend_is_told_and_tried_seldom() {
    let receiver = Receiver::start(vec![Then::Status(410)]);
    let gone = Sender::new(&receiver.url, KEY, 1);
    let (_, next) = gone.round();
    assert_eq!(next.unwrap() - gone.clock.now(), chrono::TimeDelta::hours(6));

    for key in ["hunter2", "whsec_", "whsec_c2hvcnQ="] {
        let sender = Sender::new(&receiver.url, key, 1);
        assert_eq!(sender.round().0, 0);
        let error = sender.error();
        assert!(error.contains("is no key of a webhook") && !error.contains("hunter2"), "{error}");
    }
}
