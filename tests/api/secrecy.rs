//! The search for secrets that every test makes finds them where they are.

use uuid::Uuid;

use crate::support::{TestApp, TestStore, World, event, eventually, secrecy};

/// Tells whether what is done here is noticed as a leak.
fn is_noticed(leak: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(leak)).is_err()
}

fn secret() -> String {
    let secret = format!("secret-{}", Uuid::new_v4());
    secrecy::keep(&secret);
    secret
}

#[test]
fn what_shows_a_secret_is_noticed() {
    let secret = secret();
    assert!(is_noticed(|| secrecy::search("an answer", &format!("a {secret} b"))));
    assert!(!is_noticed(|| secrecy::search("an answer", "nothing")));
    assert!(is_noticed(|| {
        let store = TestStore::on_file();
        std::fs::write(store.file().unwrap(), &secret).unwrap();
    }));
}

#[actix_web::test]
async fn answers_logs_and_the_store_are_searched() {
    let app = TestApp::start(&[]).await;
    let before = secrecy::lines();
    // What a caller writes into an event comes back in answers, goes into the store, and is no secret of this service.
    let id = app.client.post(&event("e1")).await.id().to_owned();
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    assert!(secrecy::lines() > before, "the service within this process logs to where it is searched");
    assert!(app.store.contents().await.contains("user.created"), "events can be found in the store");
    assert_eq!(app.client.get(&format!("/notifications/{id}")).await.status, 200);
}

#[actix_web::test]
async fn the_log_of_a_process_is_searched() {
    let world = World::new();
    let process = world.start(&[("LOG__LEVEL", "debug")]).await;
    let id = format!("secret-{}", Uuid::new_v4());
    assert_eq!(process.client.post(&event(&id)).await.status, 202);
    eventually("it is logged", async || process.log().iter().any(|line| line.contains(&id))).await;
    secrecy::keep(&id);
    assert!(is_noticed(|| drop(process)));
    assert!(is_noticed(|| drop(world)), "it is in the store, too");
}
