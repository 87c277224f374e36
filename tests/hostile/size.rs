//! Answers that never end, or are larger than any that Svix gives.

use crate::holding::{accepted, endpoint};
use crate::playing::play;
use crate::row::{Call, Row, Scene, held_or_not, row};
use crate::script::{Act, forever, say};
use crate::stand_in::proper;
use crate::wire::{answer, answer_with, chunked, head};

/// What is done, whatever the event.
type Acts = Box<dyn Fn() -> Vec<Act>>;

const MIB: usize = 1024 * 1024;

fn endless() -> Vec<Row> {
    let chunks = || format!("{}Transfer-Encoding: chunked\r\n\r\n", head("202 Accepted"));
    let table: Vec<(&str, Acts)> = vec![
        ("status", Box::new(|| vec![say("HTTP/1.1 202 "), forever("x".repeat(4096))])),
        ("first_line", Box::new(|| vec![forever("x".repeat(4096))])),
        ("line_ends", Box::new(|| vec![forever("\r\n".repeat(2048))])),
        ("headers", Box::new(|| vec![say(head("202 Accepted")), forever("X-A: b\r\n".repeat(512))])),
        ("header", Box::new(|| vec![say(head("202 Accepted")), say("X-A: "), forever("b".repeat(4096))])),
        ("header_name", Box::new(|| vec![say(head("202 Accepted")), forever("x".repeat(4096))])),
        (
            "body",
            Box::new(|| {
                let length = "Content-Length: 18446744073709551615\r\n\r\n";
                vec![say(head("202 Accepted") + length), forever(" ".repeat(4096))]
            }),
        ),
        (
            "body_without_length",
            Box::new(|| vec![say(head("202 Accepted") + "\r\n"), forever(" ".repeat(4096))]),
        ),
        ("chunks", Box::new(move || vec![say(chunks()), forever("1\r\n \r\n".repeat(600))])),
        ("chunk", Box::new(move || vec![say(chunks() + "ffffffff\r\n"), forever(" ".repeat(4096))])),
        ("chunk_size", Box::new(move || vec![say(chunks()), forever("0".repeat(4096))])),
        ("chunk_extension", Box::new(move || vec![say(chunks() + "1;x="), forever("y".repeat(4096))])),
        ("chunk_extensions", Box::new(move || vec![say(chunks()), forever("1;x=y\r\n \r\n".repeat(400))])),
    ];
    let mut rows = Vec::new();
    for (name, acts) in table {
        rows.push(row(format!("endless_{name}"), "it can never be read", move |_| acts()));
    }
    rows.extend(held_or_not(
        "endless_trailers",
        "the end of the body is not the end of the answer",
        |scene| {
            let mut whole = chunked("202 Accepted", &scene.ours.out(false).to_string(), 50);
            whole.truncate(whole.len() - 2);
            vec![say(whole), forever("X-A: b\r\n".repeat(512))]
        },
    ));
    rows.push(row("endless_refusal", "nor is a refusal that never ends one", |_| {
        vec![
            say(head("422 Unprocessable Entity") + "Content-Length: 99999999999\r\n\r\n"),
            forever(" ".repeat(4096)),
        ]
    }));
    rows.push(
        row("endless_fetched", "a message that never ends", |_| {
            vec![
                say(head("200 OK") + "\r\n{\"id\":\"msg_"),
                forever("a".repeat(64 * 1024)),
            ]
        })
        .on(Call::Fetch),
    );
    rows.push(
        row("endless_attempts", "a list that never ends", |_| {
            vec![
                say(head("200 OK") + "\r\n{\"data\":["),
                forever("{\"id\":\"atmpt_1\"},".repeat(4096)),
            ]
        })
        .on(Call::Attempts),
    );
    rows.push(
        row("endless_endpoints", "a list that never ends", |_| {
            vec![
                say(head("200 OK") + "\r\n{\"data\":["),
                forever("{\"id\":\"ep_1\"},".repeat(4096)),
            ]
        })
        .on(Call::Endpoints),
    );
    rows
}

/// Shows a message with an id of so many bytes.
fn with_id(scene: &Scene, length: usize) -> String {
    let mut message = scene.ours.out(true);
    message["id"] = format!("msg_{}", "a".repeat(length)).into();
    message.to_string()
}

