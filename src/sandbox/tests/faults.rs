//! What goes wrong on demand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{DEFAULT_TOKEN, Desk, MSG, event, eventually};
use crate::sandbox::{EndpointOptions, Faults, Sandbox, SandboxOptions};

#[actix_web::test]
async fn a_status_is_answered_without_effect_and_with_its_header_as_it_is() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        retry_after: Some("soon".into()),
        ..Faults::answering(429)
    });
    let limited = desk.keyed("k", event("evt_1")).await;
    assert_eq!((limited.status, limited.retry_after.as_deref()), (429, Some("soon")));
    assert!(limited.json()["detail"].is_string());
    assert_eq!(desk.get("/api/v1/app/sandbox/msg/evt_1").await.status, 429, "every request is answered so");
    let html = format!("<html>{}</html>", "x".repeat(100_000));
    desk.sandbox.set_faults(Faults {
        body: Some(html.clone()),
        ..Faults::answering(503)
    });
    let down = desk.keyed("k", event("evt_1")).await;
    assert_eq!((down.status, &*down.body), (503, html.as_bytes()));
    desk.sandbox.clear_faults();
    assert_eq!(desk.sandbox.message_count(), 0);
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
}

#[actix_web::test]
async fn a_share_of_requests_can_be_answered_with_a_status() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        status_ratio: 0.5,
        ..Faults::answering(500)
    });
    for number in 0..40 {
        desk.post(MSG, event(&format!("evt_{number}"))).await;
    }
    let failed = desk.sandbox.answered_with(500);
    assert!((8..32).contains(&failed), "{failed}");
    assert_eq!(desk.sandbox.message_count() + failed, 40);
}

#[actix_web::test]
async fn after_the_limit_all_is_well_again() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        fault_limit: Some(2),
        ..Faults::answering(500)
    });
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(desk.keyed("k", event("evt_1")).await.status);
    }
    assert_eq!(statuses, [500, 500, 202]);
}

#[actix_web::test]
async fn an_answer_is_held_back_by_the_delay() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        delay_ms: 30,
        ..Faults::default()
    });
    let start = Instant::now();
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[actix_web::test]
async fn a_broken_connection_shows_no_byte_and_the_message_is_taken() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    });
    let broken = desk.try_keyed("k", event("evt_1")).await;
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!((desk.sandbox.message_count(), desk.sandbox.undispatched().len()), (1, 0));
    assert_eq!(desk.sandbox.requests()[0].status, None);
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202, "the first answer is given again");
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[test]
fn not_even_a_head_comes_before_the_connection_breaks() {
    let sandbox = Sandbox::start(SandboxOptions::default()).expect("a port is free");
    sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        ..Faults::default()
    });
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port())).expect("a connection");
    let body = event("evt_1");
    let head = format!(
        "POST {MSG} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {DEFAULT_TOKEN}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(sandbox.message_count(), 1);
}

#[actix_web::test]
async fn a_broken_connection_may_forget_its_key() {
    let desk = Desk::new();
    let faults = Faults {
        drop_ratio: 1.0,
        forget_key_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    };
    desk.sandbox.set_faults(faults);
    assert!(desk.try_keyed("k", event("evt_1")).await.is_err());
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409);
}

#[actix_web::test]
async fn a_connection_broken_before_leaves_nothing_behind() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        drop_before: true,
        fault_limit: Some(1),
        ..Faults::default()
    });
    assert!(desk.try_keyed("k", event("evt_1")).await.is_err());
    assert_eq!(desk.sandbox.message_count(), 0);
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
}

#[actix_web::test]
async fn a_request_is_left_hanging_after_or_before_its_work_until_the_client_leaves() {
    for (faults, taken) in [
        (
            Faults {
                hang_ratio: 1.0,
                ..Faults::default()
            },
            1,
        ),
        (
            Faults {
                hang_before: true,
                ..Faults::default()
            },
            0,
        ),
    ] {
        let desk = Desk::new();
        desk.sandbox.set_faults(faults);
        let request = desk
            .request("POST", MSG)
            .timeout(Duration::from_millis(60))
            .send_body(event("evt_1"))
            .await;
        assert!(matches!(request, Err(awc::error::SendRequestError::Timeout)), "{taken}");
        assert_eq!(desk.sandbox.message_count(), taken);
        eventually("the connection's end", || desk.sandbox.connections() == 0).await;
    }
}

