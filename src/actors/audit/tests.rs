//! The check with a real store behind it, at a pace that a test has time for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::{AuditActor, AuditPace};
use crate::actors::death::DeathWatches;
use crate::actors::messages::{LedgerCheck, LedgerChecked};
use crate::domain::{NotificationId, State};
use crate::store::examples::{accept, accept_leased, customer, delivered, eventually, new, options};
use crate::store::{Difference, NewNotification, Store};

/// Hears what the check has found.
struct Stats(Arc<Mutex<LedgerCheck>>);

impl Actor for Stats {
    type Context = Context<Self>;
}

impl Handler<LedgerChecked> for Stats {
    type Result = ();

    fn handle(&mut self, LedgerChecked { check }: LedgerChecked, _: &mut Context<Self>) {
        *self.0.lock().unwrap() = check;
    }
}

/// A store and the check of it.
struct World {
    store: Store,
    directory: TempDir,
    check: Arc<Mutex<LedgerCheck>>,
    _actor: Addr<AuditActor>,
    deaths: UnboundedReceiver<&'static str>,
}

impl World {
    /// Starts the check of a store with one delivered notification of each of these customers, accepted
    /// so many minutes ago.
    async fn start(customers: &[(&str, u64)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        let store = Store::open(options(url)).await.unwrap();
        for (name, minutes) in customers {
            let accepted_at = store.now().before(Duration::from_secs(minutes * 60));
            let new = NewNotification {
                id: NotificationId::generate(accepted_at),
                accepted_at,
                ..new(name, &format!("evt_{name}_{minutes}"))
            };
            let (notification, lease) = accept_leased(&store, new).await;
            store.settle(delivered(&notification), lease).await.unwrap();
        }
        let check = Arc::new(Mutex::new(LedgerCheck::default()));
        let (death, deaths) = mpsc::unbounded_channel();
        let pace = AuditPace {
            every: Duration::from_millis(1),
            ..AuditPace::default()
        };
        let stats = Stats(check.clone()).start().recipient();
        let watch = DeathWatches::new(death).watch("audit");
        Self {
            _actor: AuditActor::new(store.clone(), stats, pace, watch).start(),
            store,
            directory,
            check,
            deaths,
        }
    }

    async fn tamper(&self, statement: &'static str) {
        let file = SqliteConnectOptions::new().filename(self.directory.path().join("store.db"));
        let mut connection = SqliteConnection::connect_with(&file).await.unwrap();
        let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
        assert!(done.rows_affected() > 0, "{statement}");
        connection.close().await.unwrap();
    }

    fn check(&self) -> LedgerCheck {
        self.check.lock().unwrap().clone()
    }

    /// Waits until everything has been looked at once more.
    async fn next_pass(&self) {
        let passes = self.check().passes;
        eventually("the next two passes end", async || self.check().passes >= passes + 2).await;
    }

    async fn eventually_found(&self, what: &str, holds: impl Fn(&[Difference]) -> bool) {
        eventually(what, async || holds(&self.check().differences)).await;
    }
}

#[actix::test]
async fn what_agrees_is_checked_round_and_round() {
    let world = World::start(&[("acme", 10), ("globex", 10), ("acme", 30), ("acme", 90)]).await;
    world.next_pass().await;
    let check = world.check();
    assert!(check.minutes >= 3 && check.last_at.is_some(), "{check:?}");
    assert_eq!((check.differences.len(), check.passed_over), (0, 0));
    eventually("it comes down to the oldest", async || {
        let at = world.check().down_to.unwrap_or_default();
        let oldest = world.store.now().before(Duration::from_secs(90 * 60));
        at.minute() <= oldest.minute()
    })
    .await;
}

#[actix::test]
async fn a_lost_row_is_found_and_forgotten_once_it_is_accounted_for() {
    let mut world = World::start(&[("acme", 10), ("globex", 10), ("acme", 30)]).await;
    world.next_pass().await;
    world
        .tamper("DELETE FROM notifications WHERE customer = 'globex'")
        .await;
    world
        .eventually_found("the row is missed", |found| {
            let [found] = found else { return false };
            let right = (&customer("globex"), [(State::Delivered, 1, 0)].as_slice());
            found.minute.is_some() && (&found.customer, found.states.as_slice()) == right
        })
        .await;
    world
        .tamper("UPDATE ledger_minutes SET delivered = 5, accepted = 5 WHERE customer = 'globex'")
        .await;
    world
        .eventually_found("it differs in another way", |found| {
            found.len() == 1 && found[0].states == [(State::Delivered, 5, 0)]
        })
        .await;
    world
        .tamper("UPDATE ledger_minutes SET pruned_delivered = 5 WHERE customer = 'globex'")
        .await;
    world.eventually_found("it agrees again", <[_]>::is_empty).await;
    assert!(world.deaths.try_recv().is_err());
}

#[actix::test]
async fn a_wrong_count_is_forgotten_with_its_cell() {
    let world = World::start(&[("acme", 10), ("acme", 30)]).await;
    world
        .tamper("UPDATE ledger_minutes SET queued = queued + 1")
        .await;
    world
        .eventually_found("both are found", |found| found.len() == 2)
        .await;
    world.tamper("DELETE FROM ledger_minutes").await;
    world
        .eventually_found("there is nothing to compare", <[_]>::is_empty)
        .await;
}

#[actix::test]
async fn totals_that_do_not_add_up_are_found_and_forgotten() {
    let world = World::start(&[("acme", 10), ("globex", 10)]).await;
    world
        .tamper("UPDATE ledger SET delivered = delivered + 1 WHERE customer = 'acme'")
        .await;
    let right = Difference {
        customer: customer("acme"),
        minute: None,
        unaccounted: -1,
        states: Vec::new(),
    };
    world
        .eventually_found("the total is found", |found| found == [right.clone()])
        .await;
    world
        .tamper("UPDATE ledger SET delivered = delivered - 1 WHERE customer = 'acme'")
        .await;
    world.eventually_found("it adds up again", <[_]>::is_empty).await;
}

#[actix::test]
async fn a_minute_is_left_alone_until_it_is_old_enough() {
    let world = World::start(&[("acme", 10), ("acme", 0)]).await;
    accept(&world.store, new("globex", "evt_1")).await;
    world
        .tamper("UPDATE ledger_minutes SET accepted = accepted + 1 WHERE customer = 'globex'")
        .await;
    world.next_pass().await;
    assert_eq!(world.check().differences.len(), 0);
}
