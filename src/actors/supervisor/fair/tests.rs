//! Turns, whoever is passed over, and sweeps through what waits.

use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn customers_take_turns_however_much_each_has() {
    let mut queues = FairQueues::default();
    let customer = |name: &str| Customer::parse(name).unwrap();
    for number in 0..4 {
        queues.push_back(&customer("a"), format!("a{number}"));
    }
    queues.push_back(&customer("b"), "b0".to_owned());
    queues.push_front(&customer("a"), "again".to_owned());
    assert_eq!(queues.len(), 6);
    let order: Vec<String> = std::iter::from_fn(|| queues.pop()).collect();
    assert_eq!(order, ["again", "b0", "a0", "a1", "a2", "a3"]);
    assert_eq!(queues.len(), 0);
}

fn filled(lengths: &[usize]) -> FairQueues<(usize, usize)> {
    let mut queues = FairQueues::default();
    for (owner, length) in lengths.iter().enumerate() {
        let customer = Customer::parse(&owner.to_string()).unwrap();
        (0..*length).for_each(|number| queues.push_back(&customer, (owner, number)));
    }
    queues
}

#[test]
fn a_sweep_looks_at_so_many_and_the_next_goes_on_behind_them() {
    let mut queues = filled(&[5, 0, 3]);
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let seen = std::cell::RefCell::new(Vec::new());
        let look = |item: &(usize, usize)| {
            seen.borrow_mut().push(*item);
            false
        };
        queues.sweep(3, look, &mut Vec::new());
        rounds.push(seen.into_inner());
    }
    assert_eq!(
        rounds,
        [
            [(0, 0), (0, 1), (0, 2)],
            [(0, 3), (0, 4), (2, 0)],
            [(2, 1), (2, 2), (0, 0)],
            [(0, 1), (0, 2), (0, 3)],
        ]
    );
}

#[test]
fn whoever_may_not_send_is_passed_over_until_it_may() {
    let mut queues = filled(&[2, 2, 1]);
    let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    let held = |at| {
        move |customer: &Customer| {
            if customer.as_str() == "1" {
                May::Go
            } else {
                May::Later(at)
            }
        }
    };
    assert!(queues.turn(now, held(Some(later))));
    assert_eq!(queues.pop(), Some((1, 0)));
    assert!(queues.turn(now, held(None)));
    assert_eq!(queues.pop(), Some((1, 1)));
    assert!(!queues.turn(now, |_| May::Go), "nobody is left in the round");
    assert_eq!((queues.wake_at(), queues.len()), (Some(later), 3));
    queues.release(&Customer::parse("2").unwrap());
    assert!(queues.turn(now, |_| May::Go));
    assert_eq!(queues.pop(), Some((2, 0)), "it was released");
    assert!(!queues.turn(now, |_| May::Go));
    assert!(queues.turn(later, |_| May::Go));
    assert_eq!((queues.pop(), queues.wake_at()), (Some((0, 0)), None), "its time has come");
    queues.release(&Customer::parse("0").unwrap());
    assert_eq!((queues.pop(), queues.pop()), (Some((0, 1)), None), "it takes part once");
}

#[test]
fn passing_over_is_paid_for_once() {
    let mut queues = filled(&[1; 100]);
    let asked = Cell::new(0);
    for _ in 0..50 {
        let may = |customer: &Customer| {
            asked.set(asked.get() + 1);
            if customer.as_str() == "99" {
                May::Go
            } else {
                May::Later(None)
            }
        };
        assert!(queues.turn(Instant::now(), may));
    }
    assert_eq!(asked.get(), 100 + 49);
}

