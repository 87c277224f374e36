//! What a scrape of a service that works says.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use svix_hooks::app::Signal;
use svix_hooks::domain::AnswerKind;
use svix_hooks::sandbox::Faults;
use svix_hooks::telemetry::METRICS;

use crate::metric_bounds::checked_by_promtool;
use crate::support::customers::{post, set};
use crate::support::{Scrape, TestApp, event, eventually};

/// Waits for a scrape in which a number is so.
async fn until(app: &TestApp, name: &str, labels: &[(&str, &str)], number: f64) -> Scrape {
    let (mut last, what) = (Scrape::default(), format!("{name}{labels:?} is {number}"));
    eventually(&what, async || {
        last = app.client.scrape().await;
        last.number(name, labels) == Some(number)
    })
    .await;
    last
}

#[actix_web::test]
async fn what_a_scrape_serves_is_what_is_described() {
    let app = TestApp::start(&[]).await;
    assert_eq!(app.client.post(&event("evt_1")).await.status, 202);
    until(&app, "svix_hooks_settled_total", &[("state", "delivered"), ("reason", "")], 1.0).await;
    let mut scrape = until(&app, "svix_hooks_queued", &[("account", "default")], 0.0).await;
    // Its server does not tell how much room it has.
    let has_disk = app.store.file().is_some();
    eventually("its room is measured", async || {
        scrape = app.client.scrape().await;
        scrape.number("svix_hooks_store_bytes", &[]) > Some(0.0)
    })
    .await;
    for described in METRICS {
        let name = described.name;
        let family = scrape.families.get(name);
        let is_left_out = !has_disk && name == "svix_hooks_store_disk_free_ratio";
        assert_eq!(family.is_none(), is_left_out, "{name} is served");
        let Some(family) = family else { continue };
        assert_eq!((family.kind.as_str(), family.help.as_str()), (described.kind.as_str(), described.help));
        let labels: BTreeSet<&str> = family.labels().into_iter().map(String::as_str).collect();
        assert_eq!(labels, described.labels.iter().copied().collect(), "{name}");
    }
    for name in scrape.families.keys() {
        assert!(METRICS.iter().any(|described| described.name == name), "{name} is described nowhere");
    }
    checked_by_promtool(&app.client.get("/metrics").await.text);
}

#[actix_web::test]
async fn what_can_be_named_beforehand_is_there_from_the_start() {
    let app = TestApp::start(&[]).await;
    let in_use = [("account", "default"), ("state", "open")];
    let scrape = until(&app, "svix_hooks_account_state", &in_use, 1.0).await;
    let zero = |name: &str, labels: &[(&str, &str)]| {
        assert_eq!(scrape.number(name, labels), Some(0.0), "{name}{labels:?}");
    };
    for result in [
        "accepted",
        "filtered",
        "duplicate",
        "invalid_json",
        "storage_unavailable",
        "stopping",
    ] {
        zero("svix_hooks_accepts_total", &[("result", result)]);
    }
    for (state, reason) in [
        ("delivered", ""),
        ("dead", "exhausted"),
        ("dead", "unreadable"),
        ("expired", "too_old"),
    ] {
        zero("svix_hooks_settled_total", &[("state", state), ("reason", reason)]);
    }
    for kind in AnswerKind::ALL {
        let labels = [("account", "default"), ("outcome", kind.as_str())];
        zero("svix_hooks_attempts_total", &labels);
    }
    for state in ["limited", "circuit", "refused", "missing"] {
        zero("svix_hooks_account_state", &[("account", "default"), ("state", state)]);
    }
    for state in ["queued", "delivered", "filtered", "dead", "expired"] {
        zero("svix_hooks_notifications", &[("state", state)]);
    }
    for name in [
        "svix_hooks_delivery_lag_seconds_count",
        "svix_hooks_pacing_wait_seconds_count",
    ] {
        zero(name, &[("account", "default")]);
    }
    for name in [
        "svix_hooks_dead_letters",
        "svix_hooks_replicas_lost_total",
        "svix_hooks_redriven_total",
    ] {
        zero(name, &[]);
    }
    zero("svix_hooks_redrives", &[("state", "stopped")]);
    zero("svix_hooks_config_reloads_total", &[("result", "refused")]);
    assert_eq!(scrape.number("svix_hooks_store_up", &[]), Some(1.0));
    assert_eq!(scrape.number("svix_hooks_replicas", &[]), Some(1.0));
    let store = if app.store.file().is_some() {
        "sqlite"
    } else {
        "postgres"
    };
    let build = [("version", env!("CARGO_PKG_VERSION")), ("store", store)];
    assert_eq!(scrape.number("svix_hooks_build_info", &build), Some(1.0));
}

