//! Interim answers.

use super::server::{Server, Signal, answer, serve};
use super::*;

#[actix_web::test]
async fn an_interim_answer_long_before_the_last_one_is_skipped() {
    for interim in ["100 Continue", "102 Processing", "103 Early Hints", "199 Else"] {
        let (sent, go_on) = (Signal::new(), Signal::new());
        let (sent_here, go_on_here) = (sent.clone(), go_on.clone());
        let world = World::new(Server::playing(move |mut peer| {
            let request = peer.request().unwrap();
            peer.send(format!("HTTP/1.1 {interim}\r\nLink: </x>\r\n\r\n"));
            sent_here.give();
            go_on_here.wait();
            peer.send(request.accepted());
            if peer.request().is_some() {
                peer.send(answer("422 Unprocessable", "{}"));
                serve(peer);
            }
        }));
        let (first, ()) = tokio::join!(world.send("a"), async {
            sent.waited().await;
            // The client sees what has come meanwhile.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            go_on.give();
        });
        assert_eq!(message(&first).as_deref(), Some("msg_a"), "{interim}: {first:?}");
        let second = world.send("b").await;
        assert_eq!(second.answer, Answer::Rejected, "{interim}: {second:?}");
        world.deliver("c", interim).await;
    }
}

#[actix_web::test]
async fn interim_answers_right_before_the_last_one_are_skipped() {
    let before = |interim: &'static str| {
        World::new(Server::start(move |mut peer| {
            while let Some(request) = peer.request() {
                peer.send(format!("{interim}{}", request.accepted()));
            }
        }))
    };
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    ] {
        let world = before(interim);
        for event in ["a", "b", "c"] {
            world.deliver(event, interim).await;
        }
        assert_eq!(world.server.connections(), 1, "{interim}");
    }
}

#[actix_web::test]
async fn interim_answers_without_end_are_no_answer() {
    let cases: &[Case] = &[
        (|mut peer, _| peer.send_for_ever("HTTP/1.1 102 Processing\r\n\r\n"), AnswerKind::Ambiguous, "bare"),
        (
            |mut peer, _| {
                let interim = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(8000));
                peer.send_for_ever(&interim);
            },
            AnswerKind::Ambiguous,
            "with long headers",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
                serve(peer);
            },
            AnswerKind::Ambiguous,
            "another protocol, for which it was not asked",
        ),
    ];
    play(cases).await;
}
