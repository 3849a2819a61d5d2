//! Who gives an order: the operating system's user.

use super::exit::Failure;
use super::phrase;
use crate::state::api::Actor;

/// Who gives the order: the system's user, also behind `sudo`. The environment is believed only where the system's
/// own answer is root, who could claim anything anyway.
pub(super) fn present() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let claimed = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
    let uid = if uid == 0 { claimed.unwrap_or(uid) } else { uid };
    let name = fs_err::read_to_string("/etc/passwd").ok().and_then(|users| name_of(&users, uid));
    Actor(name.unwrap_or_else(|| format!("uid {uid}")))
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
}
