//! What sending dead letters again must do.

use super::Fixture;
use super::dead_letters::{death, die, query};
use crate::domain::{Reason, RedriveState, State};
use crate::store::examples::{accept_leased, customer, delivered, find, new};
use crate::store::{DeadQuery, Narrowing, Redrive, RedriveStep, Redrives, Store};

pub(super) async fn a_dead_letter_that_is_sent_again_begins_anew_under_its_id<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let dead = die(&store, new("acme", "evt_1"), Reason::Exhausted, 503, "no answer").await;
    let record = find(&store, dead.id).await;
    assert!(store.redrive_one(&record, Some("ops".to_owned())).await.unwrap());
    assert!(!store.redrive_one(&record, None).await.unwrap(), "it is not dead any more");
    let record = find(&store, dead.id).await;
    assert_eq!((record.state, record.reason, record.settled_at), (State::Queued, None, None));
    assert_eq!((record.progress.attempts, record.progress.spent, record.redrives), (1, 0, 1));
    let mut claimed = store.claim(customer("acme"), 10).await.unwrap();
    let leased = claimed.pop().expect("it can be claimed");
    let again = &leased.notification;
    assert_eq!((again.id, &again.event_id, again.redrives), (dead.id, &dead.event_id, 1));
    store
        .settle(death(again, Reason::Rejected, 422, "still no object"), leased.lease)
        .await
        .unwrap();
    let history = store.sent_again(&record).await.unwrap();
    let [first] = history.as_slice() else {
        panic!("sent again once: {history:?}");
    };
    assert_eq!(
        (first.key.as_deref(), first.reason.as_deref(), first.status, first.detail.as_deref()),
        (Some("ops"), Some("exhausted"), Some(503), Some("no answer"))
    );
    assert_eq!(find(&store, dead.id).await.reason, Some(Reason::Rejected));
    assert_eq!(store.attempts(&record).await.unwrap().len(), 2);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.dead, totals.redriven, totals.difference()), (1, 1, 0));
    assert_eq!(store.count_dead(query(Narrowing::default())).await.unwrap(), 1);
    let (living, _lease) = accept_leased(&store, new("acme", "evt_2")).await;
    assert!(
        !store
            .redrive_one(&find(&store, living.id).await, None)
            .await
            .unwrap()
    );
}

fn redrive(store: &Store, total: i64) -> Redrive {
    Redrive {
        narrowing: Narrowing {
            customer: Some(customer("acme")),
            ..Narrowing::default()
        },
        rate: 12.5,
        stop_ratio: Some(0.25),
        key: Some("ops".to_owned()),
        total,
        ..Redrive::begun(store.now())
    }
}

pub(super) async fn a_redrive_gets_on_step_by_step_and_counts_what_came_of_it<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for number in 0..3 {
        die(&store, new("acme", &format!("evt_{number}")), Reason::Rejected, 422, "no").await;
    }
    let job = redrive(&store, 3);
    store.add_redrive(job.clone()).await.unwrap();
    let now = async || store.redrives(Redrives::One(job.id)).await.unwrap().remove(0);
    assert_eq!(now().await, job, "it is given back as it was stored");
    assert_eq!(store.redrives(Redrives::Running).await.unwrap(), std::slice::from_ref(&job));
    let letters = store
        .dead_letters(DeadQuery {
            newest_first: false,
            limit: 2,
            ..query(job.narrowing.clone())
        })
        .await
        .unwrap();
    let step = RedriveStep {
        redrive: job.clone(),
        paced_to_us: job.paced_to_us + 160_000,
        letters,
    };
    assert_eq!(store.redrive(step.clone()).await.unwrap(), Some(2));
    assert_eq!(store.redrive(step.clone()).await.unwrap(), None, "a step is done once, whoever tries");
    let after = now().await;
    assert_eq!((after.sent, after.under_way(), after.left()), (2, 2, 1));
    assert_eq!((after.cursor, after.paced_to_us), (step.letters.cursor, step.paced_to_us));
    for (number, leased) in store
        .claim(customer("acme"), 10)
        .await
        .unwrap()
        .into_iter()
        .enumerate()
    {
        assert_eq!(leased.notification.redrive, Some(job.id));
        let outcome = match number {
            0 => delivered(&leased.notification),
            _ => death(&leased.notification, Reason::Rejected, 422, "again"),
        };
        store.settle(outcome, leased.lease).await.unwrap();
    }
    let after = now().await;
    assert_eq!((after.delivered, after.dead, after.under_way()), (1, 1, 0));
    let rest = store
        .dead_letters(DeadQuery {
            died_by: job.created_at,
            after: after.cursor,
            newest_first: false,
            ..query(job.narrowing.clone())
        })
        .await
        .unwrap();
    assert_eq!(rest.rows.len(), 1, "what died again is not sent again by the same redrive");

    let paused = store
        .change_redrive(after.clone(), RedriveState::Paused, None)
        .await
        .unwrap();
    let again = store
        .change_redrive(after.clone(), RedriveState::Cancelled, None)
        .await
        .unwrap();
    assert_eq!((paused, again), (true, false), "of two that change it, one does");
    let late = RedriveStep {
        redrive: after,
        ..step
    };
    assert_eq!(store.redrive(late).await.unwrap(), None, "a paused one does not get on");
    let resumed = store
        .change_redrive(now().await, RedriveState::Running, None)
        .await
        .unwrap();
    assert!(resumed);
    let after = now().await;
    assert_eq!((after.forgiven_dead, after.forgiven_settled), (1, 2));
    let why = Some("enough".to_owned());
    assert!(
        store
            .change_redrive(after, RedriveState::Cancelled, why.clone())
            .await
            .unwrap()
    );
    let after = now().await;
    assert_eq!((after.why, after.finished_at.is_some()), (why, true));
    assert_eq!(store.redrives(Redrives::Unfinished).await.unwrap(), []);
    assert_eq!(store.redrives(Redrives::Newest(None, 5)).await.unwrap().len(), 1);
    assert_eq!(store.totals().await.unwrap().difference(), 0);
}

pub(super) async fn redrives_of_one_customer_are_listed_apart<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    store.add_redrive(Redrive::begun(store.now())).await.unwrap();
    for name in ["acme", "globex", "acme"] {
        let job = Redrive {
            narrowing: Narrowing {
                customer: Some(customer(name)),
                ..Narrowing::default()
            },
            ..Redrive::begun(store.now())
        };
        store.add_redrive(job).await.unwrap();
    }
    for (name, limit, right, why) in [
        ("acme", 5, 2, "those of one customer"),
        ("acme", 1, 1, "up to so many"),
        ("nobody", 5, 0, "not those of all"),
    ] {
        let found = store
            .redrives(Redrives::Newest(Some(customer(name)), limit))
            .await;
        assert_eq!(found.unwrap().len(), right, "{why}");
    }
    assert_eq!(store.redrives(Redrives::Newest(None, 5)).await.unwrap().len(), 4, "all of them");
    store.close(true).await.unwrap();
}
