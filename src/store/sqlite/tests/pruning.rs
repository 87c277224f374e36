//! The write side on its own: deleting rows and giving back their space, and rows that have gone.

use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::DatabaseInDirectory;
use crate::domain::{AnswerKind, State, Timestamp};
use crate::store::clock::Clock;
use crate::store::examples::{
    accept, accept_leased, customer, delivered, eventually, find, new, options, settlement,
};
use crate::store::lease::LeasedRow;
use crate::store::port::{Accept, AcceptReceipt, Batch, ReadSide, WriteSide};
use crate::store::sqlite;
use crate::store::{ClaimLimit, NewNotification, Retention, Settlement, Store, StoreOptions};

const ANY: ClaimLimit = ClaimLimit {
    rows: 10,
    bytes: usize::MAX,
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

async fn store_rows(side: &mut sqlite::Sqlite, news: Vec<NewNotification>) -> Vec<LeasedRow> {
    let batch = Batch {
        accepts: news.iter().map(|new| Accept { new, lease: true }).collect(),
        ..Batch::default()
    };
    let receipts = side.commit(&batch).await.unwrap();
    let rows = receipts.into_iter().map(|receipt| match receipt {
        AcceptReceipt::Stored { lease: Some(row), .. } => row,
        other => panic!("{other:?}"),
    });
    rows.collect()
}

async fn settle(side: &mut sqlite::Sqlite, rows: &[LeasedRow], outcomes: &[Settlement]) {
    let batch = Batch {
        settlements: rows.iter().zip(outcomes).collect(),
        ..Batch::default()
    };
    side.commit(&batch).await.unwrap();
}

fn outcome(new: NewNotification, state: State, settled_at: Timestamp) -> Settlement {
    let event_id = new.event_key.clone();
    Settlement {
        settled_at,
        ..settlement(&new.into_notification(event_id), state, AnswerKind::Unavailable)
    }
}

/// Fills the file with notifications that were delivered long ago.
async fn fill(database: &DatabaseInDirectory) {
    database
        .tamper(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000) \
             INSERT INTO notifications (seq, id, customer, event_key, event_id, account, application, \
               create_application, event_type, payload_start, payload_end, digest, accepted_at, state, due_at, \
               settled_at, attempts) \
             SELECT n, randomblob(16), 'acme', 'evt_' || n, 'evt_' || n, 'default', 'app', FALSE, 'invoice.paid', 0, \
               2000, x'', n, 'delivered', n, n, 1 FROM n",
        )
        .await;
    database
        .tamper("INSERT INTO events (seq, body) SELECT seq, randomblob(2000) FROM notifications")
        .await;
    database
        .tamper("INSERT INTO ledger (customer, accepted, delivered) VALUES ('acme', 4000, 4000)")
        .await;
}

#[tokio::test]
async fn a_file_shrinks_after_its_rows_have_left_and_accepts_go_on() {
    let database = DatabaseInDirectory::new();
    database.open().await.unwrap().close(true).await.unwrap();
    fill(&database).await;
    let size = || std::fs::metadata(database.path()).unwrap().len();
    let full = (database.number("PRAGMA page_count").await, size());
    assert!(full.0 > 2000, "{full:?}");

    let store = Store::open(StoreOptions {
        retention: Retention {
            settled: Duration::from_secs(86_400),
            ..Retention::default()
        },
        ..options(database.url())
    })
    .await
    .unwrap();
    let mut accepted = 0;
    eventually("the file is small", async || {
        accept(&store, new("acme", &format!("new_{accepted}"))).await;
        accepted += 1;
        database.number("PRAGMA page_count").await < full.0 / 4
    })
    .await;
    assert!(accepted > 10, "it took many steps, with accepts between them");
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.pruned_delivered, totals.queued), (4000, accepted));
    store.close(true).await.unwrap();
    assert!(size() < full.1 / 4, "on the disk, too");
}

#[tokio::test]
async fn space_is_given_back_a_few_pages_at_a_time_up_to_a_reserve() {
    let database = DatabaseInDirectory::new();
    let (mut side, _) = sqlite::open(&database.url(), Retention::default(), Clock::default())
        .await
        .unwrap();
    assert!(!side.shrink().await.unwrap(), "nothing is free");
    fill(&database).await;
    database.tamper("DELETE FROM events WHERE seq <= 2000").await;
    let mut pages = database.number("PRAGMA page_count").await;
    let mut more = true;
    while more {
        more = side.shrink().await.unwrap();
        let left = database.number("PRAGMA page_count").await;
        assert!(left < pages && pages - left <= 66, "{pages} and then {left}");
        pages = left;
    }
    let free = database.number("PRAGMA freelist_count").await;
    assert!(free > 0 && free <= pages / 16, "{free} of {pages} are kept for what comes");
    assert_eq!(database.number("SELECT count(*) FROM events").await, 2000);
}

