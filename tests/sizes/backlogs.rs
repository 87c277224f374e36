//! Backlogs that a restart finds, many times larger than the room in memory.

use svix_hooks::sandbox::Faults;

use crate::sized::{LARGEST, SMALLEST, mixed, of_size};
use crate::stage::Stage;
use crate::support::eventually;
use crate::usage::Usage;

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

/// By how much an event may cost more where three times as many wait.
const GROWTH: f64 = 1.3;

/// Queues and drains so many of the largest events of one customer; returns what was read for each byte.
async fn read_of_a_backlog(count: usize) -> f64 {
    let events = of_size(count, LARGEST, 1);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    let cost = stage.drain(&events, &[]).await;
    cost.check();
    cost.read
}

#[actix_web::test]
async fn the_largest_events_cost_no_more_where_more_of_them_wait() {
    let short = read_of_a_backlog(24).await;
    let long = read_of_a_backlog(72).await;
    assert!(long <= short * GROWTH, "{short:.2} bytes were read for each, then {long:.2}");
}

#[actix_web::test]
async fn the_largest_events_of_many_customers_are_drained_within_the_bounds() {
    let events = of_size(48, LARGEST, 20);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    stage.drain(&events, &[]).await.check();
}

#[actix_web::test]
async fn events_of_a_tenth_of_the_largest_are_drained_within_the_bounds() {
    let events = of_size(350, 100_000, 1);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    stage.drain(&events, &[]).await.check();
}

#[actix_web::test]
async fn events_of_all_sizes_of_many_customers_are_drained_within_the_bounds() {
    let events = mixed(12, 7);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    stage.drain(&events, &[]).await.check();
}

#[actix_web::test]
async fn the_smallest_events_are_drained_whole_and_once() {
    let events = of_size(1000, SMALLEST, 1);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    // A row has more beside the event than in it, so what was moved says nothing.
    stage.drain(&events, &[]).await;
}

#[actix_web::test]
async fn the_largest_events_are_drained_where_there_is_room_for_one_of_them() {
    let mut events = of_size(12, LARGEST, 3);
    for (number, mut small) in of_size(12, 1000, 4).into_iter().enumerate() {
        small.number = events.len();
        // In between, and of a customer that has no large ones as well.
        events.insert(2 * number + 1, small);
    }
    events
        .iter_mut()
        .enumerate()
        .for_each(|(number, event)| event.number = number);
    let mut stage = Stage::new(LARGEST);
    stage.queue(&events).await;
    stage.drain(&events, &[]).await.check();
}

#[actix_web::test]
async fn what_a_kill_interrupts_is_drained_within_the_bounds() {
    let events = of_size(48, LARGEST, 3);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    let slow = Faults {
        delay_ms: 50,
        ..Faults::default()
    };
    stage.world.sandbox.set_faults(slow);
    for more in [15, 30] {
        let mut process = stage.start(&[]).await;
        eventually("some are delivered", async || stage.world.sandbox.message_count() >= more).await;
        stage.check_memory(&Usage::of(&process), 0);
        process.kill();
    }
    // Those that were under way are looked for at Svix, which shows them whole.
    stage.drain(&events, &[]).await.check();
}

#[actix_web::test]
async fn what_is_larger_than_svix_takes_dies_within_the_bounds() {
    const LARGEST_OF_ALL: usize = 16 << 20;
    let events = of_size(4, LARGEST_OF_ALL, 1);
    let mut stage = Stage::with_largest(LARGEST_OF_ALL, LARGEST_OF_ALL);
    stage.queue(&events).await;
    let process = stage.start(&[]).await;
    let client = &process.client;
    eventually("they are dead", async || client.stat("dead").await == 4).await;
    stage.check_memory(&Usage::of(&process), 0);
    let groups = client.get("/dead-letters/groups?by=status").await.body;
    assert_eq!((&groups["data"][0]["status"], &groups["data"][0]["count"]), (&413.into(), &4.into()));
}
