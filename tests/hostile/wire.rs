//! HTTP/1.1 as the stand-in speaks it by default: whole requests in, whole answers out.

use std::time::SystemTime;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A request.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) key: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Reads requests from one connection.
#[derive(Default)]
pub(crate) struct Reader {
    unread: Vec<u8>,
}

impl Reader {
    /// Reads the next request; nothing where the client has left.
    pub(crate) async fn next(&mut self, stream: &mut TcpStream) -> Option<Request> {
        let end = loop {
            if let Some(start) = find(&self.unread, b"\r\n\r\n") {
                break start + 4;
            }
            self.more(stream).await?;
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        let length = header(&head, "content-length").map_or(0, |text| text.parse().expect("a length"));
        assert!(header(&head, "transfer-encoding").is_none(), "the service sends bodies with their length");
        while self.unread.len() < end + length {
            self.more(stream).await?;
        }
        let body = self.unread[end..end + length].to_vec();
        self.unread.drain(..end + length);
        let mut words = head.split(' ');
        let method = words.next()?.to_owned();
        let target = words.next()?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            key: header(&head, "idempotency-key"),
            body,
        })
    }

    async fn more(&mut self, stream: &mut TcpStream) -> Option<()> {
        match stream.read_buf(&mut self.unread).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim().to_owned())
}

/// Makes the start of an answer, up to where more headers may follow.
pub(crate) fn head(status: &str) -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/json\r\n")
}

/// Makes a whole answer.
pub(crate) fn answer(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer_with(status, "", body)
}

/// Makes a whole answer with more headers, each with its line end.
pub(crate) fn answer_with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut all = format!("{}{headers}Content-Length: {}\r\n\r\n", head(status), body.len()).into_bytes();
    all.extend_from_slice(body);
    all
}

/// Makes a whole answer in chunks of so many bytes.
pub(crate) fn chunked(status: &str, body: &str, size: usize) -> Vec<u8> {
    let mut all = format!("{}Transfer-Encoding: chunked\r\n\r\n", head(status)).into_bytes();
    for chunk in body.as_bytes().chunks(size) {
        all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        all.extend_from_slice(chunk);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"0\r\n\r\n");
    all
}
