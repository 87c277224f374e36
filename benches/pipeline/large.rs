//! Events of up to a megabyte: as a backlog after a restart, and as they come.
//!
//! The stand-in answers after 20 ms. Each row has a process of its own, so what it took at its peak is the row's.
//! Bytes are those of its calls on files, from its start: what is written or read twice, and what the database
//! moves into files beside its own, counts, whether it reaches the disk or not. What comes from callers and goes
//! to Svix is no part of it, as far as the client and the server use the calls of sockets.

use std::path::Path;
use std::time::{Duration, Instant};

use svix_hooks::sandbox::Sandbox;

use crate::delivering::stand_in;
use crate::event::{Ids, Template};
use crate::load::{End, Load};
use crate::machine::Moved;
use crate::report::{Report, Row, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;
use crate::shared::Database;

/// How long the stand-in takes for an answer, in milliseconds.
pub(crate) const DELAY_MS: u64 = 20;

/// Clients that post large events, each one after the other.
const CLIENTS: usize = 64;

/// How long a drain may take; then what was drained by then is told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sizes of events, in bytes. The largest is just below what `server.max_body_bytes` allows.
pub(crate) const MEGABYTE: usize = 1_000_000;
const LIVE: [usize; 3] = [100_000, 500_000, MEGABYTE];

/// What the service may take at its peak, in MiB: `delivery.max_ready_bytes` as events and twice that in requests,
/// a batch of the writer, and what it takes without any event.
const MEMORY: f64 = 200.0;

/// Bytes written, and read, for each byte of a backlog.
const MOVED: f64 = 4.0;

/// How much of its rate a drain keeps with three times the backlog.
const STEADY: f64 = 0.77;

/// A backlog.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) count: u64,
    pub(crate) bytes: usize,
    pub(crate) customers: u64,
}

/// Those of a table. The first two differ in their length only.
const BACKLOGS: [Backlog; 6] = [
    Backlog::new(1_000, MEGABYTE, 1),
    Backlog::new(3_000, MEGABYTE, 1),
    Backlog::new(1_000, MEGABYTE, 200),
    Backlog::new(5_000, 100_000, 1),
    Backlog::new(2_000, MEGABYTE, 1),
    Backlog::new(20_000, 100_000, 1),
];

/// What draining one came to.
struct Drained {
    count: u64,
    elapsed: Duration,
    peak: f64,
    moved: Moved,
}

/// The worst of several drains.
#[derive(Default)]
struct Worst {
    peak: f64,
    written: f64,
    read: f64,
}

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut worst, mut rates, mut share) = (Worst::default(), Vec::new(), 1.0_f64);
    for (number, backlog) in BACKLOGS.into_iter().enumerate() {
        let (backlog, name) = (backlog.scaled(settings.large), format!("large-{number}"));
        let drained = drain(backlog, Place::new(directory, &name)?, "a file", report).await?;
        share = share.min(drained.count as f64 / backlog.count as f64);
        worst.note(&drained, backlog.bytes);
        rates.push(drained.rate());
    }
    report.at_least("share of a large backlog that is drained within 60 s", share, 1.0);
    report.at_most("memory at its peak while a large backlog drains, MiB", worst.peak, MEMORY);
    report.at_most("bytes written for each of a large backlog", worst.written, MOVED);
    report.at_most("bytes read for each of a large backlog", worst.read, MOVED);
    if let [short, long, ..] = rates[..] {
        report.at_least("drain of 3,000 large events ÷ of 1,000", long / short, STEADY);
    }
    if let (Some(server), [first, ..]) = (&settings.postgres, BACKLOGS) {
        let database = Database::new(server).await?;
        for place in database.places(directory, 1)? {
            let drained = drain(first.scaled(settings.large), place, "PostgreSQL", report).await?;
            report.at_most(
                "memory at its peak while a large backlog drains from PostgreSQL, MiB",
                drained.peak,
                MEMORY,
            );
        }
    }
    for bytes in LIVE {
        live(settings, directory, bytes, report).await?;
    }
    Ok(())
}

impl Backlog {
    pub(crate) const fn new(count: u64, bytes: usize, customers: u64) -> Self {
        Self {
            count,
            bytes,
            customers,
        }
    }

    /// Returns a share of it.
    pub(crate) fn scaled(self, share: f64) -> Self {
        Self {
            count: ((self.count as f64 * share).ceil() as u64).max(1),
            ..self
        }
    }

