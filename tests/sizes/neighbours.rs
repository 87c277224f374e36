//! Small events of others beside a backlog of large events of one customer.
//!
//! What they wait for is counted in large events that Svix takes meanwhile, and in bytes that are read from a file
//! meanwhile, so that no clock matters.

use svix_hooks::sandbox::Faults;

use crate::sized::{LARGEST, Sized, of_size};
use crate::stage::{Stage, post};
use crate::support::eventually;
use crate::usage::Usage;

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

/// The large events, and the small ones beside them.
const LARGE: usize = 100;
const SMALL: usize = 20;

/// How many large events may go before a small one: those that there is room for, as many that are read for the
/// room that these leave, and again as many for each commit that it waits for.
const BEFORE: usize = 16;

/// How many bytes may be read before a small one is delivered: the room for events some times, once for each claim
/// that it meets.
const READ: u64 = 4 * ROOM as u64;

#[actix_web::test]
async fn small_events_wait_for_no_more_large_ones_than_there_is_room_for() {
    let large = of_size(LARGE, LARGEST, 1);
    let mut stage = Stage::new(ROOM);
    stage.queue(&large).await;
    stage.world.sandbox.set_faults(Faults {
        delay_ms: 100,
        ..Faults::default()
    });
    let before = stage.moved().await;
    let process = stage.start(&[("DELIVERY__MAX_IN_FLIGHT", "16")]).await;
    eventually("the backlog has begun", async || !arrived(&stage).is_empty()).await;
    let (mut events, mut posted, mut read) = (large, Vec::new(), Vec::new());
    for number in LARGE..LARGE + SMALL {
        let event = Sized {
            number,
            customer: Some(format!("other{}", number % 5)),
            bytes: 1000,
        };
        posted.push((event.id(), large_ones(&arrived(&stage))));
        let so_far = Usage::of(&process).moved.read;
        post(&process.client, std::slice::from_ref(&event), 1).await;
        let id = event.id();
        events.push(event);
        // One after the other, so that they meet the backlog at all of its length.
        eventually("it is delivered", async || arrived(&stage).contains(&id)).await;
        read.push(Usage::of(&process).moved.read - so_far);
    }
    let arrived = arrived(&stage);
    let left = LARGE - large_ones(&arrived);
    let waits = posted.into_iter().map(|(id, before)| {
        let place = arrived.iter().position(|other| *other == id);
        large_ones(&arrived[..place.expect("it is delivered")]) - before
    });
    let waits: Vec<usize> = waits.collect();
    assert!(left > 0, "all of the large ones went before the last of the small ones: {waits:?}");
    assert!(waits.iter().all(|wait| *wait <= BEFORE), "large events that went before each: {waits:?}");
    assert!(read.iter().all(|read| *read <= READ), "bytes read before each: {read:?}");
    stage.finish(process, before, 0, &events).await.check();
}

/// Returns the ids of what Svix was sent, in that order.
fn arrived(stage: &Stage) -> Vec<String> {
    let requests = stage.world.sandbox.requests().into_iter();
    requests.filter_map(|request| request.event_id).collect()
}

/// Counts the events of the backlog.
fn large_ones(ids: &[String]) -> usize {
    ids.iter()
        .filter(|id| id.parse().is_ok_and(|number: usize| number < LARGE))
        .count()
}
