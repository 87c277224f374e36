//! What a copy keeps, and what it refuses.

mod keeping;
mod refusing;
mod suspects;

use super::rows::Rows;
use super::source::{Batch, Source};
use super::table::AT_THE_END;
use super::{CopyError, CopyReport, Copying, LIMITS, Limits, copy};
use crate::store::check;
use crate::store::check::tests::{Place, filled};

const ALL: Limits = Limits {
    rows: i64::MAX,
    bytes: i64::MAX,
};

/// Copies without looking at the progress.
async fn copied(from: &str, to: &str) -> Result<CopyReport, CopyError> {
    copy(from, to, |_| {}).await
}

/// Reads everything that a store has.
async fn contents(place: &impl Place) -> (Batch, Vec<Rows>) {
    let mut source = Source::open(&place.url()).await.unwrap();
    let batch = source.batch(0, ALL).await.unwrap();
    let mut rest = Vec::new();
    for table in AT_THE_END.iter() {
        let handed_on = source.hand_on(table, async |rows| {
            rest.push(rows);
            Ok(())
        });
        handed_on.await.unwrap();
    }
    source.close().await.unwrap();
    (batch, rest)
}

async fn assert_same(one: &impl Place, other: &impl Place) {
    let ((batch, rest), (batch_of_other, rest_of_other)) = (contents(one).await, contents(other).await);
    assert_eq!(batch.notifications, batch_of_other.notifications);
    assert_eq!(batch.belongings, batch_of_other.belongings);
    assert_eq!(rest, rest_of_other);
    for url in [one.url(), other.url()] {
        assert_eq!(check(&url).await.unwrap().findings, []);
    }
}

/// Makes a store with something in every table and every column.
async fn full<P: Place>() -> P {
    let place = filled::<P>().await;
    for (statement, rows) in [
        ("UPDATE notifications SET redrive = id, redrives = 1 WHERE event_key = 'dead'", 3),
        (
            "INSERT INTO redrives (id, filter, rate, stop_ratio, newest_first, by_key, state, why, created_at, \
               changed_at, finished_at, paced_to_us, cursor, total, sent, delivered, dead, expired, customer) \
             SELECT id, '{}', 2.5, CASE event_key WHEN 'dead' THEN 0.1 END, event_key = 'dead', 'ops', 'stopped', \
               'too much failed', 1, 2, 3, 4, seq, 5, 6, 7, 8, 9, CASE event_key WHEN 'dead' THEN customer END \
             FROM notifications WHERE event_key IN ('dead', 'queued')",
            6,
        ),
        (
            if P::IS_SHARED {
                "INSERT INTO redriven (customer, seq, number, at, redrive, by_key, died_at, reason, status, detail) \
                 SELECT customer, seq, 1, 10, redrive, 'ops', 9, 'rejected', 422, 'no' FROM notifications \
                 WHERE redrives > 0"
            } else {
                "INSERT INTO redriven (seq, number, at, redrive, by_key, died_at, reason, status, detail) \
                 SELECT seq, 1, 10, redrive, 'ops', 9, 'rejected', 422, 'no' FROM notifications WHERE redrives > 0"
            },
            3,
        ),
        ("UPDATE ledger SET redriven = 1", 3),
        ("INSERT INTO key_uses (name, used_at) VALUES ('ci', 11), ('ops', 12)", 2),
        (
            "INSERT INTO settings (kind, name, version, revision, document, sealed, created_at, changed_at, by_key) \
             SELECT 'customer', event_key || seq, 3, seq, CASE event_key WHEN 'dead' THEN '{\"name\": \"Ä\"}' END, \
               CASE event_key WHEN 'dead' THEN id END, 1, 2, CASE event_key WHEN 'dead' THEN 'ops' END \
             FROM notifications WHERE event_key IN ('dead', 'queued')",
            6,
        ),
        (
            "INSERT INTO setting_versions (kind, name, version, at, by_key, change, document) \
             SELECT kind, name, version, 7, by_key, 'put', document FROM settings",
            6,
        ),
    ] {
        assert_eq!(place.tamper(statement).await, rows, "{statement}");
    }
    place
}

/// Copies some rows, and is cut off.
async fn begun(origin: &impl Place, target: &impl Place) {
    let limits = Limits { rows: 5, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    copying.close().await.unwrap();
}
