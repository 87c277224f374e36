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
async fn drain_with(faults: Faults, events: &[Sized]) {
    let mut stage = Stage::new(ROOM);
    stage.queue(events).await;
    let limit = events.len() as u64;
    stage.world.sandbox.set_faults(Faults {
        fault_limit: Some(limit),
        ..faults
    });
    let cost = stage.drain(events, &SETTINGS).await;
    assert!(stage.world.sandbox.request_count() >= 2 * limit, "as many failed");
    cost.check();
}

async fn drain_with_failures(events: &[Sized]) {
    drain_with(Faults::answering(500), events).await;
}

#[actix_web::test]
async fn the_largest_events_are_tried_again_within_the_bounds() {
    drain_with_failures(&of_size(32, LARGEST, 1)).await;
}

#[actix_web::test]
async fn events_of_all_sizes_of_many_customers_are_tried_again_within_the_bounds() {
    drain_with_failures(&mixed(8, 7)).await;
}

#[actix_web::test]
async fn events_that_svix_has_without_saying_so_are_looked_for_within_the_bounds() {
    let broken = Faults {
        drop_ratio: 1.0,
        only_messages: true,
        ..Faults::default()
    };
    drain_with(broken, &of_size(32, LARGEST, 3)).await;
}
