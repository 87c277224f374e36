//! What leaves the store when its time is over, and what stays.

use std::time::Duration;

use crate::domain::{AnswerKind, Notification, Reason, State, Timestamp};
use crate::store::check::check;
use crate::store::check::tests::Place;
use crate::store::clock::{Clock, machine_now};
use crate::store::examples::{
    accept, accept_leased, customer, eventually, find, new, options, post_known, settlement,
};
use crate::store::lease::LeasedRow;
use crate::store::port::{Accept, AcceptReceipt, Batch, ReadSide, WriteSide};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{NewNotification, Retention, Settlement, Store, StoreOptions, postgres, sqlite};

const DAY: Duration = Duration::from_secs(86_400);

const RETENTION: Retention = Retention {
    settled: Duration::from_secs(30 * 86_400),
    dead: Duration::from_secs(365 * 86_400),
    attempts: Duration::from_secs(10 * 86_400),
    minutes: Duration::from_secs(90 * 86_400),
};

/// A database whose two sides can be had apart.
pub(super) trait Sides: Place {
    async fn sides(&self, retention: Retention) -> (impl WriteSide, impl ReadSide);
}

impl Sides for DatabaseInDirectory {
    async fn sides(&self, retention: Retention) -> (impl WriteSide, impl ReadSide) {
        sqlite::open(&Place::url(self), retention, Clock::default())
            .await
            .unwrap()
    }
}

impl Sides for TestDatabase {
    async fn sides(&self, retention: Retention) -> (impl WriteSide, impl ReadSide) {
        let lease = Duration::from_secs(15);
        let opened = postgres::open(&Place::url(self), lease, retention, Clock::default()).await;
        let opened = opened.unwrap();
        (opened.write_side, opened.read_side)
    }
}

fn days_ago(days: u32) -> Timestamp {
    machine_now().before(days * DAY)
}

/// Opens the store as one that keeps things so long.
async fn keeping(place: &impl Place, retention: Retention) -> Store {
    let options = StoreOptions {
        retention,
        ..options(place.url())
    };
    Store::open(options).await.unwrap()
}

/// Makes what was accepted so many days ago.
fn accepted(id: &str, days: u32) -> NewNotification {
    NewNotification {
        accepted_at: days_ago(days),
        ..new("acme", id)
    }
}

/// Makes an outcome of so many days ago.
fn outcome(notification: &Notification, state: State, days: u32) -> Settlement {
    let mut outcome = settlement(notification, state, AnswerKind::Rejected);
    outcome.settled_at = days_ago(days);
    outcome.reason = (state == State::Dead).then_some(Reason::Rejected);
    for attempt in &mut outcome.attempts {
        attempt.started_at = days_ago(days);
    }
    outcome
}

/// Stores what was accepted and came to stand so at these numbers of days ago.
async fn put(store: &Store, id: &str, state: State, days: (u32, u32)) -> Notification {
    let (notification, lease) = accept_leased(store, accepted(id, days.0)).await;
    let outcome = outcome(&notification, state, days.1);
    store.settle(outcome, lease).await.unwrap();
    notification
}

async fn assert_sound(place: &impl Place) {
    let report = check(&place.url()).await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}

pub(super) async fn what_is_over_leaves_and_everything_else_stays<P: Place>() {
    let place = P::fresh().await;
    let store = keeping(&place, Retention::default()).await;
    let table = [
        (State::Delivered, (40, 31), false, "over"),
        (State::Filtered, (40, 31), false, "over"),
        (State::Expired, (40, 31), false, "over"),
        (State::Dead, (400, 366), false, "nobody sent it again for a year"),
        (State::Delivered, (40, 29), true, "accepted long ago, but settled since"),
        (State::Dead, (400, 364), true, "an operator may want to send it again"),
        (State::Queued, (400, 400), true, "it waits still"),
        (State::Delivered, (1, 1), true, "new"),
    ];
    let mut put_in = Vec::new();
    for (number, (state, days, ..)) in table.iter().enumerate() {
        put_in.push(put(&store, &format!("evt_{number}"), *state, *days).await);
    }
    let totals = store.totals().await.unwrap();
    store.close(true).await.unwrap();

    let store = keeping(&place, RETENTION).await;
    eventually("what is over has left", async || {
        place.number("SELECT count(*) FROM notifications").await == 4
    })
    .await;
    for ((state, _, stays, why), notification) in table.iter().zip(&put_in) {
        let found = store.find(notification.id).await.unwrap();
        assert_eq!(found.is_some(), *stays, "{state}: {why}");
        if let Some(record) = found {
            assert_eq!(record.state, *state);
            assert!(store.event(&record).await.unwrap().is_some(), "{state}: {why}");
        }
    }
    let after = store.totals().await.unwrap();
    assert_eq!(
        (after.accepted, after.delivered, after.dead),
        (totals.accepted, totals.delivered, totals.dead)
    );
    let pruned = [
        after.pruned_delivered,
        after.pruned_filtered,
        after.pruned_expired,
        after.pruned_dead,
    ];
    assert_eq!(pruned, [1; 4], "the counts say what has left");
    assert_eq!(after.difference(), 0);

    post_known(&store, new("acme", "evt_4")).await;
    accept(&store, new("acme", "evt_0")).await;
    store.close(true).await.unwrap();
    assert_sound(&place).await;
}

