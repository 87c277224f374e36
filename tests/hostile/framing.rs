//! Answers whose frame is not as it should be.

use crate::holding::accepted;
use crate::playing::play;
use crate::row::{Row, Scene, held_or_not, row};
use crate::script::{Act, hang, say};
use crate::stand_in::proper;
use crate::wire::{answer, answer_with, chunked, head};

fn body(scene: &Scene) -> String {
    scene.ours.out(false).to_string()
}

/// Replaces a part of the proper answer.
fn with(scene: &Scene, part: &str, other: &str) -> Vec<u8> {
    let whole = String::from_utf8(accepted(&scene.ours)).expect("it is text");
    assert!(whole.contains(part), "{whole}");
    whole.replacen(part, other, 1).into_bytes()
}

/// Says that the body has this length.
fn of_length(scene: &Scene, length: &str) -> Vec<u8> {
    let body = body(scene);
    with(scene, &format!("Content-Length: {}", body.len()), length)
}

fn lengths() -> Vec<Row> {
    let longer = |scene: &Scene, by: isize| {
        let length = body(scene).len().checked_add_signed(by).expect("it is long");
        of_length(scene, &format!("Content-Length: {length}"))
    };
    let mut rows = Vec::new();
    rows.extend(held_or_not("length_too_large", "the rest never comes", move |scene| {
        vec![say(longer(scene, 5))]
    }));
    rows.extend(held_or_not("length_too_large_fin", "the end comes first", move |scene| {
        vec![say(longer(scene, 5)), Act::Fin]
    }));
    let why = "what is left over belongs to no request";
    rows.extend(held_or_not("length_too_small", why, move |scene| vec![say(longer(scene, -5))]));
    rows.extend(held_or_not("length_zero", why, |scene| vec![say(of_length(scene, "Content-Length: 0"))]));
    let wrong = [
        ("negative", "-1"),
        ("no_number", "many"),
        ("empty", ""),
        ("hexadecimal", "0x50"),
        ("fraction", "200.5"),
        ("overflow", "18446744073709551617"),
        ("signed", "+200"),
        ("list", "200, 201"),
    ];
    for (name, length) in wrong {
        let length = format!("Content-Length: {length}");
        rows.extend(held_or_not(&format!("length_{name}"), "it is no length", move |scene| {
            vec![say(of_length(scene, &length))]
        }));
    }
    rows.extend(held_or_not("length_twice", "it is not known which one counts", |scene| {
        let length = body(scene).len();
        vec![say(of_length(
            scene,
            &format!("Content-Length: {length}\r\nContent-Length: {}", length - 4),
        ))]
    }));
    rows.push(row("length_and_chunks", "chunks count, or nothing does", |scene| {
        let whole = String::from_utf8(chunked("202 Accepted", &body(scene), 50)).expect("it is text");
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked";
        vec![say(whole.replacen("Transfer-Encoding: chunked", both, 1))]
    }));
    rows.push(row("length_and_no_chunks", "what is framed in two ways is not trusted", |scene| {
        vec![say(of_length(
            scene,
            &format!("Content-Length: {}\r\nTransfer-Encoding: chunked", body(scene).len()),
        ))]
    }));
    rows.push(
        row("no_length_close", "the body ends with the connection", |scene| {
            vec![
                say(format!("{}Connection: close\r\n\r\n{}", head("202 Accepted"), body(scene))),
                Act::Fin,
            ]
        })
        .at_once(),
    );
    rows.push(
        row("no_length_fin", "the body ends with the connection", |scene| {
            vec![
                say(format!("{}\r\n{}", head("202 Accepted"), body(scene))),
                Act::Fin,
            ]
        })
        .at_once(),
    );
    rows.extend(held_or_not("no_length_open", "it is not known where the body ends", |scene| {
        vec![say(format!("{}\r\n{}", head("202 Accepted"), body(scene)))]
    }));
    rows.extend(held_or_not("no_length_reset", "the body did not end in good order", |scene| {
        vec![
            say(format!("{}\r\n{}", head("202 Accepted"), &body(scene)[..20])),
            Act::Reset,
        ]
    }));
    rows
}

