//! What callers get for events that are wrong in a member, an id or a type, and that none of it is stored.

use crate::support::{TestApp, assert_at_fault, assert_problem, still_works};

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
