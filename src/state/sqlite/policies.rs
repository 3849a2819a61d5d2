//! The texts of policies, and who approved them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::Failure;
use super::log::Ledger;
use super::values::{json, parse};
use super::{people, runs};
use crate::audit::entry::{Body, PolicySeen};
use crate::model::ids::PolicyId;
use crate::state::api::{Actor, Approval, Cancelled};
use crate::state::notes;
use crate::time::Instant;

/// Keeps a text; an entry says so when it is new for this policy.
pub(super) fn see(ledger: &Ledger<'_>, policy: &PolicyId, hash: &str, text: &str) -> Result<(), Failure> {
    let new = ledger
        .tx
        .prepare_cached(
            "INSERT INTO policy_text (hash, policy, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![hash, policy.as_str(), text])?;
    if new > 0 {
        ledger.append(Body::Policy(PolicySeen { policy: policy.clone(), hash: hash.to_owned() }))?;
    }
    Ok(())
}

/// The text with that hash.
pub(super) fn text(connection: &Connection, hash: &str) -> Result<Option<String>, Failure> {
    let mut query = connection.prepare_cached("SELECT text FROM policy_text WHERE hash = ? LIMIT 1")?;
    Ok(query.query_row([hash], |row| row.get(0)).optional()?)
}

/// Records an approval and its forecast.
pub(super) fn approve(ledger: &Ledger<'_>, by: &Actor, approval: &Approval) -> Result<(), Failure> {
    let by = people::pseudonym(ledger.tx, by)?;
    let author = approval.author.as_ref().map(|author| people::pseudonym(ledger.tx, author)).transpose()?;
    ledger
        .tx
        .prepare_cached("INSERT INTO approval (policy, body) VALUES (?, ?)")?
        .execute(params![approval.policy.as_str(), json(approval)])?;
    let index = ledger.append(notes::approval(approval, by, author))?;
    runs::keep_curves(ledger.tx, &approval.policy, &approval.curves, index + 1)
}

/// Takes the newest approval back, if it is still this one.
pub(super) fn cancel(
    ledger: &Ledger<'_>,
    now: Instant,
    by: &Actor,
    approval: &Approval,
    reason: &str,
) -> Result<bool, Failure> {
    let newest = self::approval(ledger.tx, &approval.policy)?;
    let Some(newest) = newest.filter(|newest| newest == approval && newest.cancelled.is_none()) else {
        return Ok(false);
    };
    let by = people::pseudonym(ledger.tx, by)?;
    ledger.append(notes::approval_cancelled(&newest, by, reason))?;
    let cancelled = Approval { cancelled: Some(Cancelled { at: now, reason: reason.to_owned() }), ..newest };
    ledger
        .tx
        .prepare_cached(
            "UPDATE approval SET body = ?2 WHERE id = (SELECT max(id) FROM approval WHERE policy = ?1)",
        )?
        .execute(params![approval.policy.as_str(), json(&cancelled)])?;
    Ok(true)
}

/// The newest approval.
pub(super) fn approval(connection: &Connection, policy: &PolicyId) -> Result<Option<Approval>, Failure> {
    let mut query =
        connection.prepare_cached("SELECT body FROM approval WHERE policy = ? ORDER BY id DESC LIMIT 1")?;
    let body: Option<String> = query.query_row([policy.as_str()], |row| row.get(0)).optional()?;
    Ok(body.map(|body| parse("an approval", &body)).transpose()?)
}

/// Every policy that was ever approved.
pub(super) fn approved(connection: &Connection) -> Result<Vec<PolicyId>, Failure> {
    let mut query = connection.prepare_cached("SELECT DISTINCT policy FROM approval ORDER BY policy")?;
    let names = query.query_map((), |row| row.get::<_, String>(0))?;
    Ok(names.map(|name| name.map(PolicyId::new)).collect::<Result<_, _>>()?)
}
