//! Whatever the collector of traces does, deliveries and the end of the process are not held up.

use std::net::TcpListener;

use svix_hooks::telemetry::span_counts;

use crate::support::{Collector, Manner, TestApp, event, eventually};

async fn start(url: &str) -> TestApp {
    let settings = [
        ("TRACES__ENDPOINT", url),
        ("TRACES__RATIO", "1"),
        ("TRACES__MAX_PER_SECOND", "10000"),
    ];
    TestApp::start(&settings).await
}

/// Posts events and waits until all are delivered.
async fn deliver(app: &TestApp, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(64) {
        let posts = chunk.iter().map(|number| {
            let (client, event) = (app.client.clone(), event(&format!("evt_{number}")));
            async move { assert_eq!(client.post(&event).await.status, 202) }
        });
        futures_util::future::join_all(posts).await;
    }
    let all = i64::try_from(count).expect("few");
    eventually("all are delivered", async || app.client.stat("delivered").await == all).await;
}

/// A port on which nobody listens.
fn dead_url() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

#[actix_web::test]
async fn a_collector_that_is_gone_or_refuses_or_never_ends_costs_its_spans_and_nothing_else() {
    let refusing = Collector::start(Manner::Answering(400));
    let failing = Collector::start(Manner::Answering(503));
    let moved = Collector::start(Manner::Answering(302));
    let endless = Collector::start(Manner::Endless);
    let urls = [
        dead_url(),
        refusing.url(),
        failing.url(),
        moved.url(),
        endless.url(),
    ];
    for url in urls {
        let mut app = start(&url).await;
        let before = span_counts();
        deliver(&app, 20).await;
        eventually("they are given up", async || span_counts().dropped > before.dropped).await;
        assert_eq!(span_counts().exported, before.exported, "{url}");
        assert_eq!(app.client.get("/health/ready").await.status, 200, "{url}");
        app.stop().await.expect("it stops well");
    }
}

#[actix_web::test]
async fn a_stop_does_not_wait_for_a_collector_that_does_not_answer() {
    let collector = Collector::start(Manner::Silent);
    let mut app = start(&collector.url()).await;
    deliver(&app, 1).await;
    eventually("the collector is asked", async || collector.requests() > 0).await;
    app.stop().await.expect("it stops well");
}

#[actix_web::test]
async fn spans_for_which_there_is_no_room_are_dropped_and_hold_nobody_up() {
    let collector = Collector::start(Manner::Silent);
    let app = start(&collector.url()).await;
    let before = span_counts().dropped;
    // Four spans each: more than may wait and be on their way.
    deliver(&app, 1500).await;
    assert!(span_counts().dropped > before);
}

#[actix_web::test]
async fn what_a_collector_refuses_for_a_moment_it_gets_again() {
    let collector = Collector::start(Manner::Answering(503));
    let mut app = start(&collector.url()).await;
    let before = span_counts().exported;
    deliver(&app, 1).await;
    eventually("the collector is asked", async || collector.requests() > 0).await;
    collector.behave(Manner::Taking);
    eventually("the spans arrive", async || collector.spans().len() == 4).await;
    eventually("they are counted", async || span_counts().exported == before + 4).await;
    app.stop().await.expect("it stops well");
    assert_eq!(collector.spans().len(), 4, "each once");
}

#[actix_web::test]
async fn what_there_is_at_the_end_is_sent() {
    let collector = Collector::start(Manner::Taking);
    let mut app = start(&format!("{}/", collector.url())).await;
    deliver(&app, 10).await;
    app.stop().await.expect("it stops well");
    assert_eq!(collector.spans().len(), 40);
}

#[actix_web::test]
async fn an_event_whose_caller_has_gone_keeps_its_span() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector.url()).await;
    let mut stream = crate::support::connect(&app.client);
    let head = crate::support::head("content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":");
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("it is sent");
    drop(stream);
    eventually("its span arrives", async || collector.named("accept").len() == 1).await;
    assert!(collector.named("attempt").is_empty());
}
