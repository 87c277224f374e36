//! What look-ups cost in a large store of either kind.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use svix_hooks::domain::{Customer, State, Timestamp};
use svix_hooks::store::{
    AuditScope, Cursor, DeadQuery, Filter, GroupBy, Narrowing, Record, Retention, SeriesScope, Store,
    StoreOptions, Unwatched,
};

use crate::report::{Report, Row, median, progress};
use crate::settings::Settings;
use crate::shared::Database;

/// The longest that any look-up may take, in milliseconds.
const LIMIT_MS: f64 = 100.0;

/// How often each is made, after one that warms up.
const TIMES: usize = 9;

/// When the first notification was accepted; each second another was.
const BEGUN: i64 = 1_767_225_600_000;

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rows = settings.rows;
    progress(&format!("looking up among {rows} rows in a file"));
    let path = directory.join("lookups.db");
    let url = format!("sqlite://{}", path.display());
    Store::open(options(url.clone())).await?.close(true).await?;
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await?;
    for statement in FILL_FILE {
        run_on_file(&mut connection, statement, rows).await?;
    }
    connection.close().await?;
    let store = Store::open(options(url)).await?;
    look_up(&store, rows, "a file", report).await?;
    store.close(true).await?;
    std::fs::remove_file(path)?;
    let Some(server) = &settings.postgres else {
        return Ok(());
    };
    progress(&format!("looking up among {rows} rows on PostgreSQL"));
    let database = Database::new(server).await?;
    Store::open(options(database.url())).await?.close(true).await?;
    for statement in FILL_SERVER {
        database
            .run(statement.replace("{rows}", &rows.to_string()))
            .await?;
    }
    let store = Store::open(options(database.url())).await?;
    look_up(&store, rows, "PostgreSQL", report).await?;
    Ok(store.close(true).await?)
}

fn options(url: String) -> StoreOptions {
    StoreOptions {
        url,
        lease: Duration::from_secs(600),
        max_batch: 512,
        max_waiting: 1000,
        retention: Retention::default(),
        watch: Arc::new(Unwatched),
    }
}

