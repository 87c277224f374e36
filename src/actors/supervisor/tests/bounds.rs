//! How much the supervisor has in hand at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pools::{Held, start_pool};
use super::world::{Stored, answer, settings};
use crate::actors::messages::{Batch, Room};
use crate::domain::Customer;
use crate::store::examples::{customer, eventually};

#[actix::test]
async fn never_more_is_in_flight_than_may_be_nor_more_batches_than_threads() {
    let table = [
        (settings(4, 8, 20), 18, "the bound on what is in flight holds, and one customer leaves some of it"),
        (settings(3, 8, 100), 24, "each thread has one batch"),
        (settings(2, 1, 100), 2, "of one, where that is the size"),
        (settings(8, 64, 1), 1, "one at a time"),
    ];
    for (settings, most, why) in table {
        let threads = settings.actors;
        let held = Held::default();
        let world = Stored::empty()
            .await
            .with("acme", 60)
            .await
            .start(settings, 1000, held.make_pool());
        eventually("as much is under way as may be", async || {
            // Batches that the pace cut short are answered, until they are full.
            let (batches, jobs) = held.count();
            assert!(jobs <= most && batches <= threads, "{why}: {jobs} in {batches}");
            jobs == most || (batches == threads && !held.release_one(&world))
        })
        .await;
        eventually("all is sent", async || {
            let (batches, jobs) = held.count();
            assert!(jobs <= most && batches <= threads, "{why}: {jobs} in {batches}");
            held.release_one(&world);
            world.totals().await.delivered == 60
        })
        .await;
        world.eventually_idle().await;
        assert_eq!(world.totals().await.retries, 0, "{why}");
    }
}

fn taken(room: &Room, customers: &[Customer]) -> usize {
    customers.iter().map(|customer| room.places(customer).1).sum()
}

#[actix::test]
async fn a_backlog_of_thousands_takes_no_more_room_than_there_is() {
    let customers: Vec<Customer> = (0..5)
        .map(|number| customer(&format!("customer {number}")))
        .collect();
    let mut stored = Stored::empty().await;
    for customer in &customers {
        stored = stored.with(customer.as_str(), 1000).await;
    }
    let most = Arc::new(AtomicUsize::new(0));
    let watched: Arc<std::sync::OnceLock<Room>> = Arc::default();
    let (noted, room, owners) = (most.clone(), watched.clone(), customers.clone());
    let make_pool = Box::new(move |number, settings: &_, supervisor: &_| {
        let (noted, room, owners) = (noted.clone(), room.clone(), owners.clone());
        let to = actix::Addr::clone(supervisor);
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            if let Some(room) = room.get() {
                noted.fetch_max(taken(room, &owners), Ordering::Relaxed);
            }
            jobs.iter().for_each(|job| answer(&to, job));
            drop(ticket);
        })
    });
    let world = stored.start(settings(4, 16, 64), 100, make_pool);
    watched.set(world.room.clone()).unwrap();
    eventually("everything is delivered", async || {
        noted_within(&most, taken(&world.room, &customers));
        world.totals().await.delivered == 5000
    })
    .await;
    let most = most.load(Ordering::Relaxed);
    assert!((50..=100).contains(&most), "{most} of 100 places were taken");
    eventually("every place is free again", async || taken(&world.room, &customers) == 0).await;
    assert_eq!(world.totals().await.retries, 0);
}

fn noted_within(most: &AtomicUsize, now: usize) {
    assert!(most.fetch_max(now, Ordering::Relaxed).max(now) <= 100);
}

#[actix::test]
async fn what_is_held_takes_its_room_until_its_outcome_is_recorded() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 300).await;
    let world = stored.start(settings(4, 16, 1000), 100, held.make_pool());
    let places = || world.room.places(&customer("acme"));
    // One customer alone may have half.
    held.eventually_holds(50).await;
    assert_eq!(places(), (0, 50));
    world.two_ticks().await;
    assert_eq!((held.count().1, places()), (50, (0, 50)), "and no more comes however long it takes");

    world.break_store();
    while held.release_one(&world) {}
    world.two_ticks().await;
    assert_eq!((held.count(), places()), ((0, 0), (0, 50)), "nothing is let go before it is recorded");
    world.mend_store();
    eventually("the others follow", async || {
        held.release_one(&world);
        world.totals().await.delivered == 300
    })
    .await;
    world.eventually_idle().await;
}
