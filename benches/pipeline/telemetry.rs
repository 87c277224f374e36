//! What it costs accepting that everything is told, beside telling nothing: log lines, numbers that are scraped each
//! second, somewhere to report faults to, and a span of each trace that there may be.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, anyhow, ensure};

use crate::event::Template;
use crate::load::{End, Load};
use crate::report::{Report, Row, median, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// The share of the rate without telemetry that must remain.
const FLOOR: f64 = 0.92;

/// Traces that are told in a second, as by default.
const TRACES: &str = "100";

/// How often the numbers are asked for.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// The most that is read of the numbers, in bytes.
const LARGEST_SCRAPE: usize = 4 << 20;

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let told = Arc::new(AtomicU64::new(0));
    let (sink, address) = serve_sink(told.clone())?;
    let (dsn, endpoint) = (format!("http://key@{address}/1"), format!("http://{address}"));
    let all_off = [("SVIX_HOOKS__LOG__LEVEL", "off")];
    let all_on = [
        ("SVIX_HOOKS__LOG__LEVEL", "info"),
        ("SVIX_HOOKS__LOG__FORMAT", "json"),
        ("SVIX_HOOKS__SENTRY__DSN", dsn.as_str()),
        ("SVIX_HOOKS__TRACES__ENDPOINT", endpoint.as_str()),
        ("SVIX_HOOKS__TRACES__MAX_PER_SECOND", TRACES),
    ];
    let places = [
        Place::new(directory, "silent")?,
        Place::new(directory, "telling")?,
    ];
    let services = [
        Service::start_with(&places[0], &Delivery::Off, &all_off).await?,
        Service::start_with(&places[1], &Delivery::Off, &all_on).await?,
    ];
    let [silent, telling] = places.each_ref().map(|place| {
        let post = Template::traced_post("/notifications", settings.ids);
        Load::new(place.address(), post, settings.connections)
    });
    let scrapes = Arc::new(AtomicU64::new(0));
    let scraper = actix_rt::spawn(scrape(places[1].address(), scrapes.clone()));
    let leg = End::After(settings.leg);
    let (mut on, mut off, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // As little is at stake, each pair is taken in both orders.
    for pair in 1..=2 * settings.pairs {
        progress(&format!("accepting with and without telemetry, pair {pair} of {}", 2 * settings.pairs));
        let (with, without) = if pair % 2 == 0 {
            let with = telling.full(leg).await?.rate();
            (with, silent.full(leg).await?.rate())
        } else {
            let without = silent.full(leg).await?.rate();
            (telling.full(leg).await?.rate(), without)
        };
        ratios.push(with / without);
        on.push(with);
        off.push(without);
    }
    scraper.abort();
    sink.stop(false).await;
    let (told, scrapes) = (told.load(Ordering::Relaxed), scrapes.load(Ordering::Relaxed));
    ensure!(told > 0, "no spans were told");
    ensure!(scrapes > 0, "the numbers could not be read");
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let ratio = median(ratios);
    report.row(Row {
        what: "durable accept with all telemetry on ÷ all off".to_owned(),
        measured: format!("{:.0}/s", median(on)),
        compared_with: format!("{:.0}/s", median(off)),
        ratio: Some(ratio),
        remark: format!(
            "medians of pairs ({}); what is counted is counted in both; every event in a trace of its caller's, of which \
             {TRACES} a second are told; {scrapes} scrapes, {told} batches of spans",
            shown.join(", ")
        ),
    })?;
    report.at_least("durable accept with telemetry ÷ without", ratio, FLOOR);
    for (service, place) in services.into_iter().zip(places) {
        service.kill()?;
        place.clear()?;
    }
    Ok(())
}

/// Serves what takes everything that is told, and counts it.
fn serve_sink(told: Arc<AtomicU64>) -> anyhow::Result<(ServerHandle, SocketAddr)> {
    let told = Data::from(told);
    let server = HttpServer::new(move || {
        App::new().app_data(told.clone()).default_service(web::to(
            async |told: Data<AtomicU64>, _: web::Bytes| {
                told.fetch_add(1, Ordering::Relaxed);
                HttpResponse::Ok().finish()
            },
        ))
    })
    .workers(1)
    .disable_signals()
    .bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = *server.addrs().first().context("the sink is not bound")?;
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((handle, address))
}

/// Reads the numbers as Prometheus does, and counts how often that works.
async fn scrape(address: SocketAddr, scrapes: Arc<AtomicU64>) {
    let client = awc::Client::default();
    let url = format!("http://{address}/metrics");
    loop {
        match read(&client, &url).await {
            Ok(()) => drop(scrapes.fetch_add(1, Ordering::Relaxed)),
            Err(error) => progress(&format!("a scrape failed: {error:#}")),
        }
        tokio::time::sleep(SCRAPE_INTERVAL).await;
    }
}

async fn read(client: &awc::Client, url: &str) -> anyhow::Result<()> {
    let mut answer = client.get(url).send().await.map_err(|error| anyhow!("{error}"))?;
    ensure!(answer.status() == 200, "the numbers are answered with {}", answer.status());
    let body = answer.body().limit(LARGEST_SCRAPE).await;
    body.map_err(|error| anyhow!("cannot read the numbers: {error}"))?;
    Ok(())
}
