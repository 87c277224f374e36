//! What every answer to a bad request must be, and that the service is none the worse for it.

use serde_json::json;

use super::{Answer, TestApp, event, eventually};

/// Makes sure of everything that any problem tells.
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str, why: &str) {
    let body = &answer.body;
    assert_eq!((answer.status, answer.code()), (status, code), "{why}: {body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{why}");
    assert_eq!(body["type"], format!("urn:svix-hooks:problem:{code}"), "{why}");
    assert_eq!(body["status"], status, "{why}");
    for member in ["title", "detail"] {
        let text = body[member].as_str().unwrap_or_default();
        let clean = text.len() < 4096 && !text.chars().any(char::is_control);
        assert!(!text.is_empty() && clean, "{why}: {body}");
    }
}

/// Makes sure that exactly this member is named as wrong.
pub(crate) fn assert_at_fault(answer: &Answer, code: &str, pointer: &str, why: &str) {
    let errors = answer.body["errors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let [error] = errors else {
        panic!("{why}: one error, not {errors:?}")
    };
    assert_eq!((&error["code"], &error["pointer"]), (&json!(code), &json!(pointer)), "{why}");
    assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{why}");
}

/// Makes sure that the service accepts and delivers, and that it stored only what it acknowledged.
pub(crate) async fn still_works(app: &TestApp, acknowledged: i64) {
    assert_eq!(app.client.stat("accepted").await, acknowledged, "nothing bad was stored");
    assert_eq!(app.client.post(&event("good")).await.status, 202);
    eventually("the good ones are delivered", async || {
        app.client.stat("delivered").await == acknowledged + 1
    })
    .await;
    assert_eq!((app.client.stat("queued").await, app.client.stat("dead").await), (0, 0));
}
