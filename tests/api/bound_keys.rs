//! Keys of one customer: what they post, see and change is that customer's, and nothing tells them of others.

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::{Client, TestApp, admin, assert_problem, event, eventually, stored_key};

/// A service with two customers, each with a key that may do all that such a key may.
struct Two {
    app: TestApp,
    admin: Client,
    acme: Client,
    globex: Client,
}

impl Two {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::start(settings).await;
        let admin = admin(&app.client).await;
        let scopes = ["ingest", "operate"];
        let acme = stored_key(&admin, "acme-key", &scopes, Some("acme")).await;
        let globex = stored_key(&admin, "globex-key", &scopes, Some("globex")).await;
        let (acme, globex) = (app.client.with_key(&acme), app.client.with_key(&globex));
        Self {
            app,
            admin,
            acme,
            globex,
        }
    }

    /// Lets notifications of either die.
    async fn die(&self, acme: usize, globex: usize) {
        self.app.sandbox.set_faults(Faults::answering(422));
        for (client, many) in [(&self.acme, acme), (&self.globex, globex)] {
            for number in 0..many {
                assert_eq!(client.post(&event(&format!("dead_{number}"))).await.status, 202);
            }
        }
        let dead = i64::try_from(acme + globex).unwrap();
        eventually("they are dead", async || self.admin.stat("dead").await == dead).await;
        self.app.sandbox.clear_faults();
    }
}

fn customers(page: &Value) -> Vec<&str> {
    let data = page["data"].as_array().expect("a page");
    data.iter().filter_map(|one| one["customer"].as_str()).collect()
}

#[actix_web::test]
async fn what_is_posted_is_the_customers_own() {
    let two = Two::start(&[("ROUTING__APPLICATION_POINTERS", "/app")]).await;
    let own = two.acme.post(&event("evt_1")).await;
    assert_eq!((own.status, &own.body["customer"]), (202, &json!("acme")), "the key names it");
    let found = two.acme.get(&format!("/notifications/{}", own.id())).await.body;
    assert_eq!(found["history"][0]["customerFrom"], "key");
    assert_eq!(found["history"][0]["by"], "acme-key");
    let naming = |member: &str, name: &str| {
        let mut event = event("evt_2");
        event[member] = json!(name);
        event
    };
    assert_eq!(two.acme.post(&naming("customer", "acme")).await.status, 202, "so may the event");
    for (event, why) in [
        (naming("customer", "globex"), "another's"),
        (naming("customer", "nobody"), "whether it is there or not"),
        (naming("project", "globex"), "by the other pointer too"),
        (naming("app", "app_of_globex"), "an application may be another's"),
    ] {
        assert_problem(&two.acme.post(&event).await, 403, "forbidden", why);
    }
    assert_eq!(two.admin.stat("accepted").await, 2, "nothing of that was stored");
    assert_eq!(two.admin.post(&naming("customer", "globex")).await.status, 202, "other keys may");
}

#[actix_web::test]
async fn an_id_that_another_customer_has_posted_is_nothing_one_can_tell() {
    let two = Two::start(&[]).await;
    assert_eq!(two.acme.post(&event("shared")).await.status, 202);
    let (taken, free) = (two.globex.post(&event("shared")).await, two.globex.post(&event("free")).await);
    assert_eq!((taken.status, free.status), (202, 202));
    assert_eq!((&taken.body["eventId"], &free.body["eventId"]), (&json!("shared"), &json!("free")));
    let again = two.globex.post(&event("shared")).await.body;
    assert_eq!((&again["eventId"], &again["duplicate"]), (&json!("shared"), &json!(true)));
    let path = format!("/notifications/{}", taken.id());
    let at_svix = two.admin.get(&path).await.body["eventId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(at_svix.starts_with("sha256_"), "Svix knows it by another: {at_svix}");
    assert_eq!(two.globex.get(&path).await.body["eventId"], "shared");
    let by = async |client: &Client, id: &str| {
        let page = client
            .get(&format!("/notifications?limit=1&eventId={id}"))
            .await
            .body;
        page["data"].as_array().map(Vec::len)
    };
    assert_eq!((by(&two.globex, "shared").await, by(&two.globex, "free").await), (Some(1), Some(1)));
    assert_eq!(by(&two.globex, &at_svix).await, Some(0), "and such an id cannot be tried out");
    assert_eq!(by(&two.admin, &at_svix).await, Some(1));
}

#[actix_web::test]
async fn dead_letters_are_seen_sent_again_and_deleted_by_their_own_customer() {
    let two = Two::start(&[("SVIX__REQUESTS_PER_SECOND", "5000"), ("SVIX__BURST", "500")]).await;
    two.die(3, 2).await;
    for path in ["/dead-letters", "/notifications", "/dead-letters?q=rejected"] {
        let page = two.globex.get(path).await.body;
        assert!(customers(&page).iter().all(|customer| *customer == "globex"), "{path}: {page}");
    }
    let groups = two.globex.get("/dead-letters/groups?by=customer").await.body;
    assert_eq!(customers(&groups), ["globex"]);
    let everything = json!({"filter": {}, "ratePerSecond": 1000});
    let job = two.globex.send_json("POST", "/redrives", &everything).await;
    assert_eq!((job.status, &job.body["total"]), (202, &json!(2)), "{}", job.body);
    assert_eq!(job.body["filter"], json!({"customer": "globex"}), "it is narrowed");
    eventually("they are delivered", async || two.globex.stat("delivered").await == 2).await;
    assert_eq!((two.acme.stat("dead").await, two.admin.stat("dead").await), (3, 3), "those of acme stay");
    let of_all = two
        .admin
        .send_json("POST", "/redrives", &json!({"filter": {"status": 599}}))
        .await;
    assert_eq!(of_all.status, 202, "{}", of_all.body);
    for (client, right) in [(&two.globex, 1), (&two.acme, 0), (&two.admin, 2)] {
        let list = client.get("/redrives").await.body;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(right), "{list}");
    }
    for id in [job.id(), of_all.id()] {
        let answer = two.acme.request("POST", &format!("/redrives/{id}/cancel")).await;
        assert_problem(&answer, 404, "not_found", "a job of others, or of all");
    }
    let refused = two.acme.request("DELETE", "/dead-letters?confirm=true").await;
    assert_problem(&refused, 400, "filter_required", "all of one's own must be said too");
    let gone = two
        .globex
        .request("DELETE", "/dead-letters?confirm=true&status=422")
        .await;
    assert_eq!(gone.body["deleted"], 0, "{}", gone.body);
    let gone = two
        .acme
        .request("DELETE", "/dead-letters?confirm=true&status=422")
        .await;
    assert_eq!(gone.body["deleted"], 3, "{}", gone.body);
}

