//! Starting, stopping and resuming.

use std::time::{Duration, Instant};

use super::{Desk, MSG, event, eventually};
use crate::sandbox::{Faults, Sandbox, SandboxOptions};

#[actix_web::test]
async fn a_stopped_sandbox_refuses_connections_and_a_resumed_one_has_kept_everything() {
    let desk = Desk::new();
    desk.keyed("k", event("evt_1")).await;
    for _ in 0..3 {
        desk.sandbox.stop();
        desk.sandbox.stop();
        for _ in 0..3 {
            let refused = desk.try_keyed("k", event("evt_1")).await;
            assert!(matches!(refused, Err(awc::error::SendRequestError::Connect(_))), "{refused:?}");
        }
        desk.sandbox.resume().expect("the port is kept");
        desk.sandbox.resume().expect("it is running");
        assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    }
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn stopping_breaks_open_connections_and_waits_for_no_hanging_request() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    let hung = actix_web::rt::spawn(desk.request("POST", MSG).send_body(event("evt_1")));
    eventually("the request", || desk.sandbox.request_count() == 1).await;
    let start = Instant::now();
    desk.sandbox.stop();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let broken = hung
        .await
        .expect("it was not cancelled")
        .map(|answer| answer.status());
    assert!(broken.is_err(), "{broken:?}");
}

#[actix_web::test]
async fn dropping_the_last_handle_stops_it() {
    let desk = Desk::new();
    let Desk { sandbox, client, .. } = desk;
    let (url, clone) = (sandbox.url(), sandbox.clone());
    drop(sandbox);
    assert!(client.get(format!("{url}/api/v1/health")).send().await.is_ok(), "a clone is left");
    drop(clone);
    assert!(client.get(format!("{url}/api/v1/health")).send().await.is_err());
}

#[test]
fn it_starts_without_any_runtime_and_tells_when_the_port_is_taken() {
    let first = Sandbox::start(SandboxOptions::default()).expect("a port is free");
    let second = Sandbox::start(SandboxOptions {
        port: first.port(),
        ..SandboxOptions::default()
    });
    assert!(second.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse));
}
