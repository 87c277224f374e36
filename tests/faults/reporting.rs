//! Reports of the real binary, from its faults to Sentry.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use svix_hooks::sandbox::{Faults, RequestRecord};

use crate::faulty::MARKER;
use crate::sentry::{Manner, TestSentry};
use crate::support::{
    ADMIN, Answer, Client, TestProcess, World, assert_problem, connect, event, eventually, eventually_within,
    read_answer, stored_key,
};

/// What each thread of a process reserves, in bytes, where it is told to.
const STACK: u64 = 1 << 30;

/// Puts a row that cannot be read into a store, which is a fault of the service when it is found.
async fn damage(world: &World) {
    let mut process = world.start(&[]).await;
    world.sandbox.set_faults(Faults::answering(503));
    let event = json!({"id": "evt_bad", "type": "a.b", "customer": "acme", "data": {"card": MARKER}});
    assert_eq!(process.client.post(&event).await.status, 202);
    process.signal("TERM");
    assert!(process.ended().await.success());
    world.sandbox.clear_faults();
    world
        .store
        .tamper("UPDATE notifications SET stage = 'card-4111-1111-1111-1111'")
        .await;
}

async fn delivers(client: &Client, ids: std::ops::Range<usize>) {
    let before = client.stat("delivered").await;
    for number in ids.clone() {
        assert_eq!(client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    let all = before + i64::try_from(ids.len()).unwrap();
    eventually("all is delivered", async || client.stat("delivered").await == all).await;
}

#[actix_web::test]
async fn a_fault_is_reported_with_where_and_whose_it_is_and_without_what_it_is_about() {
    let (world, sentry) = (World::on_file(), TestSentry::start());
    damage(&world).await;
    let dsn = sentry.dsn();
    let settings = [
        ("SENTRY__DSN", dsn.as_str()),
        ("SENTRY__ENVIRONMENT", "staging"),
        ("SERVER__NAME", "replica-7"),
        ("LOG__LEVEL", "trace"),
    ];
    let mut process = world.start(&settings).await;
    eventually("it is reported", async || !sentry.events().is_empty()).await;
    let event = sentry.events().remove(0);
    assert_eq!(event["message"], "a stored notification cannot be read; it is set aside as dead");
    assert_eq!(event["tags"]["customer"], "acme");
    let about = [
        ("release", concat!("svix-hooks@", env!("CARGO_PKG_VERSION"))),
        ("environment", "staging"),
        ("server_name", "replica-7"),
    ];
    for (name, value) in about {
        assert_eq!(event[name], value, "{event}");
    }
    process.signal("TERM");
    assert!(process.ended().await.success());
    assert!(sentry.was_always_shown_the_key());
    assert!(
        !sentry
            .envelopes()
            .iter()
            .any(|envelope| envelope.raw.contains(MARKER))
    );
    assert_eq!(sentry.events().len(), 1, "and nothing else is");
}

#[actix_web::test]
async fn what_is_reported_last_still_gets_out() {
    let (world, sentry) = (World::on_file(), TestSentry::start());
    damage(&world).await;
    let dsn = sentry.dsn();
    let mut process = world.start(&[("SENTRY__DSN", dsn.as_str())]).await;
    let told = "it is set aside as dead";
    eventually("it is found", async || process.log().iter().any(|line| line.contains(told))).await;
    process.signal("TERM");
    assert!(process.ended().await.success());
    assert_eq!(sentry.events().len(), 1);
}

/// Leaves a process no memory for another thread, of which each reserves [`STACK`].
fn leave_no_thread(pid: u32) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = size.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let limit = format!("--as={}:unlimited", kib.expect("it has a size") * 1024 + STACK / 2);
    let limited = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &limit])
        .status()
        .expect("prlimit runs");
    assert!(limited.success());
}

#[actix_web::test]
async fn a_panic_of_an_actor_ends_the_process_and_its_report_still_gets_out() {
    let events = events_of_a_death(Manner::Takes).await;
    let [_, panic, end] = &events[..] else {
        panic!("three are reported, not {events:?}");
    };
    assert_eq!((&panic["level"], &end["tags"]["actor"]), (&"fatal".into(), &"supervisor".into()));
}

