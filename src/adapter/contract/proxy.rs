//! A proxy that cuts connections after so many bytes, and remembers what the server said.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// Lets bytes through, in both directions together, until so many have passed.
#[derive(Debug)]
pub struct Proxy {
    /// Its port on 127.0.0.1.
    pub port: u16,
    budget: Arc<AtomicI64>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    /// Before the server on that port of this machine.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let shared = Arc::clone(&budget);
        let said = Arc::default();
        let heard: Arc<Mutex<Vec<u8>>> = Arc::clone(&said);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let behind = TcpStream::connect(("127.0.0.1", server)).unwrap();
                for (from, to, heard) in [(&client, &behind, None), (&behind, &client, Some(&heard))] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (budget, heard) = (Arc::clone(&shared), heard.cloned());
                    std::thread::spawn(move || pass_on(from, to, &budget, heard.as_deref()));
                }
            }
        });
        Self { port, budget, said }
    }

    /// Cuts every connection when so many more bytes have passed.
    pub fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// Whether it has cut something.
    pub fn has_cut(&self) -> bool {
        self.budget.load(Ordering::SeqCst) < 0
    }

    /// Whether the server has said this, in one piece.
    pub fn has_said(&self, what: &str) -> bool {
        self.said.lock().unwrap().windows(what.len()).any(|bytes| bytes == what.as_bytes())
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, budget: &AtomicI64, heard: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let left = budget.fetch_sub(i64::try_from(read).unwrap(), Ordering::SeqCst);
        let allowed = usize::try_from(left).unwrap_or(0).min(read);
        if let Some(heard) = heard {
            heard.lock().unwrap().extend(&buffer[..read]);
        }
        if to.write_all(&buffer[..allowed]).is_err() || allowed < read {
            break;
        }
    }
    // Nobody is left to be told about an end that is already there.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
