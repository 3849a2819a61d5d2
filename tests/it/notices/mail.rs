//! Mail by a real server that takes, refuses, is slow, is dead, or wants another password.

use super::smtp::{Server, certificate};
use super::tell;
use crate::fixture::{Fixture, Said};

fn tables(port: u16, more: &str) -> String {
    format!(
        "[notify]\nlanguage = \"nb\"\n\n[notify.mail]\nserver = \"127.0.0.1\"\nport = {port}\n\
         from = \"Forfall <forfall@example.org>\"\n{more}\n\n\
         [notify.role.it-operations]\nmail = \"ops@example.org\"\nkinds = [\"overdue\", \"run-stopped\"]\n"
    )
}

const IN_CLEAR: &str = "security = \"none\"";

fn trial(fixture: &Fixture, code: i32) -> String {
    let trials = fixture.run(&["notify", "test"]).expect(code).json();
    let trial = &trials["trials"][0];
    assert_eq!(trial["delivered"], code == 0, "{trial}");
    trial["answer"].as_str().unwrap().to_owned()
}

#[test]
fn a_message_is_plain_text_that_an_operator_can_filter() {
    let fixture = Fixture::new(1, 1);
    let mut server = Server::start("take", &[]);
    tell(&fixture, &tables(server.port, IN_CLEAR));
    let answer = trial(&fixture, 0);
    assert!(answer.contains("250") && answer.contains("taken as 4711"), "{answer}");
    let message = server.message();
    assert_eq!(message["to"][0], "ops@example.org");
    let data = message["data"].as_str().unwrap();
    for header in [
        "From: Forfall <forfall@example.org>\r\n",
        "To: ops@example.org\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "X-Forfall-Kind: test-alarm\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "@example.org>\r\n",
    ] {
        assert!(data.contains(header), "{header}: {data}");
    }
    assert!(data.contains("Du\r\ntrenger ikke =C3=A5 gj=C3=B8re noe"), "{data}");
}

#[test]
fn a_login_goes_only_over_a_secured_connection_and_a_wrong_one_is_told_as_the_server_says_it() {
    let fixture = Fixture::new(1, 1);
    let (pem, key) = certificate(&fixture.path(""));
    fs_err::write(fixture.path("password"), "hunter2\n").unwrap();
    for (security, tls) in [("starttls", "starttls"), ("tls", "tls")] {
        let options = |password: &str| {
            let mut options = vec![
                format!("tls={tls}"),
                format!("certificate={}", pem.display()),
                format!("key={}", key.display()),
            ];
            options.extend(["user=forfall".to_owned(), format!("password={password}")]);
            options
        };
        let login = "user = \"forfall\"\npassword = { file = \"password\" }\nca = \"certificate.pem\"";
        let more = format!("security = \"{security}\"\n{login}");
        let mut server = Server::start("take", &options("hunter2"));
        tell(&fixture, &tables(server.port, &more));
        trial(&fixture, 0);
        assert_eq!(server.message()["tls"], true);

        let server = Server::start("take", &options("another"));
        tell(&fixture, &tables(server.port, &more));
        let answer = trial(&fixture, 12);
        assert!(answer.contains("535"), "{answer}");
        assert!(!answer.contains("hunter2"), "{answer}");

        tell(&fixture, &tables(server.port, &more.replace("ca = \"certificate.pem\"", "")));
        let answer = trial(&fixture, 12);
        assert!(answer.contains("certificate"), "a certificate that nobody vouches for: {answer}");
        assert!(server.stop().is_empty(), "nothing was sent");
    }
    fs_err::remove_file(fixture.path("password")).unwrap();
    let answer = trial(&fixture, 12);
    assert!(answer.contains("password") && answer.contains("make the file"), "{answer}");
}

#[test]
fn a_server_that_has_no_starttls_gets_neither_login_nor_message() {
    let fixture = Fixture::new(1, 1);
    fs_err::write(fixture.path("password"), "hunter2\n").unwrap();
    let server = Server::start("take", &[]);
    let login = "user = \"forfall\"\npassword = { file = \"password\" }";
    tell(&fixture, &tables(server.port, login));
    let answer = trial(&fixture, 12);
    assert!(answer.to_uppercase().contains("STARTTLS"), "{answer}");
    assert!(server.stop().is_empty());
}