#[tokio::test]
async fn a_file_of_an_older_version_works_but_does_not_shrink() {
    let database = DatabaseInDirectory::new();
    let options = SqliteConnectOptions::new()
        .filename(database.path())
        .create_if_missing(true);
    let mut older = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE anything (number INTEGER)")
        .execute(&mut older)
        .await
        .unwrap();
    older.close().await.unwrap();
    let (mut side, _) = sqlite::open(&database.url(), Retention::default(), Clock::default())
        .await
        .unwrap();
    fill(&database).await;
    database.tamper("DELETE FROM events").await;
    let pages = database.number("PRAGMA page_count").await;
    assert!(!side.shrink().await.unwrap());
    assert_eq!(database.number("PRAGMA page_count").await, pages);
}

#[tokio::test]
async fn what_is_queued_is_not_removed_whoever_asks_for_that() {
    let database = DatabaseInDirectory::new();
    let (mut side, reader) = sqlite::open(&database.url(), Retention::default(), Clock::default())
        .await
        .unwrap();
    let example = |number: usize| new("acme", &format!("evt_{number}"));
    let rows = store_rows(&mut side, (0..3).map(example).collect()).await;
    let dead = outcome(example(1), State::Dead, NOW);
    settle(&mut side, &rows[1..2], &[dead]).await;
    let seqs: Vec<i64> = rows.iter().map(|row| row.row).chain([77]).collect();
    let changes = side.changes();
    let gone = sqlite::remove::run(&mut side.connection, &side.ledger, &seqs, changes).await;
    assert_eq!(gone.unwrap(), 1);
    let totals = reader.totals(None).await.unwrap();
    assert_eq!((totals.queued, totals.dead, totals.pruned_dead), (2, 1, 1));
    assert_eq!(
        database
            .number("SELECT count(*) FROM undelivered_words WHERE words MATCH 'attempt'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_outcome_whose_row_has_gone_stops_no_other_and_is_not_counted() {
    let database = DatabaseInDirectory::new();
    let (mut side, reader) = sqlite::open(&database.url(), Retention::default(), Clock::default())
        .await
        .unwrap();
    let example = |number: usize| new("acme", &format!("evt_{number}"));
    let rows = store_rows(&mut side, (0..5).map(example).collect()).await;
    assert_eq!(
        database
            .tamper("DELETE FROM notifications WHERE event_key = 'evt_2'")
            .await,
        1
    );
    let outcomes: Vec<Settlement> = (0..5)
        .map(|number| outcome(example(number), State::Dead, NOW))
        .collect();
    settle(&mut side, &rows, &outcomes).await;
    let totals = reader.totals(None).await.unwrap();
    assert_eq!((totals.accepted, totals.dead, totals.queued), (5, 4, 1));
    assert_eq!(totals.failed_attempts, 4);
    assert!(
        reader
            .attempts(rows[2].customer.clone(), rows[2].row)
            .await
            .unwrap()
            .is_empty(),
        "nothing is left of it"
    );
    for row in [&rows[1], &rows[3]] {
        assert_eq!(
            reader
                .attempts(row.customer.clone(), row.row)
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn an_outcome_of_what_is_settled_already_changes_nothing() {
    let database = DatabaseInDirectory::new();
    let (mut side, reader) = sqlite::open(&database.url(), Retention::default(), Clock::default())
        .await
        .unwrap();
    let rows = store_rows(&mut side, vec![new("acme", "evt_1")]).await;
    for state in [State::Dead, State::Delivered] {
        settle(&mut side, &rows, &[outcome(new("acme", "evt_1"), state, NOW)]).await;
    }
    let totals = reader.totals(None).await.unwrap();
    assert_eq!((totals.dead, totals.delivered, totals.difference()), (1, 0, 0));
    let left = side.claim(&customer("acme"), ANY).await.unwrap().rows;
    assert!(left.is_empty());
}

#[tokio::test]
async fn what_is_left_of_a_deleted_row_is_in_nobody_s_way() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    let (gone, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    database.tamper("DELETE FROM notifications").await;
    let second = accept(&store, new("acme", "evt_2")).await;
    store.settle(delivered(&gone), lease).await.unwrap();
    let record = find(&store, second.id).await;
    assert_eq!(record.state, State::Queued, "the outcome was another's");
    assert_eq!(store.event(&record).await.unwrap().as_deref(), Some(&second.event[..]));
}