    /// Queues it at a place, where it stays when that ends.
    pub(crate) async fn queue(self, place: &Place) -> anyhow::Result<()> {
        let Self {
            count,
            bytes,
            customers,
        } = self;
        progress(&format!("queueing {count} events of {bytes} bytes"));
        let ids = Ids {
            customers,
            ordered: true,
        };
        let service = Service::start(place, &Delivery::Off).await?;
        let template = Template::post_of(bytes, "/notifications", ids);
        let load = Load::new(place.address(), template, CLIENTS).patient();
        load.full(End::Count(count)).await?;
        service.stop().await
    }
}

impl Drained {
    /// Returns events per second.
    fn rate(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }
}

impl Worst {
    fn note(&mut self, drained: &Drained, bytes: usize) {
        let all = drained.count as f64 * bytes as f64;
        self.peak = self.peak.max(drained.peak);
        self.written = self.written.max(drained.moved.written / all);
        self.read = self.read.max(drained.moved.read / all);
    }
}

async fn drain(backlog: Backlog, place: Place, store: &str, report: &mut Report) -> anyhow::Result<Drained> {
    let Backlog {
        count,
        bytes,
        customers,
    } = backlog;
    backlog.queue(&place).await?;
    progress("draining them");
    let svix = stand_in(DELAY_MS)?;
    let started = Instant::now();
    let service = Service::start(&place, &Delivery::To(svix.url())).await?;
    let drained = Drained {
        count: wait(&service, &svix, count).await?,
        elapsed: started.elapsed(),
        peak: service.memory()?.peak,
        moved: service.moved()?,
    };
    service.kill()?;
    place.clear()?;
    let rate = drained.rate() * bytes as f64 / 1e6;
    report.row(Row {
        what: format!("draining {count} × {} KB, customers: {customers}, from {store}", bytes / 1000),
        measured: format!("{:.1} s", drained.elapsed.as_secs_f64()),
        compared_with: String::new(),
        ratio: None,
        remark: format!(
            "{} drained, {rate:.1} MB/s; {:.0} MiB at its peak; {}",
            drained.count,
            drained.peak,
            shown(&drained.moved, drained.count as f64 * bytes as f64)
        ),
    })?;
    Ok(drained)
}

/// Waits until a service knows of so many delivered, or for as long as that may take; returns how many are.
async fn wait(service: &Service, svix: &Sandbox, count: u64) -> anyhow::Result<u64> {
    let started = Instant::now();
    loop {
        let all = svix.message_count() >= count && service.stats().await?.delivered >= count;
        if all || started.elapsed() > PATIENCE {
            return Ok(svix.message_count());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Posts events of one size as fast as they are answered, and delivers them meanwhile.
async fn live(
    settings: &Settings,
    directory: &Path,
    bytes: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    progress(&format!("accepting and delivering events of {bytes} bytes"));
    let svix = stand_in(DELAY_MS)?;
    let place = Place::new(directory, &format!("large-live-{bytes}"))?;
    let service = Service::start(&place, &Delivery::To(svix.url())).await?;
    let template = Template::post_of(bytes, "/notifications", settings.ids);
    let started = Instant::now();
    let load = Load::new(place.address(), template, CLIENTS).patient();
    let accepted = load.full(End::After(settings.leg)).await?;
    let (early, moved) = (svix.message_count(), service.moved()?);
    let delivered = wait(&service, &svix, accepted.answered).await?;
    let all = accepted.answered as f64 * bytes as f64;
    let elapsed = started.elapsed().as_secs_f64();
    report.row(Row {
        what: format!("accepting events of {} KB from {CLIENTS} clients", bytes / 1000),
        measured: format!("{:.0}/s", accepted.rate()),
        compared_with: String::new(),
        ratio: None,
        remark: format!(
            "{:.0} MB/s, p50 {:.0} ms, p99 {:.0} ms, refused {}; until then {}; {early} delivered by then, {delivered} of {} after \
             {elapsed:.1} s; {:.0} MiB at its peak; until the last delivery {}",
            accepted.rate() * bytes as f64 / 1e6,
            accepted.latency_ms(0.5),
            accepted.latency_ms(0.99),
            accepted.refused,
            shown(&moved, all),
            accepted.answered,
            service.memory()?.peak,
            shown(&service.moved()?, all),
        ),
    })?;
    service.kill()?;
    place.clear()
}

/// Says what was moved for each of so many bytes.
fn shown(moved: &Moved, bytes: f64) -> String {
    format!(
        "{:.1} written and {:.1} read for each byte ({:.1} and {:.1} at the disk)",
        moved.written / bytes,
        moved.read / bytes,
        moved.disk_written / bytes,
        moved.disk_read / bytes,
    )
}
