//! What becomes of a notification at its deadline, whatever Svix answers before and after.

use super::*;

#[test]
fn nothing_is_planned_at_or_past_the_deadline() {
    let own = Deadline::of(at(0), Some(at(10)), None);
    let age = Deadline::of(at(0), None, Some(Duration::from_secs(10)));
    let expired = |reason| Decision::Settle(State::Expired, Some(reason));
    let asked_again = Answer::Limited {
        retry_after: Some(Duration::from_secs(7)),
    };
    let table = [
        (own, unreachable(), 8, Decision::Retry(at(9)), "there is time for another attempt"),
        (own, unreachable(), 9, expired(Reason::PastExpiry), "it would be made at the deadline"),
        (age, unreachable(), 9, expired(Reason::TooOld), "by the greatest age as well"),
        (own, unreachable(), 60, expired(Reason::PastExpiry), "the deadline came while it was in flight"),
        (own, asked_again, 3, expired(Reason::PastExpiry), "svix asks to wait for longer than there is time"),
        (age, Answer::Refused, 9, expired(Reason::TooOld), "the account pauses"),
        (own, accepted(), 60, DELIVERED, "it was sent before, whenever the answer comes"),
        (own, Answer::Rejected, 60, dead(Reason::Rejected), "so was what svix refuses"),
    ];
    for (deadline, answer, now, decision, why) in table {
        let circumstances = Case {
            deadline,
            ..case(now)
        };
        let mut progress = Progress::default();
        assert_eq!(decide(Step::Send, &answer, &circumstances, &RULES, &mut progress), decision, "{why}");
        assert_eq!(progress.stage, Stage::Send, "{why}");
    }
}

#[test]
fn past_the_deadline_what_svix_may_hold_is_asked_about_and_not_sent() {
    let deadline = Deadline::of(at(0), Some(at(10)), None);
    let suspect_until = Some(at(1));
    let table = [
        (Answer::Ambiguous, None, "svix was cut off"),
        (Answer::Panicked, None, "nobody knows"),
        (unreachable(), suspect_until, "an earlier holder may have sent it"),
        (Answer::Refused, suspect_until, "whatever this one is told"),
    ];
    for (answer, suspect_until, why) in table {
        let circumstances = Case {
            deadline,
            suspect_until,
            ..case(9)
        };
        let mut progress = Progress::default();
        let decision = decide(Step::Send, &answer, &circumstances, &RULES, &mut progress);
        assert_eq!(decision, Decision::Retry(at(54)), "svix gets the settling time: {why}");
        assert_eq!((first_step(&progress), progress.ambiguous), (Step::FetchMessage, true), "{why}");
    }
}

#[test]
fn what_svix_turns_out_to_hold_is_proven_however_late_and_what_it_does_not_hold_expires() {
    let message = Answer::Message {
        message_id: Some("msg_1".into()),
        content: ContentMatch::Same,
        age: None,
    };
    let past = Decision::Settle(State::Expired, Some(Reason::PastExpiry));
    let table = [
        (message, 60, Decision::Next(look()), "it arrived"),
        (Answer::NotFound, 60, past, "it never arrived"),
        (Answer::NotFound, 8, Decision::Next(Step::Send), "it never arrived, and there is time to send it"),
        (down(), 60, Decision::Retry(at(61)), "nobody knows yet"),
    ];
    for (answer, now, decision, why) in table {
        let circumstances = Case {
            deadline: Deadline::of(at(0), Some(at(10)), None),
            ..case(now)
        };
        let mut progress = Progress {
            stage: Stage::Confirm,
            ambiguous: now > 10,
            ..Progress::default()
        };
        assert_eq!(
            decide(Step::FetchMessage, &answer, &circumstances, &RULES, &mut progress),
            decision,
            "{why}"
        );
    }
}

proptest! {
    /// Whatever Svix answers, in whatever order and however late: nothing is sent at the deadline or
    /// after it, and what ends for it was seen not to be there.
    #[test]
    fn no_sequence_of_answers_leads_to_a_send_past_the_deadline(
        answers in prop::collection::vec((any_answer(), 0i64..20_000), 1..60),
        own in prop::option::of(0i64..60), age in prop::option::of(0u64..60),
        suspect in any::<bool>(), counts in any::<bool>(),
    ) {
        let deadline = Deadline::of(at(0), own.map(at), age.map(Duration::from_secs));
        let last = own.into_iter().chain(age.map(|age| age as i64)).min().map_or(i64::MAX, |last| last * 1000);
        let suspect_until = suspect.then(|| at(1));
        let mut progress = Progress::default();
        let mut step = Step::Send;
        let mut now = 0;
        for (answer, took) in answers {
            // The first request is made whatever the time; that it is not is the dispatcher's part.
            let begun = progress.attempts == 0 || step != Step::Send || now < last;
            prop_assert!(begun, "sent at {now}, and the deadline is {last}");
            now += took;
            let circumstances = Case { deadline, suspect_until, counts, now: Timestamp::from_millis(now), ..case(0) };
            let decision = decide(step.clone(), &answer, &circumstances, &RULES, &mut progress);
            match decision {
                Decision::Settle(State::Expired, reason) => {
                    prop_assert_eq!(reason, deadline.map(Deadline::reason));
                    let unclear = progress.ambiguous || suspect;
                    prop_assert!(!unclear || answer == Answer::NotFound, "nobody knows whether svix has it");
                    break;
                }
                Decision::Settle(..) => break,
                Decision::Retry(due) => {
                    now = due.as_millis();
                    step = first_step(&progress);
                }
                Decision::Next(next) => step = next,
            }
        }
    }
}
