//! What operators ask for, in a store full of large events.

use serde_json::json;

use crate::sized::{LARGEST, of_size, total};
use crate::stage::Stage;
use crate::usage::Usage;

/// Room for four of the largest events.
const ROOM: usize = 4 * LARGEST;

#[actix_web::test]
async fn look_ups_and_previews_hold_no_more_events_than_there_is_room_for() {
    let events = of_size(60, LARGEST, 1);
    let mut stage = Stage::new(ROOM);
    stage.queue(&events).await;
    let before = stage.moved().await;
    let nothing = [("SVIX__REQUESTS_PER_SECOND", "0.001"), ("SVIX__BURST", "2")];
    let process = stage.start(&nothing).await;
    let client = &process.client;
    for path in [
        "/notifications?limit=250",
        "/notifications?customer=c0&limit=250",
        "/dead-letters?limit=250",
        "/dead-letters/groups?by=status,reason",
        "/audit",
        "/stats",
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.text.len() < LARGEST, "{path} shows events");
    }
    let asked = json!({"settings": {}, "last": 500});
    let preview = client.send_json("POST", "/customers/c0/preview", &asked).await;
    assert_eq!((preview.status, &preview.body["lookedAt"]), (200, &json!(60)), "{}", preview.body);
    let usage = Usage::of(&process);
    stage.check_memory(&usage, 0);
    stage.end(process).await;
    let read = match stage.world.store.file() {
        Some(_) => usage.moved.read,
        None => stage.moved().await.since(before).read,
    };
    // The preview looks at each, and what there is room for is read to be delivered.
    let each = read as f64 / total(&events) as f64;
    assert!(each <= 2.0, "{each:.1} bytes were read for each");
}
