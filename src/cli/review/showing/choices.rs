//! What each decision would do, said before anybody takes it.

use serde::Serialize;

use crate::cli::review::deciding;
use crate::cli::session::Session;
use crate::cli::{Context, phrase};
use crate::engine::review;
use crate::model::review::{Case, Verdict};
use crate::policy::rule::Policy;
use crate::time::{After, StartValue, due};

/// A decision that the policy allows.
#[derive(Serialize)]
pub(super) struct Choice {
    /// Its word.
    pub(super) decision: &'static str,
    /// What it would do, in one sentence.
    pub(super) effect: String,
}

/// What may be decided in a case that waits; nothing in another one.
pub(super) fn of(case: &Case, session: &Session, context: &Context) -> Vec<Choice> {
    let Ok(policy) = session.policy(case.waiting.seat.policy.as_str()) else { return Vec::new() };
    let Some((_, escalate)) = review::stage_of(policy, &case.waiting.seat) else { return Vec::new() };
    if !case.is_open() {
        return Vec::new();
    }
    let allowed = escalate.decisions.iter().filter_map(|word| Verdict::of_word(word));
    let choice = |verdict: Verdict| {
        let effect = match verdict {
            Verdict::Delete => deleted(case, policy, escalate.needs.as_deref(), context),
            Verdict::Extend => {
                let now = context.clock.now();
                let until = escalate.extend.and_then(|(each, _)| {
                    due(StartValue::Instant(now), After::Period(each), None, policy.zone)
                });
                let until = until.map_or("the day given with --until".to_owned(), |at| {
                    format!("{}, or an earlier day given with --until", phrase::local(at, policy.zone))
                });
                format!("they are kept until {until}; then somebody is asked again")
            }
            Verdict::Preserve => "they are kept, and no run ever deletes them".to_owned(),
            Verdict::Transfer => {
                let authority = escalate.needs.as_deref().unwrap_or("the archive");
                format!(
                    "they are kept until the archive's receipt is entered (`forfall review receipt`); then they go. Needs \
                     a decision of {authority} (--decision-ref)"
                )
            }
        };
        Choice { decision: verdict.word(), effect: effect + &people(policy) }
    };
    allowed.map(choice).collect()
}

fn deleted(case: &Case, policy: &Policy, needs: Option<&str>, context: &Context) -> String {
    let run = match deciding::after_waiting(policy, context) {
        Ok(at) if at > context.clock.now() => {
            format!("the first run after {}, until when anybody may cancel", phrase::local(at, policy.zone))
        }
        _ => "the next run".to_owned(),
    };
    let needs = needs.map_or(String::new(), |authority| {
        format!(". Needs a decision of {authority} (--decision-ref) that is valid on that day")
    });
    format!("{}, but held ones, go with {run}{needs}", phrase::records(case.waiting.records))
}

fn people(policy: &Policy) -> String {
    match policy.approvers {
        0 | 1 => String::new(),
        asked => format!(". {asked} people have to say so, the author of the policy none of them"),
    }
}
