//! Answers before the answer: 1xx.

use crate::holding::accepted;
use crate::playing::play;
use crate::row::{Keeps, Row, held_or_not, row};
use crate::script::{Act, drip, forever, pause, say};
use crate::stand_in::proper;
use crate::wire::answer;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const PROCESSING: &str = "HTTP/1.1 102 Processing\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const LINKS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Request-Id: 1\r\n\r\n";

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let table = [
        ("100", CONTINUE, "nobody waited for it"),
        ("102", PROCESSING, "a slow server says that it works"),
        ("103", HINTS, "a server hints at what will come"),
        ("103_headers", LINKS, "it has headers of its own"),
        ("199", "HTTP/1.1 199 Whatever\r\n\r\n", "an interim answer that nobody knows"),
        ("no_reason", "HTTP/1.1 103 \r\n\r\n", "it has no words"),
    ];
    for (name, interim, why) in table {
        rows.push(
            row(format!("interim_{name}"), why, move |scene| vec![say(interim), proper(scene)]).at_once(),
        );
        let then = move |scene: &_| vec![say(interim), pause(150), proper(scene)];
        rows.push(row(format!("interim_{name}_pause"), why, then).at_once());
        let each = row(format!("interim_{name}_each"), why, move |scene| vec![say(interim), proper(scene)]);
        rows.push(each.always().at_once());
    }
    rows.extend([
        row("interim_20", "several, of all kinds", |scene| {
            vec![
                say(format!("{CONTINUE}{PROCESSING}{LINKS}{HINTS}").repeat(5)),
                proper(scene),
            ]
        })
        .at_once(),
        row("interim_20_paused", "several, with time between them", |scene| {
            let mut acts: Vec<Act> = (0..20).flat_map(|_| [say(HINTS), pause(20)]).collect();
            acts.push(proper(scene));
            acts
        })
        .at_once(),
        row("interim_drip", "byte by byte", |scene| vec![drip(HINTS, 5), proper(scene)]).at_once(),
        row("interim_one_write", "with the answer in one piece", |scene| {
            vec![say([HINTS.as_bytes(), &accepted(&scene.ours)].concat())]
        })
        .at_once(),
        row("interim_422", "a refusal after it is this event's, not the next one's", |_| {
            let body = r#"{"detail":[{"loc":["body"],"msg":"no","type":"value_error"}]}"#;
            vec![
                say(HINTS),
                pause(150),
                say(answer("422 Unprocessable Entity", body)),
            ]
        })
        .dead("rejected"),
        row("interim_late_409", "the message is known", |_| {
            vec![say(HINTS), pause(150), say(crate::holding::conflict())]
        })
        .keeps(Keeps::Keyless),
    ]);
    rows.extend(held_or_not("interim_101", "nobody asked for another protocol", |_| {
        vec![say(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello",
        )]
    }));
    rows.extend(held_or_not("interim_endless", "the answer never comes", |_| {
        vec![forever(PROCESSING.repeat(40))]
    }));
    rows.extend(held_or_not("interim_only", "the connection ends before the answer", |_| {
        vec![say(HINTS), Act::Fin]
    }));
    rows.extend(held_or_not("interim_body", "an interim answer has no body", |scene| {
        vec![
            say("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello"),
            proper(scene),
        ]
    }));
    rows
}

#[actix_web::test]
async fn interim_answers_are_skipped() {
    play(rows(), 32).await;
}
