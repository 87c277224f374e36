//! The laws of summing up: no window has more lines than it may, and what is left out is told, all of it, once.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;

use log::kv::ToValue;
use proptest::prelude::*;

use super::*;

/// Logs the line that stands at such a place.
fn admit(repeats: &Repeats, place: u32, window: u32) -> bool {
    let fields = [("whose", "svix".to_value())];
    let fields: &dyn log::kv::Source = &fields;
    let mut record = Record::builder();
    record.level(Level::Error).target("svix_hooks").key_values(fields);
    record.file_static(Some("src/x.rs")).line(Some(place));
    repeats.admit(&record.args(format_args!("place {place}")).build(), window)
}

fn told(repeats: &Repeats, window: u32, all: bool) -> HashMap<String, u64> {
    let mut told = HashMap::new();
    repeats.tell(window, all, |words, left_out| {
        *told.entry(words.message.clone()).or_default() += left_out;
    });
    told
}

#[test]
fn what_is_left_out_is_told_when_the_window_is_over_though_nothing_comes_any_more() {
    let repeats = Repeats::new();
    let written = (0..1000).filter(|_| admit(&repeats, 7, 3)).count();
    assert_eq!(written, LINES as usize);
    assert_eq!(told(&repeats, 3, false), HashMap::new(), "the window is not over");
    assert_eq!(told(&repeats, 4, false), HashMap::from([("place 7".to_owned(), 1000 - u64::from(LINES))]));
    assert_eq!(told(&repeats, 5, true), HashMap::new(), "once");
}

#[test]
fn what_is_left_out_can_be_told_before_the_window_is_over_and_the_window_stays_full() {
    let repeats = Repeats::new();
    (0..=LINES).for_each(|_| _ = admit(&repeats, 1, 1));
    assert_eq!(told(&repeats, 1, true).len(), 1);
    assert!(!admit(&repeats, 1, 1), "it is still the same window");
    assert_eq!(told(&repeats, 1, true), HashMap::from([("place 1".to_owned(), 1)]));
    assert!(admit(&repeats, 1, 2));
}

#[test]
fn the_sum_says_whose_fault_the_lines_told_of() {
    let repeats = Repeats::new();
    (0..=LINES).for_each(|_| _ = admit(&repeats, 1, 1));
    repeats.tell(2, false, |words, _| {
        assert_eq!((words.level, words.whose.as_deref()), (Level::Error, Some("svix")));
        assert_eq!((words.target.as_str(), words.message.as_str()), ("svix_hooks", "place 1"));
    });
}

/// Logs a line of that place with such a field.
fn admit_with(repeats: &Repeats, target: &str, field: &str, value: &str) -> bool {
    let fields = [(field, value)];
    let fields: &dyn log::kv::Source = &fields;
    let mut record = Record::builder();
    record.level(Level::Error).target(target).key_values(fields);
    record.file_static(Some("src/x.rs")).line(Some(1));
    repeats.admit(&record.args(format_args!("it was so")).build(), 1)
}

#[test]
fn many_panics_of_one_kind_do_not_hide_another() {
    let repeats = Repeats::new();
    let written = |target: &str, location: &str| admit_with(&repeats, target, "location", location);
    let many = (0..1000).filter(|_| written("panic", "src/a.rs:1:2")).count();
    assert_eq!(many, LINES as usize);
    assert!(written("panic", "src/b.rs:3:4"));
    assert_eq!(told(&repeats, 2, false), HashMap::from([("it was so".to_owned(), 1000 - u64::from(LINES))]));
    let others = (0..1000).filter(|number| written("svix_hooks", &number.to_string()));
    assert_eq!(others.count(), LINES as usize, "what varies in other lines tells no place");
}

#[test]
fn what_an_operator_did_is_written_however_often() {
    let repeats = Repeats::new();
    let written = (0..1000).filter(|_| admit_with(&repeats, "svix_hooks", "by", "shk_1"));
    assert_eq!(written.count(), 1000);
    assert_eq!(told(&repeats, 2, true), HashMap::new());
    assert!(admit_with(&repeats, "svix_hooks", "whose", "svix"), "and takes no room");
}

#[test]
fn more_places_than_there_are_stay_bounded_and_are_told_too() {
    let repeats = Repeats::new();
    let places = 10 * SITES as u32;
    let written: usize = (0..places)
        .map(|place| usize::from(admit(&repeats, place, 1)))
        .sum();
    assert_eq!(written, SITES + LINES as usize, "those beyond are one");
    let left_out: u64 = told(&repeats, 2, false).values().sum();
    assert_eq!(written as u64 + left_out, u64::from(places));
}

#[test]
fn threads_that_log_together_leave_nothing_uncounted() {
    const THREADS: u32 = 8;
    const EACH: u32 = 20_000;
    let repeats = Repeats::new();
    let (written, left_out) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (repeats, written, left_out) = (&repeats, &written, &left_out);
            scope.spawn(move || {
                for number in 0..EACH {
                    let window = 1 + number / 1000;
                    written.fetch_add(usize::from(admit(repeats, number % 3, window)), Ordering::Relaxed);
                    if thread == 0 {
                        repeats.tell(window, number % 7 == 0, |_, more| {
                            left_out.fetch_add(more, Ordering::Relaxed);
                        });
                    }
                }
            });
        }
    });
    let rest: u64 = told(&repeats, u32::MAX, true).values().sum();
    let all = written.load(Ordering::Relaxed) as u64 + left_out.load(Ordering::Relaxed) + rest;
    assert_eq!(all, u64::from(THREADS * EACH));
    assert!(written.load(Ordering::Relaxed) <= (EACH / 1000 * 3 * LINES) as usize);
}

proptest! {
    #[test]
    fn no_window_has_more_lines_than_it_may_and_sums_agree(
        steps in prop::collection::vec((0_u32..4, 0_u32..60, any::<bool>(), 0_u32..3), 1..80)
    ) {
        let repeats = Repeats::new();
        let (mut window, mut lines, mut told_of) = (1, 0, 0);
        let mut written: HashMap<(u32, u32), u32> = HashMap::new();
        for (place, count, tells, later) in steps {
            for _ in 0..count {
                lines += 1;
                *written.entry((place, window)).or_default() += u32::from(admit(&repeats, place, window));
            }
            if tells {
                told_of += told(&repeats, window, false).values().sum::<u64>();
            }
            window += later;
        }
        told_of += told(&repeats, window, true).values().sum::<u64>();
        prop_assert!(written.values().all(|count| *count <= LINES));
        let written: u32 = written.values().sum();
        prop_assert_eq!(u64::from(written) + told_of, lines);
    }
}
