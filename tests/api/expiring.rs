//! What may be sent for a limited time only: it is not sent afterwards, and what Svix may hold by then is looked for.

use std::time::Duration;

use serde_json::{Value, json};
use svix_hooks::domain::Timestamp;
use svix_hooks::sandbox::{Faults, Sandbox};

use crate::support::{
    Client, TestApp, World, assert_at_fault, assert_problem, event, eventually, still_works,
};

/// The present time of this machine, whose clock the service goes by as well.
fn now() -> Timestamp {
    let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970");
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).expect("it is not that late"))
}

/// An event that may be sent until then.
fn event_until(id: &str, expires_at: Timestamp) -> Value {
    let mut event = event(id);
    event["expiresAt"] = json!(expires_at.to_string());
    event
}

/// Posts an event and returns the path of its notification.
async fn post(client: &Client, event: &Value) -> String {
    let answer = client.post(event).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("queued")), "{}", answer.body);
    format!("/notifications/{}", answer.id())
}

/// How often Svix was asked to create a message.
fn sends(sandbox: &Sandbox) -> usize {
    let requests = sandbox.requests().into_iter();
    requests.filter(|request| request.method == "POST").count()
}

async fn eventually_expired(client: &Client, count: i64) {
    eventually("they are expired", async || client.stat("expired").await == count).await;
    assert_eq!((client.stat("queued").await, client.stat("dead").await), (0, 0));
}

async fn assert_past_expiry(client: &Client, path: &str, why: &str) -> Value {
    let found = client.get(path).await.body;
    assert_eq!((&found["state"], &found["reason"]), (&json!("expired"), &json!("past_expiry")), "{why}");
    assert!(found["settledAt"].is_string(), "{why}");
    found
}

#[actix_web::test]
async fn what_comes_past_its_expiry_is_accepted_and_never_sent() {
    let app = TestApp::start(&[]).await;
    let mut by_the_other_name = event("evt_2");
    by_the_other_name["expirytime"] = json!("2001-01-01T01:00:00+01:00");
    let posted = [
        (event_until("evt_1", now().before(Duration::from_secs(1))), "a second late"),
        (by_the_other_name, "years late, by the name that CloudEvents has for it"),
        (event_until("evt_3", now()), "the very moment"),
    ];
    for (event, why) in &posted {
        let path = post(&app.client, event).await;
        eventually(why, async || app.client.get(&path).await.body["state"] == "expired").await;
        let found = assert_past_expiry(&app.client, &path, why).await;
        assert_eq!((&found["attemptsMade"], &found["attempts"]), (&json!(0), &json!([])), "{why}");
        let again = app.client.post(event).await;
        assert_eq!(
            (&again.body["state"], &again.body["duplicate"]),
            (&json!("expired"), &json!(true)),
            "{why}"
        );
    }
    assert_eq!(app.sandbox.request_count(), 0, "svix hears nothing of them");
    let (other, why) = (event_until("evt_1", now()), "when it expires is part of what an event says");
    assert_problem(&app.client.post(&other).await, 409, "content_conflict", why);
}

#[actix_web::test]
async fn look_ups_show_until_when_it_may_be_sent() {
    let app = TestApp::start(&[]).await;
    let mut limited = event("evt_1");
    limited["expiresAt"] = json!("2999-12-31T23:59:59.9999+02:00");
    let path = post(&app.client, &limited).await;
    let without = post(&app.client, &event("evt_2")).await;
    eventually("both are delivered", async || app.client.stat("delivered").await == 2).await;
    let shown = json!("2999-12-31T21:59:59.999Z");
    assert_eq!(app.client.get(&path).await.body["expiresAt"], shown);
    assert_eq!(app.client.get(&without).await.body.get("expiresAt"), None);
    let page = app.client.get("/notifications?eventId=evt_1").await.body;
    assert_eq!(page["data"][0]["expiresAt"], shown);
}

