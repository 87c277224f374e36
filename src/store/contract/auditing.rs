//! What comparing the ledger with the rows must find, and what it must not.

use std::ops::Range;
use std::time::Duration;

use super::Fixture;
use crate::domain::{AnswerKind, NotificationId, Reason, State, Timestamp};
use crate::store::audit::{
    AddedUp, AuditScope, Compared, Counted, Difference, MOST_ROWS, Pick, RowCounts, SeriesScope,
};
use crate::store::examples::{accept, accept_leased, customer, delivered, new, post_known, settlement};
use crate::store::{Leased, NewNotification, Settlement, Store, Totals};

/// Long enough for every minute here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A minute of some day in 2026.
const MINUTE: i64 = 29_500_000;

/// Makes an event that was posted so many seconds after the start of that minute.
fn posted(name: &str, id: &str, minute: i64, seconds: u64) -> NewNotification {
    let accepted_at = Timestamp::of_minute(minute).after(Duration::from_secs(seconds));
    NewNotification {
        id: NotificationId::generate(accepted_at),
        accepted_at,
        ..new(name, id)
    }
}

/// Accepts and settles one for each of these states.
async fn settle(store: &Store, name: &str, minute: i64, states: &[State]) {
    for (state, number) in states.iter().zip(0..) {
        let id = format!("evt_{minute}_{number}_{state}");
        let (notification, lease) = accept_leased(store, posted(name, &id, minute, number)).await;
        let outcome = match state {
            State::Delivered => delivered(&notification),
            State::Dead => Settlement {
                reason: Some(Reason::Rejected),
                ..settlement(&notification, *state, AnswerKind::Rejected)
            },
            _ => settlement(&notification, *state, AnswerKind::Unavailable),
        };
        store.settle(outcome, lease).await.unwrap();
    }
}

fn scope(name: Option<&str>, minutes: Option<Range<i64>>) -> AuditScope {
    AuditScope {
        customer: name.map(customer),
        minutes,
    }
}

async fn series(store: &Store, name: Option<&str>, minutes: Range<i64>, step: i64) -> Vec<Totals> {
    let scope = SeriesScope {
        customer: name.map(customer),
        minutes,
        step,
    };
    store.series(scope).await.unwrap()
}

async fn compare(store: &Store, minutes: Range<i64>, pick: Pick) -> Compared {
    store.compare(minutes, pick, PATIENCE).await.unwrap()
}

/// Returns what a comparison of that minute found.
async fn differences(store: &Store, minute: i64) -> Vec<Difference> {
    match compare(store, minute..minute + 1, Pick::Newest).await {
        Compared::Minute {
            minute: compared,
            differences,
        } => {
            assert_eq!(compared, minute);
            differences
        }
        other => panic!("not compared: {other:?}"),
    }
}

pub(super) async fn a_cell_says_where_those_stand_that_were_accepted_in_its_minute<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let states = [
        State::Delivered,
        State::Dead,
        State::Queued,
        State::Expired,
        State::Filtered,
    ];
    settle(&store, "acme", MINUTE, &states).await;
    settle(&store, "acme", MINUTE + 1, &[State::Delivered]).await;
    settle(&store, "globex", MINUTE, &[State::Delivered]).await;
    post_known(&store, posted("acme", &format!("evt_{MINUTE}_0_delivered"), MINUTE + 1, 9)).await;
    let Leased { notification, lease } = store.claim(customer("acme"), 1).await.unwrap().remove(0);
    store.settle(delivered(&notification), lease).await.unwrap();

    let points = series(&store, Some("acme"), MINUTE..MINUTE + 2, 1).await;
    let first = Totals {
        accepted: 5,
        delivered: 2,
        filtered: 1,
        dead: 1,
        expired: 1,
        retries: 1,
        failed_attempts: 4,
        ..Totals::default()
    };
    let second = Totals {
        accepted: 1,
        delivered: 1,
        duplicates: 1,
        ..Totals::default()
    };
    assert_eq!(
        points,
        [first, second],
        "a retry counts where it was accepted, a duplicate where it was posted"
    );
    let mut all = Totals::default();
    for minute in series(&store, None, MINUTE..MINUTE + 2, 1).await {
        all.add(&minute);
    }
    assert_eq!(all, store.totals().await.unwrap(), "the minutes add up to all there is");
}

