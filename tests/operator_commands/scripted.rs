//! A service that answers what a test says, in order, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Answers in order, each a status and a body.
pub(crate) type Answers<'a> = &'a [(u16, &'a str)];

/// The scripted service; it answers in a thread of its own for as long as there are answers.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers each request with the next status and body.
    pub(crate) fn answering(answers: Answers<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<(u16, String)> = answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let kept = asked.clone();
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (stream, _) = listener.accept().expect("a connection");
                let mut reader = BufReader::new(stream);
                let request = read(&mut reader);
                // Before the answer, after which it may be asked for.
                kept.lock().expect("no reader panics").push(request);
                answer(reader.into_inner(), status, &body);
            }
        });
        Self { url, asked }
    }

    /// What it was asked: the first line of each request, with the body after it.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the service does not panic").clone()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> String {
    let mut request = String::new();
    reader.read_line(&mut request).expect("a request");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).expect("a body");
    let request = request.trim().trim_end_matches(" HTTP/1.1");
    format!("{request} {}", String::from_utf8_lossy(&sent))
        .trim()
        .to_owned()
}

fn answer(mut stream: TcpStream, status: u16, body: &str) {
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nconnection: close\r\nlocation: /elsewhere\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it is answered");
}
