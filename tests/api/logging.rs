//! What the service says of itself: every line is what the documentation says, one id leads through all of it, and
//! what repeats is summed up. Each other test checks the lines of its service, too.

use std::time::Instant;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::log_lines::fault;
use crate::support::{TestProcess, World, event, eventually};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Returns what a process has logged under the id of a request, with that message.
fn lines_of(process: &TestProcess, request: &str, message: &str) -> Vec<Value> {
    let mut lines = process.log_lines();
    lines.retain(|line| line["request"] == request && line["message"] == message);
    lines
}

/// Waits until a process has logged such a line, and returns the first.
async fn line_of(process: &TestProcess, request: &str, message: &str) -> Value {
    eventually("it is told", async || !lines_of(process, request, message).is_empty()).await;
    lines_of(process, request, message).remove(0)
}

#[test]
fn what_is_no_line_of_the_log_is_noticed() {
    let head = r#""time":"t","level":"info","target":"x","message":"m""#;
    let table = [
        (format!("{{{head}}}"), true, "the least that there is"),
        (format!(r#"{{{head},"customer":"c","count":2}}"#), true, "with fields"),
        ("svix-hooks: it failed".to_owned(), false, "text"),
        ("[]".to_owned(), false, "no object"),
        (r#"{"time":"t","level":"info","target":"x"}"#.to_owned(), false, "no message"),
        (format!(r#"{{{head},"payload":"p"}}"#), false, "a field that is not documented"),
        (format!(r#"{{{head},"attempt":"1"}}"#), false, "another kind"),
        (format!(r#"{{{head},"customer":"c","customer":"d"}}"#), false, "a field twice"),
        (format!(r#"{{{head},"notification":"n","customer":"c","attempt":1}}"#), false, "no account"),
        (format!(r#"{{{head},"whose":"svix"}}"#), false, "nobody's fault"),
        (format!(r#"{{{head},"error":"{}"}}"#, "x".repeat(9000)), false, "too long"),
    ];
    for (line, right, why) in table {
        assert_eq!(fault(&line).is_none(), right, "{why}: {:?}", fault(&line));
    }
}

#[actix_web::test]
async fn one_id_leads_from_the_request_through_the_log_and_the_history_to_svix() {
    let world = World::new();
    world.sandbox.set_faults(Faults::answering(503));
    let mut process = world.start(&[]).await;
    let by_id = event("by_id").to_string();
    let answer = process
        .client
        .try_post(by_id, &[("x-request-id", "caller-7")])
        .await;
    let answer = answer.expect("it answers");
    assert_eq!((answer.status, answer.header("x-request-id")), (202, Some("caller-7")));
    let id = answer.id().to_owned();
    let accepted = line_of(&process, "caller-7", "accepted").await;
    assert_eq!((&accepted["notification"], &accepted["attempt"]), (&json!(id), &json!(0)));
    eventually("a failure is told", async || {
        lines_of(&process, "caller-7", "tried again later")
            .iter()
            .any(|line| line["notification"] == json!(id) && line["answer"] == "unavailable")
    })
    .await;
    process.kill();
    world.sandbox.clear_faults();
    let process = world.start(&[]).await;
    eventually("the end is told, by another process", async || {
        let settled = lines_of(&process, "caller-7", "settled");
        settled
            .iter()
            .any(|line| line["notification"] == json!(id) && line["state"] == "delivered")
    })
    .await;
    let history = process.client.get(&format!("/notifications/{id}")).await.body["history"].clone();
    assert_eq!(history[0]["request"], "caller-7", "{history}");
    let sent = world.sandbox.requests();
    assert!(
        !sent.is_empty()
            && sent
                .iter()
                .all(|request| request.request_id.as_deref() == Some("caller-7"))
    );
}

#[actix_web::test]
async fn the_id_of_a_trace_leads_as_far() {
    let world = World::new();
    let process = world.start(&[]).await;
    let traced = [("traceparent", TRACEPARENT)];
    let answer = process
        .client
        .try_post(event("traced").to_string(), &traced)
        .await;
    let answer = answer.expect("it answers");
    assert_eq!((answer.status, answer.header("x-request-id")), (202, Some(TRACE)));
    assert_eq!(line_of(&process, TRACE, "settled").await["notification"], answer.id());
    assert_eq!(lines_of(&process, TRACE, "accepted").len(), 1);
    let found = process
        .client
        .get(&format!("/notifications/{}", answer.id()))
        .await;
    assert_eq!(found.body["history"][0]["request"], TRACE);
    assert_eq!(world.sandbox.requests()[0].request_id.as_deref(), Some(TRACE));
}

#[actix_web::test]
async fn a_refusal_and_a_duplicate_are_found_by_the_id_of_their_request() {
    let world = World::new();
    let process = world.start(&[]).await;
    let first = process.client.post(&event("evt_1")).await;
    let again = [("x-request-id", "again")];
    let again = process.client.try_post(event("evt_1").to_string(), &again).await;
    assert_eq!(again.expect("it answers").body["duplicate"], true);
    let told = line_of(&process, "again", "posted again").await;
    assert_eq!(told["duplicate_of"], first.id());
    let refused = process
        .client
        .try_post(r#"{"card": "4242"}"#, &[("x-request-id", "bad")])
        .await;
    let refused = refused.expect("it answers");
    assert_eq!((refused.status, &refused.body["requestId"]), (422, &json!("bad")));
    assert_eq!(refused.header("x-request-id"), Some("bad"));
    let told = line_of(&process, "bad", "a request was refused").await;
    assert_eq!((&told["status"], &told["code"]), (&json!(422), &refused.body["code"]));
    assert!(!process.log().join("\n").contains("4242"), "what was posted is not told");
}

#[actix_web::test]
async fn a_line_about_what_an_operator_does_to_a_notification_names_both_requests() {
    let world = World::new();
    world.sandbox.set_faults(Faults::answering(422));
    let process = world.start(&[]).await;
    let answer = process
        .client
        .try_post(event("evt_1").to_string(), &[("x-request-id", "callers")])
        .await;
    let id = answer.expect("it answers").id().to_owned();
    eventually("it is dead", async || process.client.stat("dead").await == 1).await;
    let dead = line_of(&process, "callers", "not delivered").await;
    assert_eq!((&dead["level"], &dead["reason"]), (&json!("warn"), &json!("rejected")));
    let redriven = process
        .client
        .request("POST", &format!("/notifications/{id}/redrive"))
        .await;
    assert_eq!(redriven.status, 202, "{}", redriven.body);
    let operators = redriven.header("x-request-id").expect("each answer has one");
    let told = line_of(&process, operators, "an operator sends a dead letter again").await;
    assert_eq!((&told["accepted_request"], &told["notification"]), (&json!("callers"), &json!(id)));
}

#[actix_web::test]
async fn a_flood_of_the_same_failure_is_summed_up() {
    const EVENTS: u64 = 3000;
    let began = Instant::now();
    let world = World::new();
    world.sandbox.set_faults(Faults::answering(400));
    let mut process = world.start(&[("LOG__LEVEL", "info")]).await;
    let posts = (0..EVENTS).map(|number| {
        let client = process.client.clone();
        async move { client.post(&event(&format!("evt_{number}"))).await.status }
    });
    let statuses: Vec<u16> = stream::iter(posts).buffer_unordered(32).collect().await;
    assert!(statuses.iter().all(|status| *status == 202));
    let all = i64::try_from(EVENTS).unwrap();
    eventually("all are dead", async || process.client.stat("dead").await == all).await;
    let told = |process: &TestProcess| {
        let lines = process.log_lines();
        let one_by_one = lines
            .iter()
            .filter(|line| line["message"] == "not delivered")
            .count() as u64;
        let sums: Vec<u64> = lines
            .iter()
            .filter(|line| line["of"] == "not delivered" && line["level"] == "warn")
            .filter_map(|line| line["left_out"].as_u64())
            .collect();
        (one_by_one, sums)
    };
    eventually("a sum is told though nothing happens any more", async || !told(&process).1.is_empty()).await;
    process.signal("TERM");
    assert!(process.ended().await.success());
    let mut seen = (0, Vec::new());
    eventually("each failure is told or counted", async || {
        seen = told(&process);
        seen.0 + seen.1.iter().sum::<u64>() == EVENTS
    })
    .await;
    let windows = began.elapsed().as_secs() / 10 + 2;
    assert!(seen.0 <= 20 * windows && seen.1.len() as u64 <= windows, "{seen:?} in {windows} windows");
}

#[actix_web::test]
async fn a_service_that_cannot_start_says_so_in_the_form_of_its_log() {
    let world = World::on_file();
    let _first = world.start(&[]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let listen = file.path().to_str().expect("a path");
    let table = [
        (vec![], "is used by another process", "what it needs is taken"),
        (vec![("LOG__LEVEL", "off")], "is used by another process", "the log is off"),
        (vec![("SVIX__APP_ID", "")], "app_id", "something is missing"),
        (vec![("SERVER__WORKERS", listen)], "workers", "the configuration cannot be read"),
    ];
    for (mut settings, words, why) in table {
        let plain = world.output(&settings);
        assert!(!plain.status.success(), "{why}");
        let plain = String::from_utf8(plain.stderr).expect("it is text");
        assert!(plain.starts_with("svix-hooks: ") && plain.contains(words), "{why}: {plain}");
        settings.push(("LOG__FORMAT", "json"));
        let output = world.output(&settings);
        assert!(!output.status.success() && output.stdout.is_empty(), "{why}");
        let said = String::from_utf8(output.stderr).expect("it is text");
        let faults: Vec<_> = said.lines().filter_map(fault).collect();
        assert!(faults.is_empty(), "{why}: {faults:?}");
        let last: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("it is JSON");
        assert_eq!((&last["level"], &last["whose"]), (&json!("error"), &json!("operator")), "{why}");
        assert!(last["error"].as_str().is_some_and(|error| error.contains(words)), "{why}: {last}");
    }
}

#[actix_web::test]
async fn on_a_terminal_lines_are_for_people() {
    let world = World::new();
    let process = world.start(&[("LOG__FORMAT", "text")]).await;
    let id = process.client.post(&event("evt_1")).await.id().to_owned();
    let told = "settled request=";
    eventually("the end is told", async || {
        let lines = process.log();
        lines.iter().any(|line| {
            line.contains(told) && line.contains(&format!(" notification={id} customer=default "))
        })
    })
    .await;
}