pub(super) async fn a_series_has_a_point_for_each_step<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for (name, minute) in [("acme", 0), ("acme", 4), ("globex", 4), ("acme", 5), ("acme", 9)] {
        settle(&store, name, MINUTE + minute, &[State::Delivered]).await;
    }
    let table = [
        (None, 0..10, 1, "1000210001", "minute by minute"),
        (None, 0..10, 5, "32", "more at once"),
        (Some("acme"), 0..10, 5, "22", "of one customer"),
        (Some("initech"), 0..10, 5, "00", "of one that has none"),
        (None, 4..11, 3, "310", "the last step may be shorter, and begins where it begins"),
        (None, 4..5, 1440, "2", "a step longer than the time"),
        (None, 1..4, 1, "000", "no more than the time"),
        (None, 3..3, 1, "", "no time"),
    ];
    for (name, minutes, step, right, why) in table {
        let points = series(&store, name, MINUTE + minutes.start..MINUTE + minutes.end, step).await;
        let found: String = points.iter().map(|point| point.delivered.to_string()).collect();
        assert_eq!(found, right, "{why}");
    }
}

pub(super) async fn an_audit_counts_the_ledger_and_the_rows_of_what_it_is_about<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    settle(&store, "acme", MINUTE, &[State::Delivered, State::Delivered, State::Dead]).await;
    settle(&store, "acme", MINUTE + 1, &[State::Queued]).await;
    settle(&store, "globex", MINUTE, &[State::Delivered]).await;
    // The first moment of a minute is its own.
    accept(&store, posted("globex", "evt_late", MINUTE + 1, 0)).await;
    let hour = || Some(MINUTE - 30..MINUTE + 30);
    let table = [
        (scope(None, None), (6, 3, 1), Counted::All, "everything"),
        (scope(Some("acme"), None), (4, 2, 1), Counted::All, "a customer"),
        (scope(None, hour()), (6, 3, 1), Counted::ByTime, "a time"),
        (scope(Some("globex"), hour()), (2, 1, 0), Counted::All, "a customer's time"),
        (scope(None, Some(MINUTE..MINUTE + 1)), (4, 3, 1), Counted::ByTime, "a minute"),
        (scope(Some("acme"), Some(MINUTE + 1..MINUTE + 2)), (1, 0, 0), Counted::All, "its minute"),
        (scope(Some("initech"), None), (0, 0, 0), Counted::All, "a customer that has none"),
        (scope(None, Some(0..1)), (0, 0, 0), Counted::ByTime, "a time without any"),
        (scope(None, Some(MINUTE..MINUTE)), (0, 0, 0), Counted::ByTime, "no time"),
    ];
    for (scope, (accepted, delivered, dead), counted, why) in table {
        let audit = store.audit(scope).await.unwrap();
        let ledger = &audit.ledger;
        assert_eq!((ledger.accepted, ledger.delivered, ledger.dead), (accepted, delivered, dead), "{why}");
        let rows = audit.rows.clone().expect(why);
        assert_eq!(rows.total, accepted, "{why}");
        assert_eq!((rows.in_state(State::Delivered), rows.in_state(State::Dead)), (delivered, dead), "{why}");
        assert_eq!((audit.counted, audit.is_balanced()), (counted, true), "{why}");
    }
}

