//! Events that are delivered while more of them come.

use svix_hooks::sandbox::Faults;

use crate::sized::{LARGEST, Sized, mixed, of_size};
use crate::stage::{CLIENTS, Stage, post};

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

/// Posts events, so many at once, to a service that delivers them more slowly than they come.
async fn post_and_deliver(events: &[Sized], at_once: usize) {
    let mut stage = Stage::new(ROOM);
    stage.world.sandbox.set_faults(Faults {
        delay_ms: 20,
        ..Faults::default()
    });
    let before = stage.moved().await;
    let process = stage.start(&[]).await;
    stage.note_empty(&process);
    post(&process.client, events, at_once).await;
    stage
        .finish(process, before, stage.sending(), events)
        .await
        .check();
}

#[actix_web::test]
async fn the_largest_events_are_delivered_as_they_come_within_the_bounds() {
    post_and_deliver(&of_size(48, LARGEST, 1), CLIENTS).await;
}

#[actix_web::test]
async fn events_of_all_sizes_of_many_customers_are_delivered_as_they_come_within_the_bounds() {
    post_and_deliver(&mixed(12, 7), CLIENTS).await;
}

#[actix_web::test]
async fn more_of_the_largest_events_than_there_is_room_for_are_taken_one_by_one_within_the_bounds() {
    post_and_deliver(&of_size(48, LARGEST, 5), 30).await;
}