async fn look_up(store: &Store, rows: u64, place: &str, report: &mut Report) -> anyhow::Result<()> {
    let mut slowest: Option<(&str, f64, f64)> = None;
    let rows = i64::try_from(rows)?;
    let mut looks = 0;
    for (what, filter) in filters(rows)? {
        let mut times = Vec::new();
        for _ in 0..=TIMES {
            let started = Instant::now();
            store.list(filter.clone()).await?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        note(what, times, &mut slowest);
        looks += 1;
    }
    let one = store
        .list(Filter {
            limit: 1,
            ..Filter::default()
        })
        .await?;
    let one = one.records.first().context("there is one")?.clone();
    for what in [
        "one with its history",
        "groups",
        "groups by reason",
        "groups of a customer",
        "an audit of a day",
        "an audit of all time",
        "a series of a day",
        "a series of a customer's day",
        "a part to send again",
    ] {
        let mut times = Vec::new();
        for _ in 0..=TIMES {
            let started = Instant::now();
            look(store, what, &one).await?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        note(what, times, &mut slowest);
        looks += 1;
    }
    let (what, middle, longest) = slowest.context("something was looked up")?;
    report.row(Row {
        what: format!("the slowest of {looks} look-ups among {rows} rows in {place}"),
        measured: format!("{middle:.1} ms"),
        compared_with: String::new(),
        ratio: None,
        remark: format!("{what}; median of {TIMES}, the longest {longest:.1} ms"),
    })?;
    report.at_most("the slowest look-up, in ms", middle, LIMIT_MS);
    Ok(())
}

/// Looks for something that is no page.
async fn look(store: &Store, what: &str, one: &Record) -> anyhow::Result<()> {
    match what {
        "one with its history" => {
            store.find(one.id).await?;
            store.attempts(one).await?;
            store.sent_again(one).await?;
        }
        "groups by reason" => {
            store
                .dead_groups(Narrowing::default(), vec![GroupBy::Reason], 100)
                .await?;
        }
        "groups of a customer" => {
            store
                .dead_groups(of("customer 7")?, GroupBy::ALL.to_vec(), 100)
                .await?;
        }
        "groups" => {
            let groups = store
                .dead_groups(Narrowing::default(), GroupBy::ALL.to_vec(), 100)
                .await?;
            ensure!(!groups.is_empty(), "there are no groups");
        }
        "an audit of a day" | "a series of a customer's day" | "a series of a day" => {
            let first = BEGUN / 60_000 + 1000;
            let minutes = first..first + 1440;
            let customer = (what == "a series of a customer's day")
                .then(|| Customer::parse("customer 7"))
                .transpose()?;
            if what == "an audit of a day" {
                let scope = AuditScope {
                    customer,
                    minutes: Some(minutes),
                };
                store.audit(scope).await?;
            } else {
                let scope = SeriesScope {
                    customer,
                    minutes,
                    step: 10,
                };
                store.series(scope).await?;
            }
        }
        "an audit of all time" => {
            store.audit(AuditScope::default()).await?;
        }
        _ => {
            store
                .dead_letters(DeadQuery {
                    narrowing: of("customer 7")?,
                    died_by: Timestamp::from_millis(i64::MAX),
                    after: None,
                    newest_first: false,
                    limit: 500,
                    unreadable: false,
                })
                .await?;
        }
    }
    Ok(())
}

/// Keeps the slowest by its median; the first time warms up.
fn note<'a>(what: &'a str, mut times: Vec<f64>, slowest: &mut Option<(&'a str, f64, f64)>) {
    times.remove(0);
    let longest = times.iter().copied().fold(0.0, f64::max);
    let middle = median(times);
    progress(&format!("  {middle:8.2} ms (longest {longest:.2}): {what}"));
    if slowest.is_none_or(|(_, before, _)| middle > before) {
        *slowest = Some((what, middle, longest));
    }
}

fn of(customer: &str) -> anyhow::Result<Narrowing> {
    Ok(Narrowing {
        customer: Some(Customer::parse(customer)?),
        ..Narrowing::default()
    })
}

/// Every way in which notifications are looked for.
fn filters(rows: i64) -> anyhow::Result<Vec<(&'static str, Filter)>> {
    let at = |row: i64| Timestamp::from_millis(BEGUN + row * 1000);
    let (dead, delivered, queued, expired) =
        (Some(State::Dead), Some(State::Delivered), Some(State::Queued), Some(State::Expired));
    let (old, middle, later) = (at(5000), at(rows / 2), at(rows / 2 + 3600));
    let table = [
        ("the newest", None, json!({})),
        ("one customer", None, json!({"customer": "customer 7"})),
        ("a customer that has none", None, json!({"customer": "nobody"})),
        ("delivered", delivered, json!({})),
        ("queued, of which there are none", queued, json!({})),
        ("a type", None, json!({"type": "type.3"})),
        ("a type that is not there", None, json!({"type": "type.x"})),
        ("a status that is not there", None, json!({"status": 599})),
        ("an hour in the middle", None, json!({"from": middle, "to": later})),
        ("a type of an old hour", None, json!({"type": "type.3", "to": old})),
        ("dead", dead, json!({})),
        ("dead of one customer", dead, json!({"customer": "customer 10"})),
        ("dead with a status", dead, json!({"status": 503})),
        ("dead with a status that is not there", dead, json!({"status": 418})),
        ("dead for a reason, of a type", dead, json!({"reason": "rejected", "type": "type.3"})),
        ("dead of an hour in the middle", dead, json!({"from": middle, "to": later})),
        ("expired", expired, json!({})),
        ("a word that all have", dead, json!({"q": "upstream"})),
        ("a word that one has", dead, json!({"q": "n770010"})),
        ("a word that none has", dead, json!({"q": "nowhere"})),
        ("a word that half have, of one customer", dead, json!({"q": "refused", "customer": "customer 10"})),
        (
            "a word that half have, of a customer without",
            dead,
            json!({"q": "refused", "customer": "customer 7"}),
        ),
        ("two words", dead, json!({"q": "upstream refused"})),
    ];
    let mut filters = Vec::new();
    for (what, state, narrowing) in table {
        let narrowing = serde_json::from_value(narrowing)?;
        let filter = Filter {
            state,
            narrowing,
            limit: 50,
            ..Filter::default()
        };
        filters.push((what, filter));
    }
    let all = || Filter {
        limit: 50,
        ..Filter::default()
    };
    let deep: Cursor = format!("n{:x}", rows / 3).parse()?;
    for (what, state) in [("a page far back", None), ("dead, far back", dead)] {
        filters.push((
            what,
            Filter {
                state,
                cursor: Some(deep),
                ..all()
            },
        ));
    }
    for (what, id) in [
        ("one id of the caller", "evt_77777"),
        ("an id that is not there", "evt_x"),
    ] {
        let event_ids = vec![id.to_owned()];
        filters.push((what, Filter { event_ids, ..all() }));
    }
    Ok(filters)
}

/// One in ten is dead, one in a hundred has expired, the others are delivered; of a hundred customers.
const FILL_FILE: [&str; 6] = [
    "INSERT INTO notifications (id, customer, event_key, event_id, account, application, create_application, event_type, \
       payload_start, payload_end, digest, accepted_at, state, due_at, attempts, reason, detail, status, settled_at) \
     WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
     SELECT unhex(printf('%012x70008000%012x', 1767225600000 + n * 1000, n)), 'customer ' || (n % 100), 'evt_' || n, \
       'evt_' || n, 'default', 'app', 0, 'type.' || (n % 7), 0, 2, x'00', 1767225600000 + n * 1000, \
       CASE WHEN n % 10 = 0 THEN 'dead' WHEN n % 100 = 1 THEN 'expired' ELSE 'delivered' END, 0, 1, \
       CASE WHEN n % 10 = 0 THEN CASE n % 3 WHEN 0 THEN 'rejected' ELSE 'exhausted' END WHEN n % 100 = 1 THEN 'too_old' END, \
       CASE WHEN n % 10 = 0 THEN 'upstream ' || CASE n % 4 WHEN 0 THEN 'refused' ELSE 'timed out' END || ' n' || n END, \
       CASE WHEN n % 10 = 0 THEN CASE n % 3 WHEN 0 THEN 422 ELSE 503 END ELSE 202 END, 1767225600000 + n * 1000 FROM numbers",
    "INSERT INTO undelivered (seq, customer, event_type, state, reason, status, outcome, settled_at) \
     SELECT seq, customer, event_type, state, reason, status, CASE status WHEN 422 THEN 'rejected' ELSE 'unavailable' END, \
       settled_at FROM notifications WHERE state IN ('dead', 'expired')",
    "INSERT INTO undelivered_words (rowid, words) SELECT seq, reason || ' ' || coalesce(detail, '') FROM notifications \
     WHERE state IN ('dead', 'expired')",
    "INSERT INTO dead_groups SELECT customer, event_type, reason, status, outcome, count(*), min(settled_at), max(settled_at) \
     FROM undelivered WHERE state = 'dead' GROUP BY 1, 2, 3, 4, 5",
    "INSERT INTO ledger_minutes (customer, minute, accepted, delivered, dead, expired) \
     SELECT customer, accepted_at / 60000, count(*), sum(state = 'delivered'), sum(state = 'dead'), sum(state = 'expired') \
     FROM notifications GROUP BY 1, 2 ORDER BY 2",
    "INSERT INTO ledger (customer, accepted, delivered, dead, expired) \
     SELECT customer, sum(accepted), sum(delivered), sum(dead), sum(expired) FROM ledger_minutes GROUP BY 1",
];

const FILL_SERVER: [&str; 6] = [
    "INSERT INTO notifications (id, customer, event_key, event_id, account, application, create_application, event_type, \
       payload_start, payload_end, digest, accepted_at, state, due_at, attempts, reason, detail, status, settled_at) \
     SELECT decode(lpad(to_hex(1767225600000 + n * 1000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'), 'hex'), \
       'customer ' || (n % 100), 'evt_' || n, 'evt_' || n, 'default', 'app', FALSE, 'type.' || (n % 7), 0, 2, '', \
       1767225600000 + n * 1000, \
       CASE WHEN n % 10 = 0 THEN 'dead' WHEN n % 100 = 1 THEN 'expired' ELSE 'delivered' END, 0, 1, \
       CASE WHEN n % 10 = 0 THEN CASE n % 3 WHEN 0 THEN 'rejected' ELSE 'exhausted' END WHEN n % 100 = 1 THEN 'too_old' END, \
       CASE WHEN n % 10 = 0 THEN 'upstream ' || CASE n % 4 WHEN 0 THEN 'refused' ELSE 'timed out' END || ' n' || n END, \
       CASE WHEN n % 10 = 0 THEN CASE n % 3 WHEN 0 THEN 422 ELSE 503 END ELSE 202 END, 1767225600000 + n * 1000 \
     FROM generate_series(1::BIGINT, {rows}) AS n",
    "INSERT INTO undelivered (customer, seq, event_type, state, reason, status, outcome, settled_at, words) \
     SELECT customer, seq, event_type, state, reason, status, CASE status WHEN 422 THEN 'rejected' ELSE 'unavailable' END, \
       settled_at, reason || ' ' || coalesce(detail, '') FROM notifications WHERE state IN ('dead', 'expired')",
    "INSERT INTO dead_groups SELECT customer, 0, event_type, reason, status, outcome, count(*), min(settled_at), \
       max(settled_at) FROM undelivered WHERE state = 'dead' GROUP BY 1, 3, 4, 5, 6",
    "INSERT INTO ledger_minutes (customer, minute, slot, accepted, delivered, dead, expired) \
     SELECT customer, accepted_at / 60000, 0, count(*), count(*) FILTER (WHERE state = 'delivered'), \
       count(*) FILTER (WHERE state = 'dead'), count(*) FILTER (WHERE state = 'expired') FROM notifications GROUP BY 1, 2 ORDER BY 2",
    "INSERT INTO ledger (customer, slot, accepted, delivered, dead, expired) \
     SELECT customer, 0, sum(accepted), sum(delivered), sum(dead), sum(expired) FROM ledger_minutes GROUP BY 1",
    "VACUUM ANALYZE",
];

async fn run_on_file(connection: &mut SqliteConnection, statement: &str, rows: u64) -> anyhow::Result<()> {
    // The number in it was made here.
    let statement = statement.replace("{rows}", &rows.to_string());
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
