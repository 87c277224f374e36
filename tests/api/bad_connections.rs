//! What callers get whose connections stall, break off or idle, and that nobody else is kept out by them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    TestApp, TestProcess, World, assert_problem, connect, event, eventually, head, parse_answer, read_answer,
    still_works, trickle,
};

#[actix_web::test]
async fn whoever_is_answered_before_the_end_of_the_body_cannot_stay() {
    let key = format!("a:ingest:sha256:{}", "0".repeat(64));
    let app = TestApp::start(&[("AUTH__KEYS", &key)]).await;
    let table = [
        ("POST /notifications", 401, "unauthorized", "without a key"),
        ("POST /nowhere", 404, "no_such_path", "at a path that is not there"),
        ("PUT /stats", 405, "method_not_allowed", "by a method that is not taken"),
        ("OPTIONS *", 404, "no_such_path", "about the server as a whole"),
    ];
    for (line, status, code, why) in table {
        for length in ["transfer-encoding: chunked", "content-length: 5000"] {
            let mut stream = connect(&app.client);
            let start = format!("{line} HTTP/1.1\r\nhost: test\r\n{length}\r\n\r\n");
            stream.write_all(start.as_bytes()).unwrap();
            assert_problem(&read_answer(&mut stream), status, code, &format!("{why}, {length}"));
        }
    }
    // Whoever ends it may stay.
    let app = TestApp::start(&[]).await;
    let mut stream = connect(&app.client);
    for number in 0..3 {
        let body = event(&format!("evt_{number}")).to_string();
        let head = "POST /notifications HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n";
        let chunk = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        stream.write_all(format!("{head}{chunk}").as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 202"), "{number}");
    }
    still_works(&app, 3).await;
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_in_time_is_answered_with_408_and_the_end_of_the_connection() {
    let app = TestApp::start(&[("SERVER__BODY_TIMEOUT_MS", "300")]).await;
    let (whole, chunks) = ("content-length: 5000", "transfer-encoding: chunked");
    let table = [
        (whole, "", "nothing more comes"),
        (whole, " ", "a byte comes now and then"),
        (chunks, "", "no chunk comes"),
        (chunks, "1\r\n \r\n", "a chunk comes now and then"),
    ];
    for (length, bytes, why) in table {
        let begun = Instant::now();
        let mut stream = connect(&app.client);
        let start = head(&format!("content-type: application/json\r\n{length}\r\n\r\n"));
        stream.write_all(start.as_bytes()).unwrap();
        let answer = trickle(&mut stream, bytes.as_bytes(), 2000);
        assert_problem(&parse_answer(&answer), 408, "body_timeout", why);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "{why}: {took:?}");
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn a_head_that_does_not_arrive_in_time_ends_the_connection() {
    // The server's clock has steps of half a second; less than that would cut off good callers.
    let app = TestApp::start(&[("SERVER__HEAD_TIMEOUT_MS", "1000")]).await;
    let table = [
        ("", "", "nothing comes"),
        ("POST /notifications HTTP/1.1\r\nhost: te", "", "it stops in the middle"),
        ("POST /notifications HTTP/1.1\r\nx: ", "y", "a byte comes now and then"),
    ];
    for (start, bytes, why) in table {
        let begun = Instant::now();
        let mut stream = connect(&app.client);
        stream.write_all(start.as_bytes()).unwrap();
        let answer = trickle(&mut stream, bytes.as_bytes(), 2000);
        let said = String::from_utf8_lossy(&answer).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{why}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{why}: {:?}", begun.elapsed());
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn a_body_that_breaks_off_stores_nothing() {
    let app = TestApp::start(&[]).await;
    let whole = event("broken").to_string();
    let announced =
        head(&format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", whole.len() + 1));
    for length in [0, 1, whole.len() / 2, whole.len()] {
        let mut stream = connect(&app.client);
        stream.write_all(announced.as_bytes()).unwrap();
        stream.write_all(&whole.as_bytes()[..length]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the service closes");
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn a_thousand_idle_connections_keep_nobody_out_and_are_closed() {
    const IDLE: usize = 1000;
    // The service inherits what this process may open.
    let limit = ["--nofile=4096:", "--pid", &std::process::id().to_string()].map(str::to_owned);
    let raised = Command::new("prlimit").args(limit).status();
    assert!(raised.expect("prlimit runs").success(), "this test needs 4096 open files");
    let world = World::new();
    let process = world.start(&[("SERVER__HEAD_TIMEOUT_MS", "5000")]).await;
    let mut idle: Vec<TcpStream> = (0..IDLE)
        .map(|number| {
            let mut stream = connect(&process.client);
            // Half of them say nothing, half begin and stop.
            let start = if number % 2 == 0 {
                ""
            } else {
                "POST /notifications HTTP/1.1\r\n"
            };
            stream.write_all(start.as_bytes()).expect("the service reads");
            stream.set_nonblocking(true).expect("it can be looked at");
            stream
        })
        .collect();
    eventually("the service holds them all", async || open_files(&process) >= IDLE).await;
    for number in 0..20 {
        assert_eq!(process.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    assert_eq!(process.client.get("/health/ready").await.status, 200);
    assert!(open_files(&process) >= IDLE, "they were there all the while");
    eventually("all are closed", async || {
        idle.retain_mut(|stream| !is_closed(stream));
        idle.is_empty()
    })
    .await;
    eventually("the service let go of them", async || open_files(&process) < IDLE / 2).await;
    eventually("all are delivered", async || process.client.stat("delivered").await == 20).await;
}

fn open_files(process: &TestProcess) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", process.child.id()))
        .expect("it runs")
        .count()
}

/// Tells whether the service has closed the connection, after whatever it said.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut said = [0; 1024];
    loop {
        match stream.read(&mut said) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