#[actix_web::test]
async fn jobs_of_one_customer_leave_room_for_others() {
    let two = Two::start(&[]).await;
    two.die(1, 1).await;
    let slow = json!({"filter": {}, "ratePerSecond": 0.001});
    for _ in 0..8 {
        let job = two.globex.send_json("POST", "/redrives", &slow).await;
        assert_eq!(job.status, 202, "{}", job.body);
        let paused = format!("/redrives/{}/pause", job.id());
        two.globex.request("POST", &paused).await;
    }
    let list = two.globex.get("/redrives").await.body;
    let waiting = list["data"].as_array().unwrap().iter();
    let waiting = waiting
        .filter(|job| job["state"] == "paused" || job["state"] == "running")
        .count();
    let one_more = two.globex.send_json("POST", "/redrives", &slow).await;
    assert_eq!(waiting, 8, "{list}");
    assert_problem(&one_more, 409, "too_many_redrives", "its own are many");
    assert_eq!(two.acme.send_json("POST", "/redrives", &slow).await.status, 202, "others have room");
}

#[actix_web::test]
async fn numbers_are_the_customers_own_and_tell_nothing_of_processes() {
    let two = Two::start(&[("SERVER__NAME", "replica-7")]).await;
    two.die(3, 1).await;
    let stats = two.globex.get("/stats").await.body;
    assert_eq!((&stats["accepted"], &stats["dead"]), (&json!(1), &json!(1)), "{stats}");
    for member in ["inFlight", "workers", "startedAt"] {
        assert_eq!(stats.get(member), None, "{member}");
        assert!(two.admin.get("/stats").await.body.get(member).is_some(), "{member}");
    }
    let series = two.globex.get("/stats/timeseries").await.body;
    let accepted = series["points"].as_array().unwrap().iter();
    assert_eq!(
        accepted
            .filter_map(|point| point["accepted"].as_i64())
            .sum::<i64>(),
        1,
        "{series}"
    );

    // A difference of another's is not even counted.
    two.app
        .store
        .tamper("UPDATE ledger SET delivered = delivered + 7 WHERE customer = 'acme'")
        .await;
    eventually("the check finds it", async || {
        two.admin.get("/audit").await.body["check"]["found"].as_i64() > Some(0)
    })
    .await;
    let audit = two.globex.get("/audit").await.body;
    assert_eq!((&audit["ledger"]["accepted"], &audit["balanced"]), (&json!(1), &json!(true)), "{audit}");
    assert_eq!(audit["check"], json!({"found": 0, "differences": []}), "{audit}");
    let own = two.acme.get("/audit").await.body;
    assert!(own["check"]["found"].as_i64() > Some(0), "{own}");

    let letter = two.globex.get("/dead-letters").await.body["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/notifications/{letter}");
    assert!(!two.globex.get(&path).await.body.to_string().contains("replica-7"), "which replica sent it");
    assert!(two.admin.get(&path).await.body.to_string().contains("replica-7"));
    two.admin.request("POST", &format!("{path}/redrive")).await;
    let told = two.globex.get(&path).await.body.to_string();
    assert!(told.contains("redriven") && !told.contains("first-admin"), "nor whose key did what: {told}");
}