#[actix_web::test]
async fn what_expires_while_svix_fails_is_not_sent_when_it_works_again() {
    let settings = [
        ("RETRY__MAX_ATTEMPTS", "1000"),
        ("RETRY__INITIAL_BACKOFF_MS", "100"),
        ("RETRY__MULTIPLIER", "1"),
    ];
    let app = TestApp::start(&settings).await;
    app.sandbox.set_faults(Faults::answering(503));
    let expires_at = now().after(Duration::from_secs(2));
    let path = post(&app.client, &event_until("evt_1", expires_at)).await;
    eventually_expired(&app.client, 1).await;
    let sent = sends(&app.sandbox);
    app.sandbox.clear_faults();
    let found = assert_past_expiry(&app.client, &path, "svix was down").await;
    let attempts = found["attempts"].as_array().expect("there are attempts");
    assert!(!attempts.is_empty() && attempts.len() == sent, "each is shown: {sent}");
    for attempt in attempts {
        let started_at = attempt["startedAt"]
            .as_str()
            .and_then(|at| Timestamp::parse(at).ok());
        assert!(started_at.is_some_and(|at| at < expires_at), "{attempt} at or past {expires_at}");
    }
    let next = post(&app.client, &event("evt_2")).await;
    eventually("what comes later is sent", async || app.client.get(&next).await.body["state"] == "delivered")
        .await;
    assert_eq!((app.sandbox.message_count(), sends(&app.sandbox)), (1, sent + 1));
}

#[actix_web::test]
async fn the_earlier_of_age_and_expiry_counts_and_is_the_reason() {
    let app = TestApp::start(&[("RETRY__MAX_AGE_S", "1"), ("RETRY__MAX_ATTEMPTS", "1000")]).await;
    app.sandbox.set_faults(Faults::answering(503));
    let table = [
        (Some(3600), "too_old", "it could wait for an hour, but not here"),
        (None, "too_old", "it says nothing"),
        (Some(0), "past_expiry", "it cannot wait"),
    ];
    for (number, (seconds, reason, why)) in table.into_iter().enumerate() {
        let id = format!("evt_{number}");
        let path = match seconds {
            Some(seconds) => {
                post(&app.client, &event_until(&id, now().after(Duration::from_secs(seconds)))).await
            }
            None => post(&app.client, &event(&id)).await,
        };
        eventually(why, async || app.client.get(&path).await.body["reason"] == reason).await;
    }
    eventually_expired(&app.client, 3).await;
}

#[actix_web::test]
async fn what_waits_for_an_account_that_pauses_expires_in_its_time() {
    let app = TestApp::start(&[("RETRY__INITIAL_BACKOFF_MS", "600000")]).await;
    app.sandbox.set_faults(Faults {
        retry_after: Some("600".into()),
        ..Faults::answering(429)
    });
    post(&app.client, &event("first")).await;
    eventually("the account is limited", async || {
        let health = app.client.get("/health").await;
        health.body.to_string().contains("svix limits it until")
    })
    .await;
    app.sandbox.clear_faults();
    let expires_at = now().after(Duration::from_secs(1));
    for number in 0..40 {
        post(&app.client, &event(&format!("patient_{number}"))).await;
        let hasty = event_until(&format!("hasty_{number}"), expires_at);
        app.client.post(&hasty).await;
    }
    eventually("they are expired", async || app.client.stat("expired").await == 40).await;
    assert_eq!((app.client.stat("queued").await, app.sandbox.request_count()), (41, 1));
    let page = app
        .client
        .get("/notifications?state=expired&limit=250")
        .await
        .body;
    let expired = page["data"].as_array().expect("a page has data");
    let hasty = |found: &Value| {
        let id = found["eventId"].as_str().unwrap_or_default();
        id.starts_with("hasty_") && found["reason"] == "past_expiry"
    };
    assert!(expired.len() == 40 && expired.iter().all(hasty), "{page}");
}

