//! Connections that are used again, and those that are not.

use std::sync::Arc;

use futures_util::future::join_all;

use super::server::{Server, Signal, answer, serve};
use super::*;

/// What a server does to a connection on which it has answered once.
type Happening = fn(Peer, &Request);

/// What a server answers to a request.
type Said = fn(&Request) -> String;

/// Sends two events. Between them the server does something to the connection of the first.
async fn meanwhile(what: Happening, why: &str) -> World {
    let (go_on, done) = (Signal::new(), Signal::new());
    let (go_on_here, done_here) = (go_on.clone(), done.clone());
    let world = World::new(Server::playing(move |mut peer| {
        let request = peer.request().unwrap();
        peer.send(request.accepted());
        go_on_here.wait();
        what(peer, &request);
        done_here.give();
    }));
    world.deliver("a", why).await;
    go_on.give();
    done.wait();
    world.deliver("b", why).await;
    let seen = world.server.seen();
    let connections: Vec<usize> = seen.iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1], "{why}");
    world
}

/// Lets a thread go on with a connection.
fn beside(mut peer: Peer) {
    std::thread::spawn(move || peer.wait_for_end());
}

#[actix_web::test]
async fn a_connection_on_which_something_happened_is_not_used_again() {
    let table: [(Happening, &str); 7] = [
        (
            |mut peer, _| {
                peer.send(answer("408 Request Timeout", ""));
                peer.finish();
                beside(peer);
            },
            "a late 408",
        ),
        (
            |mut peer, request| {
                peer.send(request.accepted());
                beside(peer);
            },
            "the answer once more",
        ),
        (
            |mut peer, _| {
                peer.send("\r\n");
                beside(peer);
            },
            "a line",
        ),
        (
            |mut peer, _| {
                peer.send("HTTP/1.1 100 Continue\r\n\r\n");
                beside(peer);
            },
            "an interim answer",
        ),
        (
            |mut peer, _| {
                peer.finish();
                beside(peer);
            },
            "its end",
        ),
        (|peer, _| drop(peer), "its end on both sides"),
        (|peer, _| peer.reset(), "a reset"),
    ];
    for (what, why) in table {
        meanwhile(what, why).await;
    }
}

#[actix_web::test]
async fn only_a_connection_whose_answer_named_the_event_is_kept() {
    let table: [(Said, usize, &str); 8] = [
        (Request::accepted, 1, "taken"),
        (|request| request.accepted().replace("202", "201"), 1, "any success"),
        (|request| format!("{0}{0}", request.accepted()), 2, "the answer twice"),
        (|request| format!("{}\r\n", request.accepted()), 2, "something behind it"),
        (|_| answer("422 Unprocessable", "{}"), 2, "refused"),
        (|_| answer("500 Internal", "{}"), 2, "failed"),
        (
            |request| {
                request
                    .accepted()
                    .replace("Content-Type", "Connection: close\r\nContent-Type")
            },
            2,
            "it says that it ends",
        ),
        (
            |request| {
                request
                    .accepted()
                    .replace("HTTP/1.1", "HTTP/1.0")
                    .replace("Content-Type", "Connection: keep-alive\r\nContent-Type")
            },
            2,
            "the older protocol",
        ),
    ];
    for (first, connections, why) in table {
        let world = World::new(Server::start(move |mut peer| {
            while let Some(request) = peer.request() {
                let said = if request.event() == "a" {
                    first(&request)
                } else {
                    request.accepted()
                };
                peer.send(said);
            }
        }));
        world.send("a").await;
        world.deliver("b", why).await;
        assert_eq!(world.server.connections(), connections, "{why}");
    }
}

#[actix_web::test]
async fn a_connection_that_breaks_where_it_had_been_idle_is_told_apart() {
    let table: [(Happening, &str); 3] = [
        (|peer, _| drop(peer), "it ends"),
        (|peer, _| peer.reset(), "it is reset"),
        (
            |mut peer, _| {
                peer.send(answer("408 Request Timeout", ""));
            },
            "it was too old for the server",
        ),
    ];
    for (breaks, why) in table {
        let world = World::new(Server::playing(move |mut peer| {
            let request = peer.request().unwrap();
            peer.send(request.accepted());
            peer.request();
            breaks(peer, &request);
        }));
        world.deliver("a", why).await;
        let exchange = world.send("b").await;
        assert_eq!(exchange.answer, Answer::Broken, "{why}: {exchange:?}");
        world.deliver("b", why).await;
        world.deliver("c", why).await;
        let seen: Vec<(usize, String)> = world
            .server
            .seen()
            .iter()
            .map(|request| (request.connection, request.event()))
            .collect();
        let right = [(0, "a"), (0, "b"), (1, "b"), (1, "c")].map(|(n, event)| (n, event.to_owned()));
        assert_eq!(seen, right, "{why}");
    }
}

#[actix_web::test]
async fn a_connection_that_breaks_on_its_first_request_is_ambiguous() {
    let world = World::new(Server::playing(|mut peer| {
        peer.request();
    }));
    assert_eq!(world.send("a").await.answer, Answer::Ambiguous);
    assert_eq!(world.server.seen().len(), 1, "nothing was repeated");
}

#[actix_web::test]
async fn an_answer_that_breaks_off_is_not_asked_for_again() {
    let world = World::new(Server::playing(|mut peer| {
        let request = peer.request().unwrap();
        peer.send(request.accepted());
        peer.request();
        peer.send("H");
    }));
    world.deliver("a", "a good one").await;
    assert_eq!(world.send("b").await.answer, Answer::Ambiguous);
    assert_eq!(world.server.seen().len(), 2);
}

#[actix_web::test]
async fn a_resend_goes_out_once_and_over_a_connection_of_its_own() {
    let resend = Step::Resend {
        endpoints: vec!["ep_1".into()],
    };
    let world = World::new(Server::start(|mut peer| {
        while let Some(request) = peer.request() {
            if request.head.contains("/resend") {
                break;
            }
            peer.send(request.accepted());
        }
    }));
    world.deliver("a", "a good one").await;
    assert_eq!(world.perform("a", &resend).await.answer, Answer::Ambiguous);
    world.deliver("b", "the idle one is still good").await;
    let connections: Vec<usize> = world
        .server
        .seen()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 1, 0]);
}

#[actix_web::test]
async fn a_restart_with_many_idle_connections_costs_nothing() {
    const MANY: usize = 50;
    let [all, answer, restart, over] = [(); 4].map(|()| Signal::new());
    let here = [&all, &answer, &restart, &over].map(Arc::clone);
    let world = World::new(Server::start(move |mut peer| {
        let [all, answer, restart, over] = &here;
        let request = peer.request().unwrap();
        let is_old = request.event().starts_with("old");
        if is_old {
            // All are in use at once.
            all.give();
            answer.wait();
        }
        peer.send(request.accepted());
        if is_old {
            restart.wait();
            drop(peer);
            over.give();
        } else {
            serve(peer);
        }
    }));
    let olds: Vec<String> = (0..MANY).map(|n| format!("old{n}")).collect();
    let news: Vec<String> = (0..MANY).map(|n| format!("new{n}")).collect();
    let old = join_all(olds.iter().map(|event| world.deliver(event, "before")));
    let gather = async {
        for _ in 0..MANY {
            all.waited().await;
        }
        (0..MANY).for_each(|_| answer.give());
    };
    tokio::join!(old, gather);
    (0..MANY).for_each(|_| restart.give());
    (0..MANY).for_each(|_| over.wait());
    for event in &news {
        world.deliver(event, "after").await;
    }
    assert_eq!(world.server.connections(), MANY + 1);
}
