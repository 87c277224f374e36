//! Each row of the table of answers, and the ways through the check after an ambiguous attempt.

use proptest::prelude::*;

use super::*;
use crate::domain::{Age, ContentMatch};

mod deadlines;
mod doubts;
mod resends;

const RULES: Rules = Rules {
    max_attempts: 3,
    max_age: None,
    backoff: Backoff {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        max: Duration::from_secs(60),
        jitter: 0.0,
    },
    max_retry_after: Duration::from_secs(100),
    verify: true,
    settle: Duration::from_secs(45),
    max_resends: 2,
    resend_backoff: Duration::from_secs(5),
    confirm_after: Duration::from_secs(21_600),
};
const DELIVERED: Decision = Decision::Settle(State::Delivered, None);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn case(now: i64) -> Case {
    Case {
        accepted_at: at(0),
        superseded: false,
        hold: Hold::default(),
        took: Duration::ZERO,
        deadline: None,
        suspect_until: None,
        counts: true,
        now: at(now),
        chance: 0.5,
    }
}

fn accepted() -> Answer {
    Answer::Accepted {
        message_id: Some("msg_1".into()),
        age: age(0),
    }
}

/// An age by Svix's own clock, in seconds.
fn age(seconds: u64) -> Option<Age> {
    Some(Age {
        passed: Duration::from_secs(seconds),
        exact: false,
    })
}

fn dead(reason: Reason) -> Decision {
    Decision::Settle(State::Dead, Some(reason))
}

fn down() -> Answer {
    Answer::Unavailable {
        retry_after: None,
        may_hold: true,
    }
}

fn unreachable() -> Answer {
    Answer::Unavailable {
        retry_after: None,
        may_hold: false,
    }
}

fn look() -> Step {
    Step::FetchAttempts(Look::default())
}

fn list() -> Step {
    Step::ListEndpoints {
        look: Look::default(),
        found: vec![],
    }
}

fn attempts(dispatched: bool) -> Answer {
    Answer::Attempts {
        dispatched,
        reached: vec![],
        next: None,
    }
}

#[test]
fn the_first_send_follows_the_table() {
    let table = [
        (accepted(), DELIVERED, "2xx"),
        (Answer::Conflict, Decision::Next(Step::FetchMessage), "409: see whose it is"),
        (unreachable(), Decision::Retry(at(1)), "no connection"),
        (
            Answer::Limited {
                retry_after: Some(Duration::from_secs(9)),
            },
            Decision::Retry(at(9)),
            "429",
        ),
        (
            Answer::Limited {
                retry_after: Some(Duration::from_secs(900)),
            },
            Decision::Retry(at(100)),
            "capped",
        ),
        (down(), Decision::Retry(at(1)), "5xx"),
        (Answer::Ambiguous, Decision::Retry(at(1)), "timeout"),
        (Answer::Rejected, dead(Reason::Rejected), "400, 413, 422"),
        (Answer::NotFound, dead(Reason::Unroutable), "404"),
        (Answer::Refused, Decision::Retry(at(1)), "401, 403"),
    ];
    for (answer, decision, why) in table {
        let mut progress = Progress::default();
        assert_eq!(decide(Step::Send, &answer, &case(0), &RULES, &mut progress), decision, "{why}");
    }
}

#[test]
fn limits_and_refusals_and_an_open_circuit_spend_no_attempt() {
    let table = [
        (Answer::Limited { retry_after: None }, true),
        (Answer::Refused, true),
        (down(), false),
        (Answer::Ambiguous, false),
    ];
    for (answer, counts) in table {
        let mut progress = Progress::default();
        let circumstances = Case { counts, ..case(0) };
        for _ in 0..10 {
            let decision = decide(Step::Send, &answer, &circumstances, &RULES, &mut progress);
            assert!(matches!(decision, Decision::Retry(_)));
        }
        assert_eq!((progress.spent, progress.attempts), (0, 10));
    }
}

#[test]
fn a_connection_that_had_been_idle_and_broke_costs_nothing_but_a_look() {
    let mut progress = Progress::default();
    for _ in 0..10 {
        let decision = decide(Step::Send, &Answer::Broken, &case(0), &RULES, &mut progress);
        assert_eq!(decision, Decision::Next(Step::Send));
    }
    assert_eq!((progress.spent, progress.attempts), (0, 10));
    let decision = decide(Step::Send, &accepted(), &case(0), &RULES, &mut progress);
    assert_eq!(decision, Decision::Next(look()), "it may have been taken before");

    let mut progress = Progress::default();
    let decision = decide(Step::FetchMessage, &Answer::Broken, &case(0), &RULES, &mut progress);
    assert_eq!((decision, progress.ambiguous), (Decision::Next(Step::FetchMessage), false), "a question");
}

#[test]
fn the_last_attempt_that_fails_is_the_end() {
    let mut progress = Progress::default();
    let mut next = || decide(Step::Send, &unreachable(), &case(0), &RULES, &mut progress);
    assert_eq!(
        [next(), next(), next()],
        [
            Decision::Retry(at(1)),
            Decision::Retry(at(2)),
            dead(Reason::Exhausted)
        ]
    );
}

