//! A collector of traces that takes OTLP over HTTP, or does what collectors should not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;

use super::secrecy;

/// How a collector behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Takes everything.
    Taking,
    /// Answers with this status.
    Answering(u16),
    /// Never answers.
    Silent,
    /// Begins an answer that never ends.
    Endless,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A running collector; dropping it closes it.
pub(crate) struct Collector {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Option<Manner>>,
    bodies: Mutex<Vec<(Manner, Vec<u8>)>>,
    /// Held open by one that is silent.
    streams: Mutex<Vec<TcpStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

impl Collector {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(Some(manner)),
            bodies: Mutex::default(),
            streams: Mutex::default(),
        });
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&served.manner).is_none() {
                    return;
                }
                let served = served.clone();
                // A client that leaves ends its thread.
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, &served)));
            }
        });
        Self { port, shared }
    }

    /// Returns its base URL, as an operator writes it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *lock(&self.shared.manner) = Some(manner);
    }

    /// Returns how many requests came.
    pub(crate) fn requests(&self) -> usize {
        lock(&self.shared.bodies).len()
    }

    /// Tells whether anything that came has these bytes in it.
    pub(crate) fn has_seen(&self, text: &str) -> bool {
        let bodies = lock(&self.shared.bodies);
        bodies
            .iter()
            .any(|(_, body)| String::from_utf8_lossy(body).contains(text))
    }

    /// Returns the spans that it took, in the order in which they began.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        let bodies = lock(&self.shared.bodies);
        let taken = bodies.iter().filter(|(manner, _)| *manner == Manner::Taking);
        let mut spans: Vec<Seen> = taken.flat_map(|(_, body)| read(body)).collect();
        spans.sort_by_key(|span| span.begun);
        spans
    }

    /// Returns those of one name.
    pub(crate) fn named(&self, name: &str) -> Vec<Seen> {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        spans
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        *lock(&self.shared.manner) = None;
        lock(&self.shared.streams).clear();
        // Whoever waits for a connection looks up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().expect("a length");
            }
            assert!(!lower.starts_with("post") || lower.starts_with("post /v1/traces "), "{line}");
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        secrecy::note("a span", &String::from_utf8_lossy(&body));
        let Some(manner) = *lock(&shared.manner) else {
            return Ok(());
        };
        lock(&shared.bodies).push((manner, body));
        match manner {
            Manner::Taking => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?,
            Manner::Answering(status) => {
                let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\nno");
                stream.write_all(answer.as_bytes())?;
            }
            Manner::Silent => lock(&shared.streams).push(stream.try_clone()?),
            Manner::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    stream.write_all(&[b'x'; 16 * 1024])?;
                }
            }
        }
    }
}

fn read(body: &[u8]) -> Vec<Seen> {
    let request = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let mut seen = Vec::new();
    for resource in request.resource_spans {
        let named = resource.resource.iter().flat_map(|resource| &resource.attributes);
        let named: Vec<_> = named.map(|attribute| attribute.key.as_str()).collect();
        assert!(named.contains(&"service.name"), "{named:?}");
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let text = |value: Value| match value {
                Value::StringValue(text) => text,
                Value::IntValue(number) => number.to_string(),
                Value::BoolValue(flag) => flag.to_string(),
                other => panic!("{other:?}"),
            };
            let attributes = span.attributes.into_iter();
            let attributes =
                attributes.filter_map(|attribute| Some((attribute.key, text(attribute.value?.value?))));
            seen.push(Seen {
                attributes: attributes.collect(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                begun: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                failed: span
                    .status
                    .is_some_and(|status| status.code() == StatusCode::Error),
            });
        }
    }
    seen
}
