//! What Svix may hold though no answer said so: it is asked, compared and proven before anything is concluded.

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn accepted_ago(passed: u64) -> Answer {
    Answer::Accepted {
        message_id: None,
        age: age(passed),
    }
}

fn exactly(millis: u64) -> Answer {
    Answer::Accepted {
        message_id: None,
        age: Some(Age {
            passed: Duration::from_millis(millis),
            exact: true,
        }),
    }
}

#[test]
fn after_a_5xx_only_a_message_that_is_newer_counts_without_a_dispatch() {
    let prove = Decision::Next(look());
    let table = [
        (down(), accepted_ago(0), DELIVERED, "made by this request"),
        (down(), accepted_ago(20), prove.clone(), "made by the one that was answered with a 5xx"),
        (down(), accepted_ago(19), prove.clone(), "too close to tell"),
        (down(), exactly(9_900), DELIVERED, "by clocks that agree, after it"),
        (down(), exactly(10_100), prove.clone(), "by clocks that agree, perhaps before it"),
        (unreachable(), accepted_ago(0), DELIVERED, "nothing was sent before"),
        (Answer::Ambiguous, accepted_ago(0), prove.clone(), "an answer may still be under way"),
        (Answer::Limited { retry_after: None }, accepted_ago(0), DELIVERED, "a limit comes before all else"),
    ];
    for (first, second, decision, why) in table {
        let mut progress = Progress::default();
        decide(Step::Send, &first, &case(10), &RULES, &mut progress);
        assert_eq!(decide(Step::Send, &second, &case(30), &RULES, &mut progress), decision, "{why}");
    }
    let mut progress = Progress::default();
    decide(Step::Send, &down(), &case(10), &RULES, &mut progress);
    decide(Step::Send, &Answer::Conflict, &case(30), &RULES, &mut progress);
    let held = Answer::Message {
        message_id: None,
        content: ContentMatch::Same,
        age: None,
    };
    assert_eq!(
        decide(Step::FetchMessage, &held, &case(30), &RULES, &mut progress),
        prove,
        "a 409 after a 5xx"
    );
}

#[test]
fn a_message_that_is_older_than_all_that_was_sent_is_compared() {
    let compared = Decision::Next(Step::FetchMessage);
    let table = [
        (Progress::default(), None, 1, 0, DELIVERED, "made by this request"),
        (Progress::default(), None, 9, 8, DELIVERED, "which took that long"),
        (Progress::default(), None, 4, 0, compared.clone(), "made before this request"),
        (Progress::default(), Some(at(98)), 60, 0, compared.clone(), "made before it was accepted"),
        (Progress::default(), Some(at(98)), 20, 0, Decision::Next(look()), "made by an earlier holder"),
        (
            Progress {
                doubt: Some(Doubt {
                    since: at(90),
                    until: at(91),
                }),
                ..Progress::default()
            },
            None,
            20,
            0,
            compared.clone(),
            "made before the first send",
        ),
    ];
    for (mut progress, suspect_until, age, took, decision, why) in table {
        let circumstances = Case {
            accepted_at: at(50),
            suspect_until,
            took: seconds(took),
            ..case(100)
        };
        let answer = accepted_ago(age);
        assert_eq!(decide(Step::Send, &answer, &circumstances, &RULES, &mut progress), decision, "{why}");
    }
}

#[test]
fn content_that_svix_no_longer_shows_is_ours_only_where_the_message_is_no_older_than_the_event() {
    let table = [
        (Some(49), DELIVERED, "made after it"),
        (Some(60), dead(Reason::EventIdTaken), "made before it"),
        (None, dead(Reason::EventIdTaken), "of no known age"),
    ];
    for (passed, decision, why) in table {
        let answer = Answer::Message {
            message_id: None,
            content: ContentMatch::Unknown,
            age: passed.and_then(age),
        };
        let circumstances = Case {
            accepted_at: at(50),
            ..case(100)
        };
        let mut progress = Progress {
            stage: Stage::Confirm,
            ..Progress::default()
        };
        assert_eq!(
            decide(Step::FetchMessage, &answer, &circumstances, &RULES, &mut progress),
            decision,
            "{why}"
        );
    }
}

