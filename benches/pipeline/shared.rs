//! The shared store beside the embedded one: one replica and two, and what a claim costs as the backlog grows.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use svix_hooks::domain::Customer;
use svix_hooks::sandbox::Sandbox;
use svix_hooks::store::{ClaimLimit, Retention, Store, StoreOptions, Unwatched};

use crate::delivering::{check_messages, stand_in, wait_until_delivered};
use crate::event::Template;
use crate::load::{End, Load, Outcome};
use crate::report::{Report, Row, median, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// Backlogs at which a claim is measured.
const BACKLOGS: [u64; 3] = [10_000, 1_000_000, 5_000_000];

/// By how much a claim may become dearer from the smallest backlog to whichever larger one is the dearest.
const GROWTH: f64 = 1.5;

/// Rows that one claim takes, and how many claims are measured.
const CLAIM: ClaimLimit = ClaimLimit {
    rows: 100,
    bytes: 4 << 20,
};
const CLAIMS: usize = 40;

/// The size of an event, in bytes, of the backlog behind claims.
const FILLER: usize = 100;

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    server: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    if settings.has_part("shared") {
        beside_the_embedded(settings, directory, server, report).await?;
    }
    if settings.has_part("claims") {
        claims(server, report).await?;
    }
    Ok(())
}

async fn beside_the_embedded(
    settings: &Settings,
    directory: &Path,
    server: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let embedded = accepting(settings, &[place(directory, "embedded", None)?])
        .await?
        .rate();
    for count in [1, 2] {
        progress(&format!("accepting with {count} replicas on PostgreSQL"));
        let database = Database::new(server).await?;
        let outcome = accepting(settings, &database.places(directory, count)?).await?;
        report.row(Row {
            what: format!("durable accept on PostgreSQL, replicas: {count} ÷ SQLite"),
            measured: format!("{:.0}/s", outcome.rate()),
            compared_with: format!("{embedded:.0}/s"),
            ratio: Some(outcome.rate() / embedded),
            remark: format!(
                "p99 at full load {:.1} ms; the server on the same cores",
                outcome.latency_ms(0.99)
            ),
        })?;
    }
    let embedded = delivering(settings, &[place(directory, "embedded-delivering", None)?]).await?;
    for count in [1, 2] {
        progress(&format!("accepting and delivering with {count} replicas on PostgreSQL"));
        let database = Database::new(server).await?;
        let rate = delivering(settings, &database.places(directory, count)?).await?;
        report.row(Row {
            what: format!("accept → delivered on PostgreSQL, replicas: {count} ÷ SQLite"),
            measured: format!("{rate:.0}/s"),
            compared_with: format!("{embedded:.0}/s"),
            ratio: Some(rate / embedded),
            remark: "from the first post to the last delivery".to_owned(),
        })?;
    }
    Ok(())
}

fn place(directory: &Path, name: &str, url: Option<String>) -> anyhow::Result<Place> {
    Place::with_store(directory, name, url)
}

/// Posts to all replicas as fast as they answer; the connections are shared among them.
async fn post(settings: &Settings, places: &[Place], end: End) -> anyhow::Result<Outcome> {
    let each = settings.connections / places.len();
    let loads: Vec<Load> = places
        .iter()
        .enumerate()
        .map(|(number, place)| {
            let load = Load::new(place.address(), Template::post("/notifications", settings.ids), each);
            // No two post the same event.
            load.from(number as u64 * 100_000_000)
        })
        .collect();
    Ok(Outcome::together(try_join_all(loads.iter().map(|load| load.full(end))).await?))
}

async fn accepting(settings: &Settings, places: &[Place]) -> anyhow::Result<Outcome> {
    let services = try_join_all(places.iter().map(|place| Service::start(place, &Delivery::Off))).await?;
    let outcome = post(settings, places, End::After(settings.leg * 2)).await?;
    services.into_iter().try_for_each(Service::kill)?;
    Ok(outcome)
}

async fn delivering(settings: &Settings, places: &[Place]) -> anyhow::Result<f64> {
    let sandbox: Sandbox = stand_in(0)?;
    let delivery = Delivery::To(sandbox.url());
    let services = try_join_all(places.iter().map(|place| Service::start(place, &delivery))).await?;
    let started = Instant::now();
    let accepted = post(settings, places, End::After(settings.leg * 2)).await?;
    let first = services.first().context("there is a service")?;
    wait_until_delivered(first, accepted.answered).await?;
    let rate = accepted.answered as f64 / started.elapsed().as_secs_f64();
    check_messages(&sandbox, accepted.answered)?;
    for service in services {
        service.stop().await?;
    }
    Ok(rate)
}

