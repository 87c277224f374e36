//! That an operator can prove that nothing was lost, and is told where something was.

use std::time::Duration;

use serde_json::{Value, json};
use svix_hooks::domain::Timestamp;
use svix_hooks::sandbox::Faults;

use crate::support::{Client, TestApp, TestStore, World, assert_problem, eventually};

async fn post(client: &Client, customer: &str, id: &str) {
    let event = json!({"id": id, "type": "a.b", "data": {}, "customer": customer});
    assert_eq!(client.post(&event).await.status, 202);
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// Posts two events of acme and one of globex, and waits until they are delivered.
async fn three_delivered(client: &Client) {
    for (customer, id) in [("acme", "a1"), ("acme", "a2"), ("globex", "g1")] {
        post(client, customer, id).await;
    }
    eventually("three are delivered", async || client.stat("delivered").await == 3).await;
}

/// A service that has delivered three and given another one of acme up.
async fn with_four() -> TestApp {
    let app = TestApp::start(&[]).await;
    three_delivered(&app.client).await;
    app.sandbox.set_faults(Faults::answering(422));
    post(&app.client, "acme", "a3").await;
    eventually("one is dead", async || app.client.stat("dead").await == 1).await;
    app
}

/// The moment so many minutes after the start of the service.
async fn moment(client: &Client, minutes: i64) -> Timestamp {
    let started_at = get(client, "/stats").await["startedAt"].take();
    let started_at = Timestamp::parse(started_at.as_str().expect("a text")).expect("a time");
    Timestamp::from_millis(started_at.as_millis() + minutes * 60_000)
}

/// The hour around the start of the service, as parameters.
async fn this_hour(client: &Client) -> String {
    format!("from={}&to={}", moment(client, -30).await, moment(client, 30).await)
}

#[actix_web::test]
async fn an_audit_accounts_for_every_event() {
    let app = with_four().await;
    post(&app.client, "acme", "a1").await;
    eventually("the duplicate is counted", async || app.client.stat("duplicates").await == 1).await;
    let hour = this_hour(&app.client).await;
    let ledger = |accepted: i64, delivered: i64, dead: i64, duplicates: i64| {
        json!({
            "accepted": accepted, "delivered": delivered, "filtered": 0, "dead": dead, "expired": 0, "queued": 0,
            "difference": 0, "pruned": {"delivered": 0, "filtered": 0, "dead": 0, "expired": 0},
            "duplicates": duplicates, "retries": 0, "failedAttempts": dead, "redriven": 0,
        })
    };
    let table = [
        (String::new(), ledger(4, 3, 1, 1), "all time"),
        ("?customer=acme".to_owned(), ledger(3, 2, 1, 1), "a customer"),
        (format!("?{hour}"), ledger(4, 3, 1, 1), "an hour"),
        (format!("?{hour}&customer=globex"), ledger(1, 1, 0, 0), "a customer's hour"),
        ("?customer=nobody".to_owned(), ledger(0, 0, 0, 0), "a customer that has none"),
        ("?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z".to_owned(), ledger(0, 0, 0, 0), "the past"),
    ];
    for (query, ledger, why) in table {
        let audit = get(&app.client, &format!("/audit{query}")).await;
        let rows = json!({
            "delivered": ledger["delivered"], "filtered": 0, "dead": ledger["dead"], "expired": 0, "queued": 0,
            "total": ledger["accepted"],
        });
        assert_eq!((&audit["ledger"], &audit["rows"]), (&ledger, &rows), "{why}");
        let zero = json!({"delivered": 0, "filtered": 0, "dead": 0, "expired": 0, "queued": 0});
        assert_eq!((&audit["rowsDifference"], &audit["balanced"]), (&zero, &json!(true)), "{why}");
        assert!(
            audit["counted"]
                .as_str()
                .is_some_and(|text| text.contains("notifications")),
            "{why}"
        );
        assert!(audit["check"]["differences"].is_array(), "{why}: {audit}");
        assert_eq!(audit["from"].is_string(), query.contains("from"), "{why}");
        assert_eq!(audit["customer"].is_string(), query.contains("customer"), "{why}");
    }
    let audit = get(&app.client, "/audit?from=2026-01-01T10:00:30Z&to=2026-01-01T12:00:00.001%2B01:00").await;
    assert_eq!(audit["from"], "2026-01-01T10:00:00.000Z", "whole minutes");
    assert_eq!(audit["to"], "2026-01-01T11:01:00.000Z", "that hold all that was asked for");
}

#[actix_web::test]
async fn what_is_lost_or_miscounted_makes_an_audit_unbalanced() {
    let app = with_four().await;
    let hour = this_hour(&app.client).await;
    app.store
        .tamper("DELETE FROM notifications WHERE event_id = 'a2'")
        .await;
    for query in [
        "",
        "?customer=acme",
        &format!("?{hour}"),
        &format!("?customer=acme&{hour}"),
    ] {
        let audit = get(&app.client, &format!("/audit{query}")).await;
        assert_eq!(audit["rowsDifference"]["delivered"], -1, "{query}: {audit}");
        assert_eq!(
            (&audit["ledger"]["difference"], &audit["balanced"]),
            (&json!(0), &json!(false)),
            "{query}"
        );
    }
    let audit = get(&app.client, "/audit?customer=globex").await;
    assert_eq!(audit["balanced"], true, "others are as they were");
    app.store
        .tamper("UPDATE ledger_minutes SET dead = dead + 1 WHERE customer = 'globex'")
        .await;
    let audit = get(&app.client, &format!("/audit?customer=globex&{hour}")).await;
    let found = (&audit["ledger"]["difference"], &audit["rowsDifference"]["dead"], &audit["balanced"]);
    assert_eq!(found, (&json!(-1), &json!(-1), &json!(false)), "a cell");
    let audit = get(&app.client, "/audit?customer=globex").await;
    assert_eq!(audit["balanced"], true, "its totals are right");
    app.store
        .tamper("UPDATE ledger SET accepted = accepted + 2 WHERE customer = 'globex'")
        .await;
    let audit = get(&app.client, "/audit?customer=globex").await;
    assert_eq!((&audit["ledger"]["difference"], &audit["balanced"]), (&json!(2), &json!(false)), "a total");
}

/// Moves all that is settled a week into the past, which no retention concerns: first the rows, which are not
/// compared without their cells.
async fn age(store: &TestStore) {
    let rows = match store.file() {
        Some(_) => {
            "UPDATE notifications SET accepted_at = accepted_at - 600000000, \
             id = CAST(unhex(printf('%012x', accepted_at - 600000000)) || substr(id, 7) AS BLOB)"
        }
        None => {
            "UPDATE notifications SET accepted_at = accepted_at - 600000000, \
             id = decode(lpad(to_hex(accepted_at - 600000000), 12, '0'), 'hex') || substring(id FROM 7)"
        }
    };
    store.tamper(rows).await;
    store
        .tamper("UPDATE ledger_minutes SET minute = minute - 10000")
        .await;
}

/// What health says of the ledger.
async fn ledger(client: &Client) -> (String, String) {
    let health = get(client, "/health").await;
    let checks = health["checks"].as_array().expect("there are checks");
    let check = checks
        .iter()
        .find(|check| check["name"] == "ledger")
        .expect("one of the ledger");
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    assert!(health["status"] == "degraded" || text("status") == "ok", "{health}");
    (text("status"), text("detail"))
}

#[actix_web::test]
async fn the_check_in_the_background_finds_what_is_lost_or_miscounted_and_tells_once() {
    let world = World::new();
    let process = world.start(&[]).await;
    let client = &process.client;
    three_delivered(client).await;
    assert_eq!(ledger(client).await.0, "ok");
    age(&world.store).await;
    eventually("old minutes are compared", async || {
        let (status, detail) = ledger(client).await;
        status == "ok" && detail.contains("agrees") && !detail.contains(" 0 minutes")
    })
    .await;

    world
        .store
        .tamper("DELETE FROM notifications WHERE event_id = 'a1'")
        .await;
    eventually("health tells of the lost row", async || {
        let (status, detail) = ledger(client).await;
        status == "degraded"
            && detail.contains("acme, accepted in the minute of")
            && detail.contains("delivered is")
    })
    .await;
    assert_eq!(client.get("/health/ready").await.status, 200, "it accepts and delivers as ever");
    let audit = get(client, "/audit").await;
    let found = &audit["check"]["differences"];
    assert_eq!((found.as_array().map(Vec::len), &audit["check"]["found"]), (Some(1), &json!(1)), "{audit}");
    assert_eq!(found[0]["customer"], "acme");
    assert!(found[0]["minute"].is_string(), "{audit}");
    for (query, differences, why) in [
        ("?customer=acme", 1, "the customer"),
        ("?customer=globex", 0, "another customer"),
        ("?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", 0, "another time"),
    ] {
        let audit = get(client, &format!("/audit{query}")).await;
        assert_eq!(audit["check"]["differences"].as_array().map(Vec::len), Some(differences), "{why}");
        assert_eq!(audit["balanced"], differences == 0, "{why}");
    }
    // What the ledger has forgotten is not compared.
    world
        .store
        .tamper("DELETE FROM ledger_minutes WHERE customer = 'acme'")
        .await;
    world
        .store
        .tamper("UPDATE ledger SET delivered = 7 WHERE customer = 'globex'")
        .await;
    eventually("health tells of the total only", async || {
        let (status, detail) = ledger(client).await;
        status == "degraded" && detail == "globex: the ledger counts -6 more accepted than it accounts for"
    })
    .await;
    world
        .store
        .tamper("UPDATE ledger SET delivered = 1 WHERE customer = 'globex'")
        .await;
    eventually("all is well", async || ledger(client).await.0 == "ok").await;
    let log = process.log();
    let told = |what: &str| {
        log.iter()
            .filter(|line| line.contains(r#""level":"error""#) && line.contains(what))
            .count()
    };
    assert_eq!((told("acme"), told("globex")), (1, 1), "{log:?}");
}

#[actix_web::test]
async fn a_series_shows_when_what_was_accepted_and_where_it_stands() {
    let app = with_four().await;
    let hour = this_hour(&app.client).await;
    let sum = |series: &Value, name: &str| -> i64 {
        let points = series["points"].as_array().expect("there are points");
        points.iter().filter_map(|point| point[name].as_i64()).sum()
    };
    let table = [
        (format!("?{hour}"), 60, 61, (4, 3, 1), "every minute"),
        (format!("?{hour}&step=300"), 300, 13, (4, 3, 1), "every five"),
        (format!("?{hour}&step=86400"), 86_400, 1, (4, 3, 1), "all in one"),
        (format!("?{hour}&customer=globex"), 60, 61, (1, 1, 0), "a customer"),
        (format!("?{hour}&customer=nobody"), 60, 61, (0, 0, 0), "a customer that has none"),
        (String::new(), 60, 61, (4, 3, 1), "the last hour"),
        (format!("?from={}", moment(&app.client, -600).await), 600, 61, (4, 3, 1), "until now"),
        ("?from=2020-01-01T00:00:00Z&to=2020-01-31T00:00:00Z".to_owned(), 21_600, 120, (0, 0, 0), "a month"),
    ];
    for (query, step, points, (accepted, delivered, dead), why) in table {
        let series = get(&app.client, &format!("/stats/timeseries{query}")).await;
        assert_eq!(series["step"], step, "{why}");
        let count = series["points"].as_array().map_or(0, Vec::len);
        // A time that starts in the middle of a minute touches one more.
        assert!(count == points || count + 1 == points, "{why}: {count}");
        let sums = (sum(&series, "accepted"), sum(&series, "delivered"), sum(&series, "dead"));
        assert_eq!(sums, (accepted, delivered, dead), "{why}");
        assert_eq!(series["points"][0]["at"], series["from"], "{why}");
        let first = series["from"]
            .as_str()
            .and_then(|from| Timestamp::parse(from).ok())
            .expect(why);
        if count > 1 {
            let second = first.after(Duration::from_secs(step)).to_string();
            assert_eq!(series["points"][1]["at"], second, "{why}");
        }
    }
    let empty = get(&app.client, "/stats/timeseries?from=2020-01-01T00:00:00Z&to=2020-01-01T00:01:00Z").await;
    let zero = json!({
        "at": "2020-01-01T00:00:00.000Z", "accepted": 0, "duplicates": 0, "delivered": 0, "filtered": 0, "dead": 0,
        "expired": 0, "queued": 0, "retries": 0, "failedAttempts": 0, "redriven": 0,
    });
    assert_eq!(empty["points"], json!([zero]));
}

#[actix_web::test]
async fn parameters_that_cannot_be_used_are_named() {
    let app = TestApp::start(&[]).await;
    let long = format!("customer={}", "x".repeat(129));
    let both = [
        ("from=yesterday", "from", "no RFC 3339 time"),
        ("to=2026-01-31", "to", "a day only"),
        ("from=1767225600", "from", "seconds"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from", "backwards"),
        ("from=9000-01-01T00:00:00Z", "from", "after now"),
        ("from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:01Z", "from", "more than 366 days"),
        ("from=-009999-01-01T00:00:00Z&to=9999-01-01T00:00:00Z", "from", "all time there is"),
        ("customer=", "customer", "no customer has an empty name"),
        ("customer=a%0Ab", "customer", "nor one with a line break"),
        (&long, "customer", "nor one of 129 bytes"),
        ("state=dead", "state", "an unknown one"),
        ("From=2026-01-01T00:00:00Z", "From", "names have a case"),
    ];
    let audit = [
        ("to=2026-01-01T00:00:00Z", "from", "no start"),
        ("step=60", "step", "for a series only"),
    ];
    let series = [
        ("step=0", "step", "no time"),
        ("step=-60", "step", "backwards"),
        ("step=90", "step", "no whole minutes"),
        ("step=1.5", "step", "no whole number"),
        ("step=", "step", "an empty number"),
        ("step=99999999999999999999", "step", "more than a machine counts"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&step=60", "step", "2880 points"),
    ];
    let of = |path: &'static str, table: &[(&'static str, &'static str, &'static str)]| {
        let table = table
            .iter()
            .map(|(query, name, why)| (format!("{path}?{query}"), *name, *why));
        table.collect::<Vec<_>>()
    };
    let shared = both.iter().flat_map(|(query, name, why)| {
        ["/audit", "/stats/timeseries"].map(|path| (format!("{path}?{query}"), *name, *why))
    });
    let all = shared
        .chain(of("/audit", &audit))
        .chain(of("/stats/timeseries", &series));
    for (path, name, why) in all {
        let answer = app.client.get(&path).await;
        assert_problem(&answer, 400, "invalid_parameter", &format!("{path}: {why}"));
        let errors = answer.body["errors"].as_array().expect(why);
        assert_eq!(errors.len(), 1, "{path}: {why}: {errors:?}");
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!(name), &json!("invalid_parameter")),
            "{path}"
        );
        let detail = errors[0]["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && detail.len() < 1024, "{path}: {detail}");
    }
    let answer = app
        .client
        .get("/stats/timeseries?from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&step=60")
        .await;
    assert!(answer.body.to_string().contains("the least step is 120"), "{}", answer.body);
    let answer = app.client.get("/audit?from=x&what=1&customer=&to=y").await;
    let errors = answer.body["errors"].as_array().expect("several at once");
    let names: Vec<_> = errors
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(names, ["from", "what", "customer", "to"]);
    for (path, why) in [
        ("/stats/timeseries?from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z", "366 days"),
        ("/stats/timeseries?to=2026-01-01T00:00:00Z", "the hour before"),
        ("/stats/timeseries?from=2026-01-01T00:00:00Z&to=2026-01-02T01:00:00Z&step=60", "1500 points"),
        ("/audit?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "no time at all"),
    ] {
        get(&app.client, path).await;
        assert!(!why.is_empty());
    }
}