pub(super) async fn a_step_looks_at_a_few_rows_and_takes_all_that_belongs_to_them<P: Sides>() {
    let place = P::fresh().await;
    let (mut side, reader) = place.sides(Retention::default()).await;
    let table = [
        (State::Delivered, 31, false),
        (State::Expired, 31, false),
        (State::Dead, 31, true),
        (State::Queued, 31, true),
        (State::Delivered, 29, true),
    ];
    let news: Vec<NewNotification> = (0..table.len())
        .map(|number| accepted(&format!("evt_{number}"), 40))
        .collect();
    let rows = store_rows(&mut side, &news).await;
    let outcomes: Vec<Settlement> = news
        .iter()
        .zip(&table)
        .map(|(new, (state, days, _))| {
            outcome(&new.clone().into_notification(new.event_key.clone()), *state, *days)
        })
        .collect();
    settle(&mut side, &rows, &outcomes).await;
    let cutoffs = RETENTION.cutoffs(machine_now());
    let (mut after, mut steps) = (0, 0);
    while let Some(row) = side.prune(after, 2, &cutoffs).await.unwrap() {
        assert!(row > after, "it gets on");
        (after, steps) = (row, steps + 1);
    }
    assert_eq!((after, steps), (rows[4].row, 3), "a few rows at a time, to the end");
    for ((state, days, stays), row) in table.iter().zip(&rows) {
        let event = reader.event(row.customer.clone(), row.row).await.unwrap();
        assert_eq!(event.is_some(), *stays, "{state}, {days} days");
        let attempts = reader.attempts(row.customer.clone(), row.row).await.unwrap();
        assert!(attempts.is_empty(), "{state}: the requests were over in any case");
    }
    let left = place.number("SELECT count(*) FROM undelivered").await;
    assert_eq!(left, 1, "the dead letter's");
    assert_eq!(side.prune(0, 500, &cutoffs).await.unwrap(), Some(rows[4].row), "nothing is done twice");
    assert_eq!(reader.totals(None).await.unwrap().pruned_delivered, 1);
}

pub(super) async fn requests_leave_before_their_notification<P: Place>() {
    let place = P::fresh().await;
    let store = keeping(&place, Retention::default()).await;
    let old = put(&store, "evt_old", State::Dead, (12, 11)).await;
    let recent = put(&store, "evt_recent", State::Dead, (12, 9)).await;
    let waiting = put(&store, "evt_waiting", State::Queued, (12, 11)).await;
    store.close(true).await.unwrap();

    let store = keeping(&place, RETENTION).await;
    eventually("old requests have left", async || place.number("SELECT count(*) FROM attempts").await == 1)
        .await;
    for (notification, requests) in [(&old, 0), (&recent, 1), (&waiting, 0)] {
        let record = find(&store, notification.id).await;
        assert_eq!(record.progress.attempts, 1, "it is known how many there were");
        assert_eq!(store.attempts(&record).await.unwrap().len(), requests);
    }
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed.len(), 1, "what waits goes on");
    drop(claimed);
    store.close(true).await.unwrap();
    assert_sound(&place).await;
}

pub(super) async fn kinds_of_dead_letters_are_counted_down_and_leave_with_the_last<P: Place>() {
    let place = P::fresh().await;
    let store = keeping(&place, Retention::default()).await;
    for (id, kind, days) in [
        ("evt_1", "invoice.paid", (400, 366)),
        ("evt_2", "invoice.paid", (400, 1)),
        ("evt_3", "invoice.sent", (400, 366)),
        ("evt_4", "invoice.sent", (399, 367)),
    ] {
        let new = NewNotification {
            event_type: kind.to_owned(),
            ..accepted(id, days.0)
        };
        let (notification, lease) = accept_leased(&store, new).await;
        let outcome = outcome(&notification, State::Dead, days.1);
        store.settle(outcome, lease).await.unwrap();
    }
    store.close(true).await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM dead_groups").await, 2);

    let store = keeping(&place, RETENTION).await;
    eventually("the old ones have left", async || {
        place.number("SELECT count(*) FROM notifications").await == 1
    })
    .await;
    let kinds = "SELECT count(*) FROM (SELECT event_type FROM dead_groups GROUP BY event_type) AS kinds";
    assert_eq!(place.number(kinds).await, 1, "nothing is left to say of the others");
    let dead = "SELECT CAST(sum(dead) AS BIGINT) FROM dead_groups WHERE event_type = 'invoice.paid'";
    assert_eq!(place.number(dead).await, 1);
    store.close(true).await.unwrap();
    assert_sound(&place).await;
}

