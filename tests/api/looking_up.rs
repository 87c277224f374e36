//! What can be found out about notifications: one, a list, the numbers.
use std::collections::BTreeSet;

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::{TestApp, assert_problem, event, eventually};

/// The ids by which the caller knows the notifications of a page.
fn event_ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().expect("a page has data");
    let id = |notification: &Value| notification["eventId"].as_str().unwrap_or_default().to_owned();
    data.iter().map(id).collect()
}

async fn list(app: &TestApp, query: &str) -> Value {
    let answer = app.client.get(&format!("/notifications?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.body
}

#[actix_web::test]
async fn what_is_not_there_is_not_found() {
    let app = TestApp::start(&[]).await;
    app.client.post(&event("evt_1")).await;
    let long = "9".repeat(5000);
    let table = [
        ("0198c0de-0000-7000-8000-000000000000", "an id that was never given"),
        ("00000000-0000-0000-0000-000000000000", "the empty id"),
        ("evt_1", "the caller's id is no notification's id"),
        ("1", "a number"),
        (long.as_str(), "a long one"),
        ("%00", "a zero byte"),
        ("%ff", "no UTF-8"),
        ("%1b%5B2J", "what would garble a terminal"),
        ("..%2Fstats", "a path"),
        ("0198c0de-0000-7000-8000-00000000000g", "nearly an id"),
    ];
    for (id, why) in table {
        let answer = app.client.get(&format!("/notifications/{id}")).await;
        assert_problem(&answer, 404, "not_found", why);
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.len() < 512 && !detail.chars().any(char::is_control), "{why}: {detail}");
    }
}

#[actix_web::test]
async fn a_list_is_narrowed_by_what_the_query_says() {
    // What is retried is not tried again while the test looks.
    let app = TestApp::start(&[("RETRY__INITIAL_BACKOFF_MS", "600000")]).await;
    let post = async |id: &str, kind: &str, customer: &str| {
        let event = json!({"id": id, "type": kind, "data": {}, "customer": customer});
        assert_eq!(app.client.post(&event).await.status, 202);
    };
    post("a1", "order.paid", "acme").await;
    post("g1", "order.paid", "globex").await;
    eventually("two are delivered", async || app.client.stat("delivered").await == 2).await;
    app.sandbox.set_faults(Faults::answering(422));
    post("a2", "order.lost", "acme").await;
    eventually("one is dead", async || app.client.stat("dead").await == 1).await;
    app.sandbox.set_faults(Faults::answering(503));
    post("g2", "order.lost", "globex").await;
    post("a1", "order.paid", "Globex & söns").await;
    eventually("both were tried", async || app.client.stat("failedAttempts").await == 3).await;
    let table: [(&str, &[&str], &str); 14] = [
        ("", &["a1", "g2", "a2", "g1", "a1"], "everything, newest first"),
        ("customer=acme", &["a2", "a1"], "one customer's"),
        ("customer=Globex%20%26%20s%C3%B6ns", &["a1"], "a name that needs escapes"),
        ("customer=nobody", &[], "a customer that has none"),
        ("eventId=g1", &["g1"], "the caller's id"),
        ("eventId=a1", &["a1", "a1"], "an id that two customers use"),
        ("eventId=a1&customer=acme", &["a1"], "the one of one of them"),
        ("state=delivered", &["g1", "a1"], "what arrived"),
        ("state=dead", &["a2"], "what never will"),
        ("state=queued", &["a1", "g2"], "what waits"),
        ("state=expired", &[], "nothing is too old"),
        ("type=order.lost", &["g2", "a2"], "a type"),
        ("type=order", &[], "types are compared whole"),
        ("type=order.paid&state=delivered&customer=globex&limit=250", &["g1"], "all at once"),
    ];
    for (query, right, why) in table {
        // An id that is taken in the application goes out under another; the caller's still finds it.
        let page = list(&app, query).await;
        let found: Vec<_> = event_ids(&page)
            .into_iter()
            .map(|id| {
                if id.starts_with("sha256_") {
                    "a1".to_owned()
                } else {
                    id
                }
            })
            .collect();
        assert_eq!(found, right, "{query}: {why}");
        assert_eq!(page["nextCursor"], Value::Null, "{query}: {why}");
    }
}

#[actix_web::test]
async fn a_list_is_narrowed_to_a_time_of_acceptance() {
    let app = TestApp::start(&[]).await;
    for number in 0..5 {
        app.client.post(&event(&format!("evt_{number}"))).await;
        eventually("it is delivered", async || app.client.stat("delivered").await == number + 1).await;
    }
    let all = list(&app, "").await;
    let times: Vec<&str> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|notification| notification["acceptedAt"].as_str())
        .collect();
    assert_eq!(times.len(), 5);
    let (later, earlier) = (times[1], times[3]);
    let between = |from: &str, to: &str| {
        let times = times.iter().copied();
        times.filter(|time| from <= *time && *time < to).count()
    };
    let end = "9999-01-01T00:00:00.000Z";
    let table = [
        (format!("from={later}"), between(later, end), "from that moment on"),
        (format!("to={earlier}"), between("", earlier), "before that moment"),
        (format!("from={earlier}&to={later}"), between(earlier, later), "from one to the other"),
        ("from=9998-12-31T23:00:00-01:00".to_owned(), 0, "in another zone"),
        ("to=2026-01-01T00:00:00%2B02:00".to_owned(), 0, "in yet another zone"),
    ];
    for (query, count, why) in table {
        assert_eq!(event_ids(&list(&app, &query).await).len(), count, "{query}: {why}");
    }
}

