//! Lists, groups, the story of one notification, and the audit.

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::command::Operator;
use crate::scripted::Scripted;
use crate::support::{TestApp, event, eventually};

/// Starts a service where three events of two customers have died and one was delivered.
async fn with_dead_letters() -> TestApp {
    let app = TestApp::start(&[]).await;
    assert_eq!(app.client.post(&event("evt_well")).await.status, 202);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    app.sandbox.set_faults(Faults::answering(422));
    for (id, customer) in [("evt_1", "acme"), ("evt_2", "acme"), ("evt_3", "globex")] {
        let event = json!({"id": id, "type": "invoice.paid", "customer": customer, "data": {"for": id}});
        assert_eq!(app.client.post(&event).await.status, 202);
    }
    eventually("they are dead", async || app.client.stat("dead").await == 3).await;
    app
}

/// The lines of a table without its heading.
fn rows(printed: &str) -> Vec<&str> {
    printed.lines().skip(1).collect()
}

#[actix_web::test]
async fn dead_letters_are_listed_narrowed_and_grouped() {
    let app = with_dead_letters().await;
    let operator = Operator::of(&app.client.url);
    let all = operator.printed(&["dead-letters", "list"]).await;
    let line = rows(&all)[0];
    assert!(all.starts_with("ID ") && rows(&all).len() == 3, "{all}");
    assert!(line.contains("globex") && line.contains("rejected     422"), "the newest first: {all}");
    let narrowed = operator
        .printed(&[
            "dead-letters",
            "list",
            "--customer",
            "acme",
            "--type",
            "invoice.paid",
        ])
        .await;
    assert_eq!(rows(&narrowed).len(), 2, "{narrowed}");
    let first = operator.run(&["dead-letters", "list", "--limit", "1"]).await;
    assert_eq!(rows(&first.printed).len(), 1, "{first:?}");
    assert!(first.said.contains("there may be more"), "{first:?}");

    let groups = operator
        .printed(&["dead-letters", "groups", "--by", "customer,reason"])
        .await;
    let words: Vec<Vec<&str>> = groups
        .lines()
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    let right = [
        ["COUNT", "CUSTOMER", "REASON"],
        ["2", "acme", "rejected"],
        ["1", "globex", "rejected"],
    ];
    assert_eq!(words, right, "{groups}");
    let json = operator.run(&["dead-letters", "groups", "--json"]).await.json();
    assert_eq!(json, app.client.get("/dead-letters/groups").await.body);
    let refused = operator.run(&["dead-letters", "groups", "--q", "x"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");

    let delivered = ["notifications", "list", "--state", "delivered", "--json"];
    let json = operator.run(&delivered).await.json();
    assert_eq!(json, app.client.get("/notifications?state=delivered").await.body);
    let none = operator
        .run(&["notifications", "list", "--event-id", "evt_none"])
        .await;
    assert_eq!((none.code, none.printed.as_str()), (Some(0), ""), "{none:?}");
}

#[actix_web::test]
async fn the_story_of_a_notification_is_told_in_order_and_then_what_happens_next() {
    let app = with_dead_letters().await;
    let operator = Operator::of(&app.client.url);
    let listed = operator
        .run(&["notifications", "list", "--event-id", "evt_1", "--json"])
        .await
        .json();
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let dead = operator.printed(&["notifications", "show", &id]).await;
    assert!(dead.contains("next: nothing by itself; it can be sent again"), "{dead}");
    assert!(!dead.contains(r#"{"for":"evt_1"}"#), "the payload was not asked for: {dead}");

    app.sandbox.set_faults(Faults::default());
    let again = operator.printed(&["notifications", "redrive", &id]).await;
    assert!(again.contains(&id) && again.contains("acme"), "{again}");
    eventually("it is delivered", async || app.client.stat("delivered").await == 2).await;
    let told = operator
        .printed(&["notifications", "show", &id, "--payload"])
        .await;
    let places = [
        "accepted",
        "request 1: send",
        "dead ",
        "sent again",
        "request 2: send",
        "delivered ",
    ];
    let places = places.map(|words| {
        told.find(&format!("Z  {words}"))
            .unwrap_or_else(|| panic!("{words}: {told}"))
    });
    assert!(places.is_sorted(), "{told}");
    assert!(told.contains("next: nothing: Svix has it"), "{told}");
    assert!(
        told.trim_end()
            .ends_with(r#""id":"evt_1","type":"invoice.paid"}"#),
        "{told}"
    );
    let json = operator
        .run(&["notifications", "show", &id, "--json"])
        .await
        .json();
    assert_eq!(json, app.client.get(&format!("/notifications/{id}")).await.body);

    let refused = operator.run(&["notifications", "redrive", &id]).await;
    assert!(refused.code == Some(2) && refused.said.contains("not_dead: "), "{refused:?}");
}

fn listed(id: &str, detail: &str) -> Value {
    json!({
        "id": id, "eventId": id, "customer": "acme", "eventType": "a.b", "state": "dead", "reason": "rejected",
        "status": 422, "acceptedAt": "2026-11-25T00:00:00Z", "attemptsMade": 1, "detail": detail,
    })
}

/// Three pages, one of them empty, as a search may answer.
fn pages() -> [String; 3] {
    let escape = listed("one", "\u{1b}[2J\u{9b}31m");
    [
        json!({"data": [escape], "nextCursor": "n3"}).to_string(),
        json!({"data": [], "nextCursor": "n2"}).to_string(),
        json!({"data": [listed("two", &"x".repeat(100))]}).to_string(),
    ]
}

#[actix_web::test]
async fn all_pages_are_one_table_or_one_document() {
    let pages = pages();
    let answers = pages.each_ref().map(|page| (200, page.as_str()));
    let service = Scripted::answering(&answers);
    let table = Operator::of(&service.url)
        .printed(&["dead-letters", "list", "--all", "--reason", "rejected"])
        .await;
    assert_eq!(table.matches("CUSTOMER").count(), 1, "one heading: {table}");
    assert!(table.contains(r"\u{1b}[2J\u{9b}31m"), "nothing steers the terminal: {table}");
    assert!(table.contains(&format!("{}…", "x".repeat(59))) && !table.contains(&"x".repeat(60)), "{table}");
    let right = ["", "&cursor=n3", "&cursor=n2"]
        .map(|cursor| format!("GET /dead-letters?reason=rejected&limit=250{cursor}"));
    assert_eq!(service.asked(), right);

    let service = Scripted::answering(&answers);
    let document = Operator::of(&service.url)
        .run(&["dead-letters", "list", "--all", "--json"])
        .await
        .json();
    let ids: Vec<&str> = document["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|listed| listed["id"].as_str())
        .collect();
    assert_eq!((ids, document.get("nextCursor")), (vec!["one", "two"], None));
}

fn audit(balanced: bool) -> String {
    let difference = i64::from(!balanced);
    let differences = match balanced {
        true => json!([]),
        false => json!([
            {"customer": "acme", "minute": "2026-11-02T03:04:00.000Z", "detail": "dead is 1 in the ledger\n"},
            {"customer": "acme", "detail": "the ledger counts 1 more accepted than it accounts for"},
        ]),
    };
    json!({
        "customer": "acme",
        "ledger": {
            "accepted": 10 + difference, "delivered": 7, "filtered": 0, "dead": 2, "expired": 0, "queued": 1,
            "difference": difference, "pruned": {"delivered": 3, "filtered": 0, "dead": 0, "expired": 0},
            "duplicates": 4, "retries": 5, "failedAttempts": 6, "redriven": 1,
        },
        "rows": {"delivered": 4, "filtered": 0, "dead": 2, "expired": 0, "queued": 1, "total": 7},
        "rowsDifference": {"delivered": 0, "filtered": 0, "dead": 0, "expired": 0, "queued": 0},
        "counted": "every row was counted",
        "balanced": balanced,
        "check": {
            "minutes": 120, "passedOver": 1, "passes": 2, "lastAt": "2026-11-25T10:00:00.000Z",
            "downTo": "2026-11-01T07:30:00.000Z", "found": 2 * difference,
            "differences": differences,
        },
    })
    .to_string()
}

#[actix_web::test]
async fn an_audit_with_a_key_of_one_customer_says_nothing_of_how_far_the_check_is() {
    let mut answer: serde_json::Value = serde_json::from_str(&audit(true)).unwrap();
    answer["check"] = json!({"found": 0, "differences": []});
    let service = Scripted::answering(&[(200, &answer.to_string())]);
    let ran = Operator::of(&service.url).run(&["audit"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.printed.contains("balanced: every") && !ran.printed.contains("compared"), "{}", ran.printed);
}

#[actix_web::test]
async fn an_audit_shows_the_equation_and_exits_with_whether_it_holds() {
    for (balanced, code, verdict, accepted) in
        [(true, 0, "balanced: every", 10), (false, 1, "NOT balanced", 11)]
    {
        let answer = audit(balanced);
        let service = Scripted::answering(&[(200, &answer), (200, &answer)]);
        let operator = Operator::of(&service.url);
        let arguments = ["audit", "--customer", "acme", "--from", "2026-11-01T00:00:00Z"];
        let ran = operator.run(&arguments).await;
        assert_eq!(ran.code, Some(code), "{ran:?}");
        let equation =
            format!("{accepted} accepted = 7 delivered + 0 filtered + 2 dead + 0 expired + 1 queued");
        for words in [
            &equation,
            verdict,
            "every row was counted",
            "delivered       7       3     4",
            "120 minutes compared, last at 2026-11-25T10:00:00.000Z, down to 2026-11-01T07:30:00.000Z, \
             all of them 2 times, 1 passed over as too large",
        ] {
            assert!(ran.printed.contains(words), "{words}: {}", ran.printed);
        }
        let differences = "the check knows of 2 differences\n\
            \x20 acme, accepted in the minute of 2026-11-02T03:04:00.000Z: dead is 1 in the ledger\\n\n\
            \x20 acme: the ledger counts 1 more accepted than it accounts for\n";
        assert_eq!(ran.printed.contains(differences), !balanced, "{}", ran.printed);
        let json = operator.run(&[&arguments[..], &["--json"]].concat()).await;
        assert_eq!((json.code, json.printed.trim()), (Some(code), answer.as_str()));
        let asked = "GET /audit?customer=acme&from=2026-11-01T00%3A00%3A00Z";
        assert_eq!(service.asked(), [asked, asked]);
    }
}
