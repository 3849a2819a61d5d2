//! A small HTTP server on the loopback interface that keeps one head, with or without TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it holds and how it answers.
#[derive(Default)]
pub(super) struct Shelf {
    /// The head that was put there.
    pub(super) head: Option<String>,
    /// Answers every `PUT` with this status instead.
    pub(super) refuses: Option<u16>,
    /// Method, path and content type of each request.
    pub(super) asked: Vec<String>,
}

pub(super) struct Server {
    address: SocketAddr,
    pub(super) shelf: Arc<Mutex<Shelf>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn plain() -> Self {
        Self::start(None)
    }

    /// With the certificate under `tests/vectors/tls`, made for this test alone.
    pub(super) fn with_tls() -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tls");
        let chain = CertificateDer::pem_file_iter(dir.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Self::start(Some(Arc::new(config)))
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let end = Arc::new(AtomicBool::new(false));
        let (kept, ended) = (Arc::clone(&shelf), Arc::clone(&end));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                // A client that gives up, or does not trust us, is no failure of ours.
                let _ = match &tls {
                    None => answer(stream, &kept),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).unwrap();
                        answer(StreamOwned::new(session, stream), &kept)
                    }
                };
            }
        });
        Self { address, shelf, end, thread: Some(thread) }
    }

    pub(super) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}/{path}", self.address)
    }

    pub(super) fn head(&self) -> Option<String> {
        self.shelf.lock().unwrap().head.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        // The thread waits for somebody to come.
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn answer(stream: impl Read + Write, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length, mut kind) = (String::new(), 0, String::new());
    stream.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" => value.clone_into(&mut kind),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let (status, text) = {
        let mut shelf = shelf.lock().unwrap();
        let (method, path) = first.split_once(' ').unwrap_or_default();
        shelf.asked.push(format!("{method} {} {kind}", path.split(' ').next().unwrap_or_default()));
        match (method, shelf.refuses) {
            ("PUT", Some(status)) => (status, String::new()),
            ("PUT", None) => {
                shelf.head = Some(String::from_utf8(body).unwrap());
                (204, String::new())
            }
            ("GET", _) => shelf.head.clone().map_or((404, String::new()), |head| (200, head)),
            _ => (405, String::new()),
        }
    };
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} .\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    stream.flush()
}
