//! Answers that are larger or slower than any of Svix.

use super::server::{Server, answer, serve};
use super::*;
use crate::domain::Look;

#[actix_web::test]
async fn an_answer_without_end_ends() {
    let cases: &[Case] = &[
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 Accepted\r\nX-Long: ");
                peer.send_for_ever("x");
            },
            AnswerKind::Ambiguous,
            "a header",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 Accepted\r\n");
                peer.send_for_ever("X-More: 1\r\n");
            },
            AnswerKind::Ambiguous,
            "headers",
        ),
        (
            |mut peer, request| {
                let many = "X-More: 1\r\n".repeat(101);
                peer.send(
                    request
                        .accepted()
                        .replace("Content-Type", &format!("{many}Content-Type")),
                );
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "more headers than are read",
        ),
        (
            |mut peer, request| {
                peer.send(format!("HTTP/1.1 202 X\r\n\r\n{}", request.message()));
                peer.send_for_ever(" ");
            },
            AnswerKind::Ambiguous,
            "a body to the end of the connection",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 X\r\nTransfer-Encoding: chunked\r\n\r\n");
                peer.send_for_ever("1\r\n \r\n");
            },
            AnswerKind::Ambiguous,
            "chunks",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 X\r\nTransfer-Encoding: chunked\r\n\r\n1;");
                peer.send_for_ever("x");
            },
            AnswerKind::Ambiguous,
            "an extension of a chunk",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
                peer.send_for_ever("X-More: 1\r\n");
            },
            AnswerKind::Ambiguous,
            "trailers",
        ),
        (
            |mut peer, request| {
                let body = format!("{}{}", request.message(), " ".repeat(8 << 20));
                peer.send(answer("202 Accepted", &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "8 MiB that are announced",
        ),
        (
            |mut peer, _| {
                peer.send(answer("500 Internal", &"x".repeat(8 << 20)));
                serve(peer);
            },
            AnswerKind::Unavailable,
            "8 MiB of a fault, of which the status is enough",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 500 Internal\r\n\r\n");
                peer.send_for_ever("x");
            },
            AnswerKind::Unavailable,
            "a fault without end",
        ),
    ];
    play(cases).await;
}

#[actix_web::test]
async fn a_message_may_be_as_long_as_what_was_sent_allows() {
    let padded = |length: usize| {
        World::new(Server::start(move |mut peer| {
            while let Some(request) = peer.request() {
                let body = format!("{}{}", request.message(), " ".repeat(length));
                peer.send(answer("200 OK", &body));
            }
        }))
    };
    let large = |size: usize| {
        let mut notification = notification("a");
        notification.event = format!(r#"{{"a":1,"b":2{}}}"#, " ".repeat(size)).into();
        notification.payload = 0..notification.event.len();
        notification
    };
    let table = [
        (0, 60_000, AnswerKind::Message, "what every answer may be"),
        (0, 70_000, AnswerKind::Ambiguous, "more than a small payload can become"),
        (500_000, 900_000, AnswerKind::Message, "a large payload, written otherwise"),
        (500_000, 1_100_000, AnswerKind::Ambiguous, "more than that"),
        (9_000_000, 9_100_000, AnswerKind::Message, "one alone may be larger than an account's share"),
    ];
    for (sent, padding, kind, why) in table {
        let world = padded(padding);
        let exchange = world
            .client
            .perform(&world.account, &large(sent), &Step::FetchMessage, PATIENCE, None)
            .await;
        assert_eq!(exchange.answer.kind(), kind, "{why}: {exchange:?}");
        assert_eq!(exchange.status, Some(200), "{why}");
    }
}

#[actix_web::test]
async fn a_list_may_be_a_mebibyte() {
    let list = Step::ListEndpoints {
        look: Look::default(),
        found: vec![],
    };
    for (length, kind) in [
        (1_000_000, AnswerKind::Endpoints),
        (1_100_000, AnswerKind::Ambiguous),
    ] {
        let world = World::new(Server::start(move |mut peer| {
            peer.request();
            peer.send(answer("200 OK", &format!(r#"{{"data":[]{}}}"#, " ".repeat(length))));
            serve(peer);
        }));
        let exchange = world.perform("a", &list).await;
        assert_eq!(exchange.answer.kind(), kind, "{length}: {exchange:?}");
    }
}

#[actix_web::test]
async fn an_answer_that_does_not_end_in_time_is_ambiguous() {
    let world = World::new(Server::playing(|mut peer| {
        peer.request();
        peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{");
        serve(peer);
    }));
    let exchange = world
        .perform_within("a", &Step::Send, Duration::from_millis(50))
        .await;
    assert_eq!(exchange.answer, Answer::Ambiguous);
    assert_eq!(exchange.detail, "no answer within 50 ms");
    world.deliver("b", "after a timeout").await;
}
