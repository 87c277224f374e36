//! Panics in the actors of which there is one each: the process says so and ends, and nothing is lost.

use std::time::{Duration, Instant};

use svix_hooks::sandbox::Faults;

use crate::faulty::{MARKER, turn};
use crate::support::{TestApp, event, eventually};

/// In what time a process must be gone of which an actor has died: a second, and what a test needs on a busy machine to
/// see it. `reporting.rs` measures the second itself.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What the process says of it.
const SAID: &str = "an actor ended that must not; the process ends so that it is started again";

/// Posts an event whose delivery is waited for by nobody.
async fn post(app: &TestApp) {
    let mut event = event("evt_1");
    event["data"]["card"] = MARKER.into();
    assert_eq!(app.client.post(&event).await.status, 202);
}

/// Lets an actor panic where it writes a line, and sees what comes of it.
async fn assert_ends_the_process(
    actor: &str,
    line: &'static str,
    panics: fn(),
    provoke: impl AsyncFnOnce(&TestApp),
) {
    let turn = turn().await;
    let mut app = TestApp::start(&[]).await;
    turn.put_in(line, panics);
    provoke(&app).await;
    eventually("it panics", async || turn.panics() == 1).await;
    let died = Instant::now();
    let error = app.ended().await.expect_err("it does not end well");
    let took = died.elapsed();
    assert_eq!(error.to_string(), format!("the {actor} actor ended by itself"));
    assert!(took < AT_ONCE, "the {actor} actor was dead for {took:?}");
    assert!(turn.was_logged(SAID));
    let reported = turn.reported_panic().await;
    assert!(reported["exception"]["values"][0]["value"] != MARKER);
    eventually("its end is reported", async || {
        let ends = turn.reported().into_iter();
        ends.filter(|event| event["message"] == SAID && event["tags"]["actor"] == actor)
            .count()
            == 1
    })
    .await;
    assert_eq!(turn.reported().len(), 2, "{:?}", turn.reported());
    app.sandbox.clear_faults();
    app.start_again(&[]).await;
    let accepted = app.client.stat("accepted").await;
    eventually("all is delivered", async || app.client.stat("delivered").await == accepted).await;
    assert_eq!(app.sandbox.message_count(), accepted as u64, "each is one message");
    assert_eq!(turn.panics(), 1, "and all is well");
    app.stop().await.expect("it stops");
}

#[actix_web::test]
async fn a_panic_of_the_supervisor_is_reported_and_ends_the_process() {
    assert_ends_the_process("supervisor", "settled", || panic!("`{MARKER}` is odd"), post).await;
}

#[actix_web::test]
async fn a_panic_of_the_retry_actor_is_reported_and_ends_the_process() {
    let provoke = async |app: &TestApp| {
        app.sandbox.set_faults(Faults::answering(503));
        post(app).await;
    };
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("retry", "a timer is set", panics, provoke).await;
}

#[actix_web::test]
async fn a_panic_of_the_stats_actor_is_reported_and_ends_the_process() {
    let provoke = async |app: &TestApp| {
        post(app).await;
        let answer = app.client.try_get("/stats").await;
        assert!(answer.is_none_or(|answer| answer.status >= 500));
    };
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("stats", "the numbers are asked for", panics, provoke).await;
}

#[actix_web::test]
async fn a_panic_of_the_audit_actor_is_reported_and_ends_the_process() {
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("audit", "a minute is compared", panics, post).await;
}

#[actix_web::test]
async fn a_panic_of_the_redrive_actor_is_reported_and_ends_the_process() {
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("redrive", "redrives are looked at", panics, post).await;
}

#[actix_web::test]
async fn a_panic_of_the_settings_actor_is_reported_and_ends_the_process() {
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("settings", "settings are looked at", panics, post).await;
}

#[actix_web::test]
async fn a_panic_of_the_survey_actor_is_reported_and_ends_the_process() {
    let panics = || panic!("\"{MARKER}\" is odd");
    assert_ends_the_process("survey", "what waits is counted", panics, post).await;
}
