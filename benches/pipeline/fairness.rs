//! What others wait for while a customer's own account hangs on every request, with a backlog behind it.
//!
//! Ten customers post at a steady pace through the operator's account, which answers at once. How long their
//! events take, from the post until the stand-in has them, is compared with the same run without the customer
//! that hangs. A run takes twice `BENCH_SECONDS`: 500 events, so that the 99th percentile is not just the worst
//! one. Three pairs of runs in each of three cases take five minutes with what is queued for them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use secrecy::ExposeSecret;
use svix_hooks::sandbox::{DEFAULT_TOKEN, Faults, Sandbox, SandboxOptions};
use svix_hooks::secrets::MasterKey;

use crate::delivering::{check_messages, stand_in_with};
use crate::event::{Ids, Template};
use crate::load::{Connection, End, Load};
use crate::report::{Report, Row, median, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;
use crate::shared::Database;

/// By how much the 99th percentile may grow beside a customer whose account hangs.
const FLOOR: f64 = 1.5;

/// Customers that post at a steady pace, and how long each waits from one event to the next. They have the
/// numbers after that of the one whose account hangs, which is 0.
const OTHERS: u64 = 10;
const PACE: Duration = Duration::from_millis(200);

/// How long a request may take, in milliseconds. After two rounds of timeouts the circuit opens; so a run of
/// ten seconds sees an account that hangs at its caps, and behind its circuit.
const TIMEOUT_MS: &str = "3000";

/// How long the others post before it counts, so that the start of the service is over; or before it is killed.
const LEAD: Duration = Duration::from_secs(2);

/// How long the last deliveries, and the first requests that hang, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers of events that no other run and no other customer uses.
const NUMBERS_OF_A_RUN: u64 = 100_000;
const NUMBERS_OF_THE_BACKLOG: u64 = 1_000_000_000;

/// Where a pair of runs takes place: with nobody else, and with a backlog of a customer whose account hangs.
struct Ground {
    key: String,
    hanging: Sandbox,
    alone: Vec<Place>,
    beside: Vec<Place>,
    /// Where the places beside the backlog share one.
    database: Option<Database>,
    queued: u64,
    runs: u64,
}

/// What is measured of a pair.
struct Case {
    what: &'static str,
    /// Whether the service is killed in the middle.
    killed: bool,
}

/// What the others waited for in one run, in milliseconds, ascending.
pub(crate) struct Waits(Vec<f64>);

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let file = |name| Ok::<_, anyhow::Error>(vec![Place::new(directory, name)?]);
    let mut ground = Ground::new(settings, file("fair-alone")?, file("fair-beside")?, None).await?;
    let case = Case {
        what: "p99 accept → delivered beside a hanging account ÷ without, one process",
        killed: false,
    };
    case.measure(settings, &mut ground, report).await?;
    let case = Case {
        what: "p99 accept → delivered beside a hanging account ÷ without, after kill -9",
        killed: true,
    };
    case.measure(settings, &mut ground, report).await?;
    ground.clear()?;
    let Some(server) = &settings.postgres else {
        return Ok(());
    };
    let (alone, beside) = (Database::new(server).await?, Database::new(server).await?);
    let places = [&alone, &beside].map(|database| database.places(directory, 2));
    let [alone, on_beside] = places;
    let mut ground = Ground::new(settings, alone?, on_beside?, Some(beside)).await?;
    let case = Case {
        what: "p99 accept → delivered beside a hanging account ÷ without, two replicas",
        killed: false,
    };
    case.measure(settings, &mut ground, report).await?;
    ground.clear()
}

