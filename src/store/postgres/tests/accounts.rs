//! Budgets and gates that replicas share.

use std::time::{Duration, Instant};

use super::TestDatabase;
use crate::domain::{AccountName, Shut, Timestamp};
use crate::store::examples::{customer, eventually};
use crate::store::{RateOwner, SharedGate, Slice, SliceRequest, Store};

const INTERVAL: Duration = Duration::from_millis(5);

fn account() -> AccountName {
    AccountName::new("default")
}

fn owner() -> RateOwner {
    RateOwner::Account(account())
}

fn request(want: u32) -> SliceRequest {
    SliceRequest {
        want,
        capacity: 8,
        interval_us: 5000,
        probe_wait: Duration::from_secs(3600),
    }
}

async fn granted(store: &Store, want: u32) -> u32 {
    store.slice(owner(), request(want)).await.unwrap().granted
}

async fn shut(store: &Store, shut: Option<Shut>, until: Timestamp) -> i64 {
    let gate = SharedGate {
        shut,
        since: store.now(),
        until,
        version: 0,
    };
    store.set_gate(account(), gate).await.unwrap()
}

#[tokio::test]
async fn all_replicas_together_are_granted_no_more_than_the_budget_gains() {
    let database = TestDatabase::new().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await);
    }
    assert_eq!(granted(&stores[0], 8).await, 0, "it starts empty: what went out before is not known");
    let started = Instant::now();
    let takers = stores.iter().map(async |store| {
        let mut grants = Vec::new();
        while started.elapsed() < Duration::from_millis(600) {
            let asked = started.elapsed();
            let granted = granted(store, 3).await;
            grants.push((asked, started.elapsed(), granted));
        }
        grants
    });
    let mut grants: Vec<_> = futures_util::future::join_all(takers).await.concat();
    let total: u32 = grants.iter().map(|(.., granted)| granted).sum();
    let could = started.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    assert!(f64::from(total) <= could + 8.0 + 1.0, "{total} were granted, of {could}");
    assert!(f64::from(total) >= could * 0.5, "{total} were granted, of {could}");
    // What was granted within a window was asked for and answered around it.
    grants.sort_unstable_by_key(|(_, answered, _)| *answered);
    for (from, ..) in &grants {
        let mut sum = 0;
        for (_, to, granted) in grants.iter().filter(|(asked, ..)| asked >= from) {
            sum += granted;
            let most = 8.0 + to.saturating_sub(*from).as_secs_f64() / INTERVAL.as_secs_f64() + 1.0;
            assert!(f64::from(sum) <= most, "{sum} from {from:?} to {to:?}");
        }
    }
}

#[tokio::test]
async fn a_customers_budget_is_not_that_of_an_account_of_its_name() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let slice = async |owner| store.slice(owner, request(8)).await.unwrap();
    let of_customer = || RateOwner::Customer(customer(account().as_str()));
    eventually("the account has some", async || slice(owner()).await.granted > 0).await;
    let first = slice(of_customer()).await;
    assert_eq!(first.granted, 0, "it starts empty");
    assert!(first.next_in > Duration::ZERO && first.next_in <= INTERVAL, "{:?}", first.next_in);
    shut(&store, Some(Shut::Refused), store.now().after(Duration::from_secs(3600))).await;
    eventually("its gate is open", async || slice(of_customer()).await.granted > 0).await;
    assert_eq!(slice(owner()).await.granted, 0);
}

/// Takes a slice of a customer's budget.
async fn slice_at(store: &Store, capacity: u32, interval_us: u64) -> Slice {
    let request = SliceRequest {
        want: capacity,
        capacity,
        interval_us,
        ..request(0)
    };
    let owner = RateOwner::Customer(customer("acme"));
    store.slice(owner, request).await.unwrap()
}

#[tokio::test]
async fn a_budget_of_another_rate_grants_no_burst_twice_and_pays_nothing_off() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let slow = slice_at(&store, 4, 1_000_000_000).await;
    assert_eq!(slow.granted, 0, "it starts empty");
    assert!(slow.next_in > Duration::from_secs(900), "{:?}", slow.next_in);
    let quick = slice_at(&store, 4, 1000).await;
    assert!(quick.granted == 0 && quick.next_in <= Duration::from_millis(1), "{quick:?}");
    eventually("it is full", async || slice_at(&store, 4, 1000).await.granted == 4).await;
    let emptied = Instant::now();
    let first = slice_at(&store, 4, 1_000_000_000).await.granted;
    let gained = emptied.elapsed().as_millis();
    assert!(u128::from(first) <= gained + 4, "{first} after {gained} ms");
    let second = slice_at(&store, 4, 1_000_000_000).await;
    assert!(second.granted == 0 && second.next_in <= Duration::from_secs(1000), "{second:?}");
}

#[tokio::test]
async fn replicas_that_do_not_agree_on_a_rate_starve_nobody_and_pass_neither() {
    let database = TestDatabase::new().await;
    let (here, there) = (database.open().await, database.open().await);
    slice_at(&here, 8, 5000).await;
    let started = Instant::now();
    let mut granted = 0;
    while started.elapsed() < Duration::from_millis(500) {
        granted += slice_at(&here, 8, 5000).await.granted;
        granted += slice_at(&there, 4, 10_000).await.granted;
    }
    let could = |interval_ms: u32| started.elapsed().as_secs_f64() * 1000.0 / f64::from(interval_ms);
    assert!(f64::from(granted) <= could(5) + 8.0 + 1.0, "{granted} of {}", could(5));
    assert!(f64::from(granted) >= could(10) * 0.5, "{granted} of {}", could(10));
}

#[tokio::test]
async fn a_limit_that_one_heard_of_holds_for_all() {
    let database = TestDatabase::new().await;
    let (here, there) = (database.open().await, database.open().await);
    eventually("there is a permit", async || granted(&there, 1).await == 1).await;
    let far = here.now().after(Duration::from_secs(3600));
    let version = shut(&here, Some(Shut::Limited), far).await;
    shut(&there, Some(Shut::Limited), here.now()).await;
    let slice = there.slice(owner(), request(5)).await.unwrap();
    assert_eq!(slice.granted, 0);
    assert_eq!((slice.gate.shut, slice.gate.until), (Some(Shut::Limited), far), "the longer one holds");
    assert!(slice.gate.version > version);
    shut(&here, None, Timestamp::default()).await;
    eventually("it is over", async || granted(&there, 1).await == 1).await;
}

#[tokio::test]
async fn behind_an_open_circuit_one_replica_probes_at_a_time() {
    let database = TestDatabase::new().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await);
    }
    eventually("there is a permit", async || granted(&stores[0], 1).await == 1).await;
    for kind in [Shut::Circuit, Shut::Refused] {
        shut(&stores[0], Some(kind), stores[0].now()).await;
        let mut probes = 0;
        eventually("a probe is allowed", async || {
            let grants = stores.iter().map(|store| granted(store, 5));
            probes += futures_util::future::join_all(grants).await.iter().sum::<u32>();
            probes > 0
        })
        .await;
        let grants = stores.iter().map(|store| granted(store, 5));
        probes += futures_util::future::join_all(grants).await.iter().sum::<u32>();
        assert_eq!(probes, 1, "{kind}: one until its answer is known");
    }
}
