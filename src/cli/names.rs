//! Policies and stores as an operator names them: found, or with what was probably meant.

use super::exit::Failure;
use crate::config::Config;
use crate::model::ids::StoreName;
use crate::policy::rule::Policy;

/// The policy of that name.
pub(super) fn policy_of<'a>(policies: &'a [Policy], name: &str) -> Result<&'a Policy, Failure> {
    let known = policies.iter().map(|policy| policy.id.as_str());
    let found = policies.iter().find(|policy| policy.id.as_str() == name);
    found.ok_or_else(|| Failure::usage(unknown("policy", name, known)))
}

/// The named policies, each once, or all of them.
pub(super) fn named<'a>(policies: &'a [Policy], names: &[String]) -> Result<Vec<&'a Policy>, Failure> {
    if names.is_empty() {
        return Ok(policies.iter().collect());
    }
    let mut chosen: Vec<&Policy> = Vec::new();
    for name in names {
        let policy = policy_of(policies, name)?;
        if !chosen.iter().any(|other| other.id == policy.id) {
            chosen.push(policy);
        }
    }
    Ok(chosen)
}

/// The registered store of that name, with its adapter's.
pub(super) fn store_of(config: &Config, name: &str) -> Result<(StoreName, String), Failure> {
    let known = config.stores.iter().map(|store| store.name.as_str());
    let found = config.store(&StoreName::new(name)).map(|store| (store.name.clone(), store.adapter.clone()));
    found.ok_or_else(|| Failure::usage(unknown("store", name, known)))
}

/// `there is no policy cctc: did you mean cctv?`
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = nearest(name, &known);
    let name = super::phrase::safe(name);
    match near {
        Some(near) => format!("there is no {what} {name}: did you mean {near}?"),
        None if known.is_empty() => format!("there is no {what} {name}: there is none at all"),
        None if known.len() == 1 => format!("there is no {what} {name}: there is only {}", known[0]),
        None => format!("there is no {what} {name}: there are {}", known.join(", ")),
    }
}

/// What was probably meant.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|other| (strsim::damerau_levenshtein(other, name), *other))
        .min()
        .filter(|(distance, _)| *distance <= 2.max(name.len() / 3))
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        let known = || ["cctv", "switchboard-log"].into_iter();
        assert_eq!(unknown("policy", "cctc", known()), "there is no policy cctc: did you mean cctv?");
        assert_eq!(
            unknown("policy", "xyz-abc", known()),
            "there is no policy xyz-abc: there are cctv, switchboard-log"
        );
        assert_eq!(unknown("store", "x", std::iter::empty()), "there is no store x: there is none at all");
    }
}
