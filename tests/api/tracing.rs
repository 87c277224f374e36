//! An event is one trace, from its caller through this service to Svix.

use serde_json::json;
use svix_hooks::sandbox::Faults;

use crate::support::traced::{CALLER, TRACE, delivered, post, seen, start, told, told_place, traceparent};
use crate::support::{Collector, Manner, Seen, customers, event, eventually};

const MILLISECOND: u64 = 1_000_000;

#[actix_web::test]
async fn an_event_is_one_trace_from_its_caller_to_svix() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[]).await;
    let id = post(&app, "evt_1", &traceparent(true)).await;
    let [attempt] = &seen(&collector, "attempt", 1).await[..] else {
        unreachable!()
    };
    let [accept] = &seen(&collector, "accept", 1).await[..] else {
        unreachable!()
    };
    let [commit] = &seen(&collector, "commit", 1).await[..] else {
        unreachable!()
    };
    let [wait] = &seen(&collector, "wait", 1).await[..] else {
        unreachable!()
    };
    assert!(collector.spans().iter().all(|span| span.trace == TRACE));
    assert_eq!(accept.parent, CALLER);
    assert!(
        [commit, wait, attempt]
            .iter()
            .all(|span| span.parent == accept.id)
    );
    assert!(accept.begun <= commit.begun && commit.begun <= commit.ended && commit.ended <= accept.ended);
    // When it was due is known to the millisecond.
    assert!(wait.begun + MILLISECOND >= accept.begun && wait.begun <= wait.ended);
    assert!(wait.ended == attempt.begun && attempt.begun < attempt.ended);
    assert_eq!(told(&app, "evt_1"), [told_place(attempt)]);
    let expected = [
        (accept, "http.request.method", "POST"),
        (accept, "http.route", "/notifications"),
        (accept, "http.response.status_code", "202"),
        (accept, "svix_hooks.customer", "default"),
        (accept, "svix_hooks.event_type", "user.created"),
        (accept, "svix_hooks.state", "queued"),
        (accept, "svix_hooks.duplicate", "false"),
        (attempt, "messaging.operation.name", "send"),
        (attempt, "messaging.message.id", "evt_1"),
        (attempt, "server.address", "127.0.0.1"),
        (attempt, "server.port", &app.sandbox.port().to_string()),
        (attempt, "http.response.status_code", "202"),
        (attempt, "svix_hooks.account", "default"),
        (attempt, "svix_hooks.attempt", "1"),
        (attempt, "svix_hooks.outcome", "accepted"),
    ];
    for (span, key, value) in expected {
        assert_eq!(span.attributes.get(key).map(String::as_str), Some(value), "{key}: {span:?}");
    }
    for span in [accept, wait, attempt] {
        assert_eq!(span.attributes.get("svix_hooks.notification"), Some(&id));
        assert!(!span.failed, "{span:?}");
    }
}

#[actix_web::test]
async fn each_request_to_svix_is_a_span_of_the_same_trace() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[]).await;
    app.sandbox.set_faults(Faults {
        fault_limit: Some(1),
        ..Faults::answering(503)
    });
    post(&app, "evt_1", &traceparent(true)).await;
    delivered(&app, 1).await;
    let attempts = seen(&collector, "attempt", 2).await;
    let waits = seen(&collector, "wait", 2).await;
    let accept = &seen(&collector, "accept", 1).await[0];
    for span in attempts.iter().chain(&waits) {
        assert_eq!((span.trace.as_str(), &span.parent), (TRACE, &accept.id));
    }
    let [first, second] = &attempts[..] else {
        unreachable!()
    };
    assert!(first.failed && !second.failed, "{attempts:?}");
    let of = |span: &Seen, key: &str| span.attributes.get(key).cloned().unwrap_or_default();
    assert_eq!([of(first, "error.type"), of(first, "http.response.status_code")], ["unavailable", "503"]);
    assert_eq!([of(first, "svix_hooks.attempt"), of(second, "svix_hooks.attempt")], ["1", "2"]);
    assert!(first.ended <= waits[1].begun + MILLISECOND, "the backoff is no wait for a place");
    assert_eq!(told(&app, "evt_1"), [told_place(first), told_place(second)]);
    let keys: Vec<_> = app
        .sandbox
        .requests()
        .into_iter()
        .map(|request| request.idempotency_key)
        .collect();
    assert_eq!(keys[0], keys[1], "nothing by which svix knows a repeat is another");
}

