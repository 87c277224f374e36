//! Requests written byte by byte to a socket, as no client would send them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::{Answer, Client};

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a connection on which a test waits for bytes, but not for ever.
pub(crate) fn connect(client: &Client) -> TcpStream {
    let address = client.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).expect("the service takes connections");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time limit is taken");
    stream
}

/// Writes the head of a post, without what ends it.
pub(crate) fn head(headers: &str) -> String {
    format!("POST /notifications HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}")
}

/// Reads until the service closes the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("the service answers and closes");
    parse_answer(&bytes)
}

/// Takes apart an answer of which all bytes are there.
pub(crate) fn parse_answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status: status
            .and_then(|status| status.parse().ok())
            .expect("an answer has a status"),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
        text: body.to_owned(),
    }
}

/// Sends the same bytes again and again, at most so often, until the service answers or closes; returns
/// the answer.
pub(crate) fn trickle(stream: &mut TcpStream, bytes: &[u8], most: usize) -> Vec<u8> {
    let mut answer = vec![0; 16 * 1024];
    let pause = Duration::from_millis(10);
    stream.set_read_timeout(Some(pause)).unwrap();
    for _ in 0..most {
        // Where the service has closed, its answer is still there to be read.
        let _ = stream.write_all(bytes);
        match stream.read(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.read_to_end(&mut answer).expect("the service closes");
                return answer;
            }
            Err(error) => {
                let waiting = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(waiting, "the service hung up without an answer: {error}");
            }
        }
    }
    panic!("the service took {most} pieces and said nothing")
}