impl Case {
    async fn measure(
        &self,
        settings: &Settings,
        ground: &mut Ground,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (mut beside, mut alone, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut middle, mut worst, mut hung) = (Vec::new(), Vec::new(), 0);
        for pair in 1..=settings.pairs {
            progress(&format!("{}, pair {pair} of {}", self.what, settings.pairs));
            let without = ground.run(false, self.killed, settings.leg * 2).await?;
            let before = ground.hanging.request_count();
            let with = ground.run(true, self.killed, settings.leg * 2).await?;
            hung += ground.hanging.request_count() - before;
            ratios.push(with.below(0.99) / without.below(0.99));
            middle.push(with.below(0.5) / without.below(0.5));
            worst.push(with.below(1.0));
            beside.push(with.below(0.99));
            alone.push(without.below(0.99));
        }
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let ratio = median(ratios);
        report.row(Row {
            what: self.what.to_owned(),
            measured: format!("{:.1} ms", median(beside)),
            compared_with: format!("{:.1} ms", median(alone)),
            ratio: Some(ratio),
            remark: format!(
                "medians of pairs ({}); the same of medians {:.2}; worst beside {:.1} ms; {hung} requests hung, {} queued for them",
                shown.join(", "),
                median(middle),
                median(worst),
                ground.queued,
            ),
        })?;
        report.at_most(self.what, ratio, FLOOR);
        Ok(())
    }
}

impl Ground {
    /// Queues the backlog at the second places.
    async fn new(
        settings: &Settings,
        alone: Vec<Place>,
        beside: Vec<Place>,
        database: Option<Database>,
    ) -> anyhow::Result<Self> {
        let ground = Self {
            key: MasterKey::generate()?.text().expose_secret().to_owned(),
            hanging: Sandbox::start(SandboxOptions::default())?,
            alone,
            beside,
            database,
            queued: settings.hung,
            runs: 0,
        };
        progress(&format!("queueing {} events for an account that hangs", ground.queued));
        let place = ground.beside.first().context("there is a place")?;
        let service = ground.start(place, &Delivery::Off).await?;
        let account = format!(
            r#"{{"serverUrl":"{}","token":"{DEFAULT_TOKEN}","requestsPerSecond":10000,"burst":10000}}"#,
            ground.hanging.url()
        );
        put(place, "/accounts/hanging", &account).await?;
        ground.hanging.set_faults(Faults {
            hang_before: true,
            ..Faults::default()
        });
        put(place, "/customers/customer-0000", r#"{"account":"hanging"}"#).await?;
        let ids = Ids {
            customers: 1,
            ordered: true,
        };
        let template = Template::post("/notifications", ids);
        let load = Load::new(place.address(), template, settings.connections).from(NUMBERS_OF_THE_BACKLOG);
        load.full(End::Count(ground.queued)).await?;
        service.stop().await?;
        if let Some(database) = &ground.database {
            // What the server does after so many new rows is none of what is measured.
            for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
                database.run(statement.to_owned()).await?;
            }
        }
        Ok(ground)
    }

    async fn start(&self, place: &Place, delivery: &Delivery) -> anyhow::Result<Service> {
        let settings = [
            ("SVIX_HOOKS__ACCOUNTS__ALLOWED_NETWORKS", "127.0.0.0/8"),
            ("SVIX_HOOKS__SECRETS__KEYS", self.key.as_str()),
            ("SVIX_HOOKS__SVIX__REQUEST_TIMEOUT_MS", TIMEOUT_MS),
        ];
        Service::start_with(place, delivery, &settings).await
    }

    /// Lets the others post for so long after the lead, beside the backlog or without it. With `killed` the
    /// service is killed in between, and what they wait for counts from when it is ready again.
    async fn run(&mut self, beside: bool, killed: bool, length: Duration) -> anyhow::Result<Waits> {
        self.runs += 1;
        let first = self.runs * NUMBERS_OF_A_RUN;
        let places = if beside { &self.beside } else { &self.alone };
        if let (true, Some(database)) = (beside, &self.database) {
            // What replicas told each other of the account is forgotten as well, so that each run finds it out.
            database.run("DELETE FROM accounts".to_owned()).await?;
        }
        let svix = stand_in_with(0, true)?;
        let delivery = Delivery::To(svix.url());
        let hung = self.hanging.request_count();
        let hangs = || !beside || self.hanging.request_count() > hung;
        let mut services = self.start_all(places, &delivery).await?;
        wait_until("requests hang", hangs).await?;
        let mut posted = post(places, first, LEAD).await?;
        if killed {
            services.into_iter().try_for_each(Service::kill)?;
            services = self.start_all(places, &delivery).await?;
        }
        let ready = Instant::now();
        posted.extend(post(places, first + NUMBERS_OF_A_RUN / 2, length).await?);
        let count = posted.len() as u64;
        wait_until("all is delivered", || svix.message_count() >= count).await?;
        check_messages(&svix, count)?;
        let service = services.first().context("there is a service")?;
        let queued = if beside { self.queued } else { 0 };
        let kept = service.stats().await?.queued;
        ensure!(kept >= queued, "of {queued} that were queued {kept} are");
        for service in services {
            service.stop().await?;
        }
        Ok(Waits::new(&posted, ready, &svix))
    }