fn chunks() -> Vec<Row> {
    let chunk = |scene: &Scene, size: &str, after: &str| {
        let body = body(scene);
        let size = size.replace('#', &format!("{:x}", body.len()));
        format!("{}Transfer-Encoding: chunked\r\n\r\n{size}\r\n{body}{after}", head("202 Accepted"))
    };
    let mut rows = vec![
        row("chunks", "chunks are as good as a length", |scene| {
            vec![say(chunked("202 Accepted", &body(scene), 7))]
        })
        .at_once(),
        row("chunks_trailer", "a trailer is read past", move |scene| {
            vec![say(chunk(scene, "#", "\r\n0\r\nX-Sum: 1\r\n\r\n"))]
        }),
        row("chunks_extension", "an extension is read past", move |scene| {
            vec![say(chunk(scene, "#;name=value", "\r\n0\r\n\r\n"))]
        }),
    ];
    let wrong = [
        ("size_too_large", "fff", "\r\n0\r\n\r\n"),
        ("size_too_small", "4", "\r\n0\r\n\r\n"),
        ("size_no_number", "xyz", "\r\n0\r\n\r\n"),
        ("size_negative", "-5", "\r\n0\r\n\r\n"),
        ("size_prefix", "0x#", "\r\n0\r\n\r\n"),
        ("size_overflow", "10000000000000000#", "\r\n0\r\n\r\n"),
        ("size_empty", "", "\r\n0\r\n\r\n"),
        ("no_line_end", "#", "0\r\n\r\n"),
        ("last_missing", "#", "\r\n"),
    ];
    for (name, size, after) in wrong {
        rows.extend(held_or_not(
            &format!("chunks_{name}"),
            "it is not known where the body ends",
            move |scene| vec![say(chunk(scene, size, after))],
        ));
    }
    rows
}

