//! What a plan comes to, in one word and in words.

use crate::cli::phrase;
use crate::engine::foresee::Foreseen;
use crate::engine::gate::Answer;
use crate::engine::plan::DataPlan;

/// `unresolved`, `unreachable`, `stopped`, `not-approved`, `incomplete`, `paused` or `approved`.
pub(in crate::cli) fn state(part: &Foreseen) -> &'static str {
    match (&part.unresolved, &part.plan, &part.answer, &part.closed) {
        (Some(_), ..) => "unresolved",
        // It is the policy, or the role, that does not fit the store.
        (_, Err(error), ..) if error.is_an_answer() => "incomplete",
        (_, Err(_), ..) => "unreachable",
        (_, _, Answer::Stop(_), _) => "stopped",
        (_, _, Answer::Observe(_), _) => "not-approved",
        (_, Ok(plan), ..) if !plan.gaps.is_empty() => "incomplete",
        (_, _, _, Some(_)) => "paused",
        _ => "approved",
    }
}

/// What would happen.
pub(in crate::cli) fn words(part: &Foreseen) -> String {
    if let Some(question) = &part.unresolved {
        return format!("unresolved, so it never runs: {question}");
    }
    let plan = match &part.plan {
        Ok(plan) => plan,
        Err(error) => return format!("would be incomplete: {error}"),
    };
    let acts = acts(plan);
    match (&part.answer, plan.gaps.first(), &part.closed) {
        (Answer::Stop(reason), ..) => format!("would be stopped: {reason}"),
        (Answer::Observe(reason), ..) => format!("{reason}. Approved, it {acts}"),
        (Answer::Open, Some(gap), _) => {
            format!("{acts}, and would be incomplete: {}: {}", gap.place, gap.reason)
        }
        (Answer::Open, None, Some(why)) => format!("would not act now: {why}. After that it {acts}"),
        (Answer::Open, None, None) => acts,
    }
}

/// `would anonymize 3 records and delete 5 records`. Nobody is asked twice about the records of an open review case.
pub(in crate::cli) fn acts(plan: &DataPlan) -> String {
    let mut sums: Vec<(&str, u64)> = Vec::new();
    for stage in plan.stages.iter().filter(|stage| stage.due > stage.asked) {
        let (word, due) = (stage.action.word(), stage.due - stage.asked);
        match sums.iter_mut().find(|(other, _)| *other == word) {
            Some((_, sum)) => *sum += due,
            None => sums.push((word, due)),
        }
    }
    let asked: u64 = plan.stages.iter().map(|stage| stage.asked).sum();
    let waiting = match asked {
        0 => String::new(),
        1 => "1 record waits for a decision already (`forfall review list`)".to_owned(),
        _ => format!("{} wait for a decision already (`forfall review list`)", phrase::records(asked)),
    };
    if sums.is_empty() {
        return match asked {
            0 if plan.undetermined > 0 && plan.total.exact && plan.undetermined == plan.total.count => {
                "would do nothing: every record is undetermined, and kept".to_owned()
            }
            0 if plan.held() > 0 => "would do nothing: what is due is held".to_owned(),
            0 => "would do nothing: nothing is due".to_owned(),
            _ => format!("would do nothing new: {waiting}"),
        };
    }
    let texts: Vec<_> = sums.iter().map(|(word, sum)| format!("{word} {}", phrase::records(*sum))).collect();
    let acts = format!("would {}", texts.join(" and "));
    if asked == 0 { acts } else { format!("{acts}; {waiting}") }
}
