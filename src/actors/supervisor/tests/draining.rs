//! Stopping: nothing more goes out, and what is under way is recorded first.

use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};

use super::pools::Held;
use super::world::{Stored, World, accept_many, settings};
use crate::actors::messages::{Drain, Notify};
use crate::domain::State;
use crate::store::Leased;
use crate::store::examples::{accept_leased, customer, eventually, new};

pub(super) async fn drain(world: &World) -> Receiver<()> {
    let (done, drained) = oneshot::channel();
    world.supervisor.do_send(Drain { done });
    world.settle_mailbox().await;
    drained
}

#[actix::test]
async fn draining_ends_when_all_that_was_under_way_is_recorded() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(settings(2, 4, 9), 1000, held.make_pool());
    held.eventually_holds(8).await;
    let mut drained = drain(&world).await;
    assert_eq!(drained.try_recv(), Err(TryRecvError::Empty), "requests are under way");

    world.break_store();
    while held.release_one(&world) {}
    world.settle_mailbox().await;
    world.two_ticks().await;
    assert_eq!(drained.try_recv(), Err(TryRecvError::Empty), "outcomes are not recorded yet");

    world.mend_store();
    drained.await.unwrap();
    let totals = world.totals().await;
    assert_eq!((totals.delivered, totals.queued, totals.retries), (8, 32, 0));
    assert_eq!(held.count(), (0, 0));
}

#[actix::test]
async fn nothing_is_sent_after_draining_began() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(settings(1, 4, 100), 1000, held.make_pool());
    held.eventually_holds(4).await;
    let drained = drain(&world).await;
    let (notification, lease) = accept_leased(&world.store, new("globex", "evt_here")).await;
    let reservation = world.room.reserve(&customer("globex"), 1).unwrap();
    let leased = Box::new(Leased { notification, lease });
    world.supervisor.do_send(Notify::Here { leased, reservation });
    accept_many(&world.store, "acme", 5).await;
    world.announce("acme");
    world.reconfigure(settings(4, 4, 100));
    held.release_one(&world);
    drained.await.unwrap();
    world.announce("acme");
    world.two_ticks().await;
    assert_eq!(held.count(), (0, 0));
    let totals = world.totals().await;
    assert_eq!((totals.accepted, totals.delivered, totals.queued), (46, 4, 42));
    assert_eq!(world.room.places(&customer("acme")).1, 0, "what was ready has gone back");
    let claimed = world.store.claim(customer("acme"), 100).await.unwrap();
    assert_eq!(claimed.len(), 41, "for the next start to claim");
}

#[actix::test]
async fn an_idle_supervisor_is_drained_at_once() {
    let held = Held::default();
    let world = Stored::empty()
        .await
        .start(settings(1, 4, 8), 1000, held.make_pool());
    drain(&world).await.await.unwrap();
}

#[actix::test]
async fn what_needs_another_request_is_put_back_while_draining() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 1).await;
    let world = stored.start(settings(1, 4, 8), 1000, held.make_pool());
    held.eventually_holds(1).await;
    // The pool loses it once, so that the next success is in need of proof.
    held.lose_one();
    held.eventually_holds(1).await;
    let drained = drain(&world).await;
    held.release_one(&world);
    drained.await.unwrap();
    eventually("it is put back", async || world.records(State::Queued).await.len() == 1).await;
    let record = world.records(State::Queued).await.remove(0);
    assert!(matches!(record.progress.stage, crate::domain::Stage::Prove { .. }), "{:?}", record.progress);
    assert_eq!(record.progress.message_id.as_deref(), Some("msg_1"));
    assert_eq!(world.totals().await.retries, 2);
}

#[actix::test]
async fn what_waits_between_two_requests_is_recorded_as_far_as_it_has_come() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 1).await;
    let world = stored.start(settings(1, 1, 8), 1000, held.make_pool());
    held.eventually_holds(1).await;
    // The pool loses it once, so that the next success is in need of proof.
    held.lose_one();
    held.eventually_holds(1).await;
    accept_many(&world.store, "globex", 2).await;
    world.announce("globex");
    eventually("others wait for the thread", async || world.room.places(&customer("globex")).1 == 2).await;
    held.release_one(&world);
    // It is their turn now; what is to prove it waits.
    held.eventually_holds(1).await;
    world
        .eventually_counted("it waits", |counts| counts.ready == 2)
        .await;
    let drained = drain(&world).await;
    held.release_one(&world);
    drained.await.unwrap();
    let queued = world.records(State::Queued).await;
    let record = queued
        .iter()
        .find(|record| record.customer == customer("acme"))
        .unwrap();
    assert!(matches!(record.progress.stage, crate::domain::Stage::Prove { .. }), "{:?}", record.progress);
    assert_eq!(record.progress.message_id.as_deref(), Some("msg_1"));
    assert_eq!((world.totals().await.retries, world.store.attempts(record).await.unwrap().len()), (2, 2));
}