#[actix_web::test]
async fn what_waits_over_a_restart_still_joins_its_trace() {
    let collector = Collector::start(Manner::Taking);
    let mut app = start(&collector, &[]).await;
    app.sandbox.set_faults(Faults::answering(429));
    post(&app, "evt_1", &traceparent(true)).await;
    eventually("it was tried", async || app.sandbox.answered_with(429) > 0).await;
    app.stop().await.expect("it stops");
    let accept = &seen(&collector, "accept", 1).await[0];
    let before = collector.named("attempt").len();
    assert!(before > 0, "what there was at the stop has arrived");
    app.sandbox.clear_faults();
    app.start_again(&[]).await;
    delivered(&app, 1).await;
    eventually("the spans arrive", async || collector.named("attempt").len() > before).await;
    let last = collector.named("attempt").pop().expect("there is one");
    assert_eq!((last.trace.as_str(), &last.parent, last.failed), (TRACE, &accept.id, false));
    assert_eq!(told(&app, "evt_1").pop(), Some(told_place(&last)));
}

#[actix_web::test]
async fn an_acceptance_says_what_became_of_the_event() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[("TRACES__RATIO", "1")]).await;
    customers::set(&app.client, "acme", json!({"filter": {"include": ["nothing.*"]}})).await;
    let same = event("evt_1");
    let other = json!({"id": "evt_1", "type": "user.created", "data": {"other": "content"}});
    let filtered = json!({"id": "evt_2", "type": "a.b", "data": {}, "customer": "acme"});
    let bad = json!({"id": "evt_3", "data": {}});
    let statuses = [&same, &same, &other, &filtered, &bad].map(|event| app.client.post(event));
    let mut answers = Vec::new();
    for answer in statuses {
        answers.push(answer.await.status);
    }
    assert_eq!(answers, [202, 202, 409, 202, 422]);
    let accepts = seen(&collector, "accept", 5).await;
    let of = |number: usize, key: &str| accepts[number].attributes.get(key).map(String::as_str);
    let table = [
        (0, "svix_hooks.duplicate", Some("false"), "the first"),
        (1, "svix_hooks.duplicate", Some("true"), "a repeat"),
        (2, "svix_hooks.problem", Some("content_conflict"), "other content"),
        (2, "http.response.status_code", Some("409"), "other content"),
        (3, "svix_hooks.state", Some("filtered"), "held back"),
        (3, "svix_hooks.customer", Some("acme"), "held back"),
        (4, "http.response.status_code", Some("422"), "no type"),
        (4, "svix_hooks.notification", None, "no type"),
    ];
    for (number, key, value, why) in table {
        assert_eq!(of(number, key), value, "{why}: {:?}", accepts[number]);
    }
    assert!(accepts.iter().all(|span| !span.failed), "what callers do wrong is no failure: {accepts:?}");
    assert_eq!(of(0, "svix_hooks.notification"), of(1, "svix_hooks.notification"));
}

#[actix_web::test]
async fn what_is_sent_again_says_so() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[]).await;
    app.sandbox.set_faults(Faults::answering(400));
    let id = post(&app, "evt_1", &traceparent(true)).await;
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    app.sandbox.clear_faults();
    let path = format!("/notifications/{id}/redrive");
    let again = app.client.request("POST", &path).await;
    assert!(again.status < 300, "{}", again.body);
    delivered(&app, 1).await;
    let attempts = seen(&collector, "attempt", 2).await;
    let of = |number: usize, key: &str| attempts[number].attributes.get(key).map(String::as_str);
    assert_eq!((of(0, "svix_hooks.redrives"), of(1, "svix_hooks.redrives")), (None, Some("1")));
    assert_eq!((of(0, "error.type"), of(1, "svix_hooks.outcome")), (Some("rejected"), Some("accepted")));
    assert_eq!(attempts[0].parent, attempts[1].parent);
}

#[actix_web::test]
async fn no_payload_no_secret_and_nothing_that_svix_says_is_in_a_span() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[]).await;
    // Svix repeats what it was sent, the token included.
    app.sandbox.set_faults(Faults {
        body: Some("svix-says-MARKER".into()),
        echo_authorization: true,
        ..Faults::answering(400)
    });
    let customer = "c".repeat(128);
    let event = json!({
        "id": "evt_1", "type": "user.created", "customer": customer,
        "data": {"card": "payload-MARKER"}, "note": "member-MARKER",
    });
    let traced = [
        ("traceparent", &*traceparent(true)),
        ("authorization", "Bearer caller-MARKER"),
    ];
    let answer = app.client.try_post(event.to_string(), &traced).await;
    assert_eq!(answer.expect("the service answers").status, 202);
    let broken = r#"{"id": "broken-MARKER", "type": "#;
    let refused = app
        .client
        .try_post(broken, &[("traceparent", &traceparent(true))])
        .await;
    assert_eq!(refused.expect("the service answers").status, 400);
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    seen(&collector, "attempt", 1).await;
    seen(&collector, "accept", 2).await;
    assert!(collector.has_seen(&customer), "what is looked for would be found");
    assert!(!collector.has_seen("MARKER"));
}
