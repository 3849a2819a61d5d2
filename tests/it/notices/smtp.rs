//! A throw-away mail server: Debian's aiosmtpd, on a free port of the loopback.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running server. It ends with its standard input: when this is dropped, and when the test's process dies.
pub(super) struct Server {
    pub(super) port: u16,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one that behaves so: `take`, `refuse`, `busy` or `slow`.
    pub(super) fn start(behaviour: &str, options: &[String]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/notices/smtp.py");
        // Debian's own Python: python3-aiosmtpd belongs to it.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(behaviour)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { port: 0, child, input, output };
        let first = server.message();
        server.port = first["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap();
        server
    }

    /// The next message that it has taken; waits for it.
    pub(super) fn message(&mut self) -> Value {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).unwrap();
        assert!(read > 0, "the mail server has ended: ./test installs python3-aiosmtpd, which it needs");
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it; every further message that it took.
    pub(super) fn stop(mut self) -> Vec<Value> {
        drop(self.input.take());
        let mut rest = Vec::new();
        for line in std::mem::replace(&mut self.output, BufReader::new(never())).lines() {
            rest.push(serde_json::from_str(&line.unwrap()).unwrap());
        }
        rest
    }
}

/// A stream that ends at once, to stand in for one that is read to its end.
fn never() -> ChildStdout {
    let mut child = Command::new("/bin/true").stdout(Stdio::piped()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    child.wait().unwrap();
    output
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// A certificate for the loopback that nobody has signed, and its key.
pub(super) fn certificate(dir: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (dir.join("certificate.pem"), dir.join("key.pem"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args([
            "-days",
            "3650",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (certificate, key)
}