pub(super) async fn an_audit_does_not_count_more_rows_than_it_may<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    settle(&store, "acme", MINUTE, &[State::Delivered]).await;
    settle(&store, "globex", MINUTE + 1, &[State::Delivered]).await;
    // Rows that the ledger only claims to be there.
    fixture
        .tamper("UPDATE ledger SET accepted = 50001, delivered = 50001 WHERE customer = 'acme'")
        .await;
    fixture
        .tamper("UPDATE ledger_minutes SET accepted = 50001, delivered = 50001 WHERE customer = 'acme'")
        .await;
    let (first, second) = (|| Some(MINUTE..MINUTE + 1), || Some(MINUTE + 1..MINUTE + 2));
    let table = [
        (scope(None, None), Counted::TooMany(50_002), "everything"),
        (scope(Some("acme"), None), Counted::TooMany(50_001), "all of a customer"),
        (scope(None, first()), Counted::TooMany(50_001), "a busy minute"),
        (scope(Some("acme"), first()), Counted::TooMany(50_001), "a busy minute of a busy customer"),
        (scope(Some("acme"), second()), Counted::ByTime, "a quiet minute of a busy customer"),
        (scope(Some("globex"), first()), Counted::All, "a busy minute of a quiet customer"),
        (scope(Some("globex"), None), Counted::All, "a quiet customer"),
        (scope(None, second()), Counted::ByTime, "a quiet minute"),
    ];
    assert_eq!(MOST_ROWS, 50_000);
    for (scope, counted, why) in table {
        let audit = store.audit(scope).await.unwrap();
        assert_eq!(audit.counted, counted, "{why}");
        let counts = !matches!(counted, Counted::TooMany(_));
        assert_eq!(audit.rows.is_some(), counts, "{why}");
        assert!(audit.is_balanced(), "{why}: what was looked at agrees");
    }
    // What has been deleted since need not be gone through.
    fixture
        .tamper("UPDATE ledger SET pruned_delivered = 50000 WHERE customer = 'acme'")
        .await;
    let audit = store.audit(scope(None, None)).await.unwrap();
    assert_eq!((audit.counted, audit.is_balanced()), (Counted::All, true));
}

pub(super) async fn a_lost_row_and_a_wrong_count_are_found_with_their_customer_and_minute<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    settle(&store, "acme", MINUTE, &[State::Delivered, State::Delivered, State::Dead]).await;
    settle(&store, "globex", MINUTE, &[State::Delivered]).await;
    settle(&store, "acme", MINUTE + 1, &[State::Delivered]).await;
    assert_eq!(differences(&store, MINUTE).await, []);

    fixture
        .tamper("DELETE FROM notifications WHERE customer = 'globex'")
        .await;
    let lost = Difference {
        customer: customer("globex"),
        minute: Some(MINUTE),
        unaccounted: 0,
        states: vec![(State::Delivered, 1, 0)],
    };
    assert_eq!(differences(&store, MINUTE).await, std::slice::from_ref(&lost));
    fixture
        .tamper("UPDATE ledger_minutes SET dead = dead + 2 WHERE customer = 'acme' AND minute = 29500000")
        .await;
    let miscounted = Difference {
        customer: customer("acme"),
        minute: Some(MINUTE),
        unaccounted: -2,
        states: vec![(State::Dead, 3, 1)],
    };
    assert_eq!(differences(&store, MINUTE).await, [miscounted, lost]);
    assert_eq!(differences(&store, MINUTE + 1).await, [], "what is right stays right");
    let audit = store.audit(scope(None, None)).await.unwrap();
    let rows = audit.rows.clone().unwrap();
    assert_eq!((rows.beyond(&audit.ledger, State::Delivered), audit.is_balanced()), (-1, false));
    let audit = store.audit(scope(None, Some(MINUTE..MINUTE + 1))).await.unwrap();
    assert_eq!((audit.ledger.difference(), audit.is_balanced()), (-2, false));
    let audit = store.audit(scope(Some("acme"), None)).await.unwrap();
    assert!(audit.is_balanced(), "its totals and its rows agree");
}

pub(super) async fn what_the_ledger_has_no_cell_of_is_not_compared<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    settle(&store, "acme", MINUTE, &[State::Delivered, State::Dead]).await;
    settle(&store, "globex", MINUTE, &[State::Delivered]).await;
    settle(&store, "acme", MINUTE + 1, &[State::Delivered]).await;
    fixture
        .tamper("DELETE FROM ledger_minutes WHERE customer = 'acme' AND minute = 29500000")
        .await;
    assert_eq!(differences(&store, MINUTE).await, []);
    for name in [None, Some("acme"), Some("globex")] {
        for minutes in [None, Some(MINUTE..MINUTE + 2)] {
            let audit = store.audit(scope(name, minutes)).await.unwrap();
            assert!(audit.rows.is_some() && audit.is_balanced(), "{name:?}: {audit:?}");
        }
    }
    // Rows that were deleted when their time was over are in the counts of that.
    fixture
        .tamper("DELETE FROM notifications WHERE customer = 'globex'")
        .await;
    fixture
        .tamper("UPDATE ledger_minutes SET pruned_delivered = 1 WHERE customer = 'globex'")
        .await;
    assert_eq!(differences(&store, MINUTE).await, []);
}

