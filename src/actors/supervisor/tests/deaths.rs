//! The end of the supervisor itself, which somebody must hear of.

use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::timeout;

use super::pools::{Held, start_working_pool};
use super::world::{MakePool, Stored, World, settings};
use crate::store::examples::customer;

async fn assert_reported(world: &mut World) {
    let death = timeout(Duration::from_secs(10), world.deaths.recv()).await;
    assert_eq!(death, Ok(Some("supervisor")));
    assert!(world.deaths.try_recv().is_err(), "once");
}

#[actix::test]
async fn a_supervisor_whose_thread_is_stopped_is_reported() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 5).await;
    let mut world = stored.start(settings(1, 8, 8), 1000, held.make_pool());
    held.eventually_holds(5).await;
    assert_eq!(world.deaths.try_recv(), Err(TryRecvError::Empty));
    world.arbiter.stop();
    assert_reported(&mut world).await;
    let claimed = world.store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed.len(), 5, "what it held has gone back");
}

#[actix::test]
async fn a_supervisor_that_panics_is_reported() {
    let make_pool: MakePool = Box::new(|number, settings, supervisor| {
        assert_eq!(number, 0, "as the test wants it");
        start_working_pool(number, settings, supervisor)
    });
    let stored = Stored::empty().await.with("acme", 5).await;
    let mut world = stored.start(settings(1, 8, 8), 1000, make_pool);
    world.eventually_delivered(5).await;
    assert_eq!(world.deaths.try_recv(), Err(TryRecvError::Empty));
    world.reconfigure(settings(2, 8, 8));
    assert_reported(&mut world).await;
}

#[actix::test]
async fn an_end_that_was_asked_for_is_not_reported() {
    let held = Held::default();
    let mut world = Stored::empty()
        .await
        .start(settings(1, 8, 8), 1000, held.make_pool());
    world.settle_mailbox().await;
    world.stand_down();
    world.arbiter.stop();
    let ended = timeout(Duration::from_secs(10), async {
        while world.supervisor.connected() {
            tokio::task::yield_now().await
        }
    });
    ended.await.unwrap();
    assert!(world.deaths.try_recv().is_err());
}