#[actix_web::test]
async fn a_panic_of_an_actor_ends_the_process_as_soon_where_sentry_never_answers() {
    events_of_a_death(Manner::Silent).await;
}

/// Returns when a process wrote a line first, by its own account: when a busy test gets to read it says nothing.
fn said_at(process: &TestProcess, is_it: impl Fn(&Value) -> bool) -> Option<jiff::Timestamp> {
    let line = process.log_lines().into_iter().find(is_it)?;
    line["time"].as_str()?.parse().ok()
}

/// Lets the supervisor of a process panic, which starts a thread where none can be started.
async fn events_of_a_death(manner: Manner) -> Vec<Value> {
    let (world, sentry) = (World::on_file(), TestSentry::start());
    sentry.set(manner);
    damage(&world).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, "[delivery]\nactors = 1\n").expect("it can be written");
    let mut command = Command::new("bash");
    let binary = env!("CARGO_BIN_EXE_svix-hooks");
    let path = file.path().to_str().expect("a path of text");
    command
        .args(["-c", "exec \"$0\" \"$2\" --config \"$1\"", binary, path])
        .env("RUST_MIN_STACK", STACK.to_string());
    let dsn = sentry.dsn();
    let mut process = world.spawn(command, &[("SENTRY__DSN", dsn.as_str())]).await;
    eventually("the first fault is reported", async || sentry.events().len() == 1).await;
    assert_eq!(process.client.post(&event("evt_1")).await.status, 202);
    leave_no_thread(process.child.id());
    // More threads than there can be.
    std::fs::write(&file, "[delivery]\nactors = 2\n").expect("it can be written");
    process.signal("HUP");
    let said = "an actor ended that must not";
    let is_said = async || process.log().iter().any(|line| line.contains(said));
    eventually("it says so", is_said).await;
    let status = process.ended().await;
    assert_eq!(status.code(), Some(1), "{:?}", process.log());
    let mut last = None;
    eventually("the last thing that it says is read", async || {
        last = said_at(&process, |line| line["message"] == "the service ended with an error");
        last.is_some()
    })
    .await;
    let died = said_at(&process, |line| line["target"] == "panic").expect("it says so");
    let took = Duration::try_from(last.expect("it was read") - died).expect("one after the other");
    assert!(took < Duration::from_secs(1), "it took {took:?}: {:?}", process.log());
    assert!(
        process
            .log()
            .iter()
            .any(|line| line.contains("the supervisor actor ended by itself"))
    );
    let process = world.start(&[]).await;
    let client = process.client.clone();
    eventually("nothing is lost", async || client.stat("delivered").await == 1).await;
    sentry.events()
}

#[actix_web::test]
async fn a_dead_sentry_costs_nothing_and_holds_up_no_stop() {
    for manner in [Some(Manner::Silent), Some(Manner::Closes), None] {
        let (world, sentry) = (World::on_file(), TestSentry::start());
        damage(&world).await;
        let dsn = match manner {
            Some(manner) => {
                sentry.set(manner);
                sentry.dsn()
            }
            // Nobody listens there.
            None => "http://key@127.0.0.1:9/1".to_owned(),
        };
        let mut process = world.start(&[("SENTRY__DSN", dsn.as_str())]).await;
        eventually("the fault is found", async || {
            process
                .log()
                .iter()
                .any(|line| line.contains("it is set aside as dead"))
        })
        .await;
        delivers(&process.client, 0..50).await;
        assert_eq!(process.client.get("/health/ready").await.status, 200);
        process.signal("TERM");
        let (limit, mut status) = (Duration::from_secs(6), None);
        eventually_within(limit, "it stops", async || {
            status = process.child.try_wait().expect("it can be waited for");
            status.is_some()
        })
        .await;
        assert!(status.is_some_and(|status| status.success()), "{manner:?}: {:?}", process.log());
    }
}

