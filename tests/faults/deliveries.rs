//! Panics in the pool that makes the requests: no notification is lost, and the service goes on.

use crate::faulty::{MARKER, turn};
use crate::support::{TestApp, event, eventually};

#[actix_web::test]
async fn a_panic_in_a_request_is_its_outcome_and_names_the_notification() {
    let turn = turn().await;
    let mut app = TestApp::start(&[]).await;
    turn.put_in("a request goes out", || panic!("\"{MARKER}\" is odd"));
    let event =
        serde_json::json!({"id": "evt_1", "type": "a.b", "customer": "acme", "data": {"card": MARKER}});
    let named = ("x-request-id", "call-7");
    let posted = app
        .client
        .try_post(event.to_string(), &[named])
        .await
        .expect("it answers");
    assert_eq!(posted.status, 202);
    let reported = turn.reported_panic().await;
    let tags = &reported["tags"];
    let expected = [
        ("notification", posted.id()),
        ("customer", "acme"),
        ("account", "default"),
        ("request", "call-7"),
        ("attempt", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(tags[name], value, "{tags}");
    }
    eventually("it is delivered all the same", async || app.client.stat("delivered").await == 1).await;
    assert_eq!(app.sandbox.message_count(), 1);
    let story = app.client.get(&format!("/notifications/{}", posted.id())).await;
    assert_eq!(story.body["attempts"][0]["outcome"], "panicked", "{}", story.body);
    assert_eq!((turn.panics(), turn.reported().len()), (1, 1));
    app.stop().await.expect("nothing has died");
}

#[actix_web::test]
async fn a_thread_of_the_pool_that_dies_is_replaced_and_nothing_is_lost() {
    let turn = turn().await;
    let mut app = TestApp::start(&[("DELIVERY__ACTORS", "2")]).await;
    turn.put_in("a thread takes batches", || panic!("\"{MARKER}\" is odd"));
    for number in 0..20 {
        assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    turn.reported_panic().await;
    eventually("a new pool takes over", async || {
        turn.was_logged("delivery actors are missing; a new pool takes over")
    })
    .await;
    eventually("all threads are there", async || {
        app.client.get("/stats").await.body["workers"]["alive"] == 2
    })
    .await;
    eventually("all is delivered", async || app.client.stat("delivered").await == 20).await;
    assert_eq!((app.sandbox.message_count(), turn.panics()), (20, 1));
    app.stop().await.expect("nothing else has died");
}