#[test]
fn after_an_ambiguous_attempt_only_a_dispatch_counts_as_delivery() {
    let mut progress = Progress::default();
    let mut go =
        |step: &Step, answer: &Answer, now| decide(step.clone(), answer, &case(now), &RULES, &mut progress);
    assert_eq!(go(&Step::Send, &Answer::Ambiguous, 0), Decision::Retry(at(1)));
    assert_eq!(go(&Step::Send, &accepted(), 10), Decision::Next(look()));
    let none = attempts(false);
    assert_eq!(go(&look(), &none, 10), Decision::Retry(at(55)), "gets the settling time");
    let list = list();
    assert_eq!(go(&look(), &none, 55), Decision::Next(list.clone()));
    let page = |ids: &[&str], next: Option<&str>| Answer::Endpoints {
        matching: ids.iter().map(ToString::to_string).collect(),
        next: next.map(Into::into),
    };
    let second = Step::ListEndpoints {
        look: Look {
            iterator: Some("ep_1".into()),
            pages: 1,
            reached: vec![],
        },
        found: vec!["ep_1".into()],
    };
    assert_eq!(go(&list, &page(&["ep_1"], Some("ep_1")), 55), Decision::Next(second.clone()));
    let resend = Step::Resend {
        endpoints: vec!["ep_1".into(), "ep_2".into()],
    };
    assert_eq!(go(&second, &page(&["ep_2"], None), 55), Decision::Next(resend.clone()));
    let rest = Step::Resend {
        endpoints: vec!["ep_1".into()],
    };
    assert_eq!(go(&resend, &Answer::Resent, 55), Decision::Next(rest.clone()));
    assert_eq!(go(&rest, &Answer::Resent, 56), Decision::Retry(at(57)), "looks again soon");
    assert_eq!(go(&look(), &attempts(true), 57), DELIVERED);
}

#[test]
fn a_message_that_no_endpoint_wants_is_delivered_and_one_that_stays_undispatched_is_dead() {
    let table = [
        (vec![], 0, DELIVERED, "nobody to dispatch to"),
        (vec!["ep_1".to_owned()], 2, dead(Reason::Undispatched), "asked as often as allowed"),
    ];
    for (matching, resends, decision, why) in table {
        let mut progress = Progress {
            stage: Stage::Prove {
                since: at(0),
                resends,
            },
            ..Progress::default()
        };
        let answer = Answer::Endpoints { matching, next: None };
        assert_eq!(decide(list(), &answer, &case(99), &RULES, &mut progress), decision, "{why}");
    }
}

#[test]
fn a_conflict_counts_as_delivery_only_where_svix_holds_the_same_content() {
    let message = |content| Answer::Message {
        message_id: Some("msg_1".into()),
        content,
        age: age(0),
    };
    let table = [
        (message(ContentMatch::Same), DELIVERED, "accepted earlier"),
        (message(ContentMatch::Unknown), DELIVERED, "the content has expired at Svix"),
        (message(ContentMatch::Different), dead(Reason::EventIdTaken), "somebody else's"),
        (Answer::NotFound, Decision::Next(Step::Send), "the race was for the application"),
    ];
    for (answer, decision, why) in table {
        let mut progress = Progress {
            stage: Stage::Confirm,
            ..Progress::default()
        };
        assert_eq!(decide(Step::FetchMessage, &answer, &case(0), &RULES, &mut progress), decision, "{why}");
    }
}

#[test]
fn an_answer_that_predates_this_holder_is_proven() {
    let table = [
        (Some(0), Decision::Next(look()), "created before the hand-over"),
        (Some(99), Decision::Next(look()), "too close to tell"),
        (Some(50), DELIVERED, "created after it"),
        (None, Decision::Next(look()), "no age to tell by"),
    ];
    for (created, decision, why) in table {
        let circumstances = Case {
            suspect_until: Some(at(if created == Some(50) { 40 } else { 98 })),
            ..case(100)
        };
        let age = created.and_then(|created: i64| age(100 - created.unsigned_abs()));
        let answer = Answer::Accepted {
            message_id: None,
            age,
        };
        let mut progress = Progress::default();
        assert_eq!(decide(Step::Send, &answer, &circumstances, &RULES, &mut progress), decision, "{why}");
    }
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(accepted()),
        Just(Answer::Conflict),
        Just(Answer::Message {
            message_id: None,
            content: ContentMatch::Same,
            age: None,
        }),
        any::<bool>().prop_map(attempts),
        Just(Answer::Endpoints {
            matching: vec!["ep_1".into()],
            next: None
        }),
        Just(Answer::Resent),
        Just(Answer::Limited { retry_after: None }),
        Just(down()),
        Just(Answer::Ambiguous),
        Just(Answer::Broken),
        Just(Answer::Rejected),
        Just(Answer::NotFound),
        Just(Answer::Refused),
        Just(Answer::Panicked),
    ]
}

proptest! {
    /// Whatever Svix answers, in whatever order: each failure is spent at most once, retries lie
    /// in the future, and what counts comes to an end.
    #[test]
    fn any_sequence_of_answers_makes_progress_or_waits(answers in prop::collection::vec(any_answer(), 1..200)) {
        let mut progress = Progress::default();
        let mut step = Step::Send;
        let mut now = 0;
        for answer in answers {
            let before = progress.clone();
            let decision = decide(step.clone(), &answer, &case(now), &RULES, &mut progress);
            prop_assert!(progress.spent <= 2 * RULES.max_attempts && progress.spent <= before.spent + 1);
            prop_assert!(progress.ambiguous || !before.ambiguous);
            match decision {
                Decision::Settle(state, reason) => {
                    prop_assert_eq!(state == State::Delivered, reason.is_none());
                    break;
                }
                Decision::Retry(due) => {
                    prop_assert!(due > at(now));
                    now = due.as_millis() / 1000;
                    step = first_step(&progress);
                }
                Decision::Next(next) => step = next,
            }
        }
    }
}
