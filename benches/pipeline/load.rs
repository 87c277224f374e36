//! The load generator: kept connections on one thread, requests made beforehand, answers hardly read.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_rt::net::TcpStream;
use anyhow::{Context, anyhow, bail, ensure};
use futures_util::future::try_join_all;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::event::Template;

/// The largest answer that is understood, in bytes.
const LARGEST_ANSWER: usize = 16 * 1024;

/// How long a patient client waits where there is no room for its event, and how often it posts one again.
const PAUSE: Duration = Duration::from_millis(10);
const REPEATS: u32 = 3000;

/// One kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Box<[u8]>,
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: vec![0; LARGEST_ANSWER].into(),
        })
    }

    /// Sends a request and returns the status and the body of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        let Self { stream, answer } = self;
        let mut sent = 0;
        while sent < request.len() {
            sent += poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, &request[sent..])).await?;
        }
        let mut filled = 0;
        loop {
            let mut room = ReadBuf::new(&mut answer[filled..]);
            poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut room)).await?;
            let read = room.filled().len();
            ensure!(read > 0, "the connection was closed, or its answer is too long");
            filled += read;
            if let Some(head) = head(&answer[..filled])? {
                let end = head.body + head.length;
                if filled >= end {
                    return Ok((head.status, &answer[head.body..end]));
                }
            }
        }
    }
}

/// What is understood of the head of an answer.
struct Head {
    status: u16,
    body: usize,
    length: usize,
}

/// Reads a head, where all of it is there.
fn head(answer: &[u8]) -> anyhow::Result<Option<Head>> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let digits = |text: &[u8]| {
        text.iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
    };
    let head = &answer[..end];
    let length = head
        .windows(LENGTH.len())
        .position(|part| part.eq_ignore_ascii_case(LENGTH))
        .ok_or_else(|| anyhow!("an answer has no length"))?;
    let status = u16::try_from(digits(head.get(9..12).unwrap_or_default()))?;
    Ok(Some(Head {
        status,
        body: end + 4,
        length: digits(&head[length + LENGTH.len()..]),
    }))
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// When it has lasted so long.
    After(Duration),
    /// When so many are answered.
    Count(u64),
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How many were answered, all of them with 202.
    pub(crate) answered: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How often there was no room for an event, which was posted again.
    pub(crate) refused: u64,
    /// In microseconds, ascending.
    latencies: Vec<u32>,
}

impl Outcome {
    /// Returns answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// Adds up what went on at the same time.
    pub(crate) fn together(outcomes: Vec<Self>) -> Self {
        let mut latencies: Vec<u32> = outcomes
            .iter()
            .flat_map(|outcome| outcome.latencies.clone())
            .collect();
        latencies.sort_unstable();
        Self {
            answered: outcomes.iter().map(|outcome| outcome.answered).sum(),
            refused: outcomes.iter().map(|outcome| outcome.refused).sum(),
            elapsed: outcomes
                .iter()
                .map(|outcome| outcome.elapsed)
                .max()
                .unwrap_or_default(),
            latencies,
        }
    }

    /// Returns the latency, in milliseconds, that this share of all stays below.
    pub(crate) fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.latencies
            .get(place)
            .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

/// Where requests go, and which have gone there already.
pub(crate) struct Load {
    address: SocketAddr,
    template: Template,
    connections: usize,
    patient: bool,
    next: Cell<u64>,
}

impl Load {
    pub(crate) fn new(address: SocketAddr, template: Template, connections: usize) -> Self {
        Self {
            address,
            template,
            connections,
            patient: false,
            next: Cell::new(0),
        }
    }

    /// Posts an event again that there is no room for. Its latency counts from the first time.
    pub(crate) fn patient(self) -> Self {
        Self {
            patient: true,
            ..self
        }
    }

    /// Begins with the request of that number.
    pub(crate) fn from(self, number: u64) -> Self {
        self.next.set(number);
        self
    }

    /// Sends as much as is answered.
    pub(crate) async fn full(&self, end: End) -> anyhow::Result<Outcome> {
        self.run(None, end).await
    }

    /// Sends so many per second, answered or not. A request that had to wait for a free connection, or for the
    /// generator, has its latency from when it was to go out.
    pub(crate) async fn paced(&self, per_second: f64, end: End) -> anyhow::Result<Outcome> {
        self.run(Some(per_second), end).await
    }

    async fn run(&self, per_second: Option<f64>, end: End) -> anyhow::Result<Outcome> {
        let opened = (0..self.connections).map(|_| Connection::open(self.address));
        let connections = try_join_all(opened).await?;
        let run = Run {
            started: Instant::now(),
            first: self.next.get(),
            slot: Cell::new(0),
            per_second,
            end,
            patient: self.patient.then_some(self.address),
            refused: Cell::new(0),
            latencies: RefCell::default(),
        };
        let template = &self.template;
        try_join_all(
            connections
                .into_iter()
                .map(|connection| run.drive(connection, template.clone())),
        )
        .await?;
        let elapsed = run.started.elapsed();
        self.next.set(run.first + run.slot.get());
        let mut latencies = run.latencies.into_inner();
        latencies.sort_unstable();
        Ok(Outcome {
            answered: latencies.len() as u64,
            elapsed,
            refused: run.refused.get(),
            latencies,
        })
    }
}

/// What the connections of one load share.
struct Run {
    started: Instant,
    first: u64,
    slot: Cell<u64>,
    per_second: Option<f64>,
    end: End,
    /// Where it is posted again, if it is.
    patient: Option<SocketAddr>,
    refused: Cell<u64>,
    latencies: RefCell<Vec<u32>>,
}

impl Run {
    async fn drive(&self, mut connection: Connection, mut template: Template) -> anyhow::Result<()> {
        while let Some((slot, due)) = self.next() {
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            let request = template.patch(self.first + slot);
            match self.patient {
                Some(address) => self.insist(&mut connection, request, address).await?,
                None => {
                    let (status, body) = connection.exchange(request).await?;
                    if status != 202 {
                        bail!("answered {status}: {}", String::from_utf8_lossy(body));
                    }
                }
            }
            let micros = u32::try_from(due.elapsed().as_micros())?;
            self.latencies.borrow_mut().push(micros);
        }
        Ok(())
    }

    /// Posts a request until it is taken. What has no room is answered before it is read, so that the answer may
    /// get lost.
    async fn insist(
        &self,
        connection: &mut Connection,
        request: &[u8],
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        for _ in 0..REPEATS {
            match connection.exchange(request).await {
                Ok((202, _)) => return Ok(()),
                Ok((503, _)) | Err(_) => {}
                Ok((status, body)) => bail!("answered {status}: {}", String::from_utf8_lossy(body)),
            }
            self.refused.set(self.refused.get() + 1);
            tokio::time::sleep(PAUSE).await;
            *connection = Connection::open(address).await?;
        }
        bail!("there is no room for an event");
    }

    /// Returns the next request and when it is to go out.
    fn next(&self) -> Option<(u64, Instant)> {
        let slot = self.slot.get();
        let due = match self.per_second {
            Some(rate) => self.started + Duration::from_secs_f64(slot as f64 / rate),
            None => Instant::now(),
        };
        let over = match self.end {
            End::After(time) => due >= self.started + time,
            End::Count(count) => slot >= count,
        };
        (!over).then(|| {
            self.slot.set(slot + 1);
            (slot, due)
        })
    }
}