#[test]
fn what_a_refusing_a_busy_a_slow_and_a_dead_server_say_is_told() {
    let fixture = Fixture::new(1, 1);
    for (behaviour, said) in [("refuse", "no such user here"), ("busy", "try again later")] {
        let server = Server::start(behaviour, &[]);
        tell(&fixture, &tables(server.port, IN_CLEAR));
        let answer = trial(&fixture, 12);
        assert!(answer.contains(said), "{answer}");
    }
    let slow = Server::start("slow", &[]);
    tell(&fixture, &tables(slow.port, "security = \"none\"\ntimeout-seconds = 1"));
    let answer = trial(&fixture, 12);
    assert!(
        answer.contains("did not take the message within 1 s") || answer.contains("timed out"),
        "{answer}"
    );

    tell(&fixture, &tables(dead_port(), IN_CLEAR));
    let answer = trial(&fixture, 12);
    assert!(answer.contains("refused"), "{answer}");
}

/// A port on which nobody listens.
fn dead_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn send(fixture: &Fixture, words: &[&str], code: i32) -> Said {
    super::super::cli::forfall(fixture, words).expect(code)
}

#[test]
fn nothing_is_lost_while_the_server_is_down_and_nothing_is_sent_twice() {
    let fixture = Fixture::new(3, 2);
    tell(&fixture, &tables(dead_port(), IN_CLEAR));
    let said = send(&fixture, &["notify", "send"], 12);
    assert!(said.err.contains("mail ops@example.org") && said.err.contains("refused"), "{}", said.err);
    let waiting = fixture.run(&["notify", "list"]).expect(0).json();
    let [letter] = waiting["notices"].as_array().unwrap().as_slice() else { panic!("{waiting}") };
    assert_eq!(
        (&letter["kind"], &letter["policy"], &letter["attempts"]),
        (&"overdue".into(), &"calls".into(), &1.into())
    );
    assert!(
        letter["sent"].is_null() && letter["next"].is_string() && letter["error"].is_string(),
        "{letter}"
    );
    let id = letter["id"].as_str().unwrap();

    let mut server = Server::start("take", &[]);
    tell(&fixture, &tables(server.port, IN_CLEAR));
    send(&fixture, &["notify", "retry", &id[..8]], 0);
    let message = server.message();
    let data = message["data"].as_str().unwrap();
    assert!(data.contains(&format!("Message-ID: <{id}@example.org>")), "{data}");
    assert!(data.contains("Subject: [forfall] breach calls: fristen er brutt"), "{data}");
    assert!(data.contains("X-Forfall-Policy: calls"), "{data}");
    assert!(!data.contains("+4799"), "a caller's number is in it: {data}");

    for words in [["notify", "send"], ["notify", "retry"]] {
        send(&fixture, &words, 0);
    }
    assert!(server.stop().is_empty(), "it was sent again");
    let all = fixture.run(&["notify", "list", "--all"]).expect(0).json();
    assert_eq!(all["notices"].as_array().unwrap().len(), 1);
    assert!(all["notices"][0]["sent"].is_string(), "{all}");
    let shown = send(&fixture, &["notify", "show", &id[..6]], 0).out;
    assert!(shown.contains("Subject: [forfall] breach calls") && shown.contains("på overtid"), "{shown}");
    let alarms = fixture.run(&["alarm", "list"]).expect(0).json();
    let alarm = &alarms["alarms"][0];
    assert_eq!(
        (&alarm["kind"], &alarm["subject"], &alarm["level"]),
        (&"overdue".into(), &"calls".into(), &"breach".into())
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let fixture = Fixture::new(1, 1);
    for words in [&["notify", "test"][..], &["notify", "send"]] {
        let said = send(&fixture, words, 2);
        assert!(said.err.contains("[notify.role.NAME]"), "{}", said.err);
    }
    tell(&fixture, &tables(dead_port(), IN_CLEAR));
    let said = send(&fixture, &["notify", "test", "boss"], 2);
    assert!(said.err.contains("there is no role boss: there are it-operations"), "{}", said.err);
    let said = send(&fixture, &["notify", "retry", "0000"], 2);
    assert!(said.err.contains("there is no message 0000"), "{}", said.err);
    let said = send(&fixture, &["alarm", "ack", "nonsense"], 2);
    assert!(said.err.contains("no open test alarm has the code nonsense"), "{}", said.err);
}
