//! Customers with a rate of their own, beside others that have none.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::pools::start_pool;
use super::world::{MakePool, Stored, World, answer, answer_with, settings};
use crate::actors::messages::{Batch, Room, SettingsChanged};
use crate::actors::supervisor::fair::May;
use crate::actors::supervisor::flight::Entry;
use crate::actors::supervisor::lane::{Beside, Lane, Turn};
use crate::domain::{Answer, Customer};
use crate::policy::{Caps, CustomerRate, CustomerSettings, Load, Pace};
use crate::store::examples::{accept_leased, customer, eventually, new};
use crate::store::{Leased, Store};

/// Lays files over the settings that give these customers such rates and bursts, and nobody else one.
fn set_rates(store: &Store, rates: &[(&str, f64, u32)]) {
    let with_rate = |(name, requests_per_second, burst): &(&str, f64, u32)| {
        let rate = CustomerRate {
            requests_per_second: *requests_per_second,
            burst: Some(*burst),
        };
        let settings = CustomerSettings {
            rate: Some(rate),
            ..CustomerSettings::default()
        };
        (customer(name), settings)
    };
    store.directory().lay_over(rates.iter().map(with_rate));
}

/// When requests of a customer went out.
#[derive(Clone, Default)]
struct Departures {
    times: Arc<Mutex<Vec<(String, Instant)>>>,
    /// Whether the first request of each notification leaves open what became of it.
    ambiguous: bool,
}

impl Departures {
    /// Makes pools that answer at once and take note.
    fn make_pool(&self) -> MakePool {
        let departures = self.clone();
        Box::new(move |number, settings, supervisor| {
            let (departures, to) = (departures.clone(), supervisor.clone());
            let mut seen = HashSet::new();
            start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
                for job in jobs {
                    let name = job.notification.customer.as_str().to_owned();
                    departures.times.lock().unwrap().push((name, Instant::now()));
                    if departures.ambiguous && seen.insert(job.notification.id) {
                        answer_with(&to, &job, Answer::Ambiguous, Duration::ZERO);
                    } else {
                        answer(&to, &job);
                    }
                }
                drop(ticket);
            })
        })
    }

    fn of(&self, name: &str) -> Vec<Instant> {
        let all = self.times.lock().unwrap();
        let own = all.iter().filter(|(customer, _)| customer == name);
        own.map(|(_, at)| *at).collect()
    }

    /// Checks that no window saw more than a burst and what the rate makes of its length.
    fn assert_kept(&self, name: &str, per_second: f64, burst: f64) {
        let times = self.of(name);
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let most = burst + per_second * to.duration_since(*from).as_secs_f64();
                let sent = (last - first + 1) as f64;
                assert!(sent <= most + 1e-9, "{sent} within {:?}", to.duration_since(*from));
            }
        }
    }
}

async fn waits_in_memory(world: &World, name: &str, count: usize) {
    eventually("it waits in memory", async || world.room.places(&customer(name)).1 == count).await;
}

#[actix::test]
async fn a_customers_rate_holds_back_nobody_else_and_takes_nothing_of_the_account() {
    let departures = Departures::default();
    let stored = Stored::empty()
        .await
        .with("slow", 400)
        .await
        .with("other", 400)
        .await;
    set_rates(&stored.store, &[("slow", 0.001, 2)]);
    // The account's burst is little more than what the others have.
    let mut settings = settings(2, 16, 64);
    settings.accounts[0].pace = Pace::new(2000.0, 200);
    let world = stored.start(settings, 2000, departures.make_pool());
    let started = Instant::now();
    eventually("the others are delivered", async || departures.of("other").len() == 400).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    world.two_ticks().await;
    assert_eq!(departures.of("slow").len(), 0, "a thousand seconds are not over");
    world
        .eventually_counted("it is no standstill", |counts| counts.ready > 0 && counts.stalled_for.is_zero())
        .await;
}

