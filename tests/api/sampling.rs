//! Which events are traced, and what of that is passed on.

use std::time::Instant;

use svix_hooks::sandbox::Faults;

use crate::support::traced::{CALLER, TRACE, delivered, post, seen, start, told, told_place, traceparent};
use crate::support::{Collector, Manner, TestApp, admin, connect, event, eventually, head, read_answer};

#[actix_web::test]
async fn what_its_caller_does_not_sample_is_passed_on_and_makes_no_spans() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[("TRACES__RATIO", "1")]).await;
    post(&app, "evt_1", &traceparent(false)).await;
    delivered(&app, 1).await;
    assert_eq!(told(&app, "evt_1"), [Some(traceparent(false))]);
    // Those of a later one are there, so the earlier one has none.
    post(&app, "evt_2", &traceparent(true)).await;
    seen(&collector, "attempt", 1).await;
    seen(&collector, "accept", 1).await;
}

#[actix_web::test]
async fn without_a_collector_the_caller_s_place_is_passed_on_as_it_came() {
    let mut app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults::answering(429));
    for sampled in [true, false] {
        post(&app, &format!("evt_{sampled}"), &traceparent(sampled)).await;
    }
    app.client.post(&event("evt_none")).await;
    eventually("all were tried", async || app.sandbox.answered_with(429) > 2).await;
    app.stop().await.expect("it stops");
    app.sandbox.clear_faults();
    app.start_again(&[]).await;
    delivered(&app, 3).await;
    for sampled in [true, false] {
        let told = told(&app, &format!("evt_{sampled}"));
        assert!(!told.is_empty() && told.iter().all(|told| *told == Some(traceparent(sampled))), "{told:?}");
    }
    assert!(told(&app, "evt_none").iter().all(Option::is_none));
}

#[actix_web::test]
async fn events_without_a_trace_get_one_of_their_own_by_the_ratio() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[("TRACES__RATIO", "1")]).await;
    for id in ["evt_1", "evt_2"] {
        app.client.post(&event(id)).await;
    }
    let attempts = seen(&collector, "attempt", 2).await;
    let accepts = seen(&collector, "accept", 2).await;
    assert_ne!(accepts[0].trace, accepts[1].trace);
    assert!(accepts.iter().all(|span| span.parent.is_empty()), "{accepts:?}");
    let mut places: Vec<_> = attempts.iter().map(told_place).collect();
    let mut all = [told(&app, "evt_1"), told(&app, "evt_2")].concat();
    places.sort();
    all.sort();
    assert_eq!(places, all);
}

#[actix_web::test]
async fn what_is_no_traceparent_is_no_trace_and_no_trouble() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[]).await;
    let good = traceparent(true);
    let long = format!("{good}{}", "-00".repeat(1000));
    let none = [
        (format!("traceparent: {long}\r\n"), "version 0 with more"),
        (format!("traceparent: {}\r\n", good.to_uppercase()), "upper case"),
        ("traceparent: \r\n".to_owned(), "nothing"),
        ("traceparent: 00-é-01\r\n".to_owned(), "no ASCII"),
        (format!("traceparent: 00-{}-{CALLER}-01\r\n", "0".repeat(32)), "a trace of nothing"),
        (format!("traceparent: ff-{TRACE}-{CALLER}-01\r\n"), "no such version"),
        (format!("tracestate: {}\r\n", "a=b,".repeat(500)), "a state without a parent"),
    ];
    for (number, (header, why)) in none.iter().enumerate() {
        let body = event(&format!("evt_{number}")).to_string();
        let mut stream = connect(&app.client);
        let head = head(&format!(
            "content-type: application/json\r\n{header}content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        std::io::Write::write_all(&mut stream, head.as_bytes()).expect("it is sent");
        let answer = actix_web::web::block(move || read_answer(&mut stream)).await;
        assert_eq!(answer.expect("it is read").status, 202, "{why}");
    }
    delivered(&app, none.len() as i64).await;
    for (number, (_, why)) in none.iter().enumerate() {
        assert_eq!(told(&app, &format!("evt_{number}")), [None], "{why}");
    }
    post(&app, "evt_good", &good).await;
    seen(&collector, "accept", 1).await;
}

#[actix_web::test]
async fn no_more_traces_are_made_in_a_second_than_may_be() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[("TRACES__MAX_PER_SECOND", "2")]).await;
    let started = Instant::now();
    for number in 0..50 {
        post(&app, &format!("evt_{number}"), &traceparent(true)).await;
    }
    // Each second that was begun has had two.
    let most = 2 * (usize::try_from(started.elapsed().as_secs()).expect("few seconds") + 2);
    delivered(&app, 50).await;
    let recorded = |told: &Option<String>| told.as_deref().is_some_and(|told| told.ends_with("-01"));
    let all: Vec<_> = (0..50)
        .flat_map(|number| told(&app, &format!("evt_{number}")))
        .collect();
    let (made, declined): (Vec<_>, Vec<_>) = all.into_iter().partition(recorded);
    assert!(!made.is_empty() && made.len() <= most.min(49), "{} of {most}", made.len());
    // Svix is told that nobody records it, by a span of ours.
    let is_declined = |told: &Option<String>| {
        let told = told.as_deref().unwrap_or_default();
        told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-00") && !told.contains(CALLER)
    };
    assert!(declined.iter().all(is_declined), "{declined:?}");
    seen(&collector, "attempt", made.len()).await;
    seen(&collector, "accept", made.len()).await;
}

#[actix_web::test]
async fn who_may_post_nothing_gets_no_trace() {
    let collector = Collector::start(Manner::Taking);
    let app = start(&collector, &[("TRACES__MAX_PER_SECOND", "1")]).await;
    let admin = admin(&app.client).await;
    let traced = [("traceparent", &*traceparent(true))];
    for number in 0..10 {
        let refused = app
            .client
            .try_post(event(&format!("evt_{number}")).to_string(), &traced)
            .await;
        assert_eq!(refused.expect("the service answers").status, 401);
    }
    let taken = admin.try_post(event("evt_good").to_string(), &traced).await;
    assert_eq!(taken.expect("the service answers").status, 202);
    let accept = &seen(&collector, "accept", 1).await[0];
    assert_eq!(accept.attributes.get("svix_hooks.state").map(String::as_str), Some("queued"));
}
