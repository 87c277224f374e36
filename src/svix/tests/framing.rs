//! Where an answer ends, and what is no whole answer.

use super::server::{answer, serve};
use super::*;

/// Writes an answer with these headers in place of a length.
fn with(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 202 Accepted\r\n{headers}\r\n{body}")
}

/// Writes a body in chunks of one size.
fn chunked(body: &str, size: usize) -> String {
    let chunks = body.as_bytes().chunks(size);
    let chunks = chunks.map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
    chunks.collect()
}

#[actix_web::test]
async fn a_whole_answer_counts_however_it_is_framed() {
    let cases: &[Case] = &[
        (
            |mut peer, request| {
                peer.send(format!("HTTP/1.1 202 X\r\nConnection: close\r\n\r\n{}", request.message()));
            },
            AnswerKind::Accepted,
            "to the end of the connection",
        ),
        (
            |mut peer, request| {
                peer.send(format!("HTTP/1.0 202 X\r\n\r\n{}", request.message()));
            },
            AnswerKind::Accepted,
            "the same by the older protocol",
        ),
        (
            |mut peer, request| {
                let chunks = chunked(&request.message(), 7);
                peer.send(with("Transfer-Encoding: chunked\r\n", &format!("{chunks}0\r\n\r\n")));
                serve(peer);
            },
            AnswerKind::Accepted,
            "in chunks",
        ),
        (
            |mut peer, request| {
                let chunks = chunked(&request.message(), 7);
                peer.send(with("Transfer-Encoding: chunked\r\n", &format!("{chunks}0\r\nX-Sum: 1\r\n\r\n")));
                serve(peer);
            },
            AnswerKind::Accepted,
            "in chunks, with a trailer",
        ),
        (
            |mut peer, request| {
                for byte in request.accepted().bytes() {
                    peer.send([byte]);
                }
                serve(peer);
            },
            AnswerKind::Accepted,
            "byte by byte",
        ),
        (
            |mut peer, _| {
                peer.send(answer("503 Service Unavailable", &"x".repeat(100_000)));
                serve(peer);
            },
            AnswerKind::Unavailable,
            "a trouble is told by its status, however long the page about it",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                peer.send(with(
                    &format!("Content-Encoding: identity\r\nContent-Length: {}\r\n", body.len()),
                    &body,
                ));
                serve(peer);
            },
            AnswerKind::Accepted,
            "not compressed, and says so",
        ),
    ];
    play(cases).await;
}

#[actix_web::test]
async fn what_is_not_a_whole_answer_is_ambiguous() {
    let cases: &[Case] = &[
        (|peer, _| drop(peer), AnswerKind::Ambiguous, "nothing"),
        (|peer, _| peer.reset(), AnswerKind::Ambiguous, "a reset"),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 202 Acc");
            },
            AnswerKind::Ambiguous,
            "a piece of a line",
        ),
        (
            |mut peer, request| {
                peer.send(with("Transfer-Encoding: chunked\r\n", &chunked(&request.message(), 20)));
            },
            AnswerKind::Ambiguous,
            "chunks without the last one",
        ),
        (
            |mut peer, request| {
                let chunks = chunked(&request.message(), 20).replace("14\r\n", "zz\r\n");
                peer.send(with("Transfer-Encoding: chunked\r\n", &chunks));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "chunks without a size",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                peer.send(with(&format!("Content-Length: {}\r\n", body.len() + 1), &body));
            },
            AnswerKind::Ambiguous,
            "a length that is too long",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                peer.send(with(&format!("Content-Length: {}\r\n", body.len() - 1), &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "a length that is too short",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                let lengths =
                    format!("Content-Length: {0}\r\nContent-Length: {1}\r\n", body.len(), body.len() + 2);
                peer.send(with(&lengths, &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "two lengths",
        ),
        (
            |mut peer, request| {
                let body = format!("{}0\r\n\r\n", chunked(&request.message(), 20));
                let both = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", body.len());
                peer.send(with(&both, &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "a length and chunks",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                let folded = format!("X-Folded: a\r\n b\r\nContent-Length: {}\r\n", body.len());
                peer.send(with(&folded, &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "a folded header",
        ),
        (
            |mut peer, request| {
                let body = request.message();
                let zipped = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", body.len());
                peer.send(with(&zipped, &body));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "an encoding that was not asked for",
        ),
        (
            |mut peer, request| {
                peer.send(request.accepted().replace("HTTP/1.1", "HTTP/2.0"));
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "another protocol",
        ),
        (
            |mut peer, request| {
                peer.send(request.message());
            },
            AnswerKind::Ambiguous,
            "a body alone",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 422 Unprocessable\r\nContent-Length: 10\r\n\r\n{}");
            },
            AnswerKind::Ambiguous,
            "a refusal that breaks off",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 204 No Content\r\n\r\n");
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "a success that names nothing",
        ),
    ];
    play(cases).await;
}