#[test]
fn what_svix_may_hold_does_not_die_before_it_is_asked() {
    for (failure, reason) in [
        (Answer::Ambiguous, Reason::Exhausted),
        (Answer::Panicked, Reason::Exhausted),
    ] {
        let mut progress = Progress::default();
        let mut go = |step, answer: &Answer, now| decide(step, answer, &case(now), &RULES, &mut progress);
        go(Step::Send, &failure, 0);
        go(Step::Send, &failure, 10);
        let asks = go(Step::Send, &failure, 20);
        assert_eq!(asks, Decision::Retry(at(65)), "svix gets the settling time");
        assert!(
            matches!(go(Step::FetchMessage, &unreachable(), 65), Decision::Retry(_)),
            "it is asked again"
        );
        assert_eq!(go(Step::FetchMessage, &Answer::NotFound, 70), dead(reason), "it holds nothing");
    }
    let table = [
        (Answer::Rejected, Reason::Rejected),
        (Answer::NotFound, Reason::Unroutable),
    ];
    for (refusal, reason) in table {
        let mut progress = Progress::default();
        let mut go = |step, answer: &Answer, hold| {
            let circumstances = Case { hold, ..case(0) };
            decide(step, answer, &circumstances, &RULES, &mut progress)
        };
        go(Step::Send, &down(), Hold::default());
        assert_eq!(go(Step::Send, &refusal, Hold::default()), Decision::Next(Step::FetchMessage));
        let hold = Hold {
            refused: Some(reason),
            absent: 0,
        };
        assert_eq!(go(Step::FetchMessage, &Answer::NotFound, hold), dead(reason));
    }
}

#[test]
fn asking_comes_to_an_end_where_no_answer_can_be_read() {
    let mut progress = Progress::default();
    let mut step = Step::Send;
    for requests in 1.. {
        assert!(requests < 10, "there is no end");
        match decide(step.clone(), &Answer::Ambiguous, &case(requests), &RULES, &mut progress) {
            Decision::Settle(state, reason) => {
                assert_eq!((state, reason), (State::Dead, Some(Reason::Exhausted)));
                break;
            }
            _ => step = first_step(&progress),
        }
    }
    assert_eq!(step, Step::FetchMessage);
}

#[test]
fn a_message_that_is_not_held_is_sent_at_once_a_few_times_only() {
    let mut progress = Progress::default();
    let mut go = |step, answer: &Answer, absent| {
        let hold = Hold {
            absent,
            refused: None,
        };
        decide(step, answer, &Case { hold, ..case(0) }, &RULES, &mut progress)
    };
    for absent in 0..3 {
        assert_eq!(go(Step::Send, &Answer::Conflict, absent), Decision::Next(Step::FetchMessage));
        assert_eq!(go(Step::FetchMessage, &Answer::NotFound, absent), Decision::Next(Step::Send));
    }
    assert_eq!(go(Step::FetchMessage, &Answer::NotFound, 3), Decision::Retry(at(1)));
    assert_eq!(progress.spent, 1);
}

#[test]
fn svix_is_asked_first_where_it_may_have_forgotten_an_earlier_send() {
    let doubt = |since| {
        Some(Doubt {
            since: at(since),
            until: at(since),
        })
    };
    let table = [
        (None, false, false, Stage::Send, false, "nothing was sent"),
        (doubt(50), false, false, Stage::Send, false, "svix still knows it"),
        (doubt(40), false, false, Stage::Send, true, "the first send is too long ago"),
        (None, false, true, Stage::Send, true, "an earlier holder may have sent it at once"),
        (None, true, false, Stage::Send, true, "an attempt was ambiguous, and it is not known when"),
        (doubt(40), false, false, Stage::Confirm, false, "it is asked already"),
    ];
    for (doubt, ambiguous, suspect, stage, must, why) in table {
        let progress = Progress {
            stage,
            ambiguous,
            doubt,
            ..Progress::default()
        };
        assert_eq!(must_confirm(&progress, at(0), suspect, at(100), seconds(60)), must, "{why}");
    }
}

#[test]
fn the_time_of_doubt_spans_all_sends() {
    let mut progress = Progress::default();
    for (now, took) in [(100, 5), (200, 10)] {
        let circumstances = Case {
            took: seconds(took),
            ..case(now)
        };
        decide(Step::Send, &down(), &circumstances, &RULES, &mut progress);
    }
    let doubt = Doubt {
        since: at(95),
        until: at(200),
    };
    assert_eq!(progress.doubt, Some(doubt));
}
