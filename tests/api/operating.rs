//! What operators do with the binary.

use std::process::Command;

use serde_json::json;
use svix_hooks::sandbox::Faults;
use tempfile::TempDir;

use crate::support::{TestApp, TestProcess, TestStore, World, event, eventually};

#[actix_web::test]
async fn the_sandbox_delivers_without_an_account_and_leaves_the_real_store_alone() {
    let dir = TempDir::new().expect("a directory");
    let real = TestStore::new();
    let stand_in = match real.file() {
        Some(file) => file.with_file_name("test-sandbox.db"),
        None => dir.path().join("svix-hooks-sandbox.db"),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
    command.args(["serve", "--sandbox"]).current_dir(dir.path());
    let process = TestProcess::spawn(command, &[("STORE__URL", &real.url())]).await;
    assert_eq!(process.client.post(&event("evt_1")).await.status, 202);
    eventually("it is delivered", async || process.client.stat("delivered").await == 1).await;
    assert!(stand_in.exists() && real.is_untouched().await);
    let log = process.log().join("\n");
    assert!(log.contains("not to Svix"), "{log}");
}

#[actix_web::test]
async fn a_reload_cannot_take_away_the_keys_of_an_address_that_others_can_reach() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("svix-hooks.toml");
    let hash = "0".repeat(64);
    let key = format!("[[auth.keys]]\nname = \"a\"\nscopes = [\"ingest\"]\nhash = \"sha256:{hash}\"\n");
    std::fs::write(&file, format!("[server]\nlisten = \"0.0.0.0:0\"\n{key}")).expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
    command
        .args(["serve", "--sandbox", "--config"])
        .arg(&file)
        .current_dir(dir.path());
    let process = TestProcess::spawn_without(command, &[], &["SERVER__LISTEN"]).await;
    assert_eq!(process.client.get("/stats").await.status, 401);
    std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:0\"\n").expect("it is written");
    process.signal("HUP");
    eventually("the reload is refused", async || {
        process.log().iter().any(|line| line.contains("was not reloaded"))
    })
    .await;
    assert_eq!(process.client.get("/stats").await.status, 401);
}

#[actix_web::test]
async fn a_configuration_that_cannot_be_used_is_refused_with_the_nearest_key() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("svix-hooks.toml");
    std::fs::write(&file, "[delivery]\nactor = 3\n").expect("it is written");
    for command in ["serve", "check-config"] {
        let mut binary = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        let output = binary
            .args([command, "--config"])
            .arg(&file)
            .current_dir(dir.path())
            .output();
        let output = output.expect("it runs");
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("delivery.actor") && said.contains("actors"), "{said}");
    }
}

#[actix_web::test]
async fn the_healthcheck_says_whether_the_service_is_ready() {
    let app = TestApp::start(&[]).await;
    let listen = app.client.url.trim_start_matches("http://").to_owned();
    let healthcheck = |listen: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        command
            .arg("healthcheck")
            .env("SVIX_HOOKS__SERVER__LISTEN", listen);
        actix_web::web::block(move || command.output().expect("it runs"))
    };
    let ready = healthcheck(listen).await.expect("it runs");
    assert!(ready.status.success(), "{}", String::from_utf8_lossy(&ready.stderr));
    let gone = healthcheck("127.0.0.1:1".to_owned()).await.expect("it runs");
    assert!(!gone.status.success());
}

#[actix_web::test]
async fn log_lines_about_a_notification_carry_its_id_and_customer_as_json_where_asked() {
    let world = World::new();
    world.sandbox.set_faults(Faults::answering(422));
    let process = world.start(&[("LOG__FORMAT", "json")]).await;
    let event = json!({"id": "evt_1", "type": "a.b", "data": {}, "customer": "ac\"me"});
    let id = process.client.post(&event).await.id().to_owned();
    let mut found = None;
    eventually("the end is logged", async || {
        let lines = process.log();
        let parsed = lines
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("each is JSON"));
        found = parsed.into_iter().find(|line| line["message"] == "not delivered");
        found.is_some()
    })
    .await;
    let line = found.expect("it was");
    assert_eq!((&line["notification"], &line["customer"]), (&json!(id), &json!("ac\"me")));
    assert_eq!((&line["level"], &line["reason"]), (&json!("warn"), &json!("rejected")));
}
