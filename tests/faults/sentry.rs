//! A stand-in for Sentry: takes envelopes over HTTP, or is as bad as it is told to be.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use crate::support::secrecy;

/// How it treats what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Takes it.
    Takes,
    /// Reads it and never answers.
    Silent,
    /// Closes the connection without an answer.
    Closes,
    /// Answers with this head.
    Answers(&'static str),
}

/// What it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    /// The head of the request, line by line.
    pub(crate) head: Vec<String>,
    /// The body as it came.
    pub(crate) raw: String,
    /// What it says it is, and what that is.
    pub(crate) items: Vec<(String, Value)>,
}

struct State {
    manner: Manner,
    envelopes: Vec<Envelope>,
    /// Connections that nobody answers.
    open: Vec<TcpStream>,
}

/// The running stand-in.
pub(crate) struct TestSentry {
    address: SocketAddr,
    key: String,
    state: Arc<Mutex<State>>,
}

impl TestSentry {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State {
            manner: Manner::Takes,
            envelopes: Vec::new(),
            open: Vec::new(),
        }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        let key = Uuid::new_v4().simple().to_string();
        secrecy::keep(&key);
        Self { address, key, state }
    }

    pub(crate) fn dsn(&self) -> String {
        format!("http://{}@{}/42", self.key, self.address)
    }

    pub(crate) fn set(&self, manner: Manner) {
        let mut state = lock(&self.state);
        state.manner = manner;
        state.open.clear();
    }

    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        lock(&self.state).envelopes.clone()
    }

    /// Returns the events that it was sent, in order.
    pub(crate) fn events(&self) -> Vec<Value> {
        let items = self.envelopes().into_iter().flat_map(|envelope| envelope.items);
        items
            .filter(|(kind, _)| kind == "event")
            .map(|(_, event)| event)
            .collect()
    }

    /// Tells whether every request had the key, which nothing else may have.
    pub(crate) fn was_always_shown_the_key(&self) -> bool {
        let key = format!("sentry_key={}", self.key);
        self.envelopes().iter().all(|envelope| {
            let shown =
                |line: &&String| line.to_lowercase().starts_with("x-sentry-auth:") && line.contains(&key);
            envelope.head.iter().filter(shown).count() == 1
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one connection until either side ends it.
fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("it is open"));
    while let Some((head, body)) = read_request(&mut reader) {
        secrecy::note("a report", &body);
        let items = items(&body);
        let manner = {
            let mut state = lock(state);
            state.envelopes.push(Envelope {
                head,
                raw: body,
                items,
            });
            state.manner
        };
        let answer = match manner {
            Manner::Takes => "HTTP/1.1 200 OK\r\n",
            Manner::Answers(head) => head,
            Manner::Closes => return,
            Manner::Silent => {
                lock(state).open.push(stream);
                return;
            }
        };
        if write!(&stream, "{answer}content-length: 2\r\n\r\n{{}}").is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<(Vec<String>, String)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.expect("a report says how long it is")];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).expect("a report is text")))
}

/// Takes an envelope apart: a head, then each item under a head of its own.
fn items(body: &str) -> Vec<(String, Value)> {
    let mut lines = body.lines();
    let head: Value = serde_json::from_str(lines.next().expect("a head")).expect("a head of JSON");
    assert!(head.is_object());
    let mut items = Vec::new();
    while let Some(head) = lines.next().filter(|line| !line.is_empty()) {
        let head: Value = serde_json::from_str(head).expect("a head of JSON");
        let item = serde_json::from_str(lines.next().expect("an item")).expect("an item of JSON");
        items.push((head["type"].as_str().expect("a kind").to_owned(), item));
    }
    items
}