    async fn start_all(&self, places: &[Place], delivery: &Delivery) -> anyhow::Result<Vec<Service>> {
        try_join_all(places.iter().map(|place| self.start(place, delivery))).await
    }

    fn clear(self) -> anyhow::Result<()> {
        self.alone
            .into_iter()
            .chain(self.beside)
            .try_for_each(Place::clear)
    }
}

impl Waits {
    /// Finds out how long each event took from its post, or from `ready` where that was later. What was there
    /// by then does not count.
    pub(crate) fn new(posted: &[(String, Instant)], ready: Instant, svix: &Sandbox) -> Self {
        let mut arrivals = HashMap::new();
        for request in svix.requests() {
            if let Some(event) = request.event_id {
                arrivals.entry(event).or_insert(request.arrival);
            }
        }
        let waits = posted.iter().filter_map(|(event, at)| {
            let waited = arrivals.get(event)?.checked_duration_since((*at).max(ready))?;
            Some(waited.as_secs_f64() * 1000.0)
        });
        Self::of(waits.collect())
    }

    /// Takes what was measured in milliseconds.
    pub(crate) fn of(mut waits: Vec<f64>) -> Self {
        waits.sort_unstable_by(f64::total_cmp);
        Self(waits)
    }

    /// Returns what this share of all stays below.
    pub(crate) fn below(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// Posts events of all the others for so long; returns the ids and when each was posted.
async fn post(places: &[Place], first: u64, length: Duration) -> anyhow::Result<Vec<(String, Instant)>> {
    let (started, count) = (Instant::now(), length.div_duration_f64(PACE) as u64);
    let posters = places
        .iter()
        .cycle()
        .zip(1..=OTHERS)
        .map(|(place, customer)| async move {
            let ids = Ids {
                customers: OTHERS + 1,
                ordered: true,
            };
            let mut template = Template::post("/notifications", ids);
            let mut connection = Connection::open(place.address()).await?;
            let mut posted = Vec::new();
            for event in 0..count {
                let number = (first + event) * ids.customers + customer;
                // Spread evenly, so that they do not wait for each other.
                let turn = event as f64 + customer as f64 / OTHERS as f64;
                let mut at = started + PACE.mul_f64(turn);
                if at > Instant::now() {
                    tokio::time::sleep_until(at.into()).await;
                    // A timer may be late; a post that waits for the one before is not forgiven.
                    at = Instant::now();
                }
                let (status, answer) = connection.exchange(template.patch(number)).await?;
                ensure!(status == 202, "answered {status}: {}", String::from_utf8_lossy(answer));
                posted.push((format!("evt_{}", String::from_utf8_lossy(&ids.id(number))), at));
            }
            Ok(posted)
        });
    Ok(try_join_all(posters).await?.concat())
}

/// Sets something at a service.
async fn put(place: &Place, path: &str, body: &str) -> anyhow::Result<()> {
    let request = format!(
        "PUT {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(place.address()).await?;
    let (status, answer) = connection.exchange(request.as_bytes()).await?;
    ensure!(status == 201, "{path} is answered with {status}: {}", String::from_utf8_lossy(answer));
    Ok(())
}

async fn wait_until(what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !holds() {
        ensure!(started.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