proptest! {
    /// Whatever is swept out, the others keep their order and their turns; and nothing that is
    /// over stays longer than one time around takes.
    #[test]
    fn a_sweep_takes_what_is_over_and_nothing_else(
        lengths in prop::collection::vec(0usize..12, 0..6), most in 1usize..20,
        chosen in prop::collection::vec(any::<bool>(), 72), pops in 0usize..6,
    ) {
        let is_over = |(owner, number): &(usize, usize)| chosen[owner * 12 + number];
        let mut queues = filled(&lengths);
        let mut popped: Vec<_> = std::iter::from_fn(|| queues.pop()).take(pops).collect();
        let started = queues.len();
        let mut over = Vec::new();
        for _ in 0..=started.div_ceil(most) {
            queues.sweep(most, is_over, &mut over);
        }
        prop_assert!(over.iter().all(is_over));
        prop_assert_eq!(queues.len() + over.len(), started);
        let rest: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
        prop_assert!(!rest.iter().any(is_over));
        let numbers = |of: usize| rest.iter().filter(move |(owner, _)| *owner == of).map(|(_, number)| *number);
        prop_assert!((0..lengths.len()).all(|owner| numbers(owner).is_sorted()));
        popped.extend(rest);
        popped.extend(over);
        popped.sort_unstable();
        let all = lengths.iter().enumerate();
        let all: Vec<_> = all.flat_map(|(owner, length)| (0..*length).map(move |number| (owner, number))).collect();
        prop_assert_eq!(popped, all);
    }

    /// Whoever is held back and released, each customer's own keep their order and none is lost.
    #[test]
    fn holding_back_keeps_order_and_loses_nothing(
        lengths in prop::collection::vec(0usize..6, 1..6),
        moves in prop::collection::vec((0usize..4, 0usize..6, prop::option::of(0u64..20)), 0..120),
    ) {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queues = filled(&lengths);
        let mut popped = Vec::new();
        for (step, (kind, who, time)) in moves.into_iter().enumerate() {
            let now = at(step as u64 / 8);
            let who = who.to_string();
            match kind {
                0 => drop(queues.release(&Customer::parse(&who).unwrap())),
                1 | 2 => {
                    let may = |customer: &Customer| match customer.as_str() == who {
                        true if kind == 2 => May::Paced(time.map(at)),
                        true => May::Later(time.map(at)),
                        false => May::Go,
                    };
                    if queues.turn(now, may) {
                        popped.extend(queues.pop());
                    }
                }
                _ => queues.sweep(3, |_| false, &mut Vec::new()),
            }
        }
        for who in 0..6 {
            queues.release(&Customer::parse(&who.to_string()).unwrap());
        }
        prop_assert!(!queues.is_crowded() && !queues.is_paced());
        while queues.turn(at(1000), |_| May::Go) {
            popped.extend(queues.pop());
        }
        prop_assert_eq!((queues.len(), popped.len()), (0, lengths.iter().sum()));
        for (owner, length) in lengths.into_iter().enumerate() {
            let own: Vec<usize> = popped.iter().filter(|(of, _)| *of == owner).map(|(_, number)| *number).collect();
            prop_assert_eq!(own, (0..length).collect::<Vec<_>>());
        }
    }
}

#[test]
fn all_of_one_customer_leaves_and_the_others_keep_their_turns() {
    let mut queues = filled(&[2, 3, 1]);
    let customer = |owner: usize| Customer::parse(&owner.to_string()).unwrap();
    let now = Instant::now();
    // It is held back until a time that comes after it is gone.
    let may = |name: &Customer| match *name == customer(0) {
        true => May::Later(Some(now)),
        false => May::Go,
    };
    assert!(queues.turn(now, may));
    assert_eq!(queues.take_all(&customer(0)), [(0, 0), (0, 1)]);
    assert_eq!(queues.take_all(&customer(2)), [(2, 0)]);
    assert!(queues.take_all(&customer(7)).is_empty());
    assert_eq!((queues.len(), queues.wake_at()), (3, None));
    queues.push_back(&customer(0), (0, 9));
    let order: Vec<_> = std::iter::from_fn(|| queues.turn(now, |_| May::Go).then(|| queues.pop())?).collect();
    assert_eq!(order, [(1, 0), (0, 9), (1, 1), (1, 2)]);
}

#[test]
fn it_tells_who_is_held_back_by_what_until_they_are_not() {
    let mut queues = filled(&[1, 1, 1]);
    let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    let may = |customer: &Customer| match customer.as_str() {
        "0" => May::Later(Some(later)),
        "1" => May::Paced(None),
        _ => May::Later(None),
    };
    assert!(!queues.turn(now, may));
    assert_eq!((queues.is_crowded(), queues.is_paced(), queues.wake_at()), (true, true, Some(later)));
    let customer = |owner: usize| Customer::parse(&owner.to_string()).unwrap();
    assert!(queues.release(&customer(1)) && !queues.release(&customer(1)), "it is no more");
    assert_eq!((queues.is_crowded(), queues.is_paced()), (true, false));
    queues.take_all(&customer(0));
    assert_eq!((queues.is_crowded(), queues.wake_at()), (false, None), "a pause is neither");
}

#[test]
fn what_could_go_out_at_once_is_counted_as_far_as_it_matters() {
    let mut queues = filled(&[5, 5, 5]);
    let asked = Cell::new(0);
    let may_send = |customer: &Customer| {
        asked.set(asked.get() + 1);
        if customer.as_str() == "0" { 2 } else { usize::MAX }
    };
    assert_eq!(queues.sendable(100, may_send), 12);
    assert_eq!((queues.sendable(6, may_send), asked.get()), (6, 5), "and no further");
    let may = |customer: &Customer| match customer.as_str() {
        "1" => May::Go,
        _ => May::Paced(None),
    };
    assert!(queues.turn(Instant::now(), may));
    assert_eq!(queues.sendable(100, may_send), 10, "one that is held back does not count");
    assert_eq!(queues.len_of(&Customer::parse("0").unwrap()), 5);
}
