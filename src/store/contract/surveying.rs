//! What waits, counted in parts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Fixture;
use crate::domain::{AccountName, AnswerKind, NotificationId, State, Timestamp};
use crate::store::examples::{accept, accept_leased, customer, delivered, new, settlement};
use crate::store::{BacklogSurvey, NewNotification, Settlement, Store, SurveyBounds, Surveyor, Waiting};

/// Surveys everything in parts of so many rows.
async fn survey(store: &Store, bounds: (usize, usize), limit: u32) -> BacklogSurvey {
    let bounds = SurveyBounds {
        accounts: bounds.0,
        customers: bounds.1,
    };
    let mut surveyor = Surveyor::new(store.now(), bounds);
    let mut place = None;
    for _ in 0..1000 {
        let mut part = store.survey(place.take(), limit).await.unwrap();
        place = part.next.take();
        surveyor.add(part, |customer| store.directory().is_paused(customer));
        if place.is_none() {
            return surveyor.finish(store.now());
        }
    }
    panic!("the walk does not come to its end");
}

/// Makes a notification that was accepted so many minutes ago.
fn aged(store: &Store, customer: &str, account: &str, minutes: u64) -> NewNotification {
    let accepted_at = store.now().before(Duration::from_secs(minutes * 60));
    let id = NotificationId::generate(accepted_at);
    NewNotification {
        id,
        accepted_at,
        account: AccountName::new(account),
        ..new(customer, &format!("evt_{id}"))
    }
}

fn age(store: &Store, at: Option<Timestamp>) -> u64 {
    (store.now().since(at.unwrap()).as_secs() + 30) / 60
}

pub(super) async fn what_waits_is_counted_by_account_and_customer<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    assert_eq!(survey(&store, (10, 10), 5).await.all, Waiting::default());
    let rows = [
        ("acme", "x", 9),
        ("globex", "x", 5),
        ("acme", "y", 30),
        ("acme", "x", 7),
        ("globex", "x", 3),
    ];
    for (customer, account, minutes) in rows {
        accept(&store, aged(&store, customer, account, minutes)).await;
    }
    let (leased, lease) = accept_leased(&store, aged(&store, "initech", "z", 60)).await;
    for limit in [1, 2, 5, 6, 7, 100] {
        let found = survey(&store, (10, 10), limit).await;
        let counted = |waiting: &Waiting| (waiting.queued, age(&store, waiting.oldest_at));
        assert_eq!(counted(&found.all), (6, 60), "in parts of {limit}");
        let accounts = found
            .accounts
            .iter()
            .map(|(name, waiting)| (name.as_str(), counted(waiting)));
        let right = [("x", (4, 9)), ("y", (1, 30)), ("z", (1, 60))];
        assert_eq!(accounts.collect::<Vec<_>>(), right, "in parts of {limit}");
        let customers = found
            .customers
            .iter()
            .map(|(name, waiting)| (name.as_str(), counted(waiting)));
        let right = [("acme", (3, 30)), ("globex", (2, 5)), ("initech", (1, 60))];
        assert_eq!(customers.collect::<Vec<_>>(), right, "in parts of {limit}");
        assert_eq!((found.other_accounts, found.other_customers), Default::default());
    }
    store.settle(delivered(&leased), lease).await.unwrap();
    let found = survey(&store, (10, 10), 2).await;
    assert_eq!((found.all.queued, found.customers.len()), (5, 2), "what is delivered does not wait");
}

pub(super) async fn a_survey_names_no_more_than_it_may<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for number in 0..30 {
        let (customer, account) = (format!("c{number:02}"), format!("a{number:02}"));
        for _ in 0..=u64::from(number >= 26) {
            accept(&store, aged(&store, &customer, &account, 1)).await;
        }
    }
    let found = survey(&store, (10, 4), 7).await;
    assert_eq!((found.all.queued, found.accounts.len(), found.other_accounts.queued), (34, 10, 24));
    let named: BTreeMap<_, _> = found
        .customers
        .iter()
        .map(|(name, waiting)| (name.as_str(), waiting.queued))
        .collect();
    let right = [("c26", 2), ("c27", 2), ("c28", 2), ("c29", 2)];
    assert_eq!(named, BTreeMap::from(right), "those with the most");
    assert_eq!(found.other_customers.queued, 26);
}

pub(super) async fn what_is_not_due_yet_is_not_overdue<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (waits, lease) = accept_leased(&store, aged(&store, "acme", "x", 50)).await;
    let retry = Settlement {
        due_at: store.now().after(Duration::from_secs(3600)),
        ..settlement(&waits, State::Queued, AnswerKind::Unavailable)
    };
    store.settle(retry, lease).await.unwrap();
    let found = survey(&store, (10, 10), 1).await;
    assert_eq!((found.all.queued, found.overdue, found.overdue_accounts.len()), (1, None, 0));
    accept(&store, aged(&store, "globex", "y", 20)).await;
    accept(&store, aged(&store, "initech", "x", 10)).await;
    let found = survey(&store, (10, 10), 1).await;
    let minutes = |account| age(&store, found.overdue_accounts.get(&AccountName::new(account)).copied());
    assert_eq!((minutes("x"), minutes("y")), (10, 20), "without the retry that is planned for later");
    let overdue = found.overdue.unwrap();
    assert_eq!((&overdue.customer, overdue.account.as_str()), (&customer("globex"), "y"));
    assert!(overdue.due_at < store.now());
}

pub(super) async fn the_room_that_the_store_takes_is_measured<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let disk = store.disk().await.unwrap();
    assert!(disk.bytes > 4096, "{disk:?}");
    assert!(
        disk.space
            .is_none_or(|space| space.free <= space.total && space.total > disk.bytes),
        "{disk:?}"
    );
    assert_eq!(disk.space.is_none(), store.is_shared(), "nothing is known of a server's disk");
}
