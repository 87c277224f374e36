//! The law of a customer's rate, and what is remembered for it.

use super::*;
use crate::policy::{CustomerRate, CustomerSettings, GateState};
use crate::store::examples::customer;

const SECOND: Duration = Duration::from_secs(1);

fn in_force(requests_per_second: f64, burst: u32, since: Instant) -> RateInForce {
    RateInForce {
        rate: CustomerRate {
            requests_per_second,
            burst: Some(burst),
        },
        since,
    }
}

/// Sends all that may go out at that time. Returns how much that was, and when more may.
fn send(rates: &mut Rates, rate: RateInForce, now: Instant) -> (usize, Option<Instant>) {
    let mut sent = 0;
    loop {
        match rates.may(&customer("acme"), Some(rate), now) {
            May::Go => {
                rates.use_permit(&customer("acme"), now);
                sent += 1;
            }
            May::Later(at) | May::Paced(at) => return (sent, at),
        }
    }
}

fn slice(granted: u32) -> Slice {
    Slice {
        granted,
        next_in: Duration::ZERO,
        gate: super::super::budget::shared(GateState::Open),
    }
}

#[test]
fn who_has_no_permit_waits_until_the_next_is_there_and_nobody_else_does() {
    let (mut rates, start) = (Rates::new(false), Instant::now());
    let rate = in_force(5.0, 10, start);
    let next = start + SECOND / 5;
    assert_eq!(send(&mut rates, rate, start), (0, Some(next)), "it starts empty");
    assert_eq!(rates.may(&customer("globex"), None, start), May::Go);
    assert_eq!(send(&mut rates, rate, next), (1, Some(next + SECOND / 5)));
    assert_eq!(send(&mut rates, rate, start + 60 * SECOND).0, 9);
    assert_eq!(send(&mut rates, rate, start + 60 * SECOND).0, 0);
}

#[test]
fn a_changed_rate_grants_no_burst_on_top_of_what_went_out_before() {
    let (mut rates, start) = (Rates::new(false), Instant::now());
    let (rate, later) = (in_force(5.0, 10, start), start + 60 * SECOND);
    assert_eq!(send(&mut rates, rate, later).0, 9);
    for changed in [in_force(100.0, 50, later), in_force(5.0, 10, later)] {
        assert_eq!(send(&mut rates, changed, later).0, 0, "{changed:?}");
    }
}

#[test]
fn only_those_are_remembered_who_sent_lately_and_that_costs_no_burst() {
    let (mut rates, directory) = (Rates::new(false), Directory::default());
    let rate = CustomerRate {
        requests_per_second: 5.0,
        burst: Some(10),
    };
    let settings = CustomerSettings {
        rate: Some(rate),
        ..CustomerSettings::default()
    };
    directory.lay_over([(customer("acme"), settings.clone())]);
    let set = directory.rate(&customer("acme")).unwrap();
    let rested = set.since + 60 * SECOND;
    for round in 0..3 {
        let now = rested + round * 60 * SECOND;
        assert_eq!(send(&mut rates, set, now).0, 9, "a full burst after a rest");
        rates.forget_idle(&directory, now);
        assert_eq!(send(&mut rates, set, now).0, 0, "what has gone out is remembered");
        rates.forget_idle(&directory, now + 2 * SECOND);
        assert!(rates.customers.is_empty(), "it has rested");
    }
    assert!(send(&mut rates, set, rested + 600 * SECOND).0 > 0);
    directory.lay_over([]);
    rates.forget_idle(&directory, rested + 600 * SECOND);
    assert!(rates.customers.is_empty(), "it has no rate any more");
}

#[test]
fn of_a_shared_rate_only_slices_are_used_and_one_is_asked_for_at_a_time() {
    let (mut rates, start) = (Rates::new(true), Instant::now());
    let rate = in_force(5.0, 10, start);
    assert_eq!(send(&mut rates, rate, Instant::now()), (0, None), "until the slice is there");
    assert_eq!(rates.permits(&customer("acme"), Some(rate)), 0);
    let wanted = rates.begin_asking(|_| 3);
    assert_eq!((wanted.len(), wanted[0].request.want), (1, 3), "no more than is of use");
    assert_eq!(send(&mut rates, rate, Instant::now()), (0, None));
    assert!(rates.begin_asking(|_| 3).is_empty(), "it is on its way");
    rates.receive(&wanted[0], Some(slice(3)), Instant::now());
    assert_eq!(rates.permits(&customer("acme"), Some(rate)), 3);
    assert_eq!(send(&mut rates, rate, Instant::now()).0, 3);

    let wanted = rates.begin_asking(|_| 100);
    let stale = Instant::now().checked_sub(2 * SECOND).unwrap();
    rates.receive(&wanted[0], Some(slice(4)), stale);
    assert_eq!(send(&mut rates, rate, Instant::now()).0, 0, "it was too long on its way");

    let wanted = rates.begin_asking(|_| 100);
    let changed = in_force(50.0, 10, start + SECOND);
    assert_eq!(send(&mut rates, changed, Instant::now()).0, 0);
    rates.receive(&wanted[0], Some(slice(4)), Instant::now());
    assert_eq!(send(&mut rates, changed, Instant::now()).0, 0, "the rate it is of is over");
}

#[test]
fn a_budget_that_has_nothing_says_when_it_will_have_some() {
    let mut rates = Rates::new(true);
    let rate = in_force(0.01, 2, Instant::now());
    send(&mut rates, rate, Instant::now());
    let wanted = rates.begin_asking(|_| 5);
    let nothing = Slice {
        next_in: 100 * SECOND,
        ..slice(0)
    };
    rates.receive(&wanted[0], Some(nothing), Instant::now());
    let (sent, at) = send(&mut rates, rate, Instant::now());
    let wait = at.unwrap().saturating_duration_since(Instant::now());
    assert!(sent == 0 && wait > 99 * SECOND, "{wait:?}");
    assert!(rates.begin_asking(|_| 5).is_empty(), "nobody asks before");
}
