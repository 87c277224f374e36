//! Events that are large beside the room for them.

use std::sync::{Arc, Mutex};

use super::pools::start_pool;
use super::world::{MakePool, Stored, World, answer, settings};
use crate::actors::messages::{Batch, Room};
use crate::store::examples::{customer, eventually};

/// What was sent, in order: its customer and its size.
type Sent = Arc<Mutex<Vec<(String, usize)>>>;

/// Makes pools that answer at once.
fn noting(sent: &Sent) -> MakePool {
    let sent = sent.clone();
    Box::new(move |number, settings, supervisor| {
        let (sent, to) = (sent.clone(), supervisor.clone());
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            for job in &jobs {
                let of = (job.notification.customer.to_string(), job.notification.event.len());
                sent.lock().unwrap().push(of);
                answer(&to, job);
            }
            drop(ticket);
        })
    })
}

async fn eventually_all(world: &World, count: i64, room: &Room, most: usize, names: &[&str]) {
    eventually("all are delivered", async || {
        let taken = names
            .iter()
            .map(|name| room.offer(&customer(name), None).taken.bytes);
        let taken: usize = taken.sum();
        assert!(taken <= most, "{taken} bytes are taken");
        world.totals().await.delivered == count
    })
    .await;
    assert_eq!(world.totals().await.retries, 0);
}

#[actix::test]
async fn events_of_every_size_have_their_turn_and_take_no_more_than_the_room() {
    let sent = Sent::default();
    let (most, room) = (10_000, Room::new(100, 10_000));
    let mixed = [
        10_000, 100, 5_001, 9_999, 1, 6_000, 6_000, 30_000, 20, 4_000, 4_000, 4_000,
    ];
    let world = Stored::empty()
        .await
        .with_sizes("a", &mixed)
        .await
        .with_sizes("b", &[10_000; 5])
        .await
        .with_sizes("c", &[10; 200])
        .await
        .start_within(room.clone(), settings(4, 8, 20), noting(&sent));
    eventually_all(&world, 217, &room, most, &["a", "b", "c"]).await;
    world.eventually_idle().await;
    let sent = sent.lock().unwrap();
    let of_a: Vec<usize> = sent
        .iter()
        .filter(|(name, _)| name == "a")
        .map(|(_, size)| *size)
        .collect();
    assert_eq!(of_a.len(), mixed.len(), "each is sent once");
}

#[actix::test]
async fn a_large_event_is_not_kept_waiting_by_others_small_ones() {
    let sent = Sent::default();
    let (most, room) = (3000, Room::new(1000, 3000));
    let names: Vec<String> = (0..10).map(|number| format!("small {number}")).collect();
    let mut stored = Stored::empty().await;
    for name in &names {
        stored = stored.with(name, 300).await;
    }
    let stored = stored.with_sizes("z", &[2500, 2500]).await;
    let world = stored.start_within(room.clone(), settings(2, 8, 16), noting(&sent));
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("z");
    eventually_all(&world, 3002, &room, most, &all).await;
    world.eventually_idle().await;
    let sent = sent.lock().unwrap();
    let place = sent.iter().rposition(|(name, _)| name == "z");
    assert!(place.is_some_and(|place| place < 1500), "the second went out as number {place:?}");
}
