//! Answers that come slowly, late, twice, or when nothing was asked, and connections that end when idle.

use crate::holding::{accepted, conflict};
use crate::playing::play;
use crate::row::{Call, Cost, Keeps, Row, Scene, Write, held_or_not, row};
use crate::script::{Act, drip, hang, pause, say};
use crate::stand_in::proper;
use crate::wire::{answer, answer_with, chunked};

/// Longer than the service waits for an answer, in milliseconds.
const LATE: u64 = 2200;

fn body(scene: &Scene) -> String {
    scene.ours.out(false).to_string()
}

fn refusal() -> Vec<u8> {
    answer("422 Unprocessable Entity", r#"{"detail":[{"loc":["body"],"msg":"no","type":"value_error"}]}"#)
}

fn slow() -> Vec<Row> {
    let halves = |scene: &Scene, at: usize, milliseconds: u64| {
        let whole = accepted(&scene.ours);
        vec![say(&whole[..at]), pause(milliseconds), say(&whole[at..])]
    };
    let mut rows = vec![
        row("slow_drip", "it is whole in time", |scene| {
            let whole = accepted(&scene.ours);
            vec![
                drip(&whole[..10], 50),
                say(&whole[10..whole.len() - 5]),
                drip(&whole[whole.len() - 5..], 50),
            ]
        })
        .at_once(),
        row("slow_drip_all", "it is whole in time", |scene| vec![drip(accepted(&scene.ours), 1)]).at_once(),
        row("slow_chunks", "each chunk by itself", |scene| {
            let whole = chunked("202 Accepted", &body(scene), 60);
            vec![drip(&whole[whole.len() - 20..], 0), Act::Fin]
        }),
        row("slow_head", "a pause within the head", move |scene| halves(scene, 30, 300)).at_once(),
        row("slow_body", "a pause before the end", move |scene| halves(scene, 200, 300)).at_once(),
        row("slow_start", "a pause before the first byte", move |scene| halves(scene, 0, 300)).at_once(),
        row("slow_after", "the connection is not ready at once", |scene| vec![proper(scene), pause(200)]),
    ];
    rows.extend(held_or_not("slow_forever", "one byte at a time is not in time", |scene| {
        vec![drip(accepted(&scene.ours), 50)]
    }));
    rows.extend(held_or_not("slow_hang", "nothing comes at all", |_| vec![hang()]));
    rows.extend(held_or_not("slow_hang_head", "nothing comes behind the head", |scene| {
        let whole = accepted(&scene.ours);
        vec![say(&whole[..whole.len() - body(scene).len()]), hang()]
    }));
    rows.extend(held_or_not("slow_hang_chunk", "the last chunk never comes", |scene| {
        let whole = chunked("202 Accepted", &body(scene), 60);
        vec![say(&whole[..whole.len() - 5]), hang()]
    }));
    rows.push(
        row("slow_hang_lost", "and the message was never dispatched", |_| vec![hang()])
            .keeps(Keeps::Undispatched),
    );
    rows.push(row("slow_fetch", "nor is a look at the message in time", |_| vec![hang()]).on(Call::Fetch));
    rows.push(row("slow_attempts", "nor a look at the attempts", |_| vec![hang()]).on(Call::Attempts));
    rows.push(row("slow_endpoints", "nor one at the endpoints", |_| vec![hang()]).on(Call::Endpoints));
    rows.push(row("slow_resend", "nor a resend", |_| vec![hang()]).on(Call::Resend));
    rows
}

fn late() -> Vec<Row> {
    let mut rows = Vec::new();
    let table: [(&str, Write); 4] = [
        ("202", |scene| accepted(&scene.ours)),
        ("422", |_| refusal()),
        ("409", |_| conflict()),
        ("500", |_| answer("500 Internal Server Error", "{}")),
    ];
    for (name, bytes) in table {
        let why = "it is too late, and no later event's";
        rows.extend(held_or_not(&format!("late_{name}"), why, move |scene| {
            vec![pause(LATE), say(bytes(scene))]
        }));
        rows.extend(held_or_not(&format!("late_{name}_rest"), why, move |scene| {
            let whole = bytes(scene);
            vec![say(&whole[..40]), pause(LATE), say(&whole[40..])]
        }));
    }
    rows
}

fn doubled() -> Vec<Row> {
    let mut rows = Vec::new();
    let seconds: [(&str, Write); 11] = [
        ("same", |scene| accepted(&scene.ours)),
        ("other", |scene| accepted(&scene.other)),
        ("408", |_| answer_with("408 Request Timeout", "Connection: close\r\n", "")),
        ("422", |_| refusal()),
        ("409", |_| conflict()),
        ("500", |_| answer("500 Internal Server Error", "{}")),
        ("400", |_| answer("400 Bad Request", r#"{"code":"bad","detail":"no"}"#)),
        ("404", |_| crate::holding::not_found()),
        ("100", |_| b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        ("junk", |_| b"\0\x01\x02hello".to_vec()),
        ("half", |_| b"HTTP/1.1 422 Unpro".to_vec()),
    ];
    for (name, second) in seconds {
        let why = "what was not asked for answers nothing";
        let name = |kind: &str| format!("doubled_{name}_{kind}");
        rows.push(
            row(name("together"), why, move |scene| {
                vec![say([accepted(&scene.ours), second(scene)].concat())]
            })
            .at_once(),
        );
        rows.push(
            row(name("behind"), why, move |scene| vec![proper(scene), say(second(scene))])
                .at_once()
                .when_over(),
        );
        rows.push(
            row(name("idle"), why, move |scene| vec![proper(scene), pause(150), say(second(scene))])
                .at_once()
                .when_over(),
        );
        rows.push(
            row(name("idle_fin"), why, move |scene| {
                vec![proper(scene), pause(150), say(second(scene)), Act::Fin]
            })
            .at_once()
            .when_over(),
        );
    }
    // An old answer that comes when the next event has been sent names another event.
    rows.push(
        row("doubled_race", "an answer to another event is none", |scene| {
            vec![
                proper(scene),
                pause(100),
                proper(scene),
                say(accepted(&scene.other)),
            ]
        })
        .at_once()
        .next_needs(Cost::Attempts),
    );
    rows.push(
        row("doubled_each", "each answer comes twice", |scene| vec![say(accepted(&scene.ours).repeat(2))])
            .always()
            .at_once()
            .following(5),
    );
    rows
}

fn idle() -> Vec<Row> {
    let why = "a connection may end when it is idle";
    let mut rows = Vec::new();
    for (name, ending) in [("fin", (|| Act::Fin) as fn() -> Act), ("reset", || Act::Reset)] {
        for milliseconds in [0, 1, 5, 50, 250] {
            let script = move |scene: &Scene| vec![proper(scene), pause(milliseconds), ending()];
            let each = row(format!("idle_{name}_{milliseconds}"), why, script)
                .always()
                .at_once();
            // One that is sent while the server closes breaks, and is asked for again.
            rows.push(each.following(10).next_needs(Cost::NoAttempt));
            let once = row(format!("idle_{name}_{milliseconds}_seen"), why, script).at_once();
            rows.push(once.when_over().following(5));
        }
    }
    rows.push(
        row("idle_close_said", "it is said before", |scene| {
            vec![
                say(answer_with("202 Accepted", "Connection: close\r\n", body(scene))),
                Act::Fin,
            ]
        })
        .always()
        .at_once()
        .following(10),
    );
    rows.push(
        row("idle_408", "a server says why it closes", |scene| {
            let farewell = answer_with("408 Request Timeout", "Connection: close\r\n", "<h1>408</h1>");
            vec![proper(scene), pause(50), say(farewell), Act::Fin]
        })
        .always()
        .at_once()
        .when_over()
        .following(3)
        .next_needs(Cost::NoAttempt),
    );
    rows
}

#[actix_web::test]
async fn what_is_slow_counts_when_it_is_whole_in_time() {
    play(slow(), 32).await;
}

#[actix_web::test]
async fn what_is_late_answers_nothing() {
    play(late(), 32).await;
}

#[actix_web::test]
async fn what_comes_twice_answers_once() {
    play(doubled(), 4).await;
}

#[actix_web::test]
async fn idle_connections_that_end_cost_nothing() {
    play(idle(), 4).await;
}
