//! Panics in handlers of the front end: the caller is told, and the service goes on.

use crate::faulty::{MARKER, turn};
use crate::support::{Collector, Manner, TestApp, event, eventually};

#[actix_web::test]
async fn a_panic_in_a_handler_is_answered_and_reported_without_what_the_request_carried() {
    let turn = turn().await;
    let mut app = TestApp::start(&[]).await;
    let id = app.client.post(&event("evt_1")).await.id().to_owned();
    turn.put_in("a notification is looked up", || panic!("\"{MARKER}\" is odd"));
    let path = format!("/notifications/{id}");
    let answer = app
        .client
        .with_key("shk_a-key-that-opens-nothing")
        .get(&path)
        .await;
    assert_eq!((answer.status, answer.code()), (500, "internal"), "{}", answer.body);
    let request = answer.header("x-request-id").expect("it is named").to_owned();
    assert_eq!(answer.body["requestId"], *request);
    let reported = turn.reported_panic().await;
    assert_eq!((reported["tags"]["request"].as_str(), turn.panics()), (Some(&*request), 1));
    assert_eq!(reported["transaction"], "GET /notifications/{id}");
    assert!(!reported.to_string().contains(&id), "the address has no place in it: {reported}");
    assert_eq!(app.client.get(&path).await.status, 200, "the service goes on");
    app.stop().await.expect("nothing has died");
}

#[actix_web::test]
async fn a_panic_after_an_event_was_stored_loses_nothing() {
    let turn = turn().await;
    let collector = Collector::start(Manner::Taking);
    let url = collector.url();
    let mut app = TestApp::start(&[("TRACES__ENDPOINT", &url), ("TRACES__RATIO", "1")]).await;
    turn.put_in("accepted", || panic!("\"{MARKER}\" is odd"));
    let answer = app.client.post(&event("evt_1")).await;
    assert_eq!((answer.status, answer.code()), (500, "internal"));
    let reported = turn.reported_panic().await;
    assert_eq!(reported["tags"]["request"], answer.body["requestId"]);
    eventually("its span arrives", async || !collector.named("accept").is_empty()).await;
    let span = &collector.named("accept")[0];
    assert!(span.failed && span.attributes["error.type"] == "internal", "{span:?}");
    let scrape = app.client.scrape().await;
    let counted = |name, labels| scrape.number(name, labels);
    assert_eq!(counted("svix_hooks_accepts_total", &[("result", "internal")]), Some(1.0));
    assert_eq!(counted("svix_hooks_accepts_total", &[("result", "accepted")]), Some(0.0));
    assert_eq!(counted("svix_hooks_accept_duration_seconds_count", &[]), Some(1.0));
    assert!(counted("svix_hooks_panics_total", &[]).is_some_and(|panics| panics >= 1.0));
    let again = app.client.post(&event("evt_1")).await;
    assert_eq!((again.status, &again.body["duplicate"]), (202, &true.into()), "{}", again.body);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    assert_eq!((app.sandbox.message_count(), turn.panics()), (1, 1));
    app.stop().await.expect("nothing has died");
}
