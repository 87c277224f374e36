//! Answers of every status, in Svix's words and in those of others, and lists that lead nowhere.

use serde_json::{Value, json};

use crate::holding::{accepted, conflict, endpoint, not_found};
use crate::playing::play;
use crate::row::{Call, Cost, Keeps, Row, Scene, held_or_not, row};
use crate::script::{Act, say};
use crate::wire::{answer, answer_with};

const HTML: &str = "<html><head><title>Sorry</title></head><body><center>nginx</center></body></html>";

fn refusals() -> Vec<Row> {
    let fields =
        r#"{"detail":[{"loc":["body","payload"],"msg":"Payload must be an object.","type":"value_error"}]}"#;
    let dead = [
        ("400", "400 Bad Request", r#"{"code":"generic_error","detail":"no"}"#, "rejected"),
        ("413", "413 Payload Too Large", r#"{"code":"payload_too_large","detail":"no"}"#, "rejected"),
        ("422", "422 Unprocessable Entity", fields, "rejected"),
        ("404", "404 Not Found", r#"{"code":"not_found","detail":"Application not found"}"#, "unroutable"),
    ];
    let mut rows = Vec::new();
    for (name, status, body, reason) in dead {
        let why = "Svix itself says that it will not have it";
        rows.push(row(format!("refused_{name}"), why, move |_| vec![say(answer(status, body))]).dead(reason));
    }
    let passing = [
        ("401", "401 Unauthorized", r#"{"code":"authentication_failed","detail":"Invalid token"}"#),
        ("401_html", "401 Unauthorized", HTML),
        ("403", "403 Forbidden", r#"{"code":"insufficient access","detail":"no"}"#),
        ("403_html", "403 Forbidden", HTML),
        ("403_empty", "403 Forbidden", ""),
        ("404_html", "404 Not Found", HTML),
        ("404_empty", "404 Not Found", ""),
        ("404_other", "404 Not Found", r#"{"error":"no route"}"#),
    ];
    for (name, status, body) in passing {
        let why = "the token or the address is at fault, which passes";
        let script = move |_: &Scene| vec![say(answer(status, body))];
        rows.push(
            row(format!("passing_{name}"), why, script)
                .keeps(Keeps::Nothing)
                .next_needs(Cost::Attempts),
        );
    }
    rows.extend([
        row("conflict_same", "Svix holds it already", |_| vec![say(conflict())]).keeps(Keeps::Keyless),
        row("conflict_other", "Svix holds another one", |_| vec![say(conflict())])
            .keeps(Keeps::Another)
            .dead("event_id_taken"),
        row("replayed_other", "Svix answers what it answered another system", |scene| {
            vec![say(accepted(&scene.ours))]
        })
        .keeps(Keeps::AnotherByKey)
        .dead("event_id_taken"),
        row("conflict_html", "something else says so", |_| vec![say(answer("409 Conflict", HTML))])
            .keeps(Keeps::Nothing),
        row("conflict_nothing", "Svix holds nothing after all", |_| vec![say(conflict())])
            .keeps(Keeps::Nothing),
    ]);
    rows
}

fn troubles() -> Vec<Row> {
    let mut rows = Vec::new();
    let statuses = [
        "402 Payment Required",
        "405 Method Not Allowed",
        "406 Not Acceptable",
        "407 Proxy Authentication Required",
        "408 Request Timeout",
        "410 Gone",
        "411 Length Required",
        "414 URI Too Long",
        "415 Unsupported Media Type",
        "417 Expectation Failed",
        "418 I'm a teapot",
        "421 Misdirected Request",
        "423 Locked",
        "425 Too Early",
        "426 Upgrade Required",
        "428 Precondition Required",
        "431 Request Header Fields Too Large",
        "451 Unavailable For Legal Reasons",
        "499 Client Closed Request",
        "500 Internal Server Error",
        "501 Not Implemented",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "505 HTTP Version Not Supported",
        "507 Insufficient Storage",
        "511 Network Authentication Required",
        "520 Unknown",
        "521 Down",
        "524 A Timeout Occurred",
        "598 Timeout",
    ];
    for status in statuses {
        let code = &status[..3];
        let why = "it is tried again";
        rows.extend(held_or_not(&format!("status_{code}"), why, move |_| vec![say(answer(status, HTML))]));
        let empty = move |_: &Scene| vec![say(answer(status, ""))];
        rows.push(row(format!("status_{code}_empty"), why, empty).keeps(Keeps::Keyless));
    }
    for status in [
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "524 A Timeout Occurred",
    ] {
        let name = format!("status_{}_lost", &status[..3]);
        let why = "what was taken and never dispatched is dispatched";
        let script = move |_: &Scene| vec![say(answer(status, "{}"))];
        rows.push(row(name, why, script).keeps(Keeps::Undispatched));
    }
    let afters = [
        ("zero", "0"),
        ("huge", "99999999999999999999"),
        ("year", "31536000"),
        ("negative", "-5"),
        ("nan", "NaN"),
        ("infinite", "inf"),
        ("fraction", "0.5"),
        ("words", "soon"),
        ("empty", ""),
        ("past", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("future", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("no_date", "Sun, 99 Nov 1994 08:49:37 GMT"),
        ("two", "0\r\nRetry-After: 100"),
        ("many_digits", "000000000000000000000000000000000000000000000000000000000000000001"),
    ];
    for (name, after) in afters {
        let headers = format!("Retry-After: {after}\r\n");
        let status = if after == "0" {
            "503 Service Unavailable"
        } else {
            "429 Too Many Requests"
        };
        let bytes = answer_with(status, &headers, r#"{"code":"rate_limited","detail":"slower"}"#);
        let script = move |_: &Scene| vec![say(bytes.clone())];
        let why = "no wait is longer than is set";
        rows.push(
            row(format!("after_{name}"), why, script)
                .keeps(Keeps::Nothing)
                .next_needs(Cost::Attempts),
        );
    }
    rows
}

/// Answers the look at what is held, and the repair.
fn looks() -> Vec<Row> {
    let mut rows = Vec::new();
    for call in [Call::Fetch, Call::Attempts, Call::Endpoints, Call::Resend] {
        let bodies: [(&str, &str, &str); 11] = [
            ("500", "500 Internal Server Error", "{}"),
            ("429", "429 Too Many Requests", r#"{"code":"rate_limited","detail":"slower"}"#),
            ("401", "401 Unauthorized", r#"{"code":"authentication_failed","detail":"Invalid token"}"#),
            ("403_html", "403 Forbidden", HTML),
            ("404_html", "404 Not Found", HTML),
            ("html", "200 OK", HTML),
            ("empty", "200 OK", ""),
            ("null", "200 OK", "null"),
            ("array", "200 OK", "[]"),
            ("object", "200 OK", "{}"),
            ("data_null", "200 OK", r#"{"data":null,"done":true}"#),
        ];
        for (name, status, body) in bodies {
            // What a resend answers is of no matter when the look after it shows an attempt.
            if call == Call::Resend && status == "200 OK" {
                continue;
            }
            let name = format!("look_{call:?}_{name}").to_lowercase();
            let script = move |_: &Scene| vec![say(answer(status, body))];
            rows.push(
                row(name, "it is looked again", script)
                    .on(call)
                    .next_needs(Cost::Attempts),
            );
        }
        let name = format!("look_{call:?}").to_lowercase();
        rows.push(row(format!("{name}_cut"), "it is looked again", |_| vec![Act::Reset]).on(call));
        rows.push(
            row(format!("{name}_times"), "it is looked again", |_| vec![Act::Fin])
                .on(call)
                .times(3),
        );
    }
    rows.push(
        row("look_fetch_other", "a message of another event is not ours", |scene| {
            vec![say(answer("200 OK", scene.other.out(true).to_string()))]
        })
        .on(Call::Fetch),
    );
    rows.push(
        row("look_fetch_not_found", "it is sent again under the same key", |_| vec![say(not_found())])
            .on(Call::Fetch)
            .times(1),
    );
    rows
}

/// Makes one page of a list that goes on.
fn page(data: &[Value], iterator: &Value) -> Vec<u8> {
    answer(
        "200 OK",
        json!({"data": data, "iterator": iterator, "prevIterator": null, "done": false}).to_string(),
    )
}

fn lists() -> Vec<Row> {
    let mut rows = Vec::new();
    let why = "a list that leads nowhere is left, and looked at again later";
    for call in [Call::Endpoints, Call::Attempts] {
        let name = |kind: &str| format!("list_{call:?}_{kind}").to_lowercase();
        rows.push(
            row(name("endless"), why, |scene| vec![say(page(&[], &format!("ep_{}", scene.page).into()))])
                .on(call),
        );
        rows.push(row(name("circle"), why, |_| vec![say(page(&[], &"ep_0".into()))]).on(call));
        rows.push(
            row(name("null"), "as Svix does for a limit of 0", |_| vec![say(page(&[], &Value::Null))])
                .on(call),
        );
        let odd = "a/../b?c=d&e\r\nX: 1";
        rows.push(
            row(name("odd"), "no iterator of Svix's is like that", move |_| {
                vec![say(page(&[], &odd.into()))]
            })
            .on(call),
        );
        rows.push(
            row(name("long"), "nor of that length", |_| vec![say(page(&[], &"a".repeat(60_000).into()))])
                .on(call),
        );
    }
    rows.push(
        row("list_endpoints_full", "there are more endpoints than can be", |scene| {
            let data: Vec<_> = (0..250)
                .map(|number| {
                    let mut endpoint = endpoint();
                    endpoint["id"] = format!("ep_{}_{number}", scene.page).into();
                    endpoint["disabled"] = true.into();
                    endpoint
                })
                .collect();
            vec![say(page(&data, &format!("ep_{}", scene.page).into()))]
        })
        .on(Call::Endpoints),
    );
    for (name, id) in [
        ("path", "../../x"),
        ("nul", "ep_\0"),
        ("empty", ""),
        (
            "long",
            "ep_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
    ] {
        let script = move |_: &Scene| {
            let (mut odd, good) = (endpoint(), endpoint());
            odd["id"] = id.into();
            vec![say(answer(
                "200 OK",
                crate::holding::list(&[odd, good]).to_string(),
            ))]
        };
        rows.push(
            row(format!("list_endpoints_id_{name}"), "no endpoint has such an id", script)
                .on(Call::Endpoints),
        );
    }
    rows
}

#[actix_web::test]
async fn only_svix_s_own_refusals_are_final() {
    play(refusals(), 32).await;
}

#[actix_web::test]
async fn troubles_pass_and_what_they_left_is_dispatched() {
    play(troubles(), 32).await;
}

#[actix_web::test]
async fn a_look_that_fails_is_repeated() {
    play(looks(), 32).await;
}

#[actix_web::test]
async fn lists_that_lead_nowhere_are_left() {
    play(lists(), 32).await;
}