pub(super) async fn minutes_are_compared_from_either_end<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for minute in [MINUTE, MINUTE + 3, MINUTE + 7] {
        settle(&store, "acme", minute, &[State::Delivered]).await;
    }
    let table = [
        (i64::MIN..i64::MAX, Pick::Newest, Some(MINUTE + 7)),
        (i64::MIN..MINUTE + 7, Pick::Newest, Some(MINUTE + 3)),
        (i64::MIN..MINUTE, Pick::Newest, None),
        (MINUTE..MINUTE + 8, Pick::Oldest, Some(MINUTE)),
        (MINUTE + 1..MINUTE + 8, Pick::Oldest, Some(MINUTE + 3)),
        (MINUTE + 8..i64::MAX, Pick::Oldest, None),
    ];
    for (minutes, pick, right) in table {
        let right = right.map_or(Compared::Nothing, |minute| Compared::Minute {
            minute,
            differences: Vec::new(),
        });
        assert_eq!(compare(&store, minutes.clone(), pick).await, right, "{minutes:?} {pick:?}");
    }
    fixture
        .tamper("UPDATE ledger_minutes SET accepted = 5000000")
        .await;
    let given_up = store.compare(MINUTE..MINUTE + 1, Pick::Newest, Duration::ZERO);
    assert_eq!(given_up.await.unwrap(), Compared::GaveUp { minute: MINUTE });
    let found = differences(&store, MINUTE).await;
    assert_eq!(found.len(), 1, "in many small pieces too");
    assert!(found[0].states.is_empty(), "each row was counted once: {found:?}");
}

pub(super) async fn nothing_differs_while_everything_moves<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let writing = async {
        for number in 0..60 {
            let id = format!("evt_{number}");
            let (notification, lease) = accept_leased(&store, posted("acme", &id, MINUTE, number % 60)).await;
            let retry = settlement(&notification, State::Queued, AnswerKind::Unavailable);
            store.settle(retry, lease).await.unwrap();
            for Leased { notification, lease } in store.claim(customer("acme"), 2).await.unwrap() {
                store.settle(delivered(&notification), lease).await.unwrap();
            }
        }
    };
    let reading = async {
        let mut seen = RowCounts::default();
        while seen.total < 60 {
            for minutes in [None, Some(MINUTE..MINUTE + 1)] {
                let audit = store.audit(scope(Some("acme"), minutes)).await.unwrap();
                assert!(audit.is_balanced(), "{audit:?}");
                seen = audit.rows.unwrap();
            }
            let compared = compare(&store, MINUTE..MINUTE + 1, Pick::Newest).await;
            let nothing = Compared::Minute {
                minute: MINUTE,
                differences: Vec::new(),
            };
            assert!(compared == nothing || compared == Compared::Nothing, "{compared:?}");
        }
    };
    futures_util::future::join(writing, reading).await;
}

pub(super) async fn totals_are_added_up_page_by_page<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for name in ["acme", "globex", "initech"] {
        settle(&store, name, MINUTE, &[State::Delivered]).await;
    }
    fixture
        .tamper("UPDATE ledger SET delivered = delivered - 1 WHERE customer = 'globex'")
        .await;
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let AddedUp {
            customers,
            differences,
            next,
        } = store.add_up(after, 2).await.unwrap();
        pages.push((customers.len(), differences));
        after = next;
        if after.is_none() {
            break;
        }
    }
    let found = Difference {
        customer: customer("globex"),
        minute: None,
        unaccounted: 1,
        states: Vec::new(),
    };
    assert_eq!(pages, [(2, vec![found]), (1, vec![])]);
}
