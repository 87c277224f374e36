//! Several replicas that delete what is over.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection};

use super::TestDatabase;
use crate::domain::Customer;
use crate::store::check::check;
use crate::store::examples::{eventually, options};
use crate::store::{DeadLetters, Retention, Store, StoreOptions};

/// Fills the database with notifications that were delivered long ago, and dead letters of two kinds, some of
/// them counted by one replica and some by another.
async fn fill(database: &TestDatabase) {
    for statement in [
        "INSERT INTO notifications (customer, seq, id, event_key, event_id, account, application, create_application, \
           event_type, payload_start, payload_end, digest, accepted_at, state, due_at, settled_at, attempts) \
         SELECT 'acme', nextval('notification_seq'), decode(md5(n::TEXT), 'hex'), 'evt_' || n, 'evt_' || n, \
           'default', 'app', FALSE, 'invoice.paid', 0, 1, sha256('x'), n, \
           CASE WHEN n % 2 = 0 THEN 'delivered' ELSE 'dead' END, n, n, 1 FROM generate_series(1, 3000) AS n",
        "INSERT INTO events (customer, seq, body) SELECT customer, seq, 'x' FROM notifications",
        "INSERT INTO undelivered (customer, seq, event_type, state, reason, status, outcome, settled_at, words) \
         SELECT customer, seq, event_type, 'dead', CASE WHEN seq % 3 = 0 THEN 'rejected' ELSE 'exhausted' END, 400, \
           'rejected', settled_at, 'why' FROM notifications WHERE state = 'dead'",
        "INSERT INTO dead_groups (customer, slot, event_type, reason, status, outcome, dead, first_at, last_at) \
         SELECT customer, 100 + seq % 2, event_type, reason, status, outcome, count(*), min(settled_at), \
           max(settled_at) FROM undelivered GROUP BY 1, 2, 3, 4, 5, 6",
        "INSERT INTO ledger (customer, slot, accepted, delivered, dead) VALUES ('acme', 100, 3000, 1500, 1500)",
        "INSERT INTO ledger_minutes (customer, minute, slot, accepted, delivered, dead) \
         VALUES ('acme', 0, 100, 3000, 1500, 1500)",
    ] {
        database.tamper(statement).await;
    }
}

#[tokio::test]
async fn replicas_that_delete_together_count_each_row_once() {
    let database = TestDatabase::new().await;
    database.open().await.close(true).await.unwrap();
    fill(&database).await;
    let day = Duration::from_secs(86_400);
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let options = StoreOptions {
            retention: Retention {
                settled: day,
                dead: day,
                ..Retention::default()
            },
            ..options(database.url())
        };
        replicas.push(Store::open(options).await.unwrap());
    }
    eventually("everything has left", async || {
        database.number("SELECT count(*) FROM notifications").await == 0
    })
    .await;
    let totals = replicas[0].totals().await.unwrap();
    assert_eq!((totals.pruned_delivered, totals.pruned_dead), (1500, 1500));
    for store in replicas {
        store.close(true).await.unwrap();
    }
    assert_eq!(database.number("SELECT count(*) FROM dead_groups").await, 0);
    let report = check(&database.url()).await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_purge_waits_for_the_replica_that_is_deleting() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    fill(&database).await;
    // Another replica is deleting, and has not committed yet.
    let mut other = database.options().connect().await.unwrap();
    let mut deleting = other.begin().await.unwrap();
    super::super::remove::alone(&mut deleting).await.unwrap();
    let customer = Customer::parse("acme").unwrap();
    let letters = DeadLetters {
        rows: (1..=3000).step_by(2).map(|row| (customer.clone(), row)).collect(),
        ..DeadLetters::default()
    };
    let purging = tokio::spawn({
        let store = store.clone();
        async move { store.purge(letters).await }
    });
    eventually("the purge waits", async || {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database \
            WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
        database.number(waiting).await == 1
    })
    .await;
    deleting.commit().await.unwrap();
    assert_eq!(purging.await.unwrap().unwrap(), 1500);
    store.close(true).await.unwrap();
    assert_eq!(database.number("SELECT count(*) FROM undelivered").await, 0);
    let report = check(&database.url()).await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}