#[actix_web::test]
async fn what_svix_may_hold_is_proven_past_its_expiry_and_not_sent_again() {
    let settings = [("RETRY__INITIAL_BACKOFF_MS", "4000"), ("RETRY__JITTER", "0")];
    let table = [
        (
            Faults {
                drop_ratio: 1.0,
                lose_dispatch_ratio: 1.0,
                fault_limit: Some(1),
                only_messages: true,
                ..Faults::default()
            },
            "delivered",
            "it arrived, and has to be dispatched",
        ),
        (
            Faults {
                drop_before: true,
                fault_limit: Some(1),
                ..Faults::default()
            },
            "expired",
            "it never arrived",
        ),
    ];
    for (faults, state, why) in table {
        let app = TestApp::start(&settings).await;
        app.sandbox.set_faults(faults);
        let expires_at = now().after(Duration::from_secs(3));
        let path = post(&app.client, &event_until("evt_1", expires_at)).await;
        eventually(why, async || app.client.get(&path).await.body["state"] != "queued").await;
        let found = app.client.get(&path).await.body;
        assert_eq!(found["state"], state, "{why}");
        let settled_at = found["settledAt"]
            .as_str()
            .and_then(|at| Timestamp::parse(at).ok());
        assert!(settled_at.is_some_and(|at| at > expires_at), "{why}");
        let posts = app.sandbox.requests().into_iter();
        let creates = posts.filter(|request| request.method == "POST" && !request.path.contains("/resend"));
        assert_eq!(creates.count(), 1, "it is sent once: {why}");
        assert_eq!(app.sandbox.undispatched(), Vec::<String>::new(), "{why}");
    }
}

#[actix_web::test]
async fn what_a_killed_process_may_have_sent_is_looked_for_past_its_expiry() {
    let table = [
        (
            Faults {
                hang_ratio: 1.0,
                ..Faults::default()
            },
            "delivered",
            "svix had taken it",
        ),
        (
            Faults {
                hang_before: true,
                ..Faults::default()
            },
            "expired",
            "svix had not",
        ),
    ];
    for (faults, state, why) in table {
        let world = World::new();
        world.sandbox.set_faults(faults);
        let mut process = world.start(&[("SVIX__REQUEST_TIMEOUT_MS", "60000")]).await;
        let expires_at = now().after(Duration::from_secs(5));
        let path = post(&process.client, &event_until("evt_1", expires_at)).await;
        eventually("it is under way", async || world.sandbox.request_count() == 1).await;
        process.kill();
        world.sandbox.clear_faults();
        eventually("its time is over", async || now() > expires_at).await;
        let process = world.start(&[]).await;
        eventually(why, async || process.client.get(&path).await.body["state"] == state).await;
        assert_eq!(sends(&world.sandbox), 1, "it is not sent again: {why}");
    }
}

#[actix_web::test]
async fn an_expiry_that_is_no_time_is_pointed_at() {
    let app = TestApp::start(&[]).await;
    let table = [
        (r#""expiresAt":"tomorrow""#, "invalid_member", "/expiresAt", "not RFC 3339"),
        (r#""expiresAt":"2026-01-31""#, "invalid_member", "/expiresAt", "a day only"),
        (r#""expiresAt":"2026-02-30T00:00:00Z""#, "invalid_member", "/expiresAt", "a day that never comes"),
        (r#""expiresAt":"""#, "invalid_member", "/expiresAt", "nothing"),
        (r#""expiresAt":1767225600"#, "invalid_member", "/expiresAt", "seconds"),
        (r#""expiresAt":{"at":"2026-01-31T12:00:00Z"}"#, "invalid_member", "/expiresAt", "an object"),
        (r#""expirytime":true"#, "invalid_member", "/expirytime", "by the other name"),
        (
            r#""expiresAt":"2999-01-01T00:00:00Z","expirytime":"2999-01-01T00:00:00Z""#,
            "conflicting_members",
            "/expirytime",
            "both names",
        ),
        (
            r#""expiresAt":"2999-01-01T00:00:00Z","expiresAt":"2001-01-01T00:00:00Z""#,
            "duplicate_member",
            "/expiresAt",
            "twice; parsers differ on which counts",
        ),
    ];
    for (member, code, pointer, why) in table {
        let body = format!(r#"{{"id":"1","type":"a.b","data":{{}},{member}}}"#);
        let answer = app.client.try_post(body, &[]).await.expect(why);
        assert_problem(&answer, 422, code, why);
        assert_at_fault(&answer, code, pointer, why);
    }
    still_works(&app, 0).await;
}