#[actix_web::test]
async fn pages_cover_everything_once_while_new_ones_arrive() {
    let app = TestApp::start(&[]).await;
    for number in 0..120 {
        assert_eq!(app.client.post(&event(&format!("evt_{number:03}"))).await.status, 202);
    }
    let mut right: Vec<_> = (0..120).map(|number| format!("evt_{number:03}")).collect();
    right.reverse();
    for (size, query) in [
        (50, ""),
        (1, "limit=1"),
        (7, "limit=7"),
        (120, "limit=120"),
        (250, "limit=250"),
    ] {
        let (mut found, mut cursor, mut arrived) = (Vec::new(), String::new(), 0);
        loop {
            let page = list(&app, &format!("{query}{cursor}")).await;
            let ids = event_ids(&page);
            assert!(ids.len() <= size, "{query}: {}", ids.len());
            found.extend(ids);
            let Some(next) = page["nextCursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            if arrived < 5 {
                arrived += 1;
                app.client.post(&event(&format!("late_{size}_{arrived}"))).await;
            }
        }
        // What arrived for the sizes before this one stands in front.
        let old: Vec<_> = found
            .iter()
            .filter(|id| id.starts_with("evt_"))
            .cloned()
            .collect();
        assert_eq!(old, right, "{query}");
        assert!(!found.iter().any(|id| id.starts_with(&format!("late_{size}_"))), "{query}");
        let once: BTreeSet<_> = found.iter().collect();
        assert_eq!(once.len(), found.len(), "{query}: none is there twice");
    }
}

#[actix_web::test]
async fn a_cursor_goes_with_filters_and_ends_where_they_end() {
    let app = TestApp::start(&[]).await;
    for number in 0..20 {
        let customer = if number % 2 == 0 { "acme" } else { "globex" };
        let event =
            json!({"id": format!("evt_{number:02}"), "type": "a.b", "data": {}, "customer": customer});
        assert_eq!(app.client.post(&event).await.status, 202);
    }
    let first = list(&app, "customer=acme&limit=5").await;
    assert_eq!(event_ids(&first), ["evt_18", "evt_16", "evt_14", "evt_12", "evt_10"]);
    let next = first["nextCursor"].as_str().expect("there are more");
    let second = list(&app, &format!("customer=acme&limit=5&cursor={next}")).await;
    assert_eq!(event_ids(&second), ["evt_08", "evt_06", "evt_04", "evt_02", "evt_00"]);
    assert_eq!(second.get("nextCursor"), None, "a full page may be the last");
}

