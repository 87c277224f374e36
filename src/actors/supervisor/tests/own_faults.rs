//! Notifications that Svix does not take, whatever it does with others: they fail by themselves and hold up nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::pools::start_pool;
use super::world::{MakePool, Stored, World, accept_many, answer, answer_with, settings, with_accounts};
use crate::actors::messages::{Batch, Job, Settings};
use crate::domain::{Answer, NotificationId, Reason, State};
use crate::policy::{GateRules, GateState};
use crate::store::examples::eventually;

const DOWN: Answer = Answer::Unavailable {
    retry_after: None,
    may_hold: false,
};

/// What is answered to whom, and how often each was sent.
#[derive(Clone, Default)]
struct Script {
    bad: Arc<Mutex<HashMap<NotificationId, Answer>>>,
    sent: Arc<Mutex<HashMap<NotificationId, usize>>>,
}

impl Script {
    fn answers(&self, ids: &[NotificationId], answer: &Answer) {
        let mut bad = self.bad.lock().unwrap();
        bad.extend(ids.iter().map(|id| (*id, answer.clone())));
    }

    fn works(&self) {
        self.bad.lock().unwrap().clear();
    }

    fn sent(&self, id: NotificationId) -> usize {
        self.sent.lock().unwrap().get(&id).copied().unwrap_or_default()
    }

    fn make_pool(&self) -> MakePool {
        let script = self.clone();
        Box::new(move |number, settings, supervisor| {
            let (script, to) = (script.clone(), supervisor.clone());
            start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
                for job in &jobs {
                    *script
                        .sent
                        .lock()
                        .unwrap()
                        .entry(job.notification.id)
                        .or_default() += 1;
                    match script.answer_to(job) {
                        Some(bad) => answer_with(&to, job, bad, Duration::ZERO),
                        None => answer(&to, job),
                    }
                }
                drop(ticket);
            })
        })
    }

    fn answer_to(&self, job: &Job) -> Option<Answer> {
        self.bad.lock().unwrap().get(&job.notification.id).cloned()
    }
}

/// Twenty failures open a circuit, whose probes soon come too rarely for a test to see many of them.
fn strict(mut settings: Settings) -> Settings {
    for account in &mut settings.accounts {
        account.gate = GateRules {
            circuit_threshold: 20,
            probe_interval: Duration::from_millis(20),
            max_probe_interval: Duration::from_secs(3600),
            ..account.gate
        };
    }
    settings
}

async fn eventually_in_circuit(world: &World) {
    world
        .eventually_counted("the circuit opens", |counts| {
            let mut accounts = counts.accounts.iter();
            accounts.any(|account| matches!(account.gate, GateState::Circuit { .. }))
        })
        .await;
}

/// Waits until so many have died while others go out.
async fn eventually_dead(world: &World, count: i64) {
    eventually("what fails by itself dies while others go out", async || {
        accept_many(&world.store, "acme", 1).await;
        world.announce("acme");
        world.totals().await.dead == count
    })
    .await;
    let dead = world.records(State::Dead).await;
    assert!(dead.iter().all(|record| record.reason == Some(Reason::Exhausted)));
}

#[actix::test]
async fn what_fails_each_time_holds_up_neither_its_own_customer_nor_others() {
    let script = Script::default();
    let stored = Stored::empty().await;
    let bad = accept_many(&stored.store, "acme", 30).await;
    script.answers(&bad, &DOWN);
    let world = stored.start(strict(settings(2, 8, 256)), 1000, script.make_pool());
    eventually_in_circuit(&world).await;
    let good = [("acme", 300), ("globex", 50)];
    for (name, count) in good {
        accept_many(&world.store, name, count).await;
        world.announce(name);
    }
    eventually("what is good goes out", async || world.totals().await.delivered == 350).await;
    eventually_dead(&world, 30).await;
}

#[actix::test]
async fn however_many_fail_at_the_head_what_is_behind_them_has_its_chance() {
    for (accounts, why) in [(&[][..], "alone"), (&["other"][..], "beside another account")] {
        let script = Script::default();
        let stored = Stored::empty().await;
        let bad = accept_many(&stored.store, "acme", 100).await;
        script.answers(&bad, &DOWN);
        accept_many(&stored.store, "acme", 100).await;
        let settings = strict(with_accounts(settings(1, 1, 4), accounts));
        let world = stored.start(settings, 1000, script.make_pool());
        eventually(why, async || world.totals().await.delivered >= 100).await;
        eventually_dead(&world, 100).await;
    }
}

#[actix::test]
async fn what_was_tried_in_vain_makes_way_for_what_waits_in_the_store() {
    for (accounts, why) in [(&[][..], "alone"), (&["other"][..], "beside another account")] {
        let script = Script::default();
        let stored = Stored::empty().await;
        let bad = accept_many(&stored.store, "acme", 24).await;
        script.answers(&bad, &DOWN);
        let mut settings = strict(with_accounts(settings(2, 8, 256), accounts));
        // All are tried once and come back before long.
        settings.rules.max_attempts = 1000;
        // A customer alone has room for 24 of 48.
        let world = stored.start(settings, 48, script.make_pool());
        eventually_in_circuit(&world).await;
        eventually("all are tried", async || bad.iter().all(|id| script.sent(*id) > 0)).await;
        accept_many(&world.store, "acme", 200).await;
        world.announce("acme");
        eventually(why, async || world.totals().await.delivered == 200).await;
        assert_eq!(world.totals().await.dead, 0);
    }
}

#[actix::test]
async fn keys_that_are_stuck_for_a_while_keep_nothing_fresh_waiting() {
    let script = Script::default();
    let stored = Stored::empty().await;
    let stuck = accept_many(&stored.store, "acme", 120).await;
    script.answers(&stuck, &Answer::Ambiguous);
    let mut settings = strict(settings(2, 64, 256));
    settings.rules.max_attempts = 1_000_000;
    let world = stored.start(settings, 4096, script.make_pool());
    eventually_in_circuit(&world).await;
    script.answers(&stuck, &DOWN);
    let fresh = accept_many(&world.store, "acme", 600).await;
    world.announce("acme");
    eventually("what is fresh goes out", async || world.totals().await.delivered == 600).await;
    assert!(fresh.iter().all(|id| script.sent(*id) == 1));
    script.works();
    eventually("so does what was stuck, in the end", async || {
        accept_many(&world.store, "acme", 1).await;
        world.announce("acme");
        world.totals().await.queued == 0
    })
    .await;
    assert_eq!(world.totals().await.dead, 0);
}

#[actix::test]
async fn an_outage_kills_nothing() {
    let script = Script::default();
    let stored = Stored::empty().await;
    let before = accept_many(&stored.store, "acme", 50).await;
    let mut strict = strict(settings(2, 8, 256));
    strict.accounts[0].gate.max_probe_interval = Duration::from_millis(20);
    let world = stored.start(strict, 1000, script.make_pool());
    world.eventually_delivered(50).await;
    assert!(before.iter().all(|id| script.sent(*id) == 1));
    let during = accept_many(&world.store, "acme", 200).await;
    script.answers(&during, &DOWN);
    world.announce("acme");
    eventually_in_circuit(&world).await;
    eventually("it is tried for long", async || world.totals().await.failed_attempts > 250).await;
    script.works();
    world.eventually_delivered(250).await;
    world.eventually_idle().await;
}
