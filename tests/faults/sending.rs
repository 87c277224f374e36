//! How reports get out, and what becomes of them where they do not. Nobody waits for that.

use std::fmt;
use std::time::{Duration, Instant};

use log::error;
use svix_hooks::telemetry::report_counts;

use crate::faulty::{Turn, turn};
use crate::sentry::Manner;
use crate::support::eventually;

/// The service's own lines have such targets.
const OWN: &str = "svix_hooks::tests";

const LONG: Duration = Duration::from_secs(20);

/// The pause that Sentry asks for: long enough for a slow machine to have a fault in it.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells of a fault, at a place in the code of its own for each test.
macro_rules! fault {
    ($($fields:tt)*) => { error!(target: OWN, $($fields)*) };
}

/// Waits until Sentry takes reports again, whatever it did to a test before.
async fn arrives(turn: &Turn, message: &str) {
    eventually("it arrives", async || turn.reported().iter().any(|event| event["message"] == *message)).await;
}

#[tokio::test]
async fn an_error_is_reported_and_what_is_no_fault_of_the_service_is_not() {
    let turn = turn().await;
    fault!(whose = "svix", customer = "acme"; "svix is at fault");
    fault!(whose = "customer"; "a customer is at fault");
    fault!(left_out = 7; "more lines of the same were left out");
    error!(target: "some_library", "a library is at fault");
    log::warn!(target: OWN, "a warning");
    fault!(customer = "acme", found = 3, payload = "secret"; "a fault");
    arrives(&turn, "a fault").await;
    let [event] = &turn.reported()[..] else {
        panic!("one is reported, not {:?}", turn.reported());
    };
    // That it is an error goes without saying in an envelope.
    assert_eq!((&event["level"], &event["tags"]["customer"]), (&().into(), &"acme".into()));
    assert_eq!((&event["extra"]["found"], &event["extra"]["payload"]), (&"3".into(), &().into()));
    assert_eq!(event["fingerprint"][2], "a fault");
}

#[tokio::test]
async fn a_storm_of_one_fault_is_ten_reports() {
    let turn = turn().await;
    let before = report_counts();
    for _ in 0..1000 {
        fault!("a storm");
    }
    assert!(turn.reports.flush(LONG));
    let after = report_counts();
    assert_eq!((after.sent - before.sent, after.dropped - before.dropped), (10, 990));
    assert_eq!(turn.reported().len(), 10);
}

#[tokio::test]
async fn what_sentry_does_not_take_is_counted_and_forgotten() {
    let turn = turn().await;
    let before = report_counts();
    let manners = [
        Manner::Closes,
        Manner::Answers("HTTP/1.1 500 Oh\r\n"),
        Manner::Answers("HTTP/1.1 401 Who\r\n"),
        Manner::Answers("HTTP/1.1 307 There\r\nlocation: http://127.0.0.1:9/\r\n"),
        Manner::Answers("HTTP/1.1 200 OK\r\nno header at all\r\n"),
    ];
    for manner in manners {
        turn.sentry().set(manner);
        fault!("not taken");
        assert!(turn.reports.flush(LONG), "{manner:?}");
    }
    let after = report_counts();
    assert_eq!((after.sent, after.dropped - before.dropped), (before.sent, 5));
    assert!(turn.was_logged("faults cannot be reported; nothing waits for that"));
    turn.sentry().set(Manner::Takes);
    fault!("taken");
    assert!(turn.reports.flush(LONG));
    assert_eq!(report_counts().sent, before.sent + 1);
    assert!(turn.was_logged("faults can be reported again"));
}

#[tokio::test]
async fn a_silent_sentry_holds_up_neither_whoever_has_a_fault_nor_the_end() {
    let turn = turn().await;
    turn.sentry().set(Manner::Silent);
    let before = report_counts();
    for _ in 0..10 {
        fault!("one");
        fault!("two");
        fault!("three");
        fault!("four");
    }
    assert!(report_counts().dropped - before.dropped >= 40 - 31, "the queue takes no more");
    assert!(!turn.reports.flush(Duration::from_millis(50)), "they are on their way");
    // Lets go of the connection, and of those that wait.
    turn.sentry().set(Manner::Takes);
    assert!(turn.reports.flush(LONG));
}

#[tokio::test]
async fn a_pause_that_sentry_asks_for_is_kept_and_passes() {
    let turn = turn().await;
    turn.sentry()
        .set(Manner::Answers("HTTP/1.1 429 Less\r\nretry-after: 5\r\n"));
    let begun = Instant::now();
    fault!("too much");
    assert!(turn.reports.flush(LONG));
    let paused = Instant::now();
    turn.sentry().set(Manner::Takes);
    let (asked, dropped) = (turn.sentry().envelopes().len(), report_counts().dropped);
    fault!("in the pause");
    assert!(turn.reports.flush(LONG));
    let now = (turn.sentry().envelopes().len(), report_counts().dropped);
    assert_eq!(now, (asked, dropped + 1), "{:?} after the pause began at the earliest", begun.elapsed());
    eventually("the pause is over", async || paused.elapsed() > PAUSE).await;
    fault!("after the pause");
    arrives(&turn, "after the pause").await;
}

/// Cannot be written.
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it cannot be written");
    }
}

#[tokio::test]
async fn a_panic_while_a_line_is_written_ends_neither_the_log_nor_the_reports() {
    let turn = turn().await;
    let ended = std::thread::spawn(|| fault!(error:% = Bomb; "a bomb")).join();
    assert!(ended.is_err());
    turn.reported_panic().await;
    fault!("a fault after it");
    arrives(&turn, "a fault after it").await;
    assert_eq!(turn.panics(), 1);
}

#[tokio::test]
async fn a_panic_of_the_thread_that_reports_is_told_in_the_log_only_and_reports_go_on() {
    let turn = turn().await;
    turn.put_in("faults cannot be reported; nothing waits for that", || panic!("in the reporter"));
    turn.sentry().set(Manner::Closes);
    fault!("a fault that does not arrive");
    assert!(turn.reports.flush(LONG));
    assert_eq!(turn.panics(), 1);
    assert!(turn.was_logged("something panicked: a fault of the service"));
    turn.sentry().set(Manner::Takes);
    fault!("a fault that arrives");
    arrives(&turn, "a fault that arrives").await;
    assert_eq!(
        turn.reported()
            .iter()
            .filter(|event| event["level"] == "fatal")
            .count(),
        0
    );
}
