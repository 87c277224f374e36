//! What it costs accepting that old notifications are deleted beside it.

use std::path::Path;

use anyhow::ensure;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::event::{EVENT_BYTES, Template};
use crate::load::{End, Load, Outcome};
use crate::report::{Report, Row, median, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// Notifications that were delivered long ago.
const OLD: u64 = 500_000;

/// Settings under which all of them stay, and under which all are over.
const KEEP: [(&str, &str); 4] = [
    ("SVIX_HOOKS__STORE__RETENTION_DAYS", "36500"),
    ("SVIX_HOOKS__STORE__DEAD_RETENTION_DAYS", "0"),
    ("SVIX_HOOKS__STORE__ATTEMPTS_RETENTION_DAYS", "36500"),
    ("SVIX_HOOKS__STORE__LEDGER_RETENTION_DAYS", "36500"),
];
const DELETE: [(&str, &str); 1] = [("SVIX_HOOKS__STORE__RETENTION_DAYS", "1")];

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    progress(&format!("filling a store with {OLD} old notifications"));
    let place = Place::new(directory, "retention")?;
    // It makes the tables.
    Service::start(&place, &Delivery::Off).await?.stop().await?;
    let file = place.file();
    fill(&file, settings.ids.ordered).await?;
    let (mut kept, mut deleting, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut latencies, mut deleted) = (Vec::new(), Vec::new());
    let mut next = 0;
    for pair in 1..=settings.pairs {
        progress(&format!("accepting beside retention, pair {pair} of {}", settings.pairs));
        let without = leg(settings, &place, &KEEP, &mut next).await?.rate();
        let before = old(&file).await?;
        let outcome = leg(settings, &place, &DELETE, &mut next).await?;
        let after = old(&file).await?;
        ensure!(after < before, "nothing was deleted while events were accepted");
        ensure!(after > 0, "everything was deleted before the measurement ended");
        deleted.push((before - after) as f64 / outcome.elapsed.as_secs_f64());
        latencies.push(outcome.latency_ms(0.99));
        ratios.push(outcome.rate() / without);
        deleting.push(outcome.rate());
        kept.push(without);
    }
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let ratio = median(ratios);
    report.row(Row {
        what: format!("durable accept while {OLD} old rows leave ÷ while they stay"),
        measured: format!("{:.0}/s", median(deleting)),
        compared_with: format!("{:.0}/s", median(kept)),
        ratio: Some(ratio),
        remark: format!(
            "medians of pairs ({}); {:.0}/s are deleted meanwhile; p99 at full load {:.1} ms",
            shown.join(", "),
            median(deleted),
            median(latencies),
        ),
    })?;
    report.at_least("durable accept while retention runs ÷ without", ratio, 0.8);
    place.clear()
}

/// Accepts for a while with some settings.
async fn leg(
    settings: &Settings,
    place: &Place,
    set: &[(&str, &str)],
    next: &mut u64,
) -> anyhow::Result<Outcome> {
    let service = Service::start_with(place, &Delivery::Off, set).await?;
    let load =
        Load::new(place.address(), Template::post("/notifications", settings.ids), settings.connections);
    // No leg posts what one before has posted.
    let outcome = load.from(*next).full(End::After(settings.leg)).await?;
    *next += 100_000_000;
    service.kill()?;
    Ok(outcome)
}

/// Stores old notifications as if they had been accepted and delivered.
async fn fill(file: &Path, ordered: bool) -> anyhow::Result<()> {
    let mut connection = connect(file).await?;
    sqlx::query(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1), \
           named AS (SELECT n, CASE WHEN $2 THEN printf('%016x', n) ELSE lower(hex(randomblob(8))) END AS name FROM n) \
         INSERT INTO notifications (seq, id, customer, event_key, event_id, account, application, \
           create_application, event_type, payload_start, payload_end, digest, accepted_at, state, due_at, attempts, \
           settled_at) \
         SELECT n, randomblob(16), 'old ' || (n % 10), 'old_' || name, 'old_' || name, 'default', 'app', FALSE, \
           'invoice.paid', 0, $3, randomblob(32), n, 'delivered', n, 1, n FROM named",
    )
    .bind(i64::try_from(OLD)?)
    .bind(ordered)
    .bind(i64::try_from(EVENT_BYTES)?)
    .execute(&mut connection)
    .await?;
    for statement in [
        "INSERT INTO events (seq, body) SELECT seq, randomblob(payload_end) FROM notifications",
        "INSERT INTO ledger (customer, accepted, delivered) \
         SELECT customer, count(*), count(*) FROM notifications GROUP BY customer",
        // What the filling has left to be written is not the measurement's cost.
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Counts the old notifications that are left.
async fn old(file: &Path) -> anyhow::Result<u64> {
    let mut connection = connect(file).await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM notifications WHERE state = 'delivered'")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(u64::try_from(count)?)
}

async fn connect(file: &Path) -> anyhow::Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new().filename(file).connect().await?)
}
