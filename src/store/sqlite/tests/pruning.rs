//! The write side on its own: deleting what is old, and rows that have gone.

use std::time::Duration;

use super::DatabaseInDirectory;
use crate::domain::{AnswerKind, State, Timestamp};
use crate::store::clock::Clock;
use crate::store::examples::{accept, accept_leased, customer, delivered, find, new, settlement};
use crate::store::lease::LeasedRow;
use crate::store::port::{Accept, AcceptReceipt, Batch, ReadSide, WriteSide};
use crate::store::sqlite;
use crate::store::{NewNotification, Settlement};

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

#[tokio::test]
async fn only_what_was_settled_long_ago_is_deleted_and_dead_letters_stay() {
    let database = DatabaseInDirectory::new();
    let (mut side, reader) = sqlite::open(&database.url(), Clock::default()).await.unwrap();
    let (old, recent) = (NOW.before(Duration::from_millis(100)), NOW);
    let table = [
        (State::Delivered, old, false, "old and delivered"),
        (State::Filtered, old, false, "old and filtered"),
        (State::Expired, old, false, "old and expired"),
        (State::Dead, old, true, "an operator may want to send it again"),
        (State::Queued, old, true, "it waits still"),
        (State::Delivered, recent, true, "it was accepted long ago, but settled just now"),
    ];
    let example = |number: usize| NewNotification {
        accepted_at: old,
        ..new("acme", &format!("evt_{number}"))
    };
    let rows = store_rows(&mut side, (0..table.len()).map(example).collect()).await;
    let outcomes: Vec<Settlement> = table
        .iter()
        .enumerate()
        .map(|(number, (state, settled_at, ..))| outcome(example(number), *state, *settled_at))
        .collect();
    settle(&mut side, &rows, &outcomes).await;
    assert_eq!(database.number("SELECT count(*) FROM attempts").await, 4);
    let totals = reader.totals().await.unwrap();

    let cutoff = NOW.before(Duration::from_millis(1));
    let mut after = 0;
    let mut steps = 0;
    while let Some(row) = side.prune(after, 2, cutoff).await.unwrap() {
        assert!(row > after, "it gets on");
        (after, steps) = (row, steps + 1);
    }
    assert_eq!((after, steps), (rows[5].row, 3), "a few rows at a time, to the end");
    for ((.., kept, why), row) in table.iter().zip(&rows) {
        assert_eq!(
            reader
                .event(row.customer.clone(), row.row)
                .await
                .unwrap()
                .is_some(),
            *kept,
            "{why}"
        );
        if !kept {
            assert!(
                reader
                    .attempts(row.customer.clone(), row.row)
                    .await
                    .unwrap()
                    .is_empty(),
                "{why}"
            );
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM notifications").await, 3);
    assert_eq!(reader.totals().await.unwrap(), totals, "the counts are for ever");
}

#[tokio::test]
async fn an_outcome_whose_row_has_gone_stops_no_other_and_is_not_counted() {
    let database = DatabaseInDirectory::new();
    let (mut side, reader) = sqlite::open(&database.url(), Clock::default()).await.unwrap();
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
    let totals = reader.totals().await.unwrap();
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
    let (mut side, reader) = sqlite::open(&database.url(), Clock::default()).await.unwrap();
    let rows = store_rows(&mut side, vec![new("acme", "evt_1")]).await;
    for state in [State::Dead, State::Delivered] {
        settle(&mut side, &rows, &[outcome(new("acme", "evt_1"), state, NOW)]).await;
    }
    let totals = reader.totals().await.unwrap();
    assert_eq!((totals.dead, totals.delivered, totals.difference()), (1, 0, 0));
    let left = side.claim(&customer("acme"), 10).await.unwrap();
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
