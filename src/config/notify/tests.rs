use super::*;
use crate::config::load::load;
use crate::model::notice::Kind;

const CONFIG: &str = r#"
timezone = "Europe/Oslo"
state    = "sqlite:state/state.db"
policies = "policies"

[notify]
language   = "nb"
test-alarm = "never"
undetermined-above = 5

[notify.mail]
server   = "smtp.example.org"
from     = "Forfall <forfall@example.org>"
user     = "forfall"
password = { file = "smtp-password" }
timeout-seconds = 7

[notify.webhook.pager]
url    = "https://hooks.example.org/x"
secret = { env = "PAGER_KEY" }

[notify.command.wall]
run = ["/usr/bin/wall", "-n"]

[notify.role.it-operations]
mail  = ["ops@example.org", "boss@example.org"]
kinds = ["overdue", "run-stopped"]

[notify.role."operator on duty"]
every-policy = true
webhook  = "pager"
command  = "wall"
language = "en"
"#;

fn read(text: &str) -> (crate::config::Loaded, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("policies")).unwrap();
    fs_err::write(dir.path().join("forfall.toml"), text).unwrap();
    (load(&dir.path().join("forfall.toml"), "2026-11-20".parse().unwrap()), dir)
}

#[test]
fn everything_is_read() {
    let (loaded, dir) = read(CONFIG);
    let notify = loaded.config.unwrap().notify;
    assert_eq!(notify.digest, "0 8 * * 1".parse().ok(), "a digest unless it is said otherwise");
    assert_eq!((notify.test_alarm, notify.undetermined_above), (None, 5));
    let mail = notify.mail.unwrap();
    assert_eq!(
        (mail.server.as_str(), mail.port, mail.security),
        ("smtp.example.org", 587, Security::StartTls)
    );
    assert_eq!(mail.login, Some(("forfall".to_owned(), Secret::File(dir.path().join("smtp-password")))));
    assert_eq!(mail.timeout, Duration::from_secs(7));
    assert_eq!(notify.webhooks[0].secret, Secret::Env("PAGER_KEY".to_owned()));
    assert_eq!(notify.commands[0].run, ["/usr/bin/wall", "-n"]);
    let [ops, duty] = notify.roles.try_into().unwrap();
    assert_eq!((ops.mail.len(), ops.language, ops.every_policy), (2, Language::Bokmaal, false));
    assert_eq!(ops.kinds, Some(vec![Kind::Overdue, Kind::RunStopped]));
    assert_eq!(
        (duty.name.as_str(), duty.language, duty.every_policy),
        ("operator on duty", Language::English, true)
    );
    assert_eq!(
        (duty.webhooks, duty.commands, duty.kinds),
        (vec!["pager".to_owned()], vec!["wall".to_owned()], None)
    );
}

/// Each edit of the configuration above, and what is said of it.
#[rstest::rstest]
#[case("server   = \"smtp.example.org\"\n", "", "mail has no `server`")]
#[case("from     = \"Forfall <forfall@example.org>\"", "from = \"forfall\"", "`forfall` is no mail address")]
#[case("user     = \"forfall\"\n", "", "a `password` without a `user`")]
#[case("password = { file = \"smtp-password\" }\n", "", "a `user` without a `password`")]
#[case(
    "{ file = \"smtp-password\" }",
    "{ file = \"a\", env = \"B\" }",
    "a secret is kept in exactly one place"
)]
#[case("{ file = \"smtp-password\" }", "{}", "a secret is kept in exactly one place")]
#[case("{ file = \"smtp-password\" }", "\"hunter2\"", "`password`")]
#[case("from     =", "security = \"none\"\nfrom =", "would be readable on its way")]
#[case("from     =", "security = \"ssl\"\nfrom =", "`ssl` is not known here")]
#[case("from     =", "port = 70000\nfrom =", "there is no port 70000")]
#[case("https://hooks", "http://hooks", "would be readable on its way")]
#[case("https://hooks", "https://me:secret@hooks", "a login in a `url`")]
#[case("\"https://hooks.example.org/x\"", "\"hooks\"", "`hooks` is no address of a web server")]
#[case("secret = { env = \"PAGER_KEY\" }", "", "the webhook `pager` has no `secret`")]
#[case("run = [\"/usr/bin/wall\", \"-n\"]", "run = []", "has no program to `run`")]
#[case("webhook  = \"pager\"", "webhook = \"pagr\"", "there is no webhook `pagr`")]
#[case("command  = \"wall\"", "command = \"page\"", "there is no command `page`")]
#[case("\"boss@example.org\"", "\"the boss\"", "`the boss` is no mail address")]
#[case("\"run-stopped\"", "\"run-stoped\"", "`run-stoped` is not known here")]
#[case("language   = \"nb\"", "language = \"nn\"", "`nn` is not known here")]
#[case("test-alarm = \"never\"", "test-alarm = \"weekly\"", "weekly")]
#[case("undetermined-above = 5", "undetermined-above = 0", "0 is out of range")]
#[case("every-policy = true", "every-policies = true", "unknown key `every-policies`")]
#[case(
    "webhook  = \"pager\"\ncommand  = \"wall\"\n",
    "",
    "nothing says how the role `operator on duty` is reached"
)]
fn what_is_wrong_is_said_with_its_place_and_remedy(
    #[case] from: &str,
    #[case] to: &str,
    #[case] message: &str,
) {
    assert!(CONFIG.contains(from), "{from}");
    let (loaded, _dir) = read(&CONFIG.replace(from, to));
    assert!(loaded.config.is_none(), "accepted: {to}");
    let found = loaded.diagnostics.iter().find(|found| found.message.contains(message));
    let found = found.unwrap_or_else(|| panic!("{message}: {:#?}", loaded.diagnostics));
    assert!(found.help.is_some() && !found.span.is_empty(), "{found:?}");
    assert!(loaded.diagnostics.iter().all(|found| !found.message.contains("hunter2")), "a secret is shown");
}

#[test]
fn mail_in_clear_is_for_this_machine_only() {
    for (host, here) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("[::1]", true),
        ("127.0.0.1.example.org", false),
        ("10.0.0.1", false),
    ] {
        assert_eq!(is_this_machine(host), here, "{host}");
    }
}

#[test]
fn a_role_that_nobody_has_is_worth_a_warning() {
    let (_, dir) = read(CONFIG);
    let policy = "title = \"t\"\nowner = \"security\"\nunresolved = \"who?\"\n";
    fs_err::write(dir.path().join("policies/cctv.toml"), policy).unwrap();
    let without = CONFIG.replace("every-policy = true", "every-policy = false");
    fs_err::write(dir.path().join("forfall.toml"), &without).unwrap();
    let day = "2026-11-20".parse().unwrap();
    let loaded = load(&dir.path().join("forfall.toml"), day);
    assert!(
        loaded.diagnostics.iter().any(|found| found.message == "nobody is told as `security`"),
        "{:?}",
        loaded.diagnostics
    );
    fs_err::write(dir.path().join("forfall.toml"), CONFIG).unwrap();
    let loaded = load(&dir.path().join("forfall.toml"), day);
    assert!(
        !loaded.diagnostics.iter().any(|found| found.message.contains("nobody")),
        "one hears of everything"
    );
}