fn lines() -> Vec<Row> {
    // What a lenient client understands, a strict one may take for no answer; either way it is one message.
    let odd: Vec<(&str, &str, &str, &str)> = vec![
        ("http_1_0", "HTTP/1.1", "HTTP/1.0", "an old version keeps no connection"),
        ("http_2", "HTTP/1.1", "HTTP/2.0", "nobody asked for it"),
        ("http_9", "HTTP/1.1", "HTTP/9.9", "there is no such version"),
        ("lower_case", "HTTP/1.1", "http/1.1", "the name is in capitals"),
        ("other_protocol", "HTTP/1.1 202", "SIP/2.0 202", "another protocol"),
        ("no_space", "HTTP/1.1 202", "HTTP/1.1202", "no space"),
        ("spaces", "HTTP/1.1 202", "HTTP/1.1   202", "many spaces"),
        ("tab", "HTTP/1.1 202", "HTTP/1.1\t202", "a tab"),
        ("no_reason", "202 Accepted", "202", "no words"),
        ("empty_reason", "202 Accepted", "202 ", "empty words"),
        ("reason_latin", "202 Accepted", "202 Accept\u{e9}", "words beyond ASCII"),
        ("reason_nul", "202 Accepted", "202 Acc\0pted", "a NUL in the words"),
        ("status_word", "202 Accepted", "20x Accepted", "no number"),
        ("status_two", "202 Accepted", "20 Accepted", "two digits"),
        ("status_four", "202 Accepted", "2020 Accepted", "four digits"),
        ("status_1000", "202 Accepted", "1000 Accepted", "no status"),
        ("status_99", "202 Accepted", "099 Accepted", "no status"),
        ("status_000", "202 Accepted", "000 Accepted", "no status"),
        ("status_600", "202 Accepted", "600 Accepted", "no status that there is"),
        ("status_999", "202 Accepted", "999 Accepted", "no status that there is"),
        ("status_negative", "202 Accepted", "-202 Accepted", "a sign"),
        ("bare_lf", "Accepted\r\n", "Accepted\n", "half a line end"),
        ("bare_cr", "Accepted\r\n", "Accepted\r", "the other half"),
        (
            "fold",
            "Content-Type: application/json",
            "Content-Type: application\r\n /json",
            "a header in two lines",
        ),
        ("space_before_colon", "Content-Length:", "Content-Length :", "a space before the colon"),
        ("space_before_name", "Content-Type:", " Content-Type:", "a space before the name"),
        ("no_colon", "Content-Type:", "Content-Type", "no colon"),
        ("empty_name", "Content-Type:", ":", "no name"),
        ("nul_in_value", "application/json", "application\0json", "a NUL in a value"),
        ("nul_in_name", "Content-Type", "Content\0Type", "a NUL in a name"),
        ("control_in_value", "application/json", "application\x07json", "a bell in a value"),
        ("latin_in_value", "application/json", "application/json; x=\u{e9}", "a value beyond ASCII"),
        ("escape_in_value", "application/json", "\x1b[31mapplication/json", "an escape in a value"),
        ("no_type", "Content-Type: application/json\r\n", "", "no type"),
        ("html_type", "application/json", "text/html", "the type of a page"),
        ("two_types", "application/json", "application/json\r\nContent-Type: text/plain", "two types"),
        ("no_date", "Date:", "X-Date:", "no date"),
        ("odd_date", "Date: ", "Date: yesterday, ", "a date that is none"),
        ("upgrade", "Date:", "Upgrade: h2c\r\nConnection: Upgrade\r\nDate:", "another protocol is offered"),
        ("blank_line_first", "HTTP/1.1", "\r\nHTTP/1.1", "a blank line before"),
    ];
    let mut rows = Vec::new();
    for (name, part, other, why) in odd {
        rows.push(row(format!("line_{name}"), why, move |scene| vec![say(with(scene, part, other))]));
    }
    rows.push(row("line_ends_bare", "half line ends all over", |scene| {
        let whole = String::from_utf8(accepted(&scene.ours)).expect("it is text");
        vec![say(whole.replace("\r\n", "\n"))]
    }));
    rows.extend(held_or_not("http_0_9", "no head at all", |scene| vec![say(body(scene)), Act::Fin]));
    rows.extend(held_or_not("no_head_open", "no head at all", |scene| vec![say(body(scene)), hang()]));
    rows.push(row("tls_alert", "it speaks TLS", |_| {
        vec![say(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()), Act::Fin]
    }));
    rows.push(row("http2_preface", "it speaks HTTP/2", |_| {
        vec![say(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec())]
    }));
    rows.push(row("a_request", "it asks instead", |_| vec![say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]));
    rows.push(
        row("close_header", "the connection is closed as is said", |scene| {
            vec![
                say(answer_with("202 Accepted", "Connection: close\r\n", body(scene))),
                Act::Fin,
            ]
        })
        .at_once(),
    );
    rows.push(
        row("close_header_open", "it is said, and not done", |scene| {
            vec![say(answer_with(
                "202 Accepted",
                "Connection: close\r\n",
                body(scene),
            ))]
        })
        .at_once(),
    );
    rows.push(row("keep_alive_header", "it is said for how long", |scene| {
        let headers = "Connection: keep-alive\r\nKeep-Alive: timeout=0, max=0\r\n";
        vec![say(answer_with("202 Accepted", headers, body(scene))), Act::Fin]
    }));
    rows.push(row("head_of_422", "the frame of a refusal is broken, too", |_| {
        let refusal = answer("422 Unprocessable Entity", r#"{"code":"bad","detail":"no"}"#);
        vec![say(refusal[..refusal.len() - 4].to_vec()), Act::Fin]
    }));
    rows.push(row("after_blank_lines", "blank lines behind an answer", |scene| {
        vec![proper(scene), say("\r\n\r\n")]
    }));
    rows
}

#[actix_web::test]
async fn a_body_of_doubtful_length_is_no_answer() {
    play(lengths(), 32).await;
}

#[actix_web::test]
async fn chunks_that_do_not_fit_are_no_answer() {
    play(chunks(), 32).await;
}

#[actix_web::test]
async fn odd_heads_cost_no_message() {
    play(lines(), 32).await;
}
