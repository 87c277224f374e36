//! How fast events get through to Svix, as they come and out of a backlog.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use svix_hooks::config::Config;
use svix_hooks::sandbox::{Faults, Sandbox, SandboxOptions};

use crate::bare::Poster;
use crate::event::Template;
use crate::load::{End, Load};
use crate::machine;
use crate::report::{Report, Row, micros_each, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// What svix-server 1.x itself was published to take in per second on a like machine.
const SVIX_SERVER: f64 = 1_870.0;

/// How long a drain may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    sustained(settings, directory, report).await?;
    for delay_ms in [0, 5] {
        drain(settings, directory, delay_ms, report).await?;
    }
    Ok(())
}

/// Starts a Svix that holds its answers back for so long.
pub(crate) fn stand_in(delay_ms: u64) -> anyhow::Result<Sandbox> {
    stand_in_with(delay_ms, false)
}

/// Starts one that may also record what arrives.
pub(crate) fn stand_in_with(delay_ms: u64, record: bool) -> anyhow::Result<Sandbox> {
    let sandbox = Sandbox::start(SandboxOptions {
        record,
        workers: 1,
        max_payload_bytes: 8 << 20,
        ..SandboxOptions::default()
    })?;
    sandbox.set_faults(Faults {
        delay_ms,
        ..Faults::default()
    });
    Ok(sandbox)
}

async fn sustained(settings: &Settings, directory: &Path, report: &mut Report) -> anyhow::Result<()> {
    progress("accepting and delivering");
    let sandbox = stand_in(0)?;
    let place = Place::new(directory, "sustained")?;
    let service = Service::start(&place, &Delivery::To(sandbox.url())).await?;
    let load =
        Load::new(place.address(), Template::post("/notifications", settings.ids), settings.connections);
    let started = Instant::now();
    let spent = Spent::begin(&service)?;
    let accepted = load.full(End::After(settings.leg * 2)).await?;
    let at_end = service.stats().await?.delivered;
    wait_until_delivered(&service, accepted.answered).await?;
    let rate = accepted.answered as f64 / started.elapsed().as_secs_f64();
    check_messages(&sandbox, accepted.answered)?;
    report.row(Row {
        what: "accept → delivered, sustained ÷ svix-server's own ingest".to_owned(),
        measured: format!("{rate:.0}/s"),
        compared_with: format!("{SVIX_SERVER}/s, published, not measured here"),
        ratio: Some(rate / SVIX_SERVER),
        remark: format!(
            "from the first post to the last delivery; accepted at {:.0}/s, p99 {:.1} ms, {:.0} % delivered by then; {}",
            accepted.rate(),
            accepted.latency_ms(0.99),
            at_end as f64 / accepted.answered.max(1) as f64 * 100.0,
            spent.end(&service, accepted.answered)?,
        ),
    })?;
    report.at_least("accept → delivered, sustained ÷ 1,870/s", rate / SVIX_SERVER, 4.0);
    service.stop().await?;
    place.clear()
}

async fn drain(
    settings: &Settings,
    directory: &Path,
    delay_ms: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let count = settings.backlog;
    progress(&format!("draining {count} into {delay_ms} ms"));
    let place = Place::new(directory, &format!("drain-{delay_ms}"))?;
    let service = Service::start(&place, &Delivery::Off).await?;
    let load =
        Load::new(place.address(), Template::post("/notifications", settings.ids), settings.connections);
    load.full(End::Count(count)).await?;
    service.stop().await?;

    let sandbox = stand_in(delay_ms)?;
    let service = Service::start(&place, &Delivery::To(sandbox.url())).await?;
    let spent = Spent::begin(&service)?;
    let already = service.stats().await?.delivered;
    let started = Instant::now();
    wait_until_delivered(&service, count).await?;
    let rate = (count - already) as f64 / started.elapsed().as_secs_f64();
    let spent = spent.end(&service, count - already)?;
    check_messages(&sandbox, count)?;
    service.stop().await?;
    place.clear()?;
    drop(sandbox);

    let bare = post_bare(settings, delay_ms).await?;
    let mut remark = spent;
    if delay_ms == 0 {
        let alone = stand_in_alone(settings).await?;
        remark = format!("the stand-in alone takes {alone:.0}/s from the load generator; {remark}");
    }
    report.row(Row {
        what: format!("draining {count} into a {delay_ms} ms stand-in ÷ a bare awc loop"),
        measured: format!("{rate:.0}/s"),
        compared_with: format!("{bare:.0}/s"),
        ratio: Some(rate / bare),
        remark,
    })?;
    if delay_ms == 0 {
        report.at_least("drain into 0 ms ÷ bare awc loop", rate / bare, 0.25);
    } else {
        report.at_least("drain into 5 ms, /s", rate, 4_000.0);
    }
    Ok(())
}

/// Posts the same messages without the service; returns how many went through per second.
async fn post_bare(settings: &Settings, delay_ms: u64) -> anyhow::Result<f64> {
    let sandbox = stand_in(delay_ms)?;
    let delivery = Config::default().delivery;
    let poster = Poster {
        url: sandbox.url(),
        threads: delivery.actors,
        at_once: delivery.batch,
        count: settings.backlog,
        ids: settings.ids,
    };
    let elapsed = poster.run().await?;
    check_messages(&sandbox, settings.backlog)?;
    Ok(settings.backlog as f64 / elapsed.as_secs_f64())
}

/// Returns how many messages the stand-in takes per second from the cheapest of clients.
async fn stand_in_alone(settings: &Settings) -> anyhow::Result<f64> {
    let sandbox = stand_in(0)?;
    let address = SocketAddr::from(([127, 0, 0, 1], sandbox.port()));
    let load = Load::new(address, Template::svix_post(settings.ids), settings.connections);
    Ok(load.full(End::Count(settings.backlog)).await?.rate())
}

/// Waits until a service knows of so many delivered.
pub(crate) async fn wait_until_delivered(service: &Service, count: u64) -> anyhow::Result<()> {
    let waiting = async {
        loop {
            let stats = service.stats().await?;
            ensure!(stats.retries == 0, "the stand-in failed {} times", stats.retries);
            if stats.delivered >= count {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .context("not everything was delivered in time")?
}

/// Makes sure that a Svix holds so many messages.
pub(crate) fn check_messages(sandbox: &Sandbox, count: u64) -> anyhow::Result<()> {
    let messages = sandbox.message_count();
    ensure!(messages == count, "{count} messages were to be made, {messages} were");
    Ok(())
}

/// Processor time since a beginning.
struct Spent {
    service: Duration,
    own: Duration,
}

impl Spent {
    fn begin(service: &Service) -> anyhow::Result<Self> {
        Ok(Self {
            service: service.processor_time()?,
            own: machine::own_time()?,
        })
    }

    fn end(&self, service: &Service, events: u64) -> anyhow::Result<String> {
        let service = service.processor_time()?.saturating_sub(self.service);
        let own = machine::own_time()?.saturating_sub(self.own);
        Ok(format!(
            "processor time an event: service {:.0} µs, stand-in and generator {:.0} µs",
            micros_each(service, events),
            micros_each(own, events)
        ))
    }
}
