//! Accounts that are shut, whose notifications must not take the room of others.

use std::time::Duration;

use super::silence::{Silence, impatient, is_of};
use super::world::{MakePool, Stored, accept_for, answer, answer_with, with_accounts};
use crate::actors::messages::{Batch, Settings};
use crate::actors::supervisor::tests::pools::start_pool;
use crate::domain::Answer;
use crate::policy::{GateRules, GateState};
use crate::store::examples::{customer, eventually};

/// Accounts whose first failure shuts them, until a probe long after.
fn strict(mut settings: Settings, probe_interval: Duration) -> Settings {
    for account in &mut settings.accounts {
        account.gate = GateRules {
            circuit_threshold: 1,
            probe_interval,
            max_probe_interval: probe_interval,
            ..account.gate
        };
    }
    settings
}

#[actix::test]
async fn customers_of_a_shut_account_leave_their_room_to_others() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    for number in 0..30 {
        accept_for(&stored.store, "hung", &format!("acme {number}"), 20).await;
    }
    let settings = strict(with_accounts(impatient(8), &["hung", "well"]), Duration::from_secs(3600));
    let world = stored.start(settings, 100, silence.make_pool(is_of("hung")));
    let taken = async || {
        (0..30)
            .map(|number| world.room.places(&customer(&format!("acme {number}"))).1)
            .sum::<usize>()
    };
    eventually("they take nearly all", async || taken().await > 90 && silence.count() == 1).await;
    while silence.end_one(&world, true) {}
    world
        .eventually_counted("the account is shut", |counts| {
            counts
                .accounts
                .iter()
                .any(|account| matches!(account.gate, GateState::Circuit { .. }))
        })
        .await;
    eventually("a few are kept to try it with", async || taken().await == 2).await;
    accept_for(&world.store, "well", "globex", 300).await;
    world.announce("globex");
    eventually("the other's are delivered", async || world.totals().await.delivered == 300).await;
    world.two_ticks().await;
    assert_eq!(taken().await, 2, "and nothing is claimed that cannot go");
    let totals = world.totals().await;
    assert_eq!((totals.queued, totals.dead, totals.difference()), (600, 0, 0));
}

#[actix::test]
async fn what_went_back_is_delivered_in_order_once_the_account_opens() {
    let works = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sent: std::sync::Arc<std::sync::Mutex<Vec<_>>> = std::sync::Arc::default();
    let (switch, noted) = (works.clone(), sent.clone());
    let make_pool: MakePool = Box::new(move |number, settings, supervisor| {
        let (works, to, sent) = (switch.clone(), supervisor.clone(), noted.clone());
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            for job in &jobs {
                if works.load(std::sync::atomic::Ordering::Relaxed) {
                    sent.lock().unwrap().push(job.notification.id);
                    answer(&to, job);
                } else {
                    let unavailable = Answer::Unavailable {
                        retry_after: None,
                        may_hold: false,
                    };
                    answer_with(&to, job, unavailable, Duration::ZERO);
                }
            }
            drop(ticket);
        })
    });
    let stored = Stored::empty().await;
    let accepted = accept_for(&stored.store, "hung", "acme", 60).await;
    let settings = strict(with_accounts(impatient(8), &["hung"]), Duration::from_millis(20));
    let world = stored.start(settings, 1000, make_pool);
    eventually("most has gone back", async || {
        world.totals().await.failed_attempts > 0 && world.room.places(&customer("acme")).1 <= 3
    })
    .await;
    works.store(true, std::sync::atomic::Ordering::Relaxed);
    world.eventually_delivered(60).await;
    world.eventually_idle().await;
    let failed: Vec<_> = world.records(crate::domain::State::Delivered).await;
    let once: Vec<_> = failed
        .iter()
        .filter(|record| record.progress.attempts == 1)
        .map(|record| record.id)
        .collect();
    let found: Vec<_> = sent
        .lock()
        .unwrap()
        .iter()
        .copied()
        .filter(|id| once.contains(id))
        .collect();
    // Those that it was tried with came first.
    let tried = &found[..2];
    let expected: Vec<_> = accepted
        .into_iter()
        .filter(|id| once.contains(id) && !tried.contains(id))
        .collect();
    assert_eq!(found[2..], expected, "what was not tried before keeps its order");
}