#[actix_web::test]
async fn what_svix_or_a_customer_does_is_never_reported() {
    let (world, sentry) = (World::new(), TestSentry::start());
    let dsn = sentry.dsn();
    let settings = [
        ("SENTRY__DSN", dsn.as_str()),
        ("RETRY__MAX_ATTEMPTS", "2"),
        ("SVIX__REQUEST_TIMEOUT_MS", "300"),
        ("SVIX__VERIFY_AMBIGUOUS", "false"),
    ];
    let mut process = world.start(&settings).await;
    let client = process.client.clone();
    let bad = [
        Faults::answering(400),
        Faults::answering(404),
        Faults::answering(429),
        Faults::answering(503),
        Faults {
            refuse_tokens: true,
            ..Faults::default()
        },
        Faults {
            hang_before: true,
            ..Faults::default()
        },
        Faults {
            drop_ratio: 1.0,
            ..Faults::default()
        },
    ];
    for (number, faults) in bad.into_iter().enumerate() {
        world.sandbox.set_faults(faults);
        let id = format!("bad_{number}");
        assert_eq!(client.post(&event(&id)).await.status, 202);
        let is_ours = |request: &RequestRecord| request.event_id.as_ref() == Some(&id);
        // Those before it are tried again meanwhile.
        eventually("svix is asked", async || world.sandbox.requests().iter().any(is_ours)).await;
    }
    let refused = [
        "{",
        "[]",
        "{\"id\": 7}",
        "{\"id\": \"x\", \"type\": \"a.b\", \"data\": 7}",
    ];
    for body in refused {
        let answer = client.try_post(body, &[]).await.expect("it answers");
        assert!((400..500).contains(&answer.status));
    }
    world.sandbox.clear_faults();
    let over = async || client.stat("queued").await == 0;
    eventually("all has come to an end", over).await;
    process.signal("TERM");
    assert!(process.ended().await.success());
    let log = process.log();
    assert!(
        log.iter()
            .any(|line| line.contains("svix refuses the account's token")),
        "{log:?}"
    );
    assert_eq!(sentry.events(), Vec::<Value>::new());
}

/// Announces settings of 9000 bytes in JSON that never come, and returns the answer.
fn put_nothing(client: &Client, key: &str) -> Answer {
    let mut stream = connect(client);
    let head = format!(
        "PUT /accounts/x HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 9000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    read_answer(&mut stream)
}

#[actix_web::test]
async fn a_body_is_waited_for_as_long_with_reports_as_without_and_by_nobody_unknown() {
    let sentry = TestSentry::start();
    let dsn = sentry.dsn();
    for reports in [None, Some(("SENTRY__DSN", dsn.as_str()))] {
        let world = World::new();
        // Longer than a test waits for an answer.
        let patient = ("SERVER__BODY_TIMEOUT_MS", "60000");
        let settings: Vec<_> = reports.into_iter().chain([patient]).collect();
        let mut process = world.start(&settings).await;
        let key = stored_key(&process.client, ADMIN, &["admin"], None).await;
        let answer = put_nothing(&process.client, "shk_a-key-that-opens-nothing");
        assert_problem(&answer, 401, "unauthorized", "nobody that is known");
        process.signal("TERM");
        assert!(process.ended().await.success());
        let hasty = ("SERVER__BODY_TIMEOUT_MS", "300");
        let settings: Vec<_> = reports.into_iter().chain([hasty]).collect();
        let process = world.start(&settings).await;
        let answer = put_nothing(&process.client, &key);
        assert_problem(&answer, 408, "body_timeout", "the body does not come");
    }
}

#[test]
fn a_dsn_is_neither_shown_nor_quoted() {
    let told = |dsn: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_svix-hooks"))
            .arg("check-config")
            .env("SVIX_HOOKS__SENTRY__DSN", dsn)
            .output()
            .expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (_, text) = told("https://0123456789abcdef@sentry.test/7");
    assert!(text.contains("\"dsn\": \"[redacted]\"") && !text.contains("0123456789abcdef"), "{text}");
    let (fine, text) = told("https://0123456789abcdef@sentry.test/");
    assert!(!fine && text.contains("a DSN as Sentry shows it"), "{text}");
    assert!(!text.contains("0123456789abcdef"), "{text}");
}
