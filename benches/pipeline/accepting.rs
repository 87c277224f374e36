//! What it costs to keep an event before it is answered, and to have kept many.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::bare;
use crate::event::{Ids, Template};
use crate::load::{End, Load, Outcome};
use crate::machine;
use crate::report::{Report, Row, median, micros_each, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// How long a restarted service gets to settle before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(5);

/// One service, and what it has accepted.
struct Accepting<'a> {
    settings: &'a Settings,
    service: Service,
    load: Load,
    accepted: u64,
}

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let place = Place::new(directory, "accepting")?;
    let mut accepting = Accepting {
        settings,
        service: Service::start(&place, &Delivery::Off).await?,
        load: Load::new(
            place.address(),
            Template::post("/notifications", settings.ids),
            settings.connections,
        ),
        accepted: 0,
    };
    let (rate, bare) = accepting.against_bare(report).await?;
    accepting.at_half_load(rate, report).await?;
    accepting.fill(report).await?;
    accepting.restart(&place, report).await?;
    place.clear()?;
    if settings.ids.ordered {
        scattered(settings, directory, bare, report).await
    } else {
        Ok(())
    }
}

/// Measures accepting with ids in no order, where each event touches a page of the index of its own.
async fn scattered(
    settings: &Settings,
    directory: &Path,
    bare: f64,
    report: &mut Report,
) -> anyhow::Result<()> {
    progress("accepting with scattered ids");
    let place = Place::new(directory, "scattered")?;
    let service = Service::start(&place, &Delivery::Off).await?;
    let ids = Ids {
        ordered: false,
        ..settings.ids
    };
    let load = Load::new(place.address(), Template::post("/notifications", ids), settings.connections);
    let outcome = load.full(End::After(settings.leg * 2)).await?;
    report.row(Row {
        what: "the same with scattered ids".to_owned(),
        measured: format!("{:.0}/s", outcome.rate()),
        compared_with: format!("{bare:.0}/s"),
        ratio: Some(outcome.rate() / bare),
        remark: format!(
            "ids such as UUIDv4, in no order; p99 at full load {:.1} ms",
            outcome.latency_ms(0.99)
        ),
    })?;
    service.kill()?;
    place.clear()
}

impl Accepting<'_> {
    async fn accept(&mut self, end: End) -> anyhow::Result<Outcome> {
        let outcome = self.load.full(end).await?;
        self.accepted += outcome.answered;
        Ok(outcome)
    }

    /// Measures durable and bare accepting in turn; returns the two rates.
    async fn against_bare(&mut self, report: &mut Report) -> anyhow::Result<(f64, f64)> {
        let (handle, address) = bare::serve()?;
        let bare_load =
            Load::new(address, Template::post("/events", self.settings.ids), self.settings.connections);
        let leg = End::After(self.settings.leg);
        let (mut durable, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut service_time, mut generator_time) = (Duration::ZERO, Duration::ZERO);
        let mut latencies = Vec::new();
        for pair in 1..=self.settings.pairs {
            progress(&format!("accepting, pair {pair} of {}", self.settings.pairs));
            let before = (self.service.processor_time()?, machine::generator_time()?);
            let outcome = self.accept(leg).await?;
            service_time += self.service.processor_time()?.saturating_sub(before.0);
            generator_time += machine::generator_time()?.saturating_sub(before.1);
            latencies.push(outcome.latency_ms(0.99));
            durable.push(outcome.rate());
            bare.push(bare_load.full(leg).await?.rate());
            ratios.extend(
                durable
                    .last()
                    .zip(bare.last())
                    .map(|(durable, bare)| durable / bare),
            );
        }
        handle.stop(false).await;
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let (rate, bare, ratio) = (median(durable), median(bare), median(ratios));
        report.row(Row {
            what: "durable accept ÷ bare actix-web handler".to_owned(),
            measured: format!("{rate:.0}/s"),
            compared_with: format!("{bare:.0}/s"),
            ratio: Some(ratio),
            remark: format!(
                "medians of pairs ({}); p99 at full load {:.1} ms; processor time an event: service {:.0} µs, generator {:.0} µs",
                shown.join(", "),
                median(latencies),
                micros_each(service_time, self.accepted),
                micros_each(generator_time, self.accepted),
            ),
        })?;
        report.at_least("durable accept ÷ bare handler", ratio, 0.25);
        Ok((rate, bare))
    }

    async fn at_half_load(&mut self, full: f64, report: &mut Report) -> anyhow::Result<()> {
        progress("accepting at half load");
        let half = full / 2.0;
        let outcome = self.load.paced(half, End::After(self.settings.leg * 2)).await?;
        self.accepted += outcome.answered;
        let p99 = outcome.latency_ms(0.99);
        report.row(Row {
            what: "p99 accept latency at half load".to_owned(),
            measured: format!("{p99:.1} ms"),
            compared_with: String::new(),
            ratio: None,
            remark: format!(
                "{:.0}/s of {half:.0}/s wanted, whether answered or not; median {:.1} ms, p99.9 {:.1} ms, worst {:.1} ms",
                outcome.rate(),
                outcome.latency_ms(0.5),
                outcome.latency_ms(0.999),
                outcome.latency_ms(1.0),
            ),
        })?;
        report.at_most("p99 accept latency at half load, ms", p99, 20.0);
        Ok(())
    }

    async fn fill(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let missing = self.settings.queued.saturating_sub(self.accepted);
        progress(&format!("queueing {missing} events more"));
        let last = missing / 10;
        self.accept(End::Count(missing - last)).await?;
        let end = self.accept(End::Count(last)).await?;
        let memory = self.service.memory()?;
        report.row(Row {
            what: format!("resident memory with {} queued", self.accepted),
            measured: format!("{:.0} MiB", memory.resident),
            compared_with: String::new(),
            ratio: None,
            remark: format!(
                "at the end of queueing, of which {:.0} MiB its own; most ever {:.0} MiB; the last tenth was accepted at {:.0}/s, p99 {:.1} ms",
                memory.own,
                memory.peak,
                end.rate(),
                end.latency_ms(0.99),
            ),
        })?;
        report.at_most("resident memory with the backlog, MiB", memory.resident, 200.0);
        Ok(())
    }

    async fn restart(self, place: &Place, report: &mut Report) -> anyhow::Result<()> {
        progress("killing and starting again");
        let killed = Instant::now();
        self.service.kill()?;
        let gone = killed.elapsed();
        let service = Service::start(place, &Delivery::Off).await?;
        let ready = killed.elapsed().as_secs_f64();
        let stats = service.stats().await?;
        ensure!(
            stats.queued == self.accepted,
            "{} were accepted, {} are queued after a kill",
            self.accepted,
            stats.queued
        );
        tokio::time::sleep(SETTLE).await;
        let memory = service.memory()?;
        report.row(Row {
            what: format!("ready after kill -9 with {} queued", self.accepted),
            measured: format!("{ready:.2} s"),
            compared_with: String::new(),
            ratio: None,
            remark: format!(
                "from the kill to the first 200 of /health/ready, {:.2} s of it until the process was gone; all are still queued",
                gone.as_secs_f64()
            ),
        })?;
        report.row(Row {
            what: "resident memory after that restart".to_owned(),
            measured: format!("{:.0} MiB", memory.resident),
            compared_with: String::new(),
            ratio: None,
            remark: format!("of which {:.0} MiB its own; most ever {:.0} MiB", memory.own, memory.peak),
        })?;
        report.at_most("resident memory after the restart, MiB", memory.resident, 200.0);
        report.at_most("ready after kill -9, s", ready, 3.0);
        service.kill()
    }
}
