//! What is set for customers and accounts.

use super::Fixture;
use crate::store::examples::customer;
use crate::store::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingChanges, SettingKind,
    SettingQuery, SettingVersion, Store,
};

const LAST: i64 = i64::MAX;

pub(super) fn put(name: &str, document: &str) -> SettingChange {
    SettingChange {
        kind: SettingKind::Customer,
        name: name.to_owned(),
        cause: SettingCause::Put,
        document: Some(document.to_owned()),
        sealed: None,
        expected: Expected::Anything,
        key: Some("ops".to_owned()),
    }
}

pub(super) fn delete(name: &str) -> SettingChange {
    SettingChange {
        cause: SettingCause::Delete,
        document: None,
        ..put(name, "")
    }
}

pub(super) async fn written(store: &Store, change: SettingChange) -> Setting {
    match store.change_setting(change).await.unwrap() {
        SettingChanged::Written { now, .. } => now,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn refused(store: &Store, change: SettingChange) -> Option<Setting> {
    match store.change_setting(change).await.unwrap() {
        SettingChanged::Refused(there) => there,
        other => panic!("{other:?}"),
    }
}

async fn one(store: &Store, name: &str) -> Setting {
    let which = SettingQuery::One(SettingKind::Customer, name.to_owned());
    store.settings(which).await.unwrap().pop().unwrap()
}

async fn names(store: &Store, which: SettingQuery) -> Vec<String> {
    let found = store.settings(which).await.unwrap();
    found.into_iter().map(|setting| setting.name).collect()
}

async fn versions(store: &Store, name: &str, before: i64) -> Vec<SettingVersion> {
    let found = store.setting_versions(SettingKind::Customer, name.to_owned(), before);
    found.await.unwrap()
}

pub(super) async fn settings_are_given_back_as_they_were_written<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let before = store.now();
    let first = written(&store, put("acme", r#"{"name": "Ä"}"#)).await;
    assert_eq!((first.kind, first.name.as_str(), first.version), (SettingKind::Customer, "acme", 1));
    assert_eq!((first.document.as_deref(), first.key.as_deref()), (Some(r#"{"name": "Ä"}"#), Some("ops")));
    assert!(first.created_at >= before && first.changed_at == first.created_at);
    assert_eq!(one(&store, "acme").await, first);
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    assert_eq!(one(&store, "acme").await, first, "after a new start");
    let second = written(&store, put("acme", "{}")).await;
    assert_eq!((second.version, second.created_at), (2, first.created_at));
    for name in ["beta", "Zeta", "alpha"] {
        written(&store, put(name, "{}")).await;
    }
    let account = SettingChange {
        kind: SettingKind::Account,
        ..put("acme", "{}")
    };
    assert_eq!(written(&store, account).await.version, 1, "an account of the same name is something else");
    written(&store, delete("beta")).await;
    let page = |after: Option<&str>| SettingQuery::Page(SettingKind::Customer, after.map(str::to_owned), 2);
    assert_eq!(names(&store, page(None)).await, ["Zeta", "acme"], "in the order of their bytes");
    assert_eq!(names(&store, page(Some("acme"))).await, ["alpha"], "what was deleted is not there");
    store.close(true).await.unwrap();
}

pub(super) async fn a_change_is_refused_where_something_else_is_there<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let expecting = |expected| SettingChange {
        expected,
        ..put("acme", "{}")
    };
    for (expected, why) in [
        (Expected::Present, "nothing is there"),
        (Expected::Version(0), "nor in any version"),
        (Expected::Version(1), "nor in that"),
    ] {
        assert_eq!(refused(&store, expecting(expected)).await, None, "{why}");
    }
    assert_eq!(refused(&store, delete("acme")).await, None, "nothing to delete");
    let first = written(&store, expecting(Expected::Absent)).await;
    for (expected, why) in [
        (Expected::Absent, "it is there"),
        (Expected::Version(2), "a version to come"),
    ] {
        assert_eq!(refused(&store, expecting(expected)).await.as_ref(), Some(&first), "{why}");
    }
    let second = SettingChange {
        expected: Expected::Version(1),
        ..put("acme", "[2]")
    };
    assert_eq!(written(&store, second.clone()).await.version, 2);
    assert_eq!(refused(&store, second).await.map(|there| there.version), Some(2), "of two, one comes first");
    store.close(true).await.unwrap();
}

pub(super) async fn versions_go_on_over_a_deletion<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    written(&store, put("acme", "[1]")).await;
    let gone = written(&store, delete("acme")).await;
    assert_eq!((gone.version, gone.document), (2, None));
    let again = SettingChange {
        cause: SettingCause::Rollback,
        expected: Expected::Absent,
        ..put("acme", "[1]")
    };
    let again = written(&store, again).await;
    assert_eq!((again.version, again.created_at), (3, again.changed_at), "it is made anew");
    let kept = versions(&store, "acme", LAST).await;
    let kept: Vec<_> = kept
        .iter()
        .map(|version| (version.version, version.cause, version.document.as_deref()))
        .collect();
    let right = [
        (3, SettingCause::Rollback, Some("[1]")),
        (2, SettingCause::Delete, None),
        (1, SettingCause::Put, Some("[1]")),
    ];
    assert_eq!(kept, right);
    assert_eq!(versions(&store, "acme", 2).await.len(), 1, "those before one");
    assert!(versions(&store, "nobody", LAST).await.is_empty());
    store.close(true).await.unwrap();
}

pub(super) async fn what_is_there_already_is_no_new_version<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let first = written(&store, put("acme", "[1]")).await;
    let again = store.change_setting(put("acme", "[1]")).await.unwrap();
    assert_eq!(again, SettingChanged::Unchanged(first));
    assert_eq!(versions(&store, "acme", LAST).await.len(), 1);
    store.close(true).await.unwrap();
}

pub(super) async fn whoever_follows_the_changes_sees_each_last_one<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let since = async |revision, limit| store.changed_settings(revision, limit).await.unwrap();
    assert_eq!(since(0, 10).await, SettingChanges::default(), "nothing was set");
    for name in ["a", "b", "a", "c"] {
        let length = versions(&store, name, LAST).await.len();
        written(&store, put(name, &format!("[{length}]"))).await;
    }
    written(&store, delete("b")).await;
    let names = |changes: SettingChanges| -> Vec<String> {
        changes.settings.into_iter().map(|setting| setting.name).collect()
    };
    let all = since(0, 10).await;
    assert_eq!((all.revision, all.more), (5, false));
    assert_eq!(all.settings[2].document, None, "a deletion is a change");
    assert_eq!(names(all), ["a", "c", "b"]);
    let first = since(0, 1).await;
    assert_eq!((first.revision, first.more), (3, true));
    assert_eq!(names(since(first.revision, 10).await), ["c", "b"], "page by page");
    let none = since(5, 10).await;
    assert_eq!((none.revision, none.settings.len(), none.more), (5, 0, false));
    store.close(true).await.unwrap();
}

pub(super) async fn what_cannot_be_read_of_settings_holds_up_nothing<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for name in ["a", "b", "c", "d"] {
        written(&store, put(name, r#"{"paused": true}"#)).await;
    }
    store.close(true).await.unwrap();
    for statement in [
        "UPDATE settings SET kind = 'later' WHERE name IN ('b', 'd')",
        "UPDATE settings SET document = 'nonsense' WHERE name = 'c'",
    ] {
        fixture.tamper(statement).await;
    }
    let store = fixture.open().await;
    let changes = store.changed_settings(0, 10).await.unwrap();
    let unreadable: Vec<_> = changes.unreadable.iter().map(|(revision, _)| *revision).collect();
    assert_eq!((changes.settings.len(), unreadable, changes.revision), (2, vec![2, 4], 4));
    store.follow_settings().await.unwrap();
    let known = ["a", "b", "c"].map(|name| {
        let known = store.directory().customer(&customer(name));
        known.map(|known| (known.settings.paused, known.is_held()))
    });
    assert_eq!(known, [Some((true, false)), None, Some((true, true))]);
    written(&store, put("e", "{}")).await;
    store.follow_settings().await.unwrap();
    assert!(store.directory().customer(&customer("e")).is_some(), "and it goes on");
    store.close(true).await.unwrap();
}

pub(super) async fn old_versions_leave<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for number in 1..=103 {
        written(&store, put("acme", &format!("[{number}]"))).await;
    }
    let kept = versions(&store, "acme", LAST).await;
    let ends = kept.first().zip(kept.last());
    let ends = ends.map(|(newest, oldest)| (newest.version, oldest.version));
    assert_eq!((kept.len(), ends), (100, Some((103, 4))));
    store.close(true).await.unwrap();
}

pub(super) async fn secrets_stay_until_others_come_or_all_is_deleted<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let sealing = |document: &str, sealed: Option<&[u8]>| SettingChange {
        sealed: sealed.map(<[u8]>::to_vec),
        ..put("acme", document)
    };
    let sealed = async |change| written(&store, change).await.sealed;
    assert_eq!(sealed(sealing("[1]", Some(b"\0one"))).await.as_deref(), Some(&b"\0one"[..]));
    assert_eq!(sealed(sealing("[2]", None)).await.as_deref(), Some(&b"\0one"[..]), "they stay");
    assert_eq!(sealed(sealing("[2]", Some(b"two"))).await.as_deref(), Some(&b"two"[..]), "they change alone");
    assert_eq!(sealed(delete("acme")).await, None);
    assert_eq!(sealed(sealing("[2]", None)).await, None, "what was deleted does not come back");
    store.close(true).await.unwrap();
}

pub(super) async fn changes_at_once_get_revisions_of_their_own<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let changes = (0..40).map(|number| {
        let (store, change) = (store.clone(), put(&format!("c{}", number % 8), &format!("[{number}]")));
        async move { written(&store, change).await.revision }
    });
    let mut revisions = futures_util::future::join_all(changes).await;
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=40).collect::<Vec<_>>());
    store.close(true).await.unwrap();
}

pub(super) async fn the_sealed_secrets_of_all_accounts_are_listed<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let sealed = |kind, name: &str, sealed: Option<&[u8]>| SettingChange {
        kind,
        sealed: sealed.map(<[u8]>::to_vec),
        ..put(name, "{}")
    };
    for (kind, name, secret) in [
        (SettingKind::Account, "b", Some(&b"1"[..])),
        (SettingKind::Account, "a", Some(b"2")),
        (SettingKind::Account, "open", None),
        (SettingKind::Account, "left", Some(b"3")),
        (SettingKind::Customer, "c", Some(b"4")),
    ] {
        written(&store, sealed(kind, name, secret)).await;
    }
    let left = SettingChange {
        kind: SettingKind::Account,
        ..delete("left")
    };
    written(&store, left).await;
    let listed = store.sealed_accounts().await.unwrap();
    assert_eq!(listed, [("a".to_owned(), b"2".to_vec()), ("b".to_owned(), b"1".to_vec())]);
    store.close(true).await.unwrap();
}
