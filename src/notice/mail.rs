//! Mail by SMTP (RFC 5321), with TLS from the first byte or by STARTTLS (RFC 3207), and a login where one is needed.

use std::error::Error as _;
use std::sync::mpsc;

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use super::post::Trouble;
use crate::config::notify::{MailSettings, Security};
use crate::state::outbox::Letter;
use crate::time::Instant;

/// Sends one letter; the server's answer.
pub fn send(settings: &MailSettings, letter: &Letter, now: Instant) -> Result<String, Trouble> {
    let message = message(settings, letter, now)?;
    let transport = transport(settings)?;
    // The library's time-out is for each step of the conversation; a server that says a word now and then would keep
    // us for ever. A conversation that is given up ends on its own thread.
    let (tell, hear) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(transport.send(&message));
    });
    let server = format!("{}:{}", settings.server, settings.port);
    match hear.recv_timeout(settings.timeout) {
        Ok(Ok(answer)) => Ok(format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))),
        Ok(Err(error)) => Err(trouble(&server, &error)),
        Err(_) => Err(Trouble::of_the_way(format!(
            "{server} did not take the message within {} s",
            settings.timeout.as_secs()
        ))),
    }
}

fn message(settings: &MailSettings, letter: &Letter, now: Instant) -> Result<Message, Trouble> {
    let unfit = |what: &str, why: &dyn std::fmt::Display| Trouble {
        why: format!("{what}: {why}"),
        way: false,
        lasting: true,
    };
    let from: Mailbox = settings.from.parse().map_err(|error| unfit(&settings.from, &error))?;
    let to: Mailbox = letter.to.address.parse().map_err(|error| unfit(&letter.to.address, &error))?;
    let domain = from.email.domain().to_owned();
    let mut builder = Message::builder()
        .from(from)
        .to(to)
        .subject(&letter.subject)
        .date(now.into())
        .message_id(Some(format!("<{}@{domain}>", letter.id)));
    let policy = letter.policy.as_ref().map(|policy| ("X-Forfall-Policy", policy.to_string()));
    // RFC 3834: nobody answers a machine.
    let marks =
        [("Auto-Submitted", "auto-generated".to_owned()), ("X-Forfall-Kind", letter.kind.to_string())];
    for (name, value) in marks.into_iter().chain(policy) {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    let text = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(letter.body.clone());
    builder.singlepart(text).map_err(|error| unfit("the message", &error))
}

fn transport(settings: &MailSettings) -> Result<SmtpTransport, Trouble> {
    let tls = || -> Result<TlsParameters, Trouble> {
        let mut parameters = TlsParameters::builder(settings.server.clone());
        if let Some(file) = &settings.ca {
            let pem = fs_err::read(file).map_err(|error| Trouble::of_the_configuration(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem)
                .map_err(|error| Trouble::of_the_configuration(format!("{}: {error}", file.display())))?;
            parameters = parameters.add_root_certificate(certificate);
        }
        parameters.build().map_err(|error| Trouble::of_the_configuration(told(&error)))
    };
    let tls = match settings.security {
        Security::StartTls => Tls::Required(tls()?),
        Security::Tls => Tls::Wrapper(tls()?),
        Security::None => Tls::None,
    };
    let mut builder = SmtpTransport::builder_dangerous(&settings.server)
        .port(settings.port)
        .tls(tls)
        .timeout(Some(settings.timeout));
    if let Some((user, secret)) = &settings.login {
        let password = secret.read().map_err(|error| Trouble::of_a_secret(&error))?;
        builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
    }
    Ok(builder.build())
}

/// What the server said. A refusal concerns this letter, unless it is about us: a login (RFC 4954), or a server that
/// is closing or wants to be left alone.
fn trouble(server: &str, error: &lettre::transport::smtp::Error) -> Trouble {
    let code = error.status().map(|code| code.to_string().parse::<u16>().unwrap_or(0));
    let of_us = matches!(code, Some(421 | 454 | 530 | 534 | 535 | 538 | 554));
    Trouble {
        why: format!("{server}: {}", told(error)),
        way: code.is_none() || of_us,
        lasting: error.is_permanent(),
    }
}

/// The error and what it rests on, each once.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.chars().filter(|letter| !letter.is_control()).collect()
}
