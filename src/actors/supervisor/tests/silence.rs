//! Accounts and customers that Svix does not answer, beside others that it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;

use super::draining::drain;
use super::pools::start_pool;
use super::world::{MakePool, Stored, World, accept_for, answer, answer_with, settings, with_accounts};
use crate::actors::messages::{Batch, BatchTicket, Job, Settings};
use crate::domain::{Answer, NotificationId};
use crate::policy::Patience;
use crate::store::examples::{customer, eventually};

/// Requests that get no answer until they are let go.
#[derive(Clone, Default)]
pub(super) struct Silence(Arc<Mutex<Vec<Unanswered>>>);

/// A request, and what its batch waits for.
type Unanswered = (Job, Arc<BatchTicket>);

impl Silence {
    /// Makes pools that answer at once, except what `hangs`.
    pub(super) fn make_pool(&self, hangs: impl Fn(&Job) -> bool + Clone + Send + 'static) -> MakePool {
        let silence = self.clone();
        Box::new(move |number, settings, supervisor| {
            let (silence, hangs, to) = (silence.clone(), hangs.clone(), supervisor.clone());
            start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
                let ticket = Arc::new(ticket);
                for job in jobs {
                    if hangs(&job) {
                        silence.0.lock().unwrap().push((job, ticket.clone()));
                    } else {
                        answer(&to, &job);
                    }
                }
            })
        })
    }

    /// Counts what is under way, by account.
    fn by_account(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (job, _) in &*self.0.lock().unwrap() {
            *counts.entry(job.account.name.as_str().to_owned()).or_default() += 1;
        }
        counts
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Ends the oldest, as a timeout does or as an answer.
    pub(super) fn end_one(&self, world: &World, timed_out: bool) -> bool {
        let mut held = self.0.lock().unwrap();
        if held.is_empty() {
            return false;
        }
        let (job, ticket) = held.remove(0);
        drop(held);
        if timed_out {
            answer_with(&world.supervisor, &job, Answer::Ambiguous, Duration::from_secs(15));
        } else {
            answer(&world.supervisor, &job);
        }
        drop(ticket);
        true
    }
}

/// Two threads, and little patience.
pub(super) fn impatient(max_in_flight: usize) -> Settings {
    Settings {
        patience: Patience {
            batch: Duration::from_millis(2),
            request: Duration::from_millis(200),
        },
        ..settings(2, 4, max_in_flight)
    }
}

pub(super) fn is_of(account: &'static str) -> impl Fn(&Job) -> bool + Clone + Send {
    move |job| job.account.name.as_str().starts_with(account)
}

async fn eventually_all_delivered(world: &World, silence: &Silence, count: i64) {
    eventually("all is delivered once they are answered", async || {
        while silence.end_one(world, false) {}
        world.totals().await.delivered == count
    })
    .await;
}

#[actix::test]
async fn an_account_that_never_answered_delays_no_other() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    accept_for(&stored.store, "hung", "acme", 60).await;
    accept_for(&stored.store, "well", "globex", 200).await;
    let settings = with_accounts(impatient(8), &["hung", "well"]);
    let world = stored.start(settings, 1000, silence.make_pool(is_of("hung")));
    eventually("the other's are delivered", async || world.totals().await.delivered == 200).await;
    world.two_ticks().await;
    assert_eq!(silence.by_account(), [("hung".to_owned(), 1)].into(), "one is tried");
    eventually_all_delivered(&world, &silence, 260).await;
}

#[actix::test]
async fn an_account_whose_requests_time_out_keeps_no_thread_from_others() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    accept_for(&stored.store, "hung", "acme", 60).await;
    let mut settings = with_accounts(impatient(64), &["hung", "well"]);
    settings.patience.batch = Duration::from_secs(3600);
    let world = stored.start(settings, 1000, silence.make_pool(is_of("hung")));
    let as_many_as_may = async || {
        eventually("as many hang as may", async || silence.count() == 3).await;
    };
    as_many_as_may().await;
    // Each that goes out in place of one that has timed out is a batch of its own, and there are two threads.
    for _ in 0..6 {
        assert!(silence.end_one(&world, true));
        as_many_as_may().await;
    }
    accept_for(&world.store, "well", "globex", 50).await;
    world.announce("globex");
    eventually("the other's are delivered", async || world.totals().await.delivered == 50).await;
    assert_eq!(silence.count(), 3);
}

#[actix::test]
async fn an_account_that_falls_silent_delays_no_other() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    let accepted = accept_for(&stored.store, "hung", "acme", 60).await;
    accept_for(&stored.store, "well", "globex", 200).await;
    let settings = with_accounts(impatient(8), &["hung", "well"]);
    // It answers until it is trusted with much.
    let answered = accepted[..20].to_vec();
    let hangs = move |job: &Job| !answered.contains(&job.notification.id) && is_of("hung")(job);
    let world = stored.start(settings, 1000, silence.make_pool(hangs));
    eventually("the other's are delivered", async || world.totals().await.delivered == 220).await;
    world.two_ticks().await;
    assert!(silence.count() <= 7, "{} of 8 are taken", silence.count());
    accept_for(&world.store, "well", "globex", 50).await;
    world.announce("globex");
    eventually("what comes later, too", async || world.totals().await.delivered == 270).await;
    eventually_all_delivered(&world, &silence, 310).await;
}

