//! Answers that end before they are whole.

use crate::holding::accepted;
use crate::playing::play;
use crate::row::{Keeps, Row, held_or_not, row};
use crate::script::{Act, pause, say};
use crate::wire::{chunked, head};

/// Where an answer can be cut.
#[derive(Clone, Copy)]
enum At {
    /// So many bytes from its start.
    Start(usize),
    /// So many bytes from where its body starts, in either direction.
    Body(isize),
    /// So many bytes before its end.
    End(usize),
}

const PLACES: &[(&str, At)] = &[
    ("nothing", At::Start(0)),
    ("one_byte", At::Start(1)),
    ("name", At::Start(4)),
    ("version", At::Start(8)),
    ("status", At::Start(11)),
    ("status_line", At::Start(15)),
    ("status_line_end", At::Start(23)),
    ("header", At::Start(40)),
    ("length", At::Body(-5)),
    ("last_line_end", At::Body(-2)),
    ("half_line_end", At::Body(-1)),
    ("body_start", At::Body(0)),
    ("body", At::Body(1)),
    ("body_id", At::Body(70)),
    ("last_byte", At::End(1)),
];

fn cut(whole: &[u8], at: At) -> Vec<u8> {
    let body = whole
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("it has a head")
        + 4;
    let end = match at {
        At::Start(bytes) => bytes,
        At::Body(bytes) => body.checked_add_signed(bytes).expect("it is longer"),
        At::End(bytes) => whole.len() - bytes,
    };
    whole[..end].to_vec()
}

fn places(ending: fn() -> Act, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, at) in PLACES.iter().copied() {
        let script = move |scene: &crate::row::Scene| vec![say(cut(&accepted(&scene.ours), at)), ending()];
        rows.extend(held_or_not(
            &format!("cut_{place}_{name}"),
            "it is not known whether it was taken",
            script,
        ));
    }
    rows
}

fn lost(ending: fn() -> Act, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, at) in PLACES.iter().copied().step_by(3) {
        let script = move |scene: &crate::row::Scene| vec![say(cut(&accepted(&scene.ours), at)), ending()];
        let why = "what was taken from a client that left may never be dispatched";
        rows.push(row(format!("cut_{place}_{name}_lost"), why, script).keeps(Keeps::Undispatched));
    }
    rows
}

/// Cuts an answer in chunks so many bytes before its end.
fn chunks(name: &str, before_end: usize, ending: fn() -> Act) -> [Row; 2] {
    held_or_not(&format!("cut_chunks_{name}"), "the last chunk is missing", move |scene| {
        let whole = chunked("202 Accepted", &scene.ours.out(false).to_string(), 50);
        vec![say(&whole[..whole.len() - before_end]), ending()]
    })
}

fn more() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, before_end) in [
        ("end", 2),
        ("zero", 5),
        ("chunk_end", 7),
        ("chunk", 20),
        ("size", 62),
    ] {
        rows.extend(chunks(&format!("{name}_fin"), before_end, || Act::Fin));
        rows.extend(chunks(&format!("{name}_reset"), before_end, || Act::Reset));
    }
    rows.extend(held_or_not("cut_slowly", "it ends after a while", |scene| {
        let whole = accepted(&scene.ours);
        vec![say(&whole[..whole.len() - 10]), pause(200), Act::Reset]
    }));
    rows.push(row("cut_twice", "again and again", |_| vec![Act::Reset]).times(3));
    rows.push(
        row("cut_reused", "nor is a fresh connection", |_| vec![Act::Fin])
            .times(2)
            .keeps(Keeps::Nothing),
    );
    rows.extend(held_or_not("cut_no_length", "the end of the connection is the end of the body", |scene| {
        let body = scene.ours.out(false).to_string();
        vec![
            say(format!("{}Connection: close\r\n\r\n{}", head("202 Accepted"), &body[..body.len() - 3])),
            Act::Fin,
        ]
    }));
    rows
}

#[actix_web::test]
async fn what_breaks_off_in_good_order_is_no_answer() {
    play(places(|| Act::Fin, "fin"), 32).await;
}

#[actix_web::test]
async fn what_breaks_off_by_force_is_no_answer() {
    play(places(|| Act::Reset, "reset"), 32).await;
}

#[actix_web::test]
async fn what_was_taken_and_never_dispatched_is_dispatched() {
    let mut rows = lost(|| Act::Fin, "fin");
    rows.extend(lost(|| Act::Reset, "reset"));
    play(rows, 32).await;
}

#[actix_web::test]
async fn what_breaks_off_elsewhere_is_no_answer() {
    play(more(), 32).await;
}
