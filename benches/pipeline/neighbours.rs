//! What small events of others wait for while a backlog of large events of one customer drains.
//!
//! The service is started on the backlog, and five others post twenty small events a second each, until the
//! backlog is over. How long each is waited for counts from when it was to be posted.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use svix_hooks::sandbox::Sandbox;

use crate::delivering::stand_in_with;
use crate::event::{Ids, Template};
use crate::fairness::Waits;
use crate::large::{Backlog, DELAY_MS, MEGABYTE, PATIENCE};
use crate::load::Connection;
use crate::report::{Report, Row, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;
use crate::shared::Database;

/// What drains beside them.
const BESIDE: Backlog = Backlog::new(500, MEGABYTE, 1);

/// The others, and how long each waits from one event to the next. They have the numbers after that of the
/// customer of the backlog, which is 0.
const OTHERS: u64 = 5;
const PACE: Duration = Duration::from_millis(50);

/// How long they post at least, so that there is something to take a share of, and at most.
const LEAST: Duration = Duration::from_secs(2);
const MOST: Duration = Duration::from_secs(30);

/// A number of events that the backlog does not use.
const FIRST: u64 = 1_000_000;

/// What the 99th percentile from the post to the delivery may be, in seconds.
const FLOOR: f64 = 1.0;

/// What was posted.
#[derive(Default)]
struct Posted {
    /// The ids, and when each was to be posted.
    events: Vec<(String, Instant)>,
    /// How long each took until it was accepted, in milliseconds.
    accepts: Vec<f64>,
}

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let p99 = beside(settings, Place::new(directory, "neighbours")?, "a file", report).await?;
    report.at_most("p99 accept → delivered of small events beside a large backlog, s", p99, FLOOR);
    let Some(server) = &settings.postgres else {
        return Ok(());
    };
    let database = Database::new(server).await?;
    for place in database.places(directory, 1)? {
        let p99 = beside(settings, place, "PostgreSQL", report).await?;
        let what = "p99 accept → delivered of small events beside a large backlog in PostgreSQL, s";
        report.at_most(what, p99, FLOOR);
    }
    Ok(())
}

/// Measures at an empty place; returns the 99th percentile, in seconds.
async fn beside(settings: &Settings, place: Place, store: &str, report: &mut Report) -> anyhow::Result<f64> {
    let backlog = BESIDE.scaled(settings.large);
    backlog.queue(&place).await?;
    progress("posting small events beside them");
    let svix = stand_in_with(DELAY_MS, true)?;
    let service = Service::start(&place, &Delivery::To(svix.url())).await?;
    let (posted, started) = (RefCell::new(Posted::default()), Instant::now());
    let posters = (1..=OTHERS).map(|customer| {
        post(
            &place,
            customer,
            started,
            || {
                // Those that are posted and not yet there make it a moment too long.
                let left = backlog.count + posted.borrow().events.len() as u64;
                let over = svix.message_count() >= left;
                (started.elapsed() > LEAST && over) || started.elapsed() > MOST
            },
            &posted,
        )
    });
    try_join_all(posters).await?;
    let during = started.elapsed();
    let Posted { events, accepts } = posted.into_inner();
    let (drained, there) = settle(&svix, backlog.count, events.len() as u64).await;
    let peak = service.memory()?.peak;
    service.kill()?;
    place.clear()?;
    let (accepts, waits) = (Waits::of(accepts), Waits::new(&events, started, &svix));
    let shown = |waits: &Waits| {
        let [middle, most, nearly] = [0.5, 0.9, 0.99].map(|share| waits.below(share));
        format!("p50 {middle:.0} ms, p90 {most:.0} ms, p99 {nearly:.0} ms")
    };
    report.row(Row {
        what: format!(
            "p99 accept → delivered of small events beside a backlog of {} × {} KB, {store}",
            backlog.count,
            backlog.bytes / 1000
        ),
        measured: format!("{:.0} ms", waits.below(0.99)),
        compared_with: String::new(),
        ratio: None,
        remark: format!(
            "{} posted in {:.1} s, of which {there} were delivered; accepted {}; delivered {}; worst {:.0} ms; {} of the \
             backlog drained; {peak:.0} MiB at its peak",
            events.len(),
            during.as_secs_f64(),
            shown(&accepts),
            shown(&waits),
            waits.below(1.0),
            drained,
        ),
    })?;
    Ok(if there == events.len() as u64 {
        waits.below(0.99) / 1000.0
    } else {
        f64::INFINITY
    })
}

/// Waits until all has been delivered, as long as that may take. Returns how many of the backlog and of the
/// small ones have been.
async fn settle(svix: &Sandbox, backlog: u64, small: u64) -> (u64, u64) {
    let started = Instant::now();
    while svix.message_count() < backlog + small && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let there = svix
        .requests()
        .iter()
        .filter(|request| request.event_id.as_deref().is_some_and(is_small))
        .count() as u64;
    (svix.message_count().saturating_sub(there), there.min(small))
}

/// Posts events of one customer at a steady pace until it is over.
async fn post(
    place: &Place,
    customer: u64,
    started: Instant,
    is_over: impl Fn() -> bool,
    posted: &RefCell<Posted>,
) -> anyhow::Result<()> {
    let ids = ids();
    let mut template = Template::post("/notifications", ids);
    let mut connection = Connection::open(place.address()).await?;
    let mut turn = customer as f64 / OTHERS as f64;
    for event in 0.. {
        // Spread evenly, so that they do not wait for each other.
        let mut at = started + PACE.mul_f64(turn);
        turn += 1.0;
        if at > Instant::now() {
            tokio::time::sleep_until(at.into()).await;
            // A timer may be late; a post that waits for the one before is not forgiven.
            at = Instant::now();
        }
        if is_over() {
            break;
        }
        let number = (FIRST + event) * ids.customers + customer;
        let (status, answer) = connection.exchange(template.patch(number)).await?;
        ensure!(status == 202, "answered {status}: {}", String::from_utf8_lossy(answer));
        let id = ids.id(number);
        let id = std::str::from_utf8(&id).context("an id is text")?;
        let mut posted = posted.borrow_mut();
        posted.events.push((format!("evt_{id}"), at));
        posted.accepts.push(at.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(())
}

fn ids() -> Ids {
    Ids {
        customers: OTHERS + 1,
        ordered: true,
    }
}

/// Tells the events of the others from those of the backlog, by their number.
fn is_small(event: &str) -> bool {
    let digits = event.strip_prefix("evt_").unwrap_or_default();
    u64::from_str_radix(digits, 16).is_ok_and(|number| number >= FIRST)
}
