//! What closes an account's gate, and what opens it again.

use super::*;

const RULES: GateRules = GateRules {
    circuit_threshold: 3,
    probe_interval: Duration::from_secs(1),
    max_probe_interval: Duration::from_secs(8),
    max_retry_after: Duration::from_secs(3600),
};
const DOWN: Answer = Answer::Unavailable {
    retry_after: None,
    may_hold: false,
};
const FINE: Answer = Answer::Accepted {
    message_id: None,
    age: None,
};

/// The first request for a notification, as a probe or not.
fn first(probe: bool) -> Sent {
    Sent { probe, first: true }
}

/// One for a notification that was sent before.
fn again(probe: bool) -> Sent {
    Sent { probe, first: false }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

#[test]
fn failures_in_a_row_open_the_circuit_and_then_cost_no_attempt() {
    let mut gate = Gate::new(RULES);
    assert!(gate.observe(&DOWN, first(false), at(0)));
    assert!(gate.observe(&DOWN, first(false), at(0)));
    assert!(!gate.observe(&DOWN, first(false), at(0)));
    assert!(!gate.observe(&DOWN, first(false), at(0)));
    assert_eq!(gate.admit(at(0)), Admission::Wait(Some(at(1))));
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let mut gate = Gate::new(RULES);
    for _ in 0..10 {
        gate.observe(&DOWN, first(false), at(0));
        gate.observe(&DOWN, first(false), at(0));
        gate.observe(&FINE, first(false), at(0));
    }
    assert_eq!(gate.state(), GateState::Open);
}

#[test]
fn one_probe_at_a_time_goes_out_ever_more_slowly_until_one_works() {
    let mut gate = Gate::new(RULES);
    (0..3).for_each(|_| {
        gate.observe(&DOWN, first(false), at(0));
    });
    let mut now = at(1);
    for wait in [2, 4, 8, 8] {
        assert_eq!(gate.admit(now), Admission::Probe);
        assert_eq!(gate.probed_in_vain(), now > at(1));
        gate.probe_sent();
        assert_eq!(gate.admit(now), Admission::Wait(None));
        gate.observe(&DOWN, first(true), now);
        let next = now.after(Duration::from_secs(wait));
        assert_eq!(gate.admit(now), Admission::Wait(Some(next)));
        now = next;
    }
    assert_eq!(gate.admit(now), Admission::Probe);
    gate.probe_sent();
    gate.observe(&FINE, first(true), now);
    assert_eq!((gate.admit(now), gate.probed_in_vain()), (Admission::All, false));
}

#[test]
fn a_refused_token_pauses_the_account_until_a_probe_or_a_reset() {
    let mut gate = Gate::new(RULES);
    gate.observe(&Answer::Refused, first(false), at(0));
    gate.observe(&Answer::Refused, first(false), at(0));
    assert_eq!(
        gate.state(),
        GateState::Refused {
            since: at(0),
            next_probe: at(1)
        }
    );
    gate.reset();
    assert_eq!(gate.admit(at(0)), Admission::All);
}

#[test]
fn a_429_holds_the_account_for_as_long_as_svix_says_within_the_cap() {
    let table = [
        (Some(30), 30, "as asked"),
        (Some(0), 1, "never less than the own wait"),
        (None, 1, "the own wait where none is named"),
        (Some(999_999), 3600, "capped"),
    ];
    for (asked, held, why) in table {
        let mut gate = Gate::new(RULES);
        let retry_after = asked.map(Duration::from_secs);
        assert!(gate.observe(&Answer::Limited { retry_after }, first(false), at(0)));
        assert_eq!(gate.admit(at(0)), Admission::Wait(Some(at(held))), "{why}");
        assert_eq!(gate.admit(at(held)), Admission::All, "{why}");
    }
}

#[test]
fn a_straggler_that_worked_does_not_end_a_limit() {
    let mut gate = Gate::new(RULES);
    gate.observe(
        &Answer::Limited {
            retry_after: Some(Duration::from_secs(30)),
        },
        first(false),
        at(0),
    );
    gate.observe(&FINE, first(false), at(1));
    assert_eq!(gate.admit(at(2)), Admission::Wait(Some(at(30))));
}

#[test]
fn limits_one_after_the_other_hold_ever_longer() {
    let mut gate = Gate::new(RULES);
    let limited = Answer::Limited { retry_after: None };
    gate.observe(&limited, first(false), at(0));
    assert_eq!(gate.admit(at(1)), Admission::All);
    gate.observe(&limited, first(false), at(1));
    assert_eq!(gate.admit(at(1)), Admission::Wait(Some(at(3))));
}

#[test]
fn what_fails_again_while_others_are_answered_counts_against_itself_only() {
    let mut gate = Gate::new(RULES);
    gate.observe(&FINE, first(false), at(0));
    for _ in 0..50 {
        assert!(gate.observe(&DOWN, again(false), at(9)));
    }
    assert_eq!(gate.state(), GateState::Open);
    for spends in [true, true, false] {
        assert_eq!(gate.observe(&DOWN, again(false), at(10)), spends, "nothing was answered lately");
    }
    assert_eq!(gate.admit(at(10)), Admission::Wait(Some(at(11))));
}

#[test]
fn what_is_new_and_fails_opens_the_circuit_and_costs_attempts_for_a_while() {
    let mut gate = Gate::new(RULES);
    gate.observe(&FINE, first(false), at(0));
    (0..3).for_each(|_| {
        gate.observe(&DOWN, first(false), at(1));
    });
    assert_eq!(gate.admit(at(1)), Admission::Wait(Some(at(2))));
    assert!(gate.observe(&DOWN, again(false), at(9)));
    assert!(!gate.observe(&DOWN, again(false), at(10)));
}

#[test]
fn that_it_worked_is_remembered_when_others_open_the_gate_and_not_under_a_new_token() {
    let mut gate = Gate::new(RULES);
    let fails_by_itself = |gate: &mut Gate| {
        (0..3).for_each(|_| {
            gate.observe(&DOWN, again(false), at(2));
        });
        gate.state() == GateState::Open
    };
    gate.observe(&FINE, first(false), at(0));
    gate.observe(&Answer::Refused, first(false), at(1));
    gate.adopt(GateState::Open);
    assert!(fails_by_itself(&mut gate));
    gate.reset();
    assert!(!fails_by_itself(&mut gate));
}

#[test]
fn probes_that_failed_before_slow_down_less() {
    let rules = GateRules {
        max_probe_interval: Duration::from_secs(32),
        ..RULES
    };
    let table = [
        ([again(true); 5], [2, 4, 4, 4, 4], "they say little"),
        ([first(true); 5], [2, 4, 8, 16, 32], "svix does not work"),
    ];
    for (probes, waits, why) in table {
        let mut gate = Gate::new(rules);
        (0..3).for_each(|_| {
            gate.observe(&DOWN, first(false), at(0));
        });
        for (probe, wait) in probes.into_iter().zip(waits) {
            gate.observe(&DOWN, probe, at(100));
            assert_eq!(gate.admit(at(100)), Admission::Wait(Some(at(100 + wait))), "{why}");
        }
        gate.observe(&DOWN, again(true), at(100));
        let last = at(100 + waits[4]);
        assert_eq!(gate.admit(at(100)), Admission::Wait(Some(last)), "none makes it shorter");
    }
}
