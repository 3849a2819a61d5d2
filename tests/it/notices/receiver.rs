//! A receiver of webhooks on the loopback that does as it is told with each request.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// This status.
    Status(u16),
    /// The connection is closed without an answer, although the request was read: it may have been dealt with.
    Close,
    /// No answer as long as the receiver lives.
    Wait,
}

/// A request as it was read.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// A receiver with a list of what to do.
pub(super) struct Receiver {
    pub(super) url: String,
    requests: Channel<Request>,
}

impl Receiver {
    pub(super) fn start(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/forfall", listener.local_addr().unwrap());
        let (tell, requests) = channel();
        std::thread::spawn(move || serve(&listener, &script, &tell));
        Self { url, requests }
    }

    /// The next request; waits for it.
    pub(super) fn request(&self) -> Request {
        self.requests.recv().unwrap()
    }
}

fn serve(listener: &TcpListener, script: &[Then], tell: &Sender<Request>) {
    let mut waiting = Vec::new();
    for then in script {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read(&stream);
        match then {
            Then::Status(status) => {
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
            Then::Close => drop(stream),
            Then::Wait => waiting.push(stream),
        }
        if tell.send(request).is_err() {
            return;
        }
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("POST /forfall HTTP/1.1"), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Request { headers, body: String::from_utf8(body).unwrap() }
}

impl Request {
    /// Checks the signature as a receiver does, by the text of the specification.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, time) = (&self.headers["webhook-id"], &self.headers["webhook-timestamp"]);
        mac.update(format!("{id}.{time}.{}", self.body).as_bytes());
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        self.headers["webhook-signature"].split(' ').any(|one| one == format!("v1,{expected}"))
    }
}