#[actix::test]
async fn a_customers_rate_holds_over_every_window_and_is_well_used() {
    let departures = Departures::default();
    let stored = Stored::empty().await.with("acme", 120).await;
    set_rates(&stored.store, &[("acme", 100.0, 20)]);
    let world = stored.start(settings(2, 16, 64), 1000, departures.make_pool());
    let started = Instant::now();
    world.eventually_delivered(120).await;
    departures.assert_kept("acme", 100.0, 20.0);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[actix::test]
async fn what_waits_follows_a_changed_rate_at_once_and_without_a_new_burst() {
    let departures = Departures::default();
    let stored = Stored::empty().await.with("acme", 60).await;
    set_rates(&stored.store, &[("acme", 0.001, 2)]);
    let world = stored.start(settings(2, 16, 64), 1000, departures.make_pool());
    waits_in_memory(&world, "acme", 60).await;
    set_rates(&world.store, &[("acme", 200.0, 4)]);
    let changed = Instant::now();
    // Nobody tells; the next tick finds it.
    eventually("some go out", async || departures.of("acme").len() >= 10).await;
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
    set_rates(&world.store, &[("acme", 0.001, 1000)]);
    world.supervisor.send(SettingsChanged).await.unwrap();
    let sent = departures.of("acme").len();
    world.two_ticks().await;
    assert!(departures.of("acme").len() <= sent + 16, "but for what was on its way");
    departures.assert_kept("acme", 200.0, 4.0);
    set_rates(&world.store, &[]);
    world.supervisor.do_send(SettingsChanged);
    world.eventually_delivered(60).await;
}

#[actix::test]
async fn an_account_rests_until_the_first_of_its_customers_may_send() {
    let (stored, room) = (Stored::empty().await, Room::new(10, usize::MAX));
    // Replicas share it, so that it would have to ask for permits.
    let mut lane = Lane::new(&settings(1, 4, 8).accounts[0], true);
    for name in ["a", "b", "c"] {
        let (notification, lease) = accept_leased(&stored.store, new(name, name)).await;
        let reservation = room.admit(&customer(name), 1).unwrap();
        let entry = Entry::new(Leased { notification, lease }, reservation);
        lane.queues().of(true).push_back(&customer(name), Box::new(entry));
    }
    let (now, start) = (stored.store.now(), Instant::now());
    let beside = |out| Beside {
        caps: Caps::new(8),
        all: Load { out, counted: 0 },
        alone: true,
        crowded: false,
    };
    let full = |customer: &Customer, _: Instant| -> May { panic!("no permit would be of use to {customer}") };
    let turn = lane.next(now, beside(8), |_| false, full, |_| true, &mut Vec::new());
    assert!(matches!(turn, Turn::Wait(Some(_))), "{turn:?}");
    for name in ["a", "b", "c"] {
        lane.queues().release(&customer(name));
    }
    let asked = Cell::new(0);
    let next = |lane: &mut Lane| {
        let may = |customer: &Customer, _| {
            asked.set(asked.get() + 1);
            match customer.as_str() {
                "a" => May::Paced(Some(start + Duration::from_secs(500))),
                "b" => May::Paced(Some(start + Duration::from_secs(100))),
                _ => May::Paced(None),
            }
        };
        lane.next(now, beside(0), |_| false, may, |_| true, &mut Vec::new())
    };
    for _ in 0..100 {
        let turn = next(&mut lane);
        let Turn::Wait(Some(wait)) = turn else {
            panic!("{turn:?}")
        };
        assert!((90..=100).contains(&wait.as_secs()), "{wait:?}");
    }
    assert_eq!(asked.get(), 3, "whoever has to wait is not asked again before");
    assert!(!lane.lacks_permits(), "none would be of use");
    assert!(lane.begin_asking(now, |_| usize::MAX).is_none());
    assert!(!lane.should_move(now, true, false), "it is no standstill");
    assert!(lane.should_move(now, false, false), "unless no thread is left that could send");

    for name in ["a", "b"] {
        lane.queues().release(&customer(name));
    }
    let may_send = |customer: &Customer| usize::from(customer.as_str() == "a");
    let asked_for = lane.begin_asking(now, may_send).map(|request| request.want);
    assert_eq!(asked_for, Some(1), "no more than its customers can use");
}

#[actix::test]
async fn retries_and_checks_count_too() {
    let departures = Departures {
        ambiguous: true,
        ..Departures::default()
    };
    let stored = Stored::empty().await.with("acme", 20).await;
    set_rates(&stored.store, &[("acme", 100.0, 10)]);
    let world = stored.start(settings(2, 16, 64), 1000, departures.make_pool());
    world.eventually_delivered(20).await;
    let requests = departures.of("acme").len();
    assert!(requests >= 60, "{requests}: each was sent, sent again, and looked up");
    departures.assert_kept("acme", 100.0, 10.0);
}
