//! Dead letters that are sent again, all at once.

use serde_json::json;
use svix_hooks::sandbox::Faults;

use crate::sized::{LARGEST, Sized, mixed, of_size};
use crate::stage::Stage;
use crate::support::eventually;

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

/// Lets events die, and sends them again.
async fn redrive(events: &[Sized]) {
    let mut stage = Stage::new(ROOM);
    stage.queue(events).await;
    stage.world.sandbox.set_faults(Faults::answering(422));
    let process = stage.start(&[]).await;
    let count = i64::try_from(events.len()).unwrap();
    let client = process.client.clone();
    eventually("they are dead", async || client.stat("dead").await == count).await;
    stage.end(process).await;
    stage.world.sandbox.clear_faults();
    let before = stage.moved().await;
    let process = stage.start(&[]).await;
    let all = json!({"filter": {}, "ratePerSecond": 1000});
    let answer = process.client.send_json("POST", "/redrives", &all).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    stage.finish(process, before, 0, events).await.check();
}

#[actix_web::test]
async fn the_largest_dead_letters_are_sent_again_within_the_bounds() {
    redrive(&of_size(32, LARGEST, 1)).await;
}

#[actix_web::test]
async fn dead_letters_of_all_sizes_of_many_customers_are_sent_again_within_the_bounds() {
    redrive(&mixed(8, 7)).await;
}
