//! Who finds room, and that the bounds hold.

use proptest::prelude::*;

use super::*;

fn customer(name: &str) -> Customer {
    Customer::parse(name).unwrap()
}

fn fill(room: &Room, name: &str) -> Vec<Reservation> {
    std::iter::from_fn(|| room.reserve(&customer(name), 1)).collect()
}

#[test]
fn one_customer_gets_half_and_the_next_still_finds_room() {
    let room = Room::new(100, usize::MAX);
    let a = fill(&room, "a");
    let b = fill(&room, "b");
    let c = fill(&room, "c");
    assert_eq!((a.len(), b.len(), c.len()), (50, 25, 13));
    drop((a, b, c));
    assert_eq!(room.places(&customer("a")), (50, 0));
    assert!(room.lock().customers.is_empty(), "nothing is remembered of idle customers");
}

#[test]
fn new_notifications_do_not_overtake_those_that_wait_in_the_store() {
    let room = Room::new(2, usize::MAX);
    let first = room.admit(&customer("a"), 1);
    assert!(first.is_some());
    assert!(room.admit(&customer("a"), 1).is_none());
    drop(first);
    assert!(room.admit(&customer("a"), 1).is_none(), "older ones wait");
    assert!(room.admit(&customer("b"), 1).is_some(), "which is nothing to others");
    room.caught_up(&customer("a"));
    assert!(room.admit(&customer("a"), 1).is_some());
}

const ALL: Load = Load {
    count: usize::MAX,
    bytes: usize::MAX,
};

#[test]
fn bytes_are_shared_as_places_are() {
    let (room, a, b) = (Room::new(100, 1000), customer("a"), customer("b"));
    let grant = room.claiming(&a, ALL, None);
    assert_eq!(
        grant.size(),
        Load {
            count: 50,
            bytes: 500
        }
    );
    let places = room.offer(&a, None);
    assert_eq!((places.free, places.fits), (Load::default(), false), "what is about to be read is taken");
    assert_eq!(
        room.offer(&b, None).free,
        Load {
            count: 25,
            bytes: 250
        }
    );
    assert_eq!(room.claiming(&b, Load { count: 2, bytes: 10 }, None).size(), Load { count: 2, bytes: 10 });
    drop(grant);
    assert!(room.lock().customers.is_empty());
}

#[test]
fn what_a_claim_did_not_use_is_free_again() {
    let (room, a) = (Room::new(100, 1000), customer("a"));
    let mut grant = room.claiming(&a, ALL, None);
    let places = [grant.place(200), grant.place(299)];
    assert!(places.iter().all(Option::is_some));
    drop(grant);
    assert_eq!(room.offer(&a, None).taken, Load { count: 2, bytes: 499 });
    drop(places);
    assert_eq!(room.lock().total, Load::default());
}

#[test]
fn one_event_may_take_all_that_is_free_however_large_it_is() {
    let (room, a) = (Room::new(100, 1000), customer("a"));
    for (size, granted) in [(10, 500), (500, 500), (700, 700), (1000, 1000), (5000, 1000)] {
        assert!(room.offer(&a, Some(size)).fits, "{size}");
        let mut grant = room.claiming(&a, Load { count: 9, bytes: 500 }, Some(size));
        assert_eq!(grant.size().bytes, granted, "{size}");
        assert!(grant.place(size).is_some(), "{size}");
    }
    let _other = room.reserve(&customer("b"), 400);
    assert!(room.offer(&a, Some(600)).fits);
    assert!(!room.offer(&a, Some(601)).fits);
    assert!(!room.offer(&a, Some(5000)).fits, "what is larger than the room needs all of it");
}

#[test]
fn what_is_kept_for_one_is_not_given_to_others() {
    let (room, a, b) = (Room::new(100, 1000), customer("a"), customer("b"));
    let mut small: Vec<Reservation> = (0..40).filter_map(|_| room.reserve(&b, 10)).collect();
    room.keep(Some((a.clone(), 700)));
    assert!(!room.offer(&a, Some(700)).fits);
    assert!(room.admit(&customer("c"), 10).is_none());
    assert!(room.reserve(&b, 10).is_none());
    small.truncate(30);
    assert!(room.offer(&a, Some(700)).fits, "it has grown free");
    let grant = room.claiming(&a, ALL, Some(700));
    room.keep(None);
    assert!(grant.size().bytes >= 700);
}

#[test]
fn what_is_stored_is_announced_once_until_a_claim_begins() {
    let (room, a) = (Room::new(1, usize::MAX), customer("a"));
    let _taken = room.admit(&a, 1);
    assert!(room.admit(&a, 1).is_none());
    assert!(room.announce(&a));
    assert!(!room.announce(&a), "the supervisor knows");
    drop(room.claiming(&a, Load::default(), None));
    assert!(room.announce(&a), "the claim that is under way may have missed it");
    room.caught_up(&a);
    assert!(room.admit(&a, 1).is_none(), "one that it may have missed waits");
    drop(room.claiming(&a, Load::default(), None));
    room.caught_up(&a);
    assert!(!room.lock().share(&a).backlogged);
    assert!(room.announce(&a), "a commit that ends after the claim is news again");
}

proptest! {
    #[test]
    fn the_bounds_hold_whatever_comes_and_goes(moves in prop::collection::vec((0usize..4, 0usize..40, any::<bool>()), 0..300)) {
        let room = Room::new(20, 200);
        let mut held: Vec<Reservation> = Vec::new();
        for (who, bytes, leave) in moves {
            if leave && !held.is_empty() {
                held.remove(who % held.len());
            } else {
                held.extend(room.reserve(&customer(&who.to_string()), bytes));
            }
            let bytes: usize = held.iter().map(|reservation| reservation.bytes).sum();
            prop_assert!(held.len() <= 20 && bytes <= 200);
            prop_assert_eq!(room.lock().total.bytes, bytes);
        }
    }
}