fn list_of(element: &str, count: usize) -> String {
    let data = vec![element; count].join(",");
    format!(r#"{{"data":[{data}],"iterator":null,"prevIterator":null,"done":true}}"#)
}

fn huge() -> Vec<Row> {
    let padded = |scene: &Scene, length: usize| format!("{}{}", " ".repeat(length), scene.ours.out(false));
    let mut rows = Vec::new();
    for (name, length) in [
        ("70k", 70 * 1024),
        ("1m", MIB),
        ("8m", 8 * MIB),
        ("32m", 32 * MIB),
    ] {
        let why = "a body of that size is not Svix's";
        rows.push(row(format!("huge_body_{name}"), why, move |scene| {
            vec![say(answer("202 Accepted", padded(scene, length)))]
        }));
    }
    let why = "an id of that size is not Svix's";
    for (name, length) in [("300", 300), ("60k", 60 * 1024), ("7m", 7 * MIB + MIB / 2)] {
        rows.push(row(format!("huge_id_{name}"), why, move |scene| {
            vec![say(answer("202 Accepted", with_id(scene, length)))]
        }));
        rows.push(
            row(format!("huge_id_{name}_fetched"), why, move |scene| {
                vec![say(answer("200 OK", with_id(scene, length)))]
            })
            .on(Call::Fetch),
        );
    }
    rows.push(row("huge_headers", "ten thousand of them", |scene| {
        let headers: String = (0..10_000).map(|number| format!("X-{number}: b\r\n")).collect();
        vec![say(answer_with(
            "202 Accepted",
            &headers,
            scene.ours.out(false).to_string(),
        ))]
    }));
    rows.push(row("huge_header", "one of 1 MiB", |scene| {
        let header = format!("X-A: {}\r\n", "b".repeat(MIB));
        vec![say(answer_with(
            "202 Accepted",
            &header,
            scene.ours.out(false).to_string(),
        ))]
    }));
    rows.push(row("huge_reason", "a status line of 1 MiB", |scene| {
        vec![say(answer(
            &format!("202 {}", "b".repeat(MIB)),
            scene.ours.out(false).to_string(),
        ))]
    }));
    rows.push(row("huge_trouble", "a page of an error of 8 MiB", |_| {
        vec![say(answer("502 Bad Gateway", "<p>".repeat(8 * MIB / 3)))]
    }));
    rows.push(
        row("huge_refusal", "its words are cut to size", |_| {
            let body = format!(r#"{{"code":"bad","detail":"{}"}}"#, "x".repeat(20_000));
            vec![say(answer("400 Bad Request", body))]
        })
        .dead("rejected"),
    );
    rows.push(row("huge_depth", "levels without end", |_| {
        vec![say(answer("202 Accepted", "[".repeat(60_000)))]
    }));
    rows.push(
        row("huge_depth_fetched", "levels without end", |_| {
            vec![say(answer("200 OK", "{\"a\":".repeat(1_000_000)))]
        })
        .on(Call::Fetch),
    );
    rows.push(
        row("huge_attempts", "a million of them", |_| vec![say(answer("200 OK", list_of("{}", 1_000_000)))])
            .on(Call::Attempts),
    );
    rows.push(
        row("huge_endpoints", "a million of them", |_| {
            vec![say(answer("200 OK", list_of(r#"{"id":"ep_1"}"#, 1_000_000)))]
        })
        .on(Call::Endpoints),
    );
    rows.push(
        row("huge_page", "a page of 8 MiB", |_| {
            let mut endpoint = endpoint();
            endpoint["description"] = "x".repeat(8 * MIB - 500).into();
            vec![say(answer("200 OK", list_of(&endpoint.to_string(), 1)))]
        })
        .on(Call::Endpoints),
    );
    rows.push(row("huge_chunks", "each byte with a chunk of its own", |scene| {
        vec![say(chunked(
            "202 Accepted",
            &scene.ours.out(false).to_string(),
            1,
        ))]
    }));
    rows.push(row("huge_second", "8 MiB that nobody asked for behind the answer", |scene| {
        vec![proper(scene), say("x".repeat(8 * MIB))]
    }));
    rows.push(row("huge_many", "a thousand answers to one request", |scene| {
        vec![say(accepted(&scene.ours).repeat(1000))]
    }));
    rows
}

#[actix_web::test]
async fn what_never_ends_is_no_answer() {
    play(endless(), 8).await;
}

#[actix_web::test]
async fn what_is_larger_than_any_answer_is_none() {
    play(huge(), 16).await;
}