#[actix_web::test]
async fn posts_are_counted_by_what_became_of_them() {
    let app = TestApp::start(&[]).await;
    set(&app.client, "acme", json!({"filter": {"include": ["a.paid"]}})).await;
    for number in 0..5 {
        assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    for _ in 0..3 {
        assert_eq!(app.client.post(&event("evt_1")).await.status, 202);
    }
    post(&app.client, "acme", "held_back").await;
    let mut other = event("evt_2");
    other["data"] = json!({"other": "content"});
    assert_eq!(app.client.post(&other).await.status, 409);
    for _ in 0..2 {
        assert_eq!(app.client.try_post("{", &[]).await.expect("an answer").status, 400);
    }
    let delivered = [("state", "delivered"), ("reason", "")];
    let scrape = until(&app, "svix_hooks_settled_total", &delivered, 5.0).await;
    for (result, count) in [
        ("accepted", 5.0),
        ("duplicate", 3.0),
        ("filtered", 1.0),
        ("content_conflict", 1.0),
        ("invalid_json", 2.0),
        ("overloaded", 0.0),
    ] {
        assert_eq!(scrape.number("svix_hooks_accepts_total", &[("result", result)]), Some(count), "{result}");
    }
    assert_eq!(scrape.number("svix_hooks_accept_duration_seconds_count", &[]), Some(12.0));
    let of_default = [("account", "default")];
    for name in [
        "svix_hooks_delivery_lag_seconds_count",
        "svix_hooks_svix_request_duration_seconds_count",
        "svix_hooks_pacing_wait_seconds_count",
    ] {
        assert_eq!(scrape.number(name, &of_default), Some(5.0), "{name}");
    }
    let written = scrape.number("svix_hooks_store_commit_rows_sum", &[]);
    let stats = app.client.get("/stats").await.body;
    assert!(
        (Some(15.0)..=Some(18.0)).contains(&written),
        "10 posts, 5 outcomes, and up to 3 counts of duplicates"
    );
    assert_eq!((&stats["accepted"], &stats["duplicates"]), (&json!(6), &json!(3)));
    let posts = |status| {
        [
            ("route", "/notifications"),
            ("method", "POST"),
            ("status", status),
        ]
    };
    let requests = |labels: &[(&str, &str)]| scrape.number("svix_hooks_http_requests_total", labels);
    assert_eq!((requests(&posts("2xx")), requests(&posts("4xx"))), (Some(9.0), Some(3.0)));
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_not_by_path_or_invented_method() {
    let app = TestApp::start(&[]).await;
    for number in 0..20 {
        app.client.get(&format!("/nowhere/{number}")).await;
        app.client
            .get(&format!("/notifications/{}", uuid::Uuid::now_v7()))
            .await;
        app.client
            .request(&format!("METHOD{number}"), "/notifications")
            .await;
    }
    let scrape = app.client.scrape().await;
    let requests = |route, method, status| {
        let labels = [("route", route), ("method", method), ("status", status)];
        scrape.number("svix_hooks_http_requests_total", &labels)
    };
    assert_eq!(requests("other", "GET", "4xx"), Some(20.0));
    assert_eq!(requests("/notifications/{id}", "GET", "4xx"), Some(20.0));
    assert_eq!(requests("/notifications", "other", "4xx"), Some(20.0));
    // That of posts is there from the start.
    assert_eq!(requests("/notifications", "POST", "2xx"), Some(0.0));
    assert_eq!(scrape.families["svix_hooks_http_requests_total"].samples.len(), 4);
}

#[actix_web::test]
async fn attempts_are_counted_by_what_they_came_to_and_ends_by_their_reason() {
    let app = TestApp::start(&[("SVIX__CIRCUIT_THRESHOLD", "100")]).await;
    let faults = |status, limit| Faults {
        fault_limit: Some(limit),
        ..Faults::answering(status)
    };
    app.sandbox.set_faults(faults(500, 2));
    assert_eq!(app.client.post(&event("evt_late")).await.status, 202);
    let delivered = [("state", "delivered"), ("reason", "")];
    let scrape = until(&app, "svix_hooks_settled_total", &delivered, 1.0).await;
    assert_eq!(scrape.number("svix_hooks_retries_total", &[]), Some(2.0));
    app.sandbox.set_faults(faults(422, 1));
    assert_eq!(app.client.post(&event("evt_bad")).await.status, 202);
    let rejected = [("state", "dead"), ("reason", "rejected")];
    until(&app, "svix_hooks_settled_total", &rejected, 1.0).await;
    let scrape = until(&app, "svix_hooks_dead_letters", &[], 1.0).await;
    let attempts = |outcome| {
        let labels = [("account", "default"), ("outcome", outcome)];
        scrape.number("svix_hooks_attempts_total", &labels)
    };
    for (outcome, count) in [
        ("unavailable", 2.0),
        ("accepted", 1.0),
        ("rejected", 1.0),
        ("limited", 0.0),
    ] {
        assert_eq!(attempts(outcome), Some(count), "{outcome}");
    }
    assert_eq!(scrape.number("svix_hooks_notifications", &[("state", "dead")]), Some(1.0));
}

#[actix_web::test]
async fn an_account_that_svix_refuses_shows_as_refused_and_back_again() {
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults {
        refuse_tokens: true,
        ..Faults::default()
    });
    assert_eq!(app.client.post(&event("evt_1")).await.status, 202);
    let state = |state| [("account", "default"), ("state", state)];
    let scrape = until(&app, "svix_hooks_account_state", &state("refused"), 1.0).await;
    assert_eq!(scrape.number("svix_hooks_account_state", &state("open")), Some(0.0));
    app.sandbox.clear_faults();
    let scrape = until(&app, "svix_hooks_account_state", &state("open"), 1.0).await;
    assert_eq!(scrape.number("svix_hooks_account_state", &state("refused")), Some(0.0));
}

#[actix_web::test]
async fn who_waits_for_a_permit_shows_how_long_and_who_is_under_way_how_many() {
    let settings = [("SVIX__REQUESTS_PER_SECOND", "1"), ("SVIX__BURST", "2")];
    let app = TestApp::start(&settings).await;
    let posts = (0..4).map(|number| {
        let client = app.client.clone();
        async move { client.post(&event(&format!("evt_{number}"))).await.status }
    });
    assert_eq!(join_all(posts).await, [202; 4]);
    let delivered = [("state", "delivered"), ("reason", "")];
    let scrape = until(&app, "svix_hooks_settled_total", &delivered, 4.0).await;
    let of_default = [("account", "default")];
    assert_eq!(scrape.number("svix_hooks_pacing_wait_seconds_count", &of_default), Some(4.0));
    let waited = scrape.number("svix_hooks_pacing_wait_seconds_sum", &of_default);
    // However long the posts take, all four cannot have found a permit.
    assert!(waited > Some(1.0), "three waited for a second each, about: {waited:?}");
    app.sandbox.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    assert_eq!(app.client.post(&event("evt_hangs")).await.status, 202);
    until(&app, "svix_hooks_in_flight", &of_default, 1.0).await;
}

#[actix_web::test]
async fn a_redrive_shows_how_far_it_is() {
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults::answering(422));
    for number in 0..4 {
        assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    until(&app, "svix_hooks_dead_letters", &[], 4.0).await;
    app.sandbox.clear_faults();
    let request = json!({"filter": {}, "ratePerSecond": 0.001});
    let redrive = app.client.send_json("POST", "/redrives", &request).await;
    assert_eq!(redrive.status, 202, "{}", redrive.body);
    let scrape = until(&app, "svix_hooks_redrives", &[("state", "running")], 1.0).await;
    let sent = scrape.number("svix_hooks_redriven_total", &[]).expect("a number");
    assert_eq!(scrape.number("svix_hooks_redrive_remaining", &[]), Some(4.0 - sent));
    let pause = format!("/redrives/{}/pause", redrive.id());
    assert_eq!(app.client.request("POST", &pause).await.status, 200);
    let scrape = until(&app, "svix_hooks_redrives", &[("state", "paused")], 1.0).await;
    assert_eq!(scrape.number("svix_hooks_redrive_remaining", &[]), Some(0.0));
    let one = app.client.get("/notifications?eventId=evt_3").await.body["data"][0]["id"].take();
    let path = format!("/notifications/{}/redrive", one.as_str().expect("it is there"));
    app.client.request("POST", &path).await;
    let scrape = until(&app, "svix_hooks_redriven_total", &[], sent + 1.0).await;
    let lag = scrape.number("svix_hooks_delivery_lag_seconds_count", &[("account", "default")]);
    assert_eq!(lag, Some(0.0), "what an operator sends again tells nothing of the lag");
}

#[actix_web::test]
async fn reloads_are_counted_by_whether_they_could_be_used() {
    let mut app = TestApp::start(&[]).await;
    app.stop().await.expect("it stops");
    let file = app.dir.path().join("svix-hooks.toml");
    std::fs::write(&file, "[delivery]\nactors = 2\n").expect("it is written");
    app.start_with_files(&[], vec![file.clone()]).await;
    let started = app.client.scrape().await;
    let loaded = |scrape: &Scrape| {
        scrape
            .number("svix_hooks_config_last_reload_timestamp_seconds", &[])
            .expect("a time")
    };
    assert!(loaded(&started) > 1.0e9);
    std::fs::write(&file, "[delivery]\nactors = 3\n").expect("it is written");
    app.signal(Signal::Reload);
    let applied = until(&app, "svix_hooks_config_reloads_total", &[("result", "applied")], 1.0).await;
    assert!(loaded(&applied) > loaded(&started));
    until(&app, "svix_hooks_delivery_actors_configured", &[], 3.0).await;
    until(&app, "svix_hooks_delivery_actors_alive", &[], 3.0).await;
    std::fs::write(&file, "[delivery]\nactor = 3\n").expect("it is written");
    app.signal(Signal::Reload);
    let refused = until(&app, "svix_hooks_config_reloads_total", &[("result", "refused")], 1.0).await;
    assert_eq!(loaded(&refused), loaded(&applied), "what was in force stays");
}

#[actix_web::test]
async fn accounts_beyond_the_bound_are_one_together() {
    let app = TestApp::start(&[("METRICS__ACCOUNTS", "3")]).await;
    until(&app, "svix_hooks_in_flight", &[("account", "default")], 0.0).await;
    for number in 0..8 {
        let customer = format!("customer-{number}");
        set(
            &app.client,
            &customer,
            json!({"account": format!("{customer}-own"), "selfService": ["account"]}),
        )
        .await;
        post(&app.client, &customer, "evt_1").await;
    }
    let missing = [("account", "other"), ("state", "missing")];
    let scrape = until(&app, "svix_hooks_account_state", &missing, 6.0).await;
    let accounts = scrape.values("svix_hooks_account_state", "account");
    assert!(accounts.len() == 4 && accounts.contains("default"), "{accounts:?}");
    assert_eq!(scrape.values("svix_hooks_attempts_total", "account"), accounts);
}

#[actix_web::test]
async fn what_waits_shows_by_account_and_customer_with_its_age_and_leaves() {
    let app = TestApp::start(&[("METRICS__CUSTOMERS", "2")]).await;
    app.sandbox.set_faults(Faults {
        refuse_tokens: true,
        ..Faults::default()
    });
    for (customer, count) in [("few", 1), ("many", 5), ("quo\"te", 3), ("fewer", 1)] {
        for number in 0..count {
            post(&app.client, customer, &format!("evt_{number}")).await;
        }
    }
    let of_default = [("account", "default")];
    let scrape = until(&app, "svix_hooks_queued", &of_default, 10.0).await;
    let queued = |customer| scrape.number("svix_hooks_customer_queued", &[("customer", customer)]);
    assert_eq!((queued("many"), queued("quo\"te"), queued("other")), (Some(5.0), Some(3.0), Some(2.0)));
    assert_eq!(queued("few"), None, "two are named");
    let oldest = |scrape: &Scrape| scrape.number("svix_hooks_queued_oldest_seconds", &of_default);
    assert!(oldest(&scrape) > Some(0.0));
    let many = [("customer", "many")];
    let of_many = scrape.number("svix_hooks_customer_queued_oldest_seconds", &many);
    assert!(of_many > Some(0.0) && of_many <= oldest(&scrape), "{of_many:?}");
    let surveyed = scrape.number("svix_hooks_backlog_survey_timestamp_seconds", &[]);
    assert!(surveyed > Some(1.0e9));
    app.sandbox.clear_faults();
    let scrape = until(&app, "svix_hooks_queued", &of_default, 0.0).await;
    assert_eq!(oldest(&scrape), Some(0.0));
    assert_eq!(scrape.values("svix_hooks_customer_queued", "customer"), BTreeSet::from(["other"]));
}

#[actix_web::test]
async fn overdue_is_what_could_go_and_does_not() {
    let app = TestApp::start(&[
        ("RETRY__INITIAL_BACKOFF_MS", "3600000"),
        ("RETRY__MAX_BACKOFF_MS", "3600000"),
        ("SVIX__REQUESTS_PER_SECOND", "1"),
        ("SVIX__BURST", "2"),
    ])
    .await;
    let of_default = [("account", "default")];
    let overdue = |scrape: &Scrape| scrape.number("svix_hooks_overdue_seconds", &of_default);
    set(&app.client, "paused", json!({"paused": true})).await;
    post(&app.client, "paused", "evt_1").await;
    app.sandbox.set_faults(Faults {
        fault_limit: Some(1),
        ..Faults::answering(500)
    });
    post(&app.client, "later", "evt_1").await;
    until(&app, "svix_hooks_retries_total", &[], 1.0).await;
    let scrape = until(&app, "svix_hooks_queued", &of_default, 2.0).await;
    assert_eq!(overdue(&scrape), Some(0.0), "one is paused, and one is to be tried again in an hour");
    assert!(scrape.number("svix_hooks_queued_oldest_seconds", &of_default) > Some(0.0));
    // The rate lets out one each second.
    for number in 0..12 {
        post(&app.client, "stuck", &format!("evt_{number}")).await;
    }
    let mut first = None;
    eventually("something is overdue", async || {
        first = overdue(&app.client.scrape().await);
        first > Some(0.0)
    })
    .await;
    eventually("it is so for longer", async || overdue(&app.client.scrape().await) > first).await;
    until(&app, "svix_hooks_overdue_seconds", &of_default, 0.0).await;
}