#[actix_web::test]
async fn parameters_that_cannot_be_used_are_named() {
    let app = TestApp::start(&[]).await;
    app.client.post(&event("evt_1")).await;
    let long = format!("customer={}", "x".repeat(129));
    let table = [
        ("limit=0", "limit", "a page of nothing"),
        ("limit=251", "limit", "more than a page may have"),
        ("limit=abc", "limit", "no number"),
        ("limit=-1", "limit", "less than nothing"),
        ("limit=1.5", "limit", "half a notification"),
        ("limit=99999999999999999999", "limit", "more than a machine counts"),
        ("limit=", "limit", "an empty number"),
        ("state=lost", "state", "no such state"),
        ("state=Queued", "state", "states have a case"),
        ("state=", "state", "an empty state"),
        ("from=yesterday", "from", "no RFC 3339 time"),
        ("to=2026-01-31", "to", "a day only"),
        ("to=1767225600", "to", "seconds"),
        ("cursor=abc", "cursor", "no cursor"),
        ("cursor=n-1", "cursor", "before the first row"),
        ("cursor=", "cursor", "an empty cursor"),
        ("customer=", "customer", "no customer has an empty name"),
        ("customer=a%0Ab", "customer", "nor one with a line break"),
        (&long, "customer", "nor one of 129 bytes"),
        ("id=1", "id", "an unknown one"),
        ("Limit=1", "Limit", "names have a case"),
        ("event_id=1", "event_id", "another spelling"),
        ("limit=%ff", "limit", "no UTF-8"),
    ];
    for (query, name, why) in table {
        let answer = app.client.get(&format!("/notifications?{query}")).await;
        assert_problem(&answer, 400, "invalid_parameter", why);
        let errors = answer.body["errors"].as_array().expect(why);
        assert_eq!(errors.len(), 1, "{why}: {errors:?}");
        assert_eq!(errors[0]["pointer"], name, "{why}");
        assert_eq!(errors[0]["code"], "invalid_parameter", "{why}");
        let detail = errors[0]["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && detail.len() < 1024, "{why}: {detail}");
    }
    let answer = app
        .client
        .get("/notifications?limit=0&state=lost&from=x&what=1&customer=acme")
        .await;
    assert_problem(&answer, 400, "invalid_parameter", "several at once");
    let errors = answer.body["errors"].as_array().unwrap();
    let names: Vec<_> = errors
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(names, ["limit", "state", "from", "what"]);
}

#[actix_web::test]
async fn the_numbers_add_up_and_survive_a_restart() {
    let mut app = TestApp::start(&[("DELIVERY__ACTORS", "3")]).await;
    app.client.post(&event("evt_1")).await;
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    app.client.post(&event("evt_1")).await;
    app.sandbox.set_faults(Faults {
        fault_limit: Some(1),
        ..Faults::answering(500)
    });
    app.client.post(&event("evt_2")).await;
    eventually("it is delivered too", async || app.client.stat("delivered").await == 2).await;
    app.sandbox.set_faults(Faults::answering(422));
    app.client.post(&event("evt_3")).await;
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    eventually("the duplicate is counted", async || app.client.stat("duplicates").await == 1).await;
    let at_rest = async |app: &TestApp| {
        let mut stats = Value::Null;
        eventually("all actors are alive and idle", async || {
            stats = app.client.get("/stats").await.body;
            stats["inFlight"] == 0 && stats["workers"]["alive"] == 3
        })
        .await;
        stats
    };
    let before = at_rest(&app).await;
    let started_at = before["startedAt"]
        .as_str()
        .expect("it started some time")
        .to_owned();
    let right = json!({
        "accepted": 3, "duplicates": 1, "filtered": 0, "delivered": 2, "retries": 1, "failedAttempts": 2,
        "dead": 1, "expired": 0, "queued": 0, "inFlight": 0, "workers": {"configured": 3, "alive": 3},
        "startedAt": started_at,
    });
    assert_eq!(before, right);
    app.stop().await.expect("it stops");
    app.start_again(&[]).await;
    let mut after = at_rest(&app).await;
    let started_again = after["startedAt"].take();
    assert!(
        started_again
            .as_str()
            .is_some_and(|again| again > started_at.as_str()),
        "{started_again}"
    );
    after["startedAt"] = json!(started_at);
    assert_eq!(after, before, "totals are those of the store, not of the process");
    app.sandbox.clear_faults();
    app.client.post(&event("evt_4")).await;
    eventually("it counts on", async || app.client.stat("delivered").await == 3).await;
}

#[actix_web::test]
async fn what_waits_and_what_is_under_way_is_counted() {
    let app = TestApp::start(&[("SVIX__REQUEST_TIMEOUT_MS", "60000")]).await;
    app.sandbox.set_faults(Faults {
        hang_before: true,
        hang_ratio: 1.0,
        ..Faults::default()
    });
    for number in 0..4 {
        app.client.post(&event(&format!("evt_{number}"))).await;
    }
    eventually("four are in flight", async || app.client.stat("inFlight").await == 4).await;
    assert_eq!((app.client.stat("queued").await, app.client.stat("delivered").await), (4, 0));
}
