//! What callers get for bodies and requests that are wrong, and that nothing of it does harm.

use std::io::Write;

use crate::support::{
    Answer, Client, TestApp, assert_at_fault, assert_problem, connect, event, eventually, head, parse_answer,
    read_answer, still_works, trickle,
};

/// The largest body where the operator says nothing else.
const MAX_BODY: usize = 1024 * 1024;

/// Sends bytes as they are and reads until the service closes the connection.
fn send_raw(client: &Client, bytes: &[u8]) -> Answer {
    let mut stream = connect(client);
    stream.write_all(bytes).expect("the service reads");
    read_answer(&mut stream)
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
        ("DELETE", "/audit", "GET", "as is what proves them"),
        ("PUT", "/stats/timeseries", "GET", "and what they were"),
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
