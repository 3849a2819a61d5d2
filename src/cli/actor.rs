//! Who gives an order: the operating system's user.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::exit::Failure;
use super::phrase;
use crate::state::api::Actor;

/// Accounts with a lower number belong to programs (Debian Policy 9.2.2), but for root's.
const FIRST_PERSON: u32 = 1_000;

/// Who gives the order: the system's user, also behind `sudo`, `sudo -u` and `su`: people who share the account of the
/// daemon are people still.
pub(super) fn present(state: &Path) -> Actor {
    let uid = uid(state);
    let name = fs_err::read_to_string("/etc/passwd").ok().and_then(|users| name_of(&users, uid));
    Actor(name.unwrap_or_else(|| format!("uid {uid}")))
}

/// The same for an order that takes somebody else than another one did. An account of a program may be anybody's, also
/// the one's who gave the other.
pub(super) fn person(state: &Path) -> Result<Actor, Failure> {
    let actor = present(state);
    if is_person(uid(state)) {
        return Ok(actor);
    }
    Err(Failure::stopped(format!(
        "nothing was done: this takes somebody else than who gave an earlier order, and {0} may be several people. Give it          from your own account, through `sudo -u {0}`",
        phrase::safe(&actor.0)
    )))
}

fn uid(state: &Path) -> u32 {
    let claimed = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
    // Whoever logged in, as the kernel remembers it; without a login it is the largest number.
    let login = fs_err::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    let login = login.filter(|uid| *uid != u32::MAX);
    let owner = fs_err::metadata(state).ok().map(|file| file.uid());
    who(rustix::process::getuid().as_raw(), claimed.or(login), owner)
}

/// What is claimed is believed only where the system's own answer is root or the user that the state belongs to: both can
/// read the key of the log, and could claim anything anyway.
fn who(own: u32, claimed: Option<u32>, owner: Option<u32>) -> u32 {
    claimed.filter(|_| own == 0 || Some(own) == owner).unwrap_or(own)
}

fn is_person(uid: u32) -> bool {
    uid == 0 || uid >= FIRST_PERSON
}

/// Somebody else, by the name under which they would give orders here: a name that nobody has would stand for nobody.
pub(super) fn named(name: &str) -> Result<Actor, Failure> {
    let users = fs_err::read_to_string("/etc/passwd").unwrap_or_default();
    let is_user = users.lines().any(|line| line.split(':').next() == Some(name));
    let number = name.strip_prefix("uid ").and_then(|digits| digits.parse::<u32>().ok());
    if !is_user && number.is_none() {
        return Err(Failure::usage(format!(
            "there is no user {} on this system: give the name of a user in /etc/passwd, or `uid NUMBER` for one who is \
             known elsewhere",
            phrase::safe(name)
        )));
    }
    let listed = number.and_then(|number| name_of(&users, number));
    Ok(Actor(listed.unwrap_or_else(|| name.to_owned())))
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nforfall:x:998:998::/var/lib/forfall:/usr/sbin/nologin\n";
        assert_eq!(name_of(users, 998).as_deref(), Some("forfall"));
        assert_eq!(name_of(users, 1), None);
    }

    #[test]
    fn behind_sudo_stands_whoever_called_it() {
        let (root, forfall, kari, ola) = (0, 998, 1001, 1002);
        assert_eq!(who(root, Some(kari), Some(forfall)), kari, "sudo");
        assert_eq!(who(forfall, Some(kari), Some(forfall)), kari, "sudo -u forfall");
        assert_eq!(who(forfall, Some(ola), Some(forfall)), ola, "somebody else by the same way");
        assert_eq!(who(forfall, None, Some(forfall)), forfall, "the daemon");
        assert_eq!(
            who(kari, Some(ola), Some(forfall)),
            kari,
            "whom the state does not belong to may claim nothing"
        );
        assert_eq!(who(kari, Some(ola), None), kari, "no state, no owner");
        assert_eq!([root, forfall, kari].map(is_person), [true, false, true]);
    }
}