#[actix_web::test]
async fn a_lost_dispatch_is_seen_and_a_resend_repairs_it() {
    let desk = Desk::new();
    let ids = desk
        .sandbox
        .set_endpoints("sandbox", vec![EndpointOptions::default()]);
    let faults = Faults {
        drop_ratio: 1.0,
        lose_dispatch_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    };
    desk.sandbox.set_faults(faults);
    assert!(desk.try_keyed("k", event("evt_1")).await.is_err());
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    assert_eq!(desk.sandbox.undispatched(), ["evt_1"]);
    assert_eq!(desk.get("/api/v1/app/sandbox/attempt/msg/evt_1").await.json()["data"], json!([]));
    let resend = format!("/api/v1/app/sandbox/msg/evt_1/endpoint/{}/resend", ids[0]);
    assert_eq!(desk.post(&resend, "").await.status, 202);
    assert!(desk.sandbox.undispatched().is_empty());
}

#[actix_web::test]
async fn a_dispatch_may_be_lost_though_the_answer_came() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        lose_any_dispatch_ratio: 1.0,
        ..Faults::default()
    });
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    assert_eq!(desk.sandbox.undispatched(), ["evt_1"]);
    desk.sandbox.set_faults(Faults {
        lose_dispatch_ratio: 1.0,
        ..Faults::default()
    });
    assert_eq!(desk.keyed("l", event("evt_2")).await.status, 202);
    assert_eq!(desk.sandbox.undispatched(), ["evt_1"], "an answered one is dispatched");
}

#[actix_web::test]
async fn tokens_are_refused_and_errors_repeat_them_where_told_to() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        refuse_tokens: true,
        echo_authorization: true,
        ..Faults::default()
    });
    let refused = desk.keyed("k", event("evt_1")).await;
    assert_eq!(refused.status, 401);
    let echo = "Bearer sandbox-token.eu";
    assert!(
        refused.json()["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(echo))
    );
    let table = [
        (
            Faults {
                echo_authorization: true,
                ..Faults::default()
            },
            422,
            "a complaint",
        ),
        (
            Faults {
                echo_authorization: true,
                body: Some("<p>".into()),
                ..Faults::answering(502)
            },
            502,
            "a page",
        ),
    ];
    for (faults, status, what) in table {
        desk.sandbox.set_faults(faults);
        let answer = desk.keyed("k", "{").await;
        assert_eq!(answer.status, status, "{what}");
        assert!(String::from_utf8_lossy(&answer.body).contains(echo), "{what}");
    }
    let well = desk.keyed("k", event("evt_1")).await;
    assert_eq!(well.status, 502);
    desk.sandbox.set_faults(Faults {
        echo_authorization: true,
        ..Faults::default()
    });
    let well = desk.keyed("k", event("evt_1")).await;
    assert!(
        well.status == 202 && !String::from_utf8_lossy(&well.body).contains("Bearer"),
        "a success repeats nothing"
    );
}

#[actix_web::test]
async fn faults_of_messages_only_leave_the_other_operations_alone() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        only_messages: true,
        ..Faults::answering(500)
    });
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 500);
    assert_eq!(desk.get("/api/v1/app/sandbox/endpoint").await.status, 200);
}

#[actix_web::test]
async fn a_post_can_fail_after_its_message_was_stored() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        fail_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    });
    let failed = desk.keyed("k", event("evt_1")).await;
    assert_eq!((failed.status, &*failed.body), (500, &b"{}"[..]));
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409, "it is stored, and its key is not");
    assert_eq!(desk.sandbox.undispatched(), ["evt_1"]);
}