#[actix::test]
async fn many_accounts_that_hang_leave_half_to_those_that_answer() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    let names: Vec<String> = (0..40).map(|number| format!("hung {number}")).collect();
    accept_for(&stored.store, "well", "globex", 1).await;
    let mut accounts: Vec<&str> = names.iter().map(String::as_str).collect();
    accounts.push("well");
    let settings = with_accounts(impatient(16), &accounts);
    let sent: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let noted = sent.clone();
    let hangs = move |job: &Job| {
        let customer = job.notification.customer.as_str().to_owned();
        noted.lock().unwrap().insert(customer);
        is_of("hung")(job)
    };
    let world = stored.start(settings, 1000, silence.make_pool(hangs));
    eventually("it is known to answer", async || world.totals().await.delivered == 1).await;
    for name in &names {
        accept_for(&world.store, name, name, 5).await;
        world.announce(name);
    }
    eventually("as many hang as may", async || silence.count() == 8).await;
    accept_for(&world.store, "well", "globex", 100).await;
    world.announce("globex");
    eventually("the other's are delivered", async || world.totals().await.delivered == 101).await;
    world.two_ticks().await;
    assert_eq!(silence.count(), 8);
    // One that is not known yet gets its turn behind those that came first, each of which takes a turn.
    accept_for(&world.store, "default", "initech", 1).await;
    world.announce("initech");
    eventually("it waits", async || world.room.places(&customer("initech")).1 == 1).await;
    world.two_ticks().await;
    let mut ended = 0;
    eventually("so does one that is new", async || {
        let is_sent = sent.lock().unwrap().contains("initech");
        if !is_sent && silence.count() == 8 && silence.end_one(&world, true) {
            ended += 1;
        }
        is_sent
    })
    .await;
    assert!(ended <= 48, "{ended} had to end");
}

#[actix::test]
async fn a_customer_that_hangs_is_passed_over() {
    let silence = Silence::default();
    let stored = Stored::empty()
        .await
        .with("hung", 100)
        .await
        .with("well", 200)
        .await;
    let hangs = |job: &Job| job.notification.customer.as_str() == "hung";
    let world = stored.start(impatient(16), 1000, silence.make_pool(hangs));
    eventually("the other's are delivered", async || world.totals().await.delivered == 200).await;
    world.two_ticks().await;
    assert!(silence.count() <= 14, "{} of 16 are taken", silence.count());
    eventually_all_delivered(&world, &silence, 300).await;
    assert_eq!(world.totals().await.retries, 0);
}

#[actix::test]
async fn order_within_a_customer_stays_whoever_is_passed_over() {
    let silence = Silence::default();
    let stored = Stored::empty().await;
    let mut accepted: BTreeMap<&str, Vec<NotificationId>> = BTreeMap::new();
    for _ in 0..30 {
        for name in ["hung", "well"] {
            accepted
                .entry(name)
                .or_default()
                .extend(accept_for(&stored.store, "default", name, 1).await);
        }
    }
    let sent: Arc<Mutex<BTreeMap<String, Vec<NotificationId>>>> = Arc::default();
    let noted = sent.clone();
    let hangs = move |job: &Job| {
        let customer = job.notification.customer.as_str().to_owned();
        let hangs = customer == "hung";
        noted
            .lock()
            .unwrap()
            .entry(customer)
            .or_default()
            .push(job.notification.id);
        hangs
    };
    let world = stored.start(impatient(16), 1000, silence.make_pool(hangs));
    eventually("the other's are delivered", async || world.totals().await.delivered >= 30).await;
    eventually_all_delivered(&world, &silence, 60).await;
    let sent = sent.lock().unwrap();
    for (name, ids) in accepted {
        assert_eq!(sent[name], ids, "{name}");
    }
}

#[actix::test]
async fn draining_waits_for_slow_requests_and_sends_nothing_beside_them() {
    let silence = Silence::default();
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(impatient(16), 1000, silence.make_pool(|_| true));
    // Batches that are slow do not keep threads from taking more, up to what may be under way.
    eventually("much is under way", async || silence.count() > 8).await;
    let mut drained = drain(&world).await;
    let under_way = silence.count();
    world.two_ticks().await;
    assert_eq!((drained.try_recv(), silence.count()), (Err(TryRecvError::Empty), under_way));
    while silence.end_one(&world, false) {}
    drained.await.unwrap();
    let totals = world.totals().await;
    assert_eq!((totals.delivered, totals.queued), (under_way as i64, 40 - under_way as i64));
}
