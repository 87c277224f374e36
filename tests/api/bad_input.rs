//! What callers get for what is no event, and that nothing of it does harm.
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svix_hooks::sandbox::{DEFAULT_TOKEN, Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::support::{Answer, Client, TestApp, TestProcess, event, eventually};

/// The largest body where the operator says nothing else.
const MAX_BODY: usize = 1024 * 1024;

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes sure of everything that any problem tells.
fn assert_problem(answer: &Answer, status: u16, code: &str, why: &str) {
    let body = &answer.body;
    assert_eq!((answer.status, answer.code()), (status, code), "{why}: {body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{why}");
    assert_eq!(body["type"], format!("urn:svix-hooks:problem:{code}"), "{why}");
    assert_eq!(body["status"], status, "{why}");
    for member in ["title", "detail"] {
        let text = body[member].as_str().unwrap_or_default();
        let clean = text.len() < 4096 && !text.chars().any(char::is_control);
        assert!(!text.is_empty() && clean, "{why}: {body}");
    }
}

/// Makes sure that exactly this member is named as wrong.
fn assert_at_fault(answer: &Answer, code: &str, pointer: &str, why: &str) {
    let errors = answer.body["errors"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let [error] = errors else {
        panic!("{why}: one error, not {errors:?}")
    };
    assert_eq!((&error["code"], &error["pointer"]), (&json!(code), &json!(pointer)), "{why}");
    assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{why}");
}

/// Makes sure that the service accepts and delivers, and that it stored only what it acknowledged.
async fn still_works(app: &TestApp, acknowledged: i64) {
    assert_eq!(app.client.stat("accepted").await, acknowledged, "nothing bad was stored");
    assert_eq!(app.client.post(&event("good")).await.status, 202);
    eventually("the good ones are delivered", async || {
        app.client.stat("delivered").await == acknowledged + 1
    })
    .await;
    assert_eq!((app.client.stat("queued").await, app.client.stat("dead").await), (0, 0));
}

fn connect(client: &Client) -> TcpStream {
    let address = client.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).expect("the service takes connections");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time limit is taken");
    stream
}

/// The head of a post, without what ends it.
fn head(headers: &str) -> String {
    format!("POST /notifications HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}")
}

/// Sends bytes as they are and reads until the service closes the connection.
fn send_raw(client: &Client, bytes: &[u8]) -> Answer {
    let mut stream = connect(client);
    stream.write_all(bytes).expect("the service reads");
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("the service answers and closes");
    parse_answer(&bytes)
}

fn parse_answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status: status
            .and_then(|status| status.parse().ok())
            .expect("an answer has a status"),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

/// Writes a body in chunks, as a caller does that does not know its length.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = head("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(40_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// An event of exactly that many bytes.
fn event_of(id: &str, bytes: usize) -> Vec<u8> {
    let (start, end) = (format!(r#"{{"id":"{id}","type":"a.b","data":{{"x":""#), r#""}}"#);
    let filler = "x".repeat(bytes - start.len() - end.len());
    let event = format!("{start}{filler}{end}").into_bytes();
    assert_eq!(event.len(), bytes);
    event
}

#[actix_web::test]
async fn what_is_no_json_object_is_refused_as_a_whole() {
    let app = TestApp::start(&[]).await;
    let nested =
        format!(r#"{{"id":"1","type":"a.b","data":{}{}}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let unclosed = "[".repeat(10_000);
    let table: [(&[u8], u16, &str, &str); 18] = [
        (b"", 400, "empty_body", "nothing"),
        (b" \r\n\t", 400, "empty_body", "white space only"),
        (b"hello", 400, "invalid_json", "not JSON"),
        (b"id=1&type=a.b", 400, "invalid_json", "a form"),
        (br#"{"id":"1","type":"a.b","data":{"#, 400, "invalid_json", "cut off"),
        (br#"{"id":"1","type":"a.b","data":{}}}"#, 400, "invalid_json", "one bracket more"),
        (br#"{"id":"1","type":"a.b","data":{}}{}"#, 400, "invalid_json", "two events"),
        (b"\xef\xbb\xbf{}", 400, "invalid_json", "a byte order mark"),
        (b"{\"id\":\"1\",\"type\":\"a.b\",\"data\":{}}\0", 400, "invalid_json", "a zero byte behind"),
        (b"{\"id\":\"\xff\",\"type\":\"a.b\",\"data\":{}}", 400, "invalid_utf8", "no UTF-8 in an id"),
        (
            b"{\"id\":\"1\",\"type\":\"a.b\",\"data\":{\"x\":\"\xc3\"}}",
            400,
            "invalid_utf8",
            "nor in the data",
        ),
        (br#"[{"id":"1","type":"a.b","data":{}}]"#, 422, "not_an_object", "an array of events"),
        (br#""{}""#, 422, "not_an_object", "a string"),
        (b"42", 422, "not_an_object", "a number"),
        (b"null", 422, "not_an_object", "null"),
        (b"true", 422, "not_an_object", "a boolean"),
        (nested.as_bytes(), 422, "too_deep", "10,000 levels"),
        (unclosed.as_bytes(), 422, "too_deep", "10,000 levels, never closed"),
    ];
    for (body, status, code, why) in table {
        let answer = app.client.try_post(body, &[]).await.expect(why);
        assert_problem(&answer, status, code, why);
        assert_at_fault(&answer, code, "", why);
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn a_member_that_is_wrong_is_pointed_at() {
    let app = TestApp::start(&[]).await;
    let long = "x".repeat(257);
    let long_id = format!(r#""id":"{long}","type":"a.b","data":{{}}"#);
    let long_type = format!(r#""id":"1","type":"{long}","data":{{}}"#);
    let table = [
        (r#""type":"a.b","data":{}"#, "missing_member", "/id", "no id"),
        (r#""id":null,"type":"a.b","data":{}"#, "missing_member", "/id", "null counts as missing"),
        (r#""id":"","type":"a.b","data":{}"#, "invalid_member", "/id", "an empty id"),
        (r#""id":42,"type":"a.b","data":{}"#, "invalid_member", "/id", "a number"),
        (r#""id":"\ud800","type":"a.b","data":{}"#, "invalid_member", "/id", "half of a surrogate pair"),
        (&long_id, "too_long", "/id", "an id of 257 characters"),
        (r#""id":"1","data":{}"#, "missing_member", "/type", "no type"),
        (r#""id":"1","type":"","data":{}"#, "invalid_member", "/type", "an empty type"),
        (r#""id":"1","type":"a b","data":{}"#, "invalid_member", "/type", "a space, which Svix refuses"),
        (r#""id":"1","eventType":"ä.b","data":{}"#, "invalid_member", "/eventType", "by the other name"),
        (r#""id":"1","type":7,"data":{}"#, "invalid_member", "/type", "a number"),
        (&long_type, "too_long", "/type", "a type of 257 characters"),
        (
            r#""id":"1","type":"a.b","eventType":"a.b","data":{}"#,
            "conflicting_members",
            "/eventType",
            "both names of the type",
        ),
        (r#""id":"1","type":"a.b""#, "missing_member", "/data", "no payload"),
        (r#""id":"1","type":"a.b","data":[]"#, "invalid_member", "/data", "an array"),
        (r#""id":"1","type":"a.b","payload":"{}""#, "invalid_member", "/payload", "an object in a string"),
        (
            r#""id":"1","type":"a.b","data":{},"payload":{}"#,
            "conflicting_members",
            "/payload",
            "both names of the payload",
        ),
        (r#""id":"1","id":"1","type":"a.b","data":{}"#, "duplicate_member", "/id", "the id twice"),
        (r#""id":"1","\u0069d":"2","type":"a.b","data":{}"#, "duplicate_member", "/id", "twice, in disguise"),
        (r#""id":"1","type":"a.b","data":{},"x":1,"x":1"#, "duplicate_member", "/x", "any member twice"),
        (r#""id":"1","type":"a.b","data":{},"time":"yesterday""#, "invalid_member", "/time", "not RFC 3339"),
        (r#""id":"1","type":"a.b","data":{},"time":"2026-01-31""#, "invalid_member", "/time", "a day only"),
        (
            r#""id":"1","type":"a.b","data":{},"createdAt":1767225600"#,
            "invalid_member",
            "/createdAt",
            "seconds",
        ),
        (r#""id":"1","type":"a.b","data":{},"source":1"#, "invalid_member", "/source", "a number"),
    ];
    for (members, code, pointer, why) in table {
        let answer = app
            .client
            .try_post(format!("{{{members}}}"), &[])
            .await
            .expect(why);
        assert_problem(&answer, 422, code, why);
        assert_at_fault(&answer, code, pointer, why);
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn what_names_no_customer_is_pointed_at_wherever_the_operator_lets_it_stand() {
    let app = TestApp::start(&[("ROUTING__CUSTOMER_POINTERS", "/customer,/data/owner/id")]).await;
    let long = "x".repeat(129);
    let long_name = format!(r#""data":{{}},"customer":"{long}""#);
    let table = [
        (r#""data":{},"customer":42"#, "invalid_member", "/customer", "is 042 the same customer?"),
        (r#""data":{},"customer":{"id":"acme"}"#, "invalid_member", "/customer", "an object"),
        (r#""data":{},"customer":"""#, "invalid_member", "/customer", "nothing to route by"),
        (&long_name, "invalid_member", "/customer", "129 bytes"),
        (r#""data":{},"customer":"ac\nme""#, "invalid_member", "/customer", "would forge a line of a log"),
        (r#""data":{"owner":{"id":7}}"#, "invalid_member", "/data/owner/id", "a number inside the data"),
        (
            r#""data":{"owner":{"id":"a","id":"b"}}"#,
            "duplicate_member",
            "/data/owner/id",
            "parsers differ on which counts",
        ),
    ];
    for (members, code, pointer, why) in table {
        let body = format!(r#"{{"id":"1","type":"a.b",{members}}}"#);
        let answer = app.client.try_post(body, &[]).await.expect(why);
        assert_problem(&answer, 422, code, why);
        assert_at_fault(&answer, code, pointer, why);
    }
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let app = TestApp::start(&[]).await;
    let body = r#"{"id":7,"type":"a b","data":[],"source":[],"time":"","x":1,"\u0078":2}"#;
    let answer = app.client.try_post(body, &[]).await.unwrap();
    assert_problem(&answer, 422, "invalid_event", "six things are wrong");
    let errors = answer.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(pointers, ["/id", "/type", "/data", "/source", "/time", "/x"]);
    assert_eq!(errors[5]["code"], "duplicate_member");
    // However much is wrong, the answer stays small.
    let many: Vec<_> = (0..20_000)
        .map(|number| format!(r#""k{number}":1,"k{number}":2"#))
        .collect();
    let answer = app.client.try_post(format!("{{{}}}", many.join(",")), &[]).await;
    let answer = answer.expect("it answers");
    assert_problem(&answer, 422, "invalid_event", "20,000 members twice");
    assert!(answer.body.to_string().len() < 8192, "{}", answer.body);
    still_works(&app, 0).await;
}

#[actix_web::test]
async fn an_id_in_a_header_is_bounded_like_the_member() {
    let app = TestApp::start(&[]).await;
    let (fits, long) = ("x".repeat(256), "x".repeat(257));
    let table = [
        (fits.as_str(), 202, "", "256 characters"),
        (long.as_str(), 422, "too_long", "257 characters"),
        ("", 422, "missing_member", "an empty header is none"),
    ];
    for (key, status, code, why) in table {
        let answer = app
            .client
            .try_post(r#"{"type":"a.b","data":{}}"#, &[("idempotency-key", key)])
            .await
            .expect(why);
        assert_eq!((answer.status, answer.code()), (status, code), "{why}: {}", answer.body);
        if status != 202 {
            assert_problem(&answer, status, code, why);
            assert_at_fault(&answer, code, "/id", why);
        }
    }
    still_works(&app, 1).await;
}

#[actix_web::test]
async fn a_body_may_be_a_mebibyte_and_no_byte_more() {
    let app = TestApp::start(&[]).await;
    let answer = app
        .client
        .try_post(event_of("announced", MAX_BODY), &[])
        .await
        .expect("it answers");
    assert_eq!(answer.status, 202, "{}", answer.body);
    let answer = send_raw(&app.client, &chunked(&event_of("chunked", MAX_BODY)));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let over = event_of("over", MAX_BODY + 1);
    let answer = app.client.try_post(over.clone(), &[]).await.expect("it answers");
    assert_problem(&answer, 413, "body_too_large", "with its length announced");
    let announced =
        head(&format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", over.len()));
    let answer = send_raw(&app.client, announced.as_bytes());
    assert_problem(&answer, 413, "body_too_large", "refused before the first byte of it");
    let answer = send_raw(&app.client, &chunked(&over));
    assert_problem(&answer, 413, "body_too_large", "in chunks");
    still_works(&app, 2).await;
}

#[actix_web::test]
async fn a_body_without_end_is_cut_off_at_the_bound() {
    let app = TestApp::start(&[("SERVER__MAX_BODY_BYTES", "10000")]).await;
    let mut stream = connect(&app.client);
    let start = head("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(start.as_bytes()).unwrap();
    let chunk = format!("3e8\r\n{}\r\n", " ".repeat(1000));
    let answer = trickle(&mut stream, chunk.as_bytes(), 1000);
    assert_problem(&parse_answer(&answer), 413, "body_too_large", "more and more of it");
    still_works(&app, 0).await;
}

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

/// Sends the same bytes again and again, at most so often, until the service answers or closes; returns
/// the answer.
fn trickle(stream: &mut TcpStream, bytes: &[u8], most: usize) -> Vec<u8> {
    let mut answer = vec![0; 16 * 1024];
    let pause = Duration::from_millis(10);
    stream.set_read_timeout(Some(pause)).unwrap();
    for _ in 0..most {
        // Where the service has closed, its answer is still there to be read.
        let _ = stream.write_all(bytes);
        match stream.read(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.read_to_end(&mut answer).expect("the service closes");
                return answer;
            }
            Err(error) => {
                let waiting = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(waiting, "the service hung up without an answer: {error}");
            }
        }
    }
    panic!("the service took {most} pieces and said nothing")
}

#[actix_web::test]
async fn a_body_of_another_type_or_encoding_is_refused() {
    let app = TestApp::start(&[]).await;
    let table = [
        ("content-type: application/json\r\n", 202, "the usual one"),
        ("content-type: application/json; charset=utf-8\r\n", 202, "with what JSON always is"),
        ("content-type: Application/JSON\r\n", 202, "names of types have no case"),
        ("content-type: application/cloudevents+json\r\n", 202, "a CloudEvent"),
        ("content-type: application/json\r\ncontent-encoding: identity\r\n", 202, "not encoded"),
        ("", 415, "no type"),
        ("content-type: \r\n", 415, "an empty type"),
        ("content-type: text/plain\r\n", 415, "text"),
        ("content-type: application/x-www-form-urlencoded\r\n", 415, "a form, which any web page can send"),
        ("content-type: application/cloudevents-batch+xml\r\n", 415, "another notation"),
        ("content-type: text/\"json\u{fc}\"\r\n", 415, "letters that a type has none of"),
        ("content-type: application/json\r\ncontent-encoding: gzip\r\n", 415, "compressed"),
    ];
    let mut accepted = 0;
    for (headers, status, why) in table {
        let body = event(&format!("evt_{accepted}")).to_string();
        let head = head(&format!("{headers}content-length: {}\r\n\r\n", body.len()));
        let answer = send_raw(&app.client, format!("{head}{body}").as_bytes());
        if status == 202 {
            assert_eq!(answer.status, status, "{why}: {}", answer.body);
            accepted += 1;
        } else {
            assert_problem(&answer, status, "unsupported_media_type", why);
        }
    }
    still_works(&app, accepted).await;
}

#[actix_web::test]
async fn wrong_methods_and_paths_get_a_problem_too() {
    let app = TestApp::start(&[]).await;
    let methods = [
        ("DELETE", "/notifications", "POST, GET", "a list is not deleted"),
        ("PUT", "/notifications", "POST, GET", "the service gives the ids"),
        ("POST", "/notifications/1", "GET", "nothing is posted to a notification"),
        ("POST", "/stats", "GET", "numbers are read"),
        ("PATCH", "/health", "GET", "as is health"),
        ("POST", "/health/live", "GET, HEAD", "with or without a key"),
        ("POST", "/health/ready", "GET, HEAD", "with or without a key"),
    ];
    for (method, path, allowed, why) in methods {
        let answer = app.client.request(method, path).await;
        assert_problem(&answer, 405, "method_not_allowed", why);
        assert_eq!(answer.header("allow"), Some(allowed), "{why}");
    }
    let paths = [
        ("GET", "/", "nothing is at the root"),
        ("POST", "/notification", "nearly"),
        ("POST", "/Notifications", "paths have a case"),
        ("POST", "/notifications/", "a slash more"),
        ("GET", "/notifications/1/attempts", "deeper than there is"),
        ("GET", "/stats/../etc/passwd", "no file is served"),
        ("GET", "/%00%1b%5B2J", "what would garble a terminal"),
        ("GET", "//notifications", "a slash more in front"),
    ];
    for (method, path, why) in paths {
        let answer = app.client.request(method, path).await;
        assert_problem(&answer, 404, "no_such_path", why);
    }
    let answer = send_raw(&app.client, b"OPTIONS * HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    assert_problem(&answer, 404, "no_such_path", "what is asked of the server as a whole");
    still_works(&app, 0).await;
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
    let sandbox = Sandbox::start(SandboxOptions::default()).expect("the stand-in starts");
    let dir = TempDir::new().expect("a directory");
    let store = format!("sqlite://{}", dir.path().join("test.db").display());
    let url = sandbox.url();
    let settings = [
        ("STORE__URL", store.as_str()),
        ("SVIX__SERVER_URL", &url),
        ("SVIX__TOKEN", DEFAULT_TOKEN),
        ("SERVER__HEAD_TIMEOUT_MS", "5000"),
    ];
    let process = TestProcess::start(&settings).await;
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

#[actix_web::test]
async fn no_mutation_of_an_event_breaks_the_service() {
    let app = TestApp::start(&[]).await;
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let mut accepted = 0;
    for number in 0..500 {
        let body = mutated(number, &mut random);
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = app.client.try_post(body.clone(), &[]).await.expect("it answers");
        assert!(matches!(answer.status, 202 | 400 | 409 | 422), "{} for {shown}", answer.status);
        if answer.status != 202 {
            assert_problem(&answer, answer.status, answer.code(), &shown);
            continue;
        }
        accepted += i64::from(answer.body["duplicate"] == false);
        let again = app.client.try_post(body, &[]).await.expect("it answers");
        assert_eq!((again.status, again.id()), (202, answer.id()), "the same again: {shown}");
        assert_eq!(again.body["duplicate"], true, "{shown}");
    }
    assert!((10..490).contains(&accepted), "the mutations are neither too wild nor too tame: {accepted}");
    assert_eq!(app.client.stat("accepted").await, accepted);
    eventually("all are settled", async || app.client.stat("queued").await == 0).await;
    assert_eq!(app.client.stat("delivered").await + app.client.stat("dead").await, accepted);
}

/// A valid event of its own id, changed in a few random places.
fn mutated(number: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    const PIECES: [&[u8]; 16] = [
        b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"-", b"\\ud800", b"\\u0000",
        b"\0", b"\xff", b" ",
    ];
    let mut body = format!(
        r#"{{"id":"evt_{number}","type":"user.created","customer":"acme","time":"2026-01-31T12:00:00Z","source":"s","data":{{"n":[1,-2.5e3,true,null],"deep":{{"ä":"\u00e4\n"}}}},"extra":"x"}}"#
    )
    .into_bytes();
    for _ in 0..random.usize(1..4) {
        let place = random.usize(0..body.len());
        let end = (place + random.usize(1..12)).min(body.len());
        match random.u8(0..6) {
            0 => body[place] = random.u8(..),
            1 => body[place] ^= 1 << random.u8(0..8),
            2 => drop(body.drain(place..end)),
            3 => {
                let piece = body[place..end].to_vec();
                let to = random.usize(0..=body.len());
                body.splice(to..to, piece);
            }
            4 => {
                let piece = PIECES[random.usize(0..PIECES.len())];
                body.splice(place..place, piece.iter().copied());
            }
            _ => {
                let other = random.usize(0..body.len());
                body.swap(place, other);
            }
        }
        if body.is_empty() {
            break;
        }
    }
    body
}
