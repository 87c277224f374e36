//! What is known after changes, whoever made them.

use std::time::Instant;

use super::*;
use crate::domain::Timestamp;
use crate::store::examples::customer;

fn setting(name: &str, revision: i64, document: Option<&str>) -> Setting {
    Setting {
        kind: SettingKind::Customer,
        name: name.to_owned(),
        version: revision * 10,
        revision,
        document: document.map(str::to_owned),
        sealed: None,
        created_at: Timestamp::default(),
        changed_at: Timestamp::default(),
        key: None,
    }
}

fn changes(settings: &[Setting]) -> SettingChanges {
    SettingChanges {
        settings: settings.to_vec(),
        revision: settings.last().map_or(0, |last| last.revision),
        ..SettingChanges::default()
    }
}

fn application(directory: &Directory, name: &str) -> Option<String> {
    directory
        .customer(&customer(name))
        .and_then(|known| known.settings.application.clone())
}

#[test]
fn changes_are_taken_in_once_in_their_order() {
    let directory = Directory::default();
    let one = setting("a", 1, Some(r#"{"application": "one"}"#));
    let three = setting("a", 3, Some(r#"{"application": "three"}"#));
    directory.take_in(&changes(&[one.clone(), three]));
    assert_eq!((application(&directory, "a").as_deref(), directory.revision()), (Some("three"), 3));
    directory.take_in(&changes(&[one]));
    assert_eq!(application(&directory, "a").as_deref(), Some("three"), "a slower reader brings no news");
    assert_eq!(directory.customer(&customer("a")).unwrap().version, 30);
    directory.take_in(&changes(&[setting("a", 4, None)]));
    assert!(directory.customer(&customer("a")).is_none());
}

#[test]
fn what_cannot_be_read_leaves_what_stood_before() {
    let directory = Directory::default();
    for (revision, document) in [
        (1, r#"{"application": "one"}"#),
        (2, "nonsense"),
        (3, r#"{"later": 1}"#),
    ] {
        directory.take_in(&changes(&[setting("a", revision, Some(document))]));
    }
    assert_eq!(application(&directory, "a").as_deref(), Some("one"));
    directory.take_in(&changes(&[setting("\n", 4, Some("{}"))]));
    assert_eq!(directory.revision(), 4, "and holds up nothing");
}

#[test]
fn a_customer_of_whom_nothing_can_be_read_is_held_until_something_can() {
    let directory = Directory::default();
    let paused = || directory.is_paused(&customer("a"));
    let held = || {
        directory
            .customer(&customer("a"))
            .is_some_and(|known| known.is_held())
    };
    for (revision, document, right, why) in [
        (1, Some("nonsense"), true, "nothing was known before"),
        (2, Some(r#"{"later": 1}"#), true, "nor now"),
        (3, Some("{}"), false, "now it is known"),
        (4, Some("nonsense"), false, "and that stays in force"),
        (5, None, false, "nothing is set any more"),
        (6, Some("nonsense"), true, "nor is it known what was set since"),
        (7, None, false, "and that is gone too"),
    ] {
        directory.take_in(&changes(&[setting("a", revision, document)]));
        assert_eq!((paused(), held()), (right, right), "{why}");
    }
    assert!(!directory.is_paused(&customer("b")), "others go on");
}

#[test]
fn a_row_that_cannot_be_read_is_passed_over() {
    let directory = Directory::default();
    let unreadable = SettingChanges {
        settings: vec![
            setting("a", 1, Some(r#"{"application": "one"}"#)),
            setting("b", 3, Some("{}")),
        ],
        unreadable: vec![(2, "no such kind".to_owned()), (4, "no such kind".to_owned())],
        revision: 4,
        more: false,
    };
    directory.take_in(&unreadable);
    assert_eq!((application(&directory, "a").as_deref(), directory.revision()), (Some("one"), 4));
    assert!(directory.customer(&customer("b")).is_some());
}

#[test]
fn what_a_file_says_holds_whatever_else_does() {
    let directory = Directory::default();
    directory.take_in(&changes(&[setting("a", 1, Some(r#"{"application": "stored"}"#))]));
    let of_file = |name: &str| CustomerSettings {
        application: Some(name.to_owned()),
        ..CustomerSettings::default()
    };
    directory.lay_over([
        (customer("a"), of_file("file")),
        (customer("b"), of_file("other")),
    ]);
    assert_eq!(application(&directory, "a").as_deref(), Some("file"));
    assert!(directory.is_of_file(&customer("b")));
    let before = ["a", "b"].map(|name| directory.customer(&customer(name)).unwrap());
    directory.lay_over([
        (customer("a"), of_file("file")),
        (customer("b"), of_file("changed")),
    ]);
    let after = ["a", "b"].map(|name| directory.customer(&customer(name)).unwrap());
    assert!(Arc::ptr_eq(&before[0], &after[0]), "what is the same stays, with all that is known of it");
    assert_eq!(after[1].settings, of_file("changed"));
    directory.lay_over([]);
    assert_eq!(
        (application(&directory, "a").as_deref(), application(&directory, "b")),
        (Some("stored"), None)
    );
}
#[test]
fn it_says_who_was_paused_or_resumed_by_whatever_says_so_until_somebody_asks() {
    let directory = Directory::default();
    let stored = |name, revision, document| directory.take_in(&changes(&[setting(name, revision, document)]));
    let laid_over = |names: &[(&str, bool)]| {
        directory.lay_over(names.iter().map(|(name, paused)| {
            let settings = CustomerSettings {
                paused: *paused,
                ..CustomerSettings::default()
            };
            (customer(name), settings)
        }));
    };
    let taken = |why: &str, right: &[&str]| {
        assert_eq!(directory.has_news(), !right.is_empty(), "{why}");
        let right = right.iter().map(|name| customer(name)).collect();
        assert_eq!(directory.take_switched(), right, "{why}");
        assert!(directory.take_switched().is_empty(), "once");
    };
    stored("a", 1, Some("{}"));
    taken("something else was set", &[]);
    stored("a", 2, Some(r#"{"paused": true}"#));
    stored("b", 3, Some(r#"{"paused": true}"#));
    stored("b", 4, Some(r#"{"paused": true, "name": "B"}"#));
    taken("they were paused", &["a", "b"]);
    stored("a", 5, None);
    taken("what was deleted is not paused", &["a"]);
    laid_over(&[("b", true), ("c", true), ("d", false)]);
    taken("one was paused before, one is not", &["c"]);
    stored("b", 6, Some("{}"));
    taken("the file holds", &[]);
    laid_over(&[("c", true)]);
    taken("what is stored holds again", &["b"]);
    laid_over(&[]);
    laid_over(&[("c", true)]);
    taken("both, one after the other", &["c"]);
}

#[test]
fn an_account_is_a_customers_own_where_an_admin_says_so_and_nobody_else_has_it() {
    let directory = Directory::default();
    let mut revision = 0;
    let mut set = |name: &str, document: &str| {
        revision += 1;
        directory.take_in(&changes(&[setting(name, revision, Some(document))]));
    };
    let is_own = || directory.is_own(&AccountName::new("x"), &customer("a"));
    let own = r#"{"account": "x", "selfService": ["account"]}"#;
    for (name, document, right, why) in [
        ("b", "{}", false, "nothing is set for it"),
        ("a", r#"{"account": "x", "selfService": ["filter"]}"#, false, "an admin keeps it"),
        ("a", r#"{"account": "y", "selfService": ["account"]}"#, false, "another account"),
        ("a", own, true, "it is its own"),
        ("b", r#"{"account": "x"}"#, false, "another customer goes through it"),
        ("b", "nonsense", false, "nobody knows which account another one has"),
        ("b", r#"{"account": "y"}"#, true, "and no more"),
    ] {
        set(name, document);
        assert_eq!(is_own(), right, "{why}");
    }
    let of_file = |account: &str| CustomerSettings {
        account: Some(account.to_owned()),
        ..CustomerSettings::default()
    };
    directory.lay_over([(customer("c"), of_file("x"))]);
    assert!(!is_own(), "another one's of a file");
    directory.lay_over([(customer("a"), of_file("x"))]);
    assert!(!is_own(), "the file holds, and lets it change nothing");
    directory.lay_over([]);
    assert!(is_own());
}

#[test]
fn a_rate_is_in_force_since_it_was_changed_whatever_says_so() {
    let directory = Directory::default();
    let stored = |revision, document| directory.take_in(&changes(&[setting("a", revision, document)]));
    let rate = || directory.rate(&customer("a"));
    let repaced = || !directory.take_repaced().is_empty();
    stored(1, Some(r#"{"rate": {"requestsPerSecond": 5}}"#));
    let first = rate().unwrap();
    assert!(first.rate.requests_per_second == 5.0 && first.since <= Instant::now() && repaced());
    stored(2, Some(r#"{"rate": {"requestsPerSecond": 5}, "name": "A"}"#));
    assert!(rate() == Some(first) && !repaced(), "something else was set");
    stored(3, Some(r#"{"rate": {"requestsPerSecond": 5, "burst": 4}}"#));
    let second = rate().unwrap();
    assert!(second.since > first.since && repaced(), "another burst is another rate");
    let of_file = CustomerSettings {
        rate: Some(first.rate),
        ..CustomerSettings::default()
    };
    directory.lay_over([(customer("a"), of_file)]);
    let third = rate().unwrap();
    assert!(third.rate == first.rate && third.since > second.since && repaced(), "the file holds");
    stored(4, Some(r#"{"rate": {"requestsPerSecond": 9}}"#));
    assert!(rate() == Some(third) && !repaced());
    directory.lay_over([]);
    assert!(rate().is_some_and(|rate| rate.rate.requests_per_second == 9.0 && rate.since > third.since));
    assert!(repaced(), "what is stored holds again, from now on");
    stored(5, None);
    assert!(rate().is_none() && repaced() && directory.read().rates.is_empty());
    assert!(!directory.has_news(), "nobody was paused or resumed");
}

#[test]
fn whose_an_application_is_follows_every_change() {
    let directory = Directory::default();
    let set = |name: &str, document: Option<&str>| {
        directory.take_in(&changes(&[setting(name, directory.revision() + 1, document)]));
    };
    let (here, there) = (AccountName::new("default"), AccountName::new("there"));
    let is_set = |account: &AccountName, but: &str| {
        directory.is_set_for_another("globex", account, &here, &[&customer(but)])
    };
    let steps = [
        ("a", Some(r#"{"application": "other"}"#), false, false, "another one"),
        ("a", Some(r#"{"application": "globex"}"#), true, false, "it is"),
        ("a", Some(r#"{"application": "globex", "account": "there"}"#), false, true, "in another account"),
        (
            "a",
            Some(r#"{"application": "globex", "account": "default"}"#),
            true,
            false,
            "by the operator's name",
        ),
        ("b", Some(r#"{"application": "globex"}"#), true, false, "for two"),
        ("a", None, true, false, "for the other one still"),
        ("b", Some("nonsense"), true, false, "what stood before holds"),
        ("b", Some("{}"), false, false, "for none any more"),
    ];
    for (name, document, right_here, right_there, why) in steps {
        set(name, document);
        assert_eq!((is_set(&here, "globex"), is_set(&there, "globex")), (right_here, right_there), "{why}");
    }
    let of_file = |application: &str| CustomerSettings {
        application: Some(application.to_owned()),
        ..CustomerSettings::default()
    };
    directory.lay_over([(customer("a"), of_file("globex"))]);
    assert!(is_set(&here, "globex") && !is_set(&here, "a"), "a file says so, of that one alone");
    set("a", Some(r#"{"application": "other"}"#));
    assert!(is_set(&here, "globex"), "the file holds");
    directory.lay_over([]);
    assert!(!is_set(&here, "globex") && directory.is_set_for_another("other", &here, &here, &[]));
    set("a", None);
    assert!(directory.read().applications.is_empty(), "nothing is left");
}
