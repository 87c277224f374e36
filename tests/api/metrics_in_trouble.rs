//! What a scrape says, and that it comes, when something is wrong.

use std::time::Duration;

use futures_util::future::join_all;
use svix_hooks::domain::State;

use crate::support::{Scrape, TestProcess, World, event, eventually};

async fn until(process: &TestProcess, name: &str, number: f64) -> Scrape {
    let mut last = Scrape::default();
    eventually(&format!("{name} is {number}"), async || {
        last = process.client.scrape().await;
        last.number(name, &[]) == Some(number)
    })
    .await;
    last
}

#[actix_web::test]
async fn a_store_that_takes_no_writes_shows_as_down_and_everything_else_goes_on() {
    let world = World::on_file();
    let process = world.start(&[]).await;
    assert_eq!(process.client.post(&event("before")).await.status, 202);
    let file = world.store.file().expect("it is a file");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).expect("it is moved");
    let refused = process.client.post(&event("refused")).await;
    assert_eq!((refused.status, refused.code()), (503, "storage_unavailable"));
    let scrape = until(&process, "svix_hooks_store_up", 0.0).await;
    let refused = [("result", "storage_unavailable")];
    assert_eq!(scrape.number("svix_hooks_accepts_total", &refused), Some(1.0));
    std::fs::rename(&aside, &file).expect("it is moved back");
    until(&process, "svix_hooks_store_up", 1.0).await;
}

#[actix_web::test]
async fn a_scrape_goes_without_what_a_database_that_is_stuck_cannot_tell() {
    let world = World::on_postgres();
    let process = world.start(&[]).await;
    until(&process, "svix_hooks_replicas", 1.0).await;
    let lock = world
        .store
        .lock_out("BEGIN; LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
        .await;
    let asked = |scrape: &Scrape| {
        let queued = [("state", State::Queued.as_str())];
        scrape.number("svix_hooks_notifications", &queued)
    };
    eventually("nobody waits for the ledger", async || {
        // The database itself would let the question wait five times as long.
        let scrapes = join_all((0..20).map(|_| process.client.scrape()));
        let scrapes = tokio::time::timeout(Duration::from_secs(8), scrapes).await;
        let scrapes = scrapes.expect("all have come");
        scrapes.iter().all(|scrape| {
            assert_eq!(scrape.number("svix_hooks_panics_total", &[]), Some(0.0));
            assert!(scrape.number("svix_hooks_ready", &[]).is_some());
            asked(scrape).is_none()
        })
    })
    .await;
    drop(lock);
    eventually("it is told again", async || asked(&process.client.scrape().await) == Some(0.0)).await;
}

#[actix_web::test]
async fn a_replica_that_goes_silent_is_counted_by_the_one_that_takes_over() {
    let world = World::on_postgres();
    let stays = world.start(&[]).await;
    let mut dies = world.start(&[]).await;
    let leaves = world.start(&[]).await;
    until(&stays, "svix_hooks_replicas", 3.0).await;
    dies.kill();
    let scrape = until(&stays, "svix_hooks_replicas", 2.0).await;
    let lost = |scrape: &Scrape| {
        scrape
            .number("svix_hooks_replicas_lost_total", &[])
            .unwrap_or(0.0)
    };
    let mut sum = lost(&scrape);
    eventually("one has taken over", async || {
        sum = lost(&stays.client.scrape().await) + lost(&leaves.client.scrape().await);
        sum == 1.0
    })
    .await;
    let before = lost(&stays.client.scrape().await);
    leaves.signal("TERM");
    let scrape = until(&stays, "svix_hooks_replicas", 1.0).await;
    assert_eq!(lost(&scrape), before, "one that leaves is not lost");
}

#[actix_web::test]
async fn a_scrape_while_it_stops_is_answered_or_refused_and_holds_up_nothing() {
    let world = World::new();
    let mut process = world.start(&[]).await;
    let client = process.client.clone();
    assert_eq!(client.post(&event("evt_1")).await.status, 202);
    process.signal("TERM");
    for _ in 0..50 {
        match client.try_get("/metrics").await {
            Some(answer) if answer.status == 200 => drop(Scrape::parse(&answer.text)),
            Some(answer) => assert_eq!((answer.status, answer.code()), (503, "stopping")),
            None => break,
        }
    }
    assert!(process.ended().await.success());
}