/// Measures what a claim costs with ever more queued.
async fn claims(server: &str, report: &mut Report) -> anyhow::Result<()> {
    let database = Database::new(server).await?;
    let store = Store::open(database.store_options()).await?;
    let customer = Customer::parse("acme")?;
    let mut costs = Vec::new();
    let mut queued = 0;
    for backlog in BACKLOGS {
        progress(&format!("claiming with {backlog} queued on PostgreSQL"));
        database.fill(queued, backlog).await?;
        queued = backlog;
        let mut times = Vec::new();
        // What a claim leased stays leased, so each takes the next rows.
        let mut held = Vec::new();
        for _ in 0..CLAIMS {
            let started = Instant::now();
            let claimed = store.claim_within(customer.clone(), CLAIM).await?.rows;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
            ensure!(claimed.len() == CLAIM.rows, "a claim came back with {} rows", claimed.len());
            held.push(claimed);
        }
        drop(held);
        costs.push(median(times));
    }
    store.close(true).await?;
    let (first, later) = costs.split_first().context("claims were measured")?;
    let dearest = later.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let growth = dearest / first;
    let shown: Vec<String> = BACKLOGS
        .iter()
        .zip(&costs)
        .map(|(backlog, cost)| format!("{cost:.2} ms with {backlog}"))
        .collect();
    report.row(Row {
        what: format!(
            "claim of {} on PostgreSQL, up to {} queued ÷ {}",
            CLAIM.rows, BACKLOGS[2], BACKLOGS[0]
        ),
        measured: format!("{dearest:.2} ms"),
        compared_with: format!("{first:.2} ms"),
        ratio: Some(growth),
        remark: format!("medians of {CLAIMS} claims: {}", shown.join(", ")),
    })?;
    report.at_most("growth of a claim from 10,000 to up to 5,000,000 queued", growth, GROWTH);
    Ok(())
}

/// A database of its own on the server.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    pub(crate) async fn new(server: &str) -> anyhow::Result<Self> {
        let server = PgConnectOptions::from_str(server)?;
        let name = format!("bench_{}", uuid::Uuid::now_v7().simple());
        let mut connection = server.connect().await?;
        run(&mut connection, format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server, name })
    }

    fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    pub(crate) fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    /// Carries out a statement that was made here.
    pub(crate) async fn run(&self, statement: String) -> anyhow::Result<()> {
        let mut connection = self.options().connect().await?;
        run(&mut connection, statement).await
    }

    /// Makes places of that many replicas.
    pub(crate) fn places(&self, directory: &Path, count: usize) -> anyhow::Result<Vec<Place>> {
        let name = |number| format!("{}-{number}", self.name);
        (0..count)
            .map(|number| place(directory, &name(number), Some(self.url())))
            .collect()
    }

    fn store_options(&self) -> StoreOptions {
        StoreOptions {
            url: self.url(),
            lease: Duration::from_secs(600),
            max_batch: 512,
            max_waiting: 1000,
            retention: Retention::default(),
            watch: Arc::new(Unwatched),
        }
    }

    /// Queues notifications up to a number, half of them of one customer, as if they had been accepted. Their
    /// ids are in no order, as those that are drawn at random.
    async fn fill(&self, from: u64, to: u64) -> anyhow::Result<()> {
        let mut connection = self.options().connect().await?;
        for table in [
            "WITH stored AS (INSERT INTO notifications (customer, seq, id, event_key, event_id, account, application, \
             create_application, event_type, payload_start, payload_end, digest, accepted_at, state, due_at) \
             SELECT CASE n % 2 WHEN 0 THEN 'acme' ELSE 'customer ' || n % 10 END, nextval('notification_seq'), \
               decode(md5(n::TEXT), 'hex'), 'evt_' || md5(n::TEXT), 'evt_' || md5(n::TEXT), 'default', 'app', FALSE, \
               'invoice.paid', 0, {filler}, '', n, 'queued', n FROM generate_series({from}, {to}) AS n \
             RETURNING customer, seq, due_at), \
             waiting AS (INSERT INTO queue (customer, seq, due_at) SELECT customer, seq, due_at FROM stored) \
             INSERT INTO events (customer, seq, body) \
             SELECT customer, seq, convert_to(repeat('x', {filler}), 'UTF8') FROM stored",
            "VACUUM ANALYZE",
            // What the filling has left to be written is not the claims' cost.
            "CHECKPOINT",
        ] {
            let statement = table
                .replace("{from}", &(from + 1).to_string())
                .replace("{to}", &to.to_string())
                .replace("{filler}", &FILLER.to_string());
            run(&mut connection, statement).await?;
        }
        Ok(connection.close().await?)
    }
}

async fn run(connection: &mut PgConnection, statement: String) -> anyhow::Result<()> {
    // Names and numbers in it were made here.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
