//! Databases that are opened: empty ones, older ones, and those of a later build.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection};

use super::TestDatabase;
use crate::domain::State;
use crate::store::examples::{customer, eventually, find};
use crate::store::postgres::MIGRATIONS;
use crate::store::query::Filter;
use crate::store::{Store, check};

#[tokio::test]
async fn many_may_start_together_on_an_empty_database() {
    let database = TestDatabase::new().await;
    let opened = futures_util::future::join_all((0..10).map(|_| database.open())).await;
    assert_eq!(opened.len(), 10);
    assert_eq!(database.number("SELECT count(DISTINCT slot) FROM replicas").await, 10);
    assert_eq!(database.number("SELECT max(slot) FROM replicas").await, 9);
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused() {
    let database = TestDatabase::new().await;
    drop(database.open().await);
    database
        .tamper(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', TRUE, '', 0)",
        )
        .await;
    let refused = Store::open(crate::store::examples::options(database.url())).await;
    assert!(matches!(refused, Err(crate::store::StoreError::Migrate(_))));
}

/// Gives a database the tables of the steps before this one.
async fn make_older(database: &TestDatabase, version: i64) {
    let older: Vec<_> = MIGRATIONS
        .iter()
        .filter(|step| step.version < version)
        .cloned()
        .collect();
    let older = Migrator {
        migrations: older.into(),
        ..Migrator::DEFAULT
    };
    let mut connection = database.options().connect().await.unwrap();
    older.run(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_new_version_that_waits_for_a_long_look_holds_up_nobody_else() {
    let database = TestDatabase::new().await;
    make_older(&database, 10).await;
    let mut look = database.options().connect().await.unwrap();
    let mut look = look.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM notifications")
        .execute(&mut *look)
        .await
        .unwrap();
    let opening = database.open();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
    let looking = async {
        eventually("it waits for the table", async || database.number(waits).await > 0).await;
        // What comes behind it in the table's queue waits as long as it does.
        let asked = database.number("SELECT count(*) FROM notifications");
        let answered = tokio::time::timeout(Duration::from_secs(20), asked).await;
        look.commit().await.unwrap();
        answered
    };
    let (_, answered) = futures_util::future::join(opening, looking).await;
    assert_eq!(answered, Ok(0), "others are held up as long as the look takes");
}

#[tokio::test]
async fn what_waited_in_an_older_database_waits_still() {
    let database = TestDatabase::new().await;
    make_older(&database, 3).await;
    // A replica that died held the first; the second has been settled.
    database
        .tamper(
            "INSERT INTO replicas (slot, started_at, ends_at) VALUES (0, 0, 0); \
             INSERT INTO notifications (customer, id, event_key, event_id, account, application, \
               create_application, event_type, payload_start, payload_end, digest, accepted_at, state, due_at, \
               owner, fence, settled_at) \
             SELECT 'acme', decode(lpad(to_hex(n), 32, '0'), 'hex'), 'evt_' || n, 'evt_' || n, 'default', 'app', \
               FALSE, 'invoice.paid', 0, 2, sha256('{}'), n, CASE n WHEN 2 THEN 'delivered' ELSE 'queued' END, n, \
               CASE n WHEN 1 THEN (SELECT run FROM replicas) END, n, CASE n WHEN 2 THEN 2 END \
             FROM generate_series(1, 3) AS n; \
             INSERT INTO events (customer, seq, body) SELECT customer, seq, '{}' FROM notifications; \
             INSERT INTO ledger (customer, slot, accepted, queued, delivered) VALUES ('acme', 0, 3, 2, 1)",
        )
        .await;
    let store = database.open_for(Duration::from_secs(1)).await;
    assert_eq!(check(&database.url()).await.unwrap().findings, []);
    let all = store
        .list(Filter {
            limit: 10,
            ..Filter::default()
        })
        .await
        .unwrap();
    assert_eq!(all.records.len(), 3);
    let mut claimed = Vec::new();
    eventually("what the dead one held is free", async || {
        claimed.extend(store.claim(customer("acme"), 10).await.unwrap());
        claimed.len() == 2
    })
    .await;
    claimed.sort_by_key(|leased| leased.notification.accepted_at);
    let held = &claimed[0].notification;
    assert_eq!(find(&store, held.id).await.state, State::Queued);
    let suspect: Vec<bool> = claimed
        .iter()
        .map(|leased| leased.notification.suspect_until.is_some())
        .collect();
    assert_eq!(suspect, [true, false]);
}
