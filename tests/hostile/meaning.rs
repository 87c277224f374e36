//! Whole answers that do not mean what they seem to: of another event, of another form, in another charset.

use serde_json::{Value, json};

use crate::playing::play;
use crate::row::{Call, Keeps, Row, Scene, Write, held_or_not, row};
use crate::script::say;
use crate::wire::{answer, answer_with};

/// Writes a text otherwise.
type Garble = fn(&str) -> Vec<u8>;

/// Shows the message with one member changed.
fn changed(scene: &Scene, member: &str, value: Value) -> Vec<u8> {
    let mut message = scene.ours.out(false);
    message[member] = value;
    answer("202 Accepted", message.to_string())
}

fn other_events() -> Vec<Row> {
    let mut rows = Vec::new();
    let table: Vec<(&str, &str, Write)> = vec![
        ("other_message", "it is of another event", |scene| {
            answer("202 Accepted", scene.other.out(false).to_string())
        }),
        ("other_event_id", "only its event is another one", |scene| {
            changed(scene, "eventId", scene.other.event_id.clone().into())
        }),
        ("null_event_id", "it is of no event", |scene| changed(scene, "eventId", Value::Null)),
        ("number_event_id", "its event is a number", |scene| changed(scene, "eventId", json!(5))),
        ("empty_event_id", "its event is empty", |scene| changed(scene, "eventId", json!(""))),
        ("longer_event_id", "its event begins like this one", |scene| {
            changed(scene, "eventId", format!("{}2", scene.ours.event_id).into())
        }),
        ("upper_event_id", "its event is in capitals", |scene| {
            changed(scene, "eventId", scene.ours.event_id.to_uppercase().into())
        }),
        ("no_event_id", "it does not say of which event it is", |scene| {
            answer("202 Accepted", json!({"id": scene.ours.id}).to_string())
        }),
        ("no_id", "it has no id", |scene| {
            answer("202 Accepted", json!({"eventId": scene.ours.event_id, "eventType": "a.b"}).to_string())
        }),
        ("null_id", "its id is nothing", |scene| changed(scene, "id", Value::Null)),
        ("number_id", "its id is a number", |scene| changed(scene, "id", json!(1))),
        ("list_id", "its id is a list", |scene| changed(scene, "id", json!(["msg_1"]))),
        ("empty_object", "there is no message in it", |_| answer("202 Accepted", "{}")),
        ("array", "it is a list", |scene| answer("202 Accepted", json!([scene.ours.out(false)]).to_string())),
        ("positions", "its members have no names", |scene| {
            answer(
                "202 Accepted",
                json!([scene.ours.event_id, "a.b", {}, null, scene.ours.id, null]).to_string(),
            )
        }),
        ("text", "it is a text", |_| answer("202 Accepted", "\"msg_1\"")),
        ("null", "it is nothing", |_| answer("202 Accepted", "null")),
        ("true", "it is true", |_| answer("202 Accepted", "true")),
        ("two_documents", "there is more behind it", |scene| {
            answer("202 Accepted", format!("{0}{0}", scene.ours.out(false)))
        }),
        ("twice", "its event is there twice", |scene| {
            let message = scene.ours.out(false).to_string();
            answer("202 Accepted", message.replacen('{', "{\"eventId\":\"other\",", 1))
        }),
        ("wrapped", "the message is inside of something", |scene| {
            answer("202 Accepted", json!({"data": scene.ours.out(false)}).to_string())
        }),
        ("empty_202", "it is empty", |_| answer("202 Accepted", "")),
        ("empty_200", "it is empty", |_| answer("200 OK", "")),
        ("html_200", "it is a page", |_| {
            answer_with("200 OK", "Content-Type: text/html\r\n", "<html><body>Welcome</body></html>")
        }),
        ("form_200", "it is a page to log in at", |_| answer("200 OK", "<form action=/login>")),
        ("status_203", "it comes from a proxy", |_| answer("203 Non-Authoritative Information", "{}")),
        ("status_206", "it is a part", |scene| {
            answer_with(
                "206 Partial Content",
                "Content-Range: bytes 0-9/100\r\n",
                &scene.ours.out(false).to_string()[..20],
            )
        }),
        ("status_204", "it has no body", |_| b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        ("status_205", "it has no body", |_| {
            b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n".to_vec()
        }),
        ("status_207", "it has several parts", |_| answer("207 Multi-Status", "{\"responses\":[]}")),
        ("error_in_202", "it says that it failed", |_| {
            answer("202 Accepted", r#"{"code":"internal","detail":"no"}"#)
        }),
    ];
    for (name, why, bytes) in table {
        rows.extend(held_or_not(&format!("means_{name}"), why, move |scene| vec![say(bytes(scene))]));
    }
    for (name, bytes) in [
        ("lost", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        ("lost_body", b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}".to_vec()),
    ] {
        let script = move |_: &Scene| vec![say(bytes.clone())];
        rows.push(
            row(format!("means_{name}"), "what was taken is dispatched", script).keeps(Keeps::Undispatched),
        );
    }
    rows
}

fn strange_statuses() -> Vec<Row> {
    let mut rows = Vec::new();
    // A body where there can be none is left over.
    rows.extend(held_or_not("means_204_with_body", "what follows belongs to no request", |scene| {
        let body = scene.ours.out(false).to_string();
        vec![say(format!(
            "HTTP/1.1 204 No Content\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))]
    }));
    rows.extend(held_or_not("means_304_with_body", "nobody asked whether it has changed", |scene| {
        let body = scene.ours.out(false).to_string();
        vec![say(format!(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))]
    }));
    for status in [
        "300 Multiple Choices",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let name = format!("means_{}", &status[..3]);
        rows.extend(held_or_not(&name, "it is not followed", move |_| {
            vec![say(answer_with(
                status,
                "Location: /api/v1/app/other/msg\r\n",
                "",
            ))]
        }));
    }
    rows
}

/// Answers with an id that is written so in JSON, between its quotes.
fn id(written: &str) -> impl Fn(&Scene) -> Vec<u8> + Clone + use<> {
    let written = written.to_owned();
    move |scene| {
        let message = scene.ours.out(true).to_string();
        message.replacen(&scene.ours.id, &written, 1).into_bytes()
    }
}

const IDS: &[(&str, &str)] = &[
    ("nul", r"msg_\u0000x"),
    ("nul_at_end", r"msg_000000000000000000000000001\u0000"),
    ("raw_nul", "msg_\0x"),
    ("control", r"msg_\u0007\u001b[31m"),
    ("line_end", r"msg_1\r\nX-Injected: 1"),
    ("quote", r#"msg_\"'><script>"#),
    ("backslash", r"msg_\\\\"),
    ("path", "../../../app/other/msg/1"),
    ("query", "msg_1?with_content=true#"),
    ("percent", "msg_%00%2e%2e"),
    ("space", "msg_ 1"),
    ("empty", ""),
    (
        "long",
        "msg_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    ("emoji", "msg_\u{1f980}\u{1f980}"),
    ("surrogate", r"msg_\ud800"),
    ("other_prefix", "app_000000000000000000000000001"),
    ("sql", "msg_'; DROP TABLE notifications; --"),
];

fn charsets() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, written) in IDS {
        let body = id(written);
        let why = "no id of Svix is like that";
        rows.push(row(format!("id_{name}"), why, {
            let body = body.clone();
            move |scene| vec![say(answer("202 Accepted", body(scene)))]
        }));
        rows.push(
            row(format!("id_{name}_fetched"), why, move |scene| vec![say(answer("200 OK", body(scene)))])
                .on(Call::Fetch),
        );
    }
    let bodies: Vec<(&str, Garble)> = vec![
        ("utf16", |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("utf16_bom", |text| {
            format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect()
        }),
        ("utf8_bom", |text| format!("\u{feff}{text}").into_bytes()),
        ("latin", |text| [text.trim_end_matches('}').as_bytes(), b",\"x\":\"caf\xe9\"}"].concat()),
        ("invalid", |text| [b"\xff\xfe\xc0\x80", text.as_bytes()].concat()),
        ("nul_before", |text| format!("\0{text}").into_bytes()),
        ("nul_behind", |text| format!("{text}\0").into_bytes()),
        ("control", |text| text.replacen('{', "{\x01", 1).into_bytes()),
        ("comment", |text| format!("/* ok */{text}").into_bytes()),
        ("prefix", |text| format!(")]}}',\n{text}").into_bytes()),
        ("single_quotes", |text| text.replace('"', "'").into_bytes()),
        ("comma", |text| text.replacen('}', ",}", 1).into_bytes()),
    ];
    for (name, make) in bodies {
        rows.push(row(format!("body_{name}"), "it may not be readable", move |scene| {
            vec![say(answer(
                "202 Accepted",
                make(&scene.ours.out(false).to_string()),
            ))]
        }));
    }
    rows
}

#[actix_web::test]
async fn an_answer_that_does_not_name_the_event_is_none() {
    play(other_events(), 32).await;
}

#[actix_web::test]
async fn statuses_that_svix_does_not_use_are_no_answer() {
    play(strange_statuses(), 32).await;
}

#[actix_web::test]
async fn what_svix_would_not_write_is_not_kept() {
    play(charsets(), 32).await;
}
