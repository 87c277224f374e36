//! Events that are traced: posting them, and what is seen of them by the collector and by Svix.

use super::{Collector, Seen, TestApp, event, eventually};

/// The trace of the caller, and the caller's span in it.
pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const CALLER: &str = "b7ad6b7169203331";

/// What the caller sends.
pub(crate) fn traceparent(sampled: bool) -> String {
    format!("00-{TRACE}-{CALLER}-{:02x}", u8::from(sampled))
}

/// Starts the service with that collector; what comes without a trace gets none.
pub(crate) async fn start(collector: &Collector, more: &[(&str, &str)]) -> TestApp {
    let url = collector.url();
    let own = [("TRACES__ENDPOINT", url.as_str()), ("TRACES__RATIO", "0")];
    let settings: Vec<_> = own.iter().chain(more).copied().collect();
    TestApp::start(&settings).await
}

/// Posts an event under a traceparent; returns the notification's id.
pub(crate) async fn post(app: &TestApp, id: &str, traceparent: &str) -> String {
    let answer = app
        .client
        .try_post(event(id).to_string(), &[("traceparent", traceparent)])
        .await
        .expect("the service answers");
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.id().to_owned()
}

/// Waits until so many are delivered.
pub(crate) async fn delivered(app: &TestApp, count: i64) {
    eventually("all are delivered", async || app.client.stat("delivered").await == count).await;
}

/// Waits for so many spans of a name.
pub(crate) async fn seen(collector: &Collector, name: &str, count: usize) -> Vec<Seen> {
    eventually("the spans arrive", async || collector.named(name).len() >= count).await;
    let seen = collector.named(name);
    assert_eq!(seen.len(), count, "{seen:?}");
    seen
}

/// What Svix was told of the trace of an event, with each request.
pub(crate) fn told(app: &TestApp, id: &str) -> Vec<Option<String>> {
    let requests = app.sandbox.requests().into_iter();
    requests
        .filter(|request| request.event_id.as_deref() == Some(id))
        .map(|request| request.traceparent)
        .collect()
}

/// What Svix is told where that is the attempt.
pub(crate) fn told_place(span: &Seen) -> Option<String> {
    Some(format!("00-{}-{}-01", span.trace, span.id))
}
