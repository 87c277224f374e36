//! Sending dead letters again, to the end and away from it.

use svix_hooks::sandbox::Faults;

use crate::command::Operator;
use crate::scripted::{Answers, Scripted};
use crate::support::{TestApp, event, eventually};

async fn with_dead_letters(count: i64) -> TestApp {
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults::answering(422));
    for number in 0..count {
        assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    eventually("they are dead", async || app.client.stat("dead").await == count).await;
    app
}

#[actix_web::test]
async fn a_redrive_that_is_waited_for_ends_with_what_became_of_it() {
    let app = with_dead_letters(3).await;
    let operator = Operator::of(&app.client.url);
    let dry = operator
        .printed(&["dead-letters", "redrive", "--dry-run", "--quiet"])
        .await;
    assert_eq!(dry, "3\n");
    let redrive = ["dead-letters", "redrive", "--rate", "100", "--wait"];
    let never = operator
        .run(&[&redrive[..], &["--stop-ratio", "never"]].concat())
        .await;
    assert_eq!(never.code, Some(1), "all died again: {never:?}");
    assert!(
        never
            .printed
            .contains("3 dead letters, 100 a second, the oldest first"),
        "{never:?}"
    );
    assert!(never.printed.contains("dead again  3\n"), "{never:?}");
    assert_eq!(never.said, "", "no bar where there is no terminal");

    app.sandbox.set_faults(Faults::default());
    let narrowed = operator
        .run(&[&redrive[..], &["--reason", "exhausted", "--json"]].concat())
        .await;
    assert_eq!((narrowed.code, narrowed.json()["total"].as_i64()), (Some(0), Some(0)), "{narrowed:?}");
    let quiet = operator
        .run(&[&redrive[..], &["--quiet", "--order", "newest"]].concat())
        .await;
    assert_eq!((quiet.code, quiet.printed.lines().count()), (Some(0), 1), "only its id: {quiet:?}");
    let shown = operator
        .printed(&["redrives", "show", quiet.printed.trim()])
        .await;
    for words in ["completed", "newest first", "delivered   3"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(app.client.stat("delivered").await, 3);
}

#[actix_web::test]
async fn ctrl_c_leaves_a_redrive_running_which_can_then_be_steered() {
    let app = with_dead_letters(3).await;
    app.sandbox.set_faults(Faults::default());
    let operator = Operator::of(&app.client.url);
    let left = operator
        .interrupted(&["dead-letters", "redrive", "--rate", "0.01", "--wait"])
        .await;
    assert_eq!(left.code, Some(130), "{left:?}");
    assert!(left.said.contains("the redrive is left running"), "{left:?}");
    let list = operator.run(&["redrives", "list", "--json"]).await.json();
    let id = list["data"][0]["id"].as_str().unwrap();
    let table = [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("show", "cancelled"),
    ];
    for (command, right) in table {
        let ran = operator.run(&["redrives", command, id]).await;
        assert!(
            ran.code == Some(0) && ran.printed.contains(&format!("state       {right}")),
            "{command}: {ran:?}"
        );
    }
    let refused = operator.run(&["redrives", "resume", id]).await;
    assert_eq!(refused.code, Some(2));
    assert!(
        refused
            .said
            .contains("redrive_conflict: the redrive is cancelled"),
        "{refused:?}"
    );
    let listed = operator.printed(&["redrives", "list", "--limit", "5"]).await;
    assert!(listed.contains(&format!("{id}  cancelled")), "{listed}");
}

#[actix_web::test]
async fn whoever_follows_a_redrive_outlasts_a_service_that_is_away() {
    let answer = |state: &str, delivered: u32| {
        format!(
            r#"{{"id":"r","state":"{state}","filter":{{}},"ratePerSecond":5,"stopAfterFailureRatio":null,"order":"oldest",
                "createdAt":"2026-11-25T00:00:00Z","total":2,"done":2,"delivered":{delivered},"deadAgain":0,
                "expired":0,"underWay":0,"left":0}}"#
        )
    };
    let (running, completed, stopped) = (answer("running", 0), answer("completed", 2), answer("stopped", 1));
    let unavailable = r#"{"code":"storage_unavailable","status":503,"detail":"not now"}"#;
    let forgotten = r#"{"code":"not_found","status":404,"detail":"there is no redrive"}"#;
    let begun = (202, running.as_str());
    let table: [(Answers<'_>, Option<i32>, &str, &str); 3] = [
        (&[begun, (502, "<html>"), (503, unavailable), (200, &completed)], Some(0), "", "it is back"),
        (&[begun, (200, &stopped)], Some(1), "redrives resume r", "it stopped by itself"),
        (&[begun, (404, forgotten)], Some(2), "cannot be followed any further", "it is not there"),
    ];
    for (answers, code, said, why) in table {
        let service = Scripted::answering(answers);
        let ran = Operator::of(&service.url)
            .run(&[
                "dead-letters",
                "redrive",
                "--wait",
                "--customer",
                "acme",
                "--stop-ratio",
                "0.25",
            ])
            .await;
        assert_eq!(ran.code, code, "{why}: {ran:?}");
        assert!(ran.said.contains(said), "{why}: {ran:?}");
        let body = r#"{"filter":{"customer":"acme"},"stopAfterFailureRatio":0.25}"#;
        assert_eq!(service.asked()[0], format!("POST /redrives {body}"), "{why}");
        assert_eq!(service.asked().len(), answers.len(), "{why}");
    }
}