pub(super) async fn counts_by_minute_leave_and_are_not_made_again<P: Sides>() {
    let place = P::fresh().await;
    let cells = "SELECT count(*) FROM ledger_minutes";
    let store = keeping(&place, Retention::default()).await;
    for number in 0..3 {
        put(&store, &format!("evt_{number}"), State::Dead, (100, 95)).await;
    }
    let kept = put(&store, "evt_kept", State::Dead, (80, 80)).await;
    store.close(true).await.unwrap();
    let minutes = place
        .number("SELECT count(DISTINCT minute) FROM ledger_minutes")
        .await;
    assert!((2..=3).contains(&minutes), "the three are of one minute, or of two");

    let (mut side, reader) = place.sides(RETENTION).await;
    let cutoffs = RETENTION.cutoffs(machine_now());
    let mut more = true;
    while more {
        more = side.prune_counts(1, &cutoffs).await.unwrap();
    }
    assert_eq!(place.number(cells).await, 1, "old ones have left, bit by bit");
    // Dead letters may be older than the counts of their minute.
    let all = Retention {
        dead: DAY,
        ..RETENTION
    };
    side.prune(0, 500, &all.cutoffs(machine_now())).await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM notifications").await, 0);
    let totals = reader.totals(None).await.unwrap();
    assert_eq!((totals.dead, totals.pruned_dead), (4, 4), "the customer's counts are for ever");
    let minute = kept.accepted_at.minute();
    let odd = place
        .number("SELECT count(*) FROM ledger_minutes WHERE accepted < 1")
        .await;
    assert_eq!(odd, 0, "no minute says that less than nothing happened in it");
    let sum = "SELECT CAST(sum(pruned_dead) AS BIGINT) FROM ledger_minutes";
    assert_eq!(place.number(sum).await, 1, "the one that is still there says what has left ({minute})");
}

pub(super) async fn counts_of_an_old_minute_change_while_they_are_there<P: Sides>() {
    let place = P::fresh().await;
    let store = keeping(&place, Retention::default()).await;
    put(&store, "evt_1", State::Dead, (100, 95)).await;
    store.close(true).await.unwrap();
    let all = Retention {
        dead: DAY,
        ..RETENTION
    };
    let (mut side, _reader) = place.sides(all).await;
    side.prune(0, 500, &all.cutoffs(machine_now())).await.unwrap();
    let sums = "SELECT CAST(sum(accepted) + sum(dead) + sum(pruned_dead) AS BIGINT) FROM ledger_minutes";
    assert_eq!(place.number(sums).await, 3, "they and the rows agree to the end");
}

pub(super) async fn what_was_sent_again_leaves_with_its_traces_and_redrives_after_their_end<P: Place>() {
    let place = P::fresh().await;
    let store = keeping(&place, Retention::default()).await;
    put(&store, "evt_1", State::Delivered, (40, 31)).await;
    put(&store, "evt_2", State::Dead, (40, 31)).await;
    store.close(true).await.unwrap();
    let traces = place
        .tamper(if P::IS_SHARED {
            "INSERT INTO redriven (customer, seq, number, at) SELECT customer, seq, 1, 0 FROM notifications"
        } else {
            "INSERT INTO redriven (seq, number, at) SELECT seq, 1, 0 FROM notifications"
        })
        .await;
    assert_eq!(traces, 2);
    for (finished, statement) in [
        (
            "long ago",
            "INSERT INTO redrives (id, filter, rate, newest_first, state, created_at, changed_at, finished_at, \
             paced_to_us, total) SELECT id, '{}', 1, FALSE, 'done', 0, 0, 1, 0, 1 FROM notifications \
             WHERE event_key = 'evt_1'",
        ),
        (
            "never",
            "INSERT INTO redrives (id, filter, rate, newest_first, state, created_at, changed_at, paced_to_us, total) \
             SELECT id, '{}', 1, FALSE, 'running', 0, 0, 0, 1 FROM notifications WHERE event_key = 'evt_2'",
        ),
    ] {
        assert_eq!(place.tamper(statement).await, 1, "{finished}");
    }

    let store = keeping(&place, RETENTION).await;
    eventually("what is over has left", async || place.number("SELECT count(*) FROM redrives").await == 1)
        .await;
    assert_eq!(
        place
            .number("SELECT count(*) FROM redrives WHERE finished_at IS NULL")
            .await,
        1
    );
    assert_eq!(place.number("SELECT count(*) FROM redriven").await, 1, "the dead letter's");
    store.close(true).await.unwrap();
}

/// Stores notifications and leases them.
async fn store_rows(side: &mut impl WriteSide, news: &[NewNotification]) -> Vec<LeasedRow> {
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

async fn settle(side: &mut impl WriteSide, rows: &[LeasedRow], outcomes: &[Settlement]) {
    let batch = Batch {
        settlements: rows.iter().zip(outcomes).collect(),
        ..Batch::default()
    };
    side.commit(&batch).await.unwrap();
}
