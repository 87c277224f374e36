//! A server on raw sockets: what it answers is played byte for byte.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

/// How long one side waits for the other before a test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Which connection it came over, counted from 0.
    pub(super) connection: usize,
    /// Its line and headers.
    pub(super) head: String,
    /// Its body.
    pub(super) body: String,
}

impl Request {
    /// Reads one; `None` where there is none any more.
    pub(super) fn read(stream: &mut impl Read, connection: usize) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()));
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).ok()?;
        Some(Self {
            connection,
            head,
            body: String::from_utf8(body).unwrap(),
        })
    }

    /// Returns the event that it is about.
    pub(super) fn event(&self) -> String {
        let after = |text: &str, mark: &str| text.split_once(mark).map(|(_, rest)| rest.to_owned());
        let named = after(&self.body, r#""eventId":""#).or_else(|| after(&self.head, "/msg/"));
        let named = named.unwrap_or_default();
        let end = named.find(|c: char| !c.is_alphanumeric() && c != '_');
        named[..end.unwrap_or(named.len())].to_owned()
    }

    /// Returns the body of the answer that Svix gives to it.
    pub(super) fn message(&self) -> String {
        let event = self.event();
        format!(
            r#"{{"id":"msg_{event}","eventId":"{event}","eventType":"user.created","payload":{{"a":1,"b":2}}}}"#
        )
    }

    /// Returns the answer that Svix gives to it.
    pub(super) fn accepted(&self) -> String {
        answer("202 Accepted", &self.message())
    }
}

/// Writes an answer with its length.
pub(super) fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection, from the server's side.
pub(super) struct Peer {
    stream: TcpStream,
    number: usize,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Peer {
    /// Reads the next request; `None` where the client has hung up.
    pub(super) fn request(&mut self) -> Option<Request> {
        let request = Request::read(&mut self.stream, self.number)?;
        self.seen.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Writes; returns whether it could.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Writes the same again and again until the client hangs up.
    pub(super) fn send_for_ever(&mut self, bytes: &str) {
        let block = bytes.repeat(1 + 16_384 / bytes.len());
        while self.send(&block) {}
    }

    /// Ends its side of the connection, in order.
    pub(super) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Waits until the client has ended its side.
    pub(super) fn wait_for_end(&mut self) {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).is_ok_and(|n| n > 0) {}
    }

    /// Ends the connection at once and without order.
    pub(super) fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }
}

/// The server. Its threads end with the connections that they serve, and with the process.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts one that plays each connection.
    pub(super) fn start(play: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (connections, seen, play) = (server.connections.clone(), server.seen.clone(), Arc::new(play));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                let peer = Peer {
                    stream,
                    number: connections.fetch_add(1, Ordering::SeqCst),
                    seen: seen.clone(),
                };
                let play = play.clone();
                std::thread::spawn(move || play(peer));
            }
        });
        server
    }

    /// Starts one that plays the first connection and answers all others as Svix does.
    pub(super) fn playing(first: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self::start(move |peer| {
            if peer.number == 0 {
                first(peer)
            } else {
                serve(peer)
            }
        })
    }

    /// Returns how many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns what was asked.
    pub(super) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers as Svix does, until the client hangs up.
pub(super) fn serve(mut peer: Peer) {
    while let Some(request) = peer.request() {
        peer.send(request.accepted());
    }
}

/// Something that one side waits for and the other does.
pub(super) struct Signal {
    sender: Sender<()>,
    receiver: Mutex<Receiver<()>>,
}

impl Signal {
    pub(super) fn new() -> Arc<Self> {
        let (sender, receiver) = channel();
        Arc::new(Self {
            sender,
            receiver: Mutex::new(receiver),
        })
    }

    /// Lets one waiting side go on.
    pub(super) fn give(&self) {
        let _ = self.sender.send(());
    }

    /// Waits for it.
    pub(super) fn wait(&self) {
        self.receiver.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    }

    /// Waits for it while other tasks of the thread go on.
    pub(super) async fn waited(&self) {
        while self.receiver.lock().unwrap().try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    }
}
