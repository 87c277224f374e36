//! How often and when a message is asked to be sent again, and what proves that it was.

use super::*;

fn prove(since: i64, resends: u32) -> Progress {
    Progress {
        stage: Stage::Prove {
            since: at(since),
            resends,
        },
        ..Progress::default()
    }
}

fn reached(endpoints: &[&str]) -> Vec<String> {
    endpoints.iter().map(ToString::to_string).collect()
}

fn endpoints(ids: &[&str]) -> Answer {
    Answer::Endpoints {
        matching: reached(ids),
        next: None,
    }
}

fn look_for(ids: &[&str]) -> Step {
    Step::ListEndpoints {
        look: Look {
            reached: reached(ids),
            ..Look::default()
        },
        found: vec![],
    }
}

#[test]
fn an_attempt_that_was_asked_for_proves_its_own_endpoint_and_only_by_success() {
    let resend = |ids: &[&str]| {
        Decision::Next(Step::Resend {
            endpoints: reached(ids),
        })
    };
    let table = [
        (&["ep_1", "ep_2"][..], 60, DELIVERED, "all were reached"),
        (&["ep_1"][..], 60, Decision::Retry(at(300)), "the other one is not asked again too soon"),
        (&["ep_1"][..], 300, resend(&["ep_2"]), "the other one is asked again"),
        (&[][..], 300, resend(&["ep_1", "ep_2"]), "neither was reached"),
    ];
    let rules = Rules {
        resend_backoff: Duration::from_secs(300),
        ..RULES
    };
    for (ids, now, decision, why) in table {
        let mut progress = prove(0, 1);
        let mut go = |step, answer: &Answer| decide(step, answer, &case(now), &rules, &mut progress);
        let seen = Answer::Attempts {
            dispatched: false,
            reached: reached(ids),
            next: None,
        };
        let Decision::Next(step) = go(look(), &seen) else {
            panic!("{why}")
        };
        assert_eq!(step, look_for(ids), "{why}");
        assert_eq!(go(step, &endpoints(&["ep_1", "ep_2"])), decision, "{why}");
    }
}

#[test]
fn resends_follow_a_schedule_that_grows_and_end() {
    let rules = Rules {
        max_resends: 4,
        ..RULES
    };
    let table = [
        (0, 45, "svix gets the settling time"),
        (1, 45, "which is longer than the first wait"),
        (2, 300, "sixty times the first wait"),
        (3, 1800, "the longest here"),
        (4, 45, "the last one is given the settling time to be seen"),
    ];
    for (resends, wait, why) in table {
        let mut progress = prove(0, resends);
        let mut go = |now| decide(list(), &endpoints(&["ep_1"]), &case(now), &rules, &mut progress);
        assert_eq!(go(wait - 1), Decision::Retry(at(wait)), "{why}");
        let end = match resends {
            4 => dead(Reason::Undispatched),
            _ => Decision::Next(Step::Resend {
                endpoints: reached(&["ep_1"]),
            }),
        };
        assert_eq!(go(wait), end, "{why}");
    }
}

#[test]
fn lists_without_an_end_are_not_followed_for_ever() {
    for (step, what) in [(look(), "attempts"), (list(), "endpoints")] {
        let mut progress = prove(0, 0);
        let (mut step, mut pages) = (step, 0);
        loop {
            pages += 1;
            assert!(pages <= 40, "{what}");
            let next = Some(format!("place_{pages}"));
            let answer = match step {
                Step::FetchAttempts(_) => Answer::Attempts {
                    dispatched: false,
                    reached: vec![format!("ep_{pages}")],
                    next,
                },
                _ => Answer::Endpoints {
                    matching: vec![],
                    next,
                },
            };
            match decide(step.clone(), &answer, &case(99), &RULES, &mut progress) {
                Decision::Next(next) => step = next,
                decision => {
                    assert_eq!(
                        decision,
                        Decision::Retry(at(100)),
                        "it is no proof that there is no endpoint"
                    );
                    break;
                }
            }
        }
    }
    let mut progress = prove(0, 0);
    let again = Answer::Endpoints {
        matching: reached(&["ep_1"]),
        next: Some("ep_1".into()),
    };
    let mut go = |step| decide(step, &again, &case(99), &RULES, &mut progress);
    let Decision::Next(step) = go(list()) else {
        panic!("there is another page")
    };
    let resend = Step::Resend {
        endpoints: reached(&["ep_1"]),
    };
    assert_eq!(go(step), Decision::Next(resend), "the same place again is the end");
}
