//! Events that Svix does not take at first.

use svix_hooks::sandbox::Faults;

use crate::sized::{LARGEST, Sized, mixed, of_size};
use crate::stage::Stage;

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

/// What fails is the events' own fault, and each has enough attempts.
const SETTINGS: [(&str, &str); 3] = [
    ("SVIX__CIRCUIT_THRESHOLD", "1000000"),
    ("RETRY__MAX_ATTEMPTS", "50"),
    ("RETRY__INITIAL_BACKOFF_MS", "100"),
];

/// Drains events of which as many requests as there are events fail first.
async fn drain_with_failures(events: &[Sized]) {
    let mut stage = Stage::new(ROOM);
    stage.queue(events).await;
    stage.world.sandbox.set_faults(Faults {
        fault_limit: Some(events.len() as u64),
        ..Faults::answering(500)
    });
    let cost = stage.drain(events, &SETTINGS).await;
    assert_eq!(stage.world.sandbox.answered_with(500), events.len() as u64);
    cost.check();
}

#[actix_web::test]
async fn the_largest_events_are_tried_again_within_the_bounds() {
    drain_with_failures(&of_size(40, LARGEST, 1)).await;
}

#[actix_web::test]
async fn events_of_all_sizes_of_many_customers_are_tried_again_within_the_bounds() {
    drain_with_failures(&mixed(10, 7)).await;
}
