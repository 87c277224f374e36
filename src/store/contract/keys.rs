//! The keys that callers show.

use super::Fixture;
use super::setting::{delete, put, refused, written};
use crate::domain::KeyDigest;
use crate::store::{Expected, KeySource, SettingCause, SettingChange, SettingChanged, SettingKind, Store};

pub(super) async fn of_keys_that_are_revoked_the_last_admin_stays<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let key = |name: &str, members: &str| {
        let hash = KeyDigest::of(name);
        SettingChange {
            kind: SettingKind::Key,
            ..put(name, &format!(r#"{{{members}, "hash": "{hash}"}}"#))
        }
    };
    let revoke = |name: &str| SettingChange {
        kind: SettingKind::Key,
        expected: Expected::NotLastAdmin,
        ..delete(name)
    };
    for (name, members) in [
        ("one", r#""scopes": ["admin"]"#),
        ("two", r#""scopes": ["read", "admin"]"#),
        ("over", r#""scopes": ["admin"], "expiresAt": "2020-01-01T00:00:00Z""#),
        ("operator", r#""scopes": ["operate"]"#),
        ("odd", r#""scopes": ["admin", "later"]"#),
    ] {
        written(&store, key(name, members)).await;
    }
    let both = [revoke("one"), revoke("two")].map(|change| store.change_setting(change));
    let both = futures_util::future::join_all(both).await;
    let kept: Vec<_> = both
        .into_iter()
        .filter_map(|changed| match changed.unwrap() {
            SettingChanged::Refused(there) => there,
            _ => None,
        })
        .collect();
    let [last] = kept.as_slice() else {
        panic!("of the last two one stays: {kept:?}");
    };
    for name in ["over", "operator", "odd"] {
        written(&store, revoke(name)).await;
    }
    assert_eq!(refused(&store, revoke(&last.name)).await.as_ref(), Some(last));
    written(&store, key("ends", r#""scopes": ["admin"], "expiresAt": "2100-01-01T00:00:00Z""#)).await;
    assert_eq!(refused(&store, revoke(&last.name)).await.as_ref(), Some(last), "one that ends is not enough");
    written(&store, key("three", r#""scopes": ["admin"]"#)).await;
    written(&store, revoke(&last.name)).await;
    assert_eq!(refused(&store, revoke(&last.name)).await, None, "it is gone");
    store.close(true).await.unwrap();
}

pub(super) async fn the_last_use_of_a_key_is_kept_until_it_is_revoked<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let key = SettingChange {
        kind: SettingKind::Key,
        ..put("ci", "{}")
    };
    written(&store, key.clone()).await;
    let before = store.now();
    for (name, source) in [
        ("ops", KeySource::File),
        ("ci", KeySource::Store),
        ("ci", KeySource::Store),
    ] {
        store.note_key_use(name, source);
    }
    // A clean stop writes what waits.
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    let uses = async |store: &Store| {
        let asked = ["ci", "ops", "nobody"].map(str::to_owned).to_vec();
        store.key_uses(asked).await.unwrap()
    };
    let first = uses(&store).await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first.values().all(|at| *at >= before));
    store.close(true).await.unwrap();
    for statement in [
        "UPDATE key_uses SET used_at = 9000000000000000 WHERE name = 'ops'",
        "UPDATE key_uses SET used_at = 5 WHERE name = 'ci'",
    ] {
        fixture.tamper(statement).await;
    }
    let store = fixture.open().await;
    store.note_key_use("ops", KeySource::File);
    store.note_key_use("ci", KeySource::Store);
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    let second = uses(&store).await;
    assert_eq!(second["ops"].as_millis(), 9_000_000_000_000_000, "what another wrote later stays");
    assert!(second["ci"] >= first["ci"], "what is older does not");
    let revoked = SettingChange {
        cause: SettingCause::Delete,
        document: None,
        ..key
    };
    written(&store, revoked).await;
    assert_eq!(
        uses(&store).await.into_keys().collect::<Vec<_>>(),
        ["ops"],
        "with the key its use is forgotten"
    );
    assert!(store.key_uses(Vec::new()).await.unwrap().is_empty());
    store.close(true).await.unwrap();
}

pub(super) async fn a_use_that_comes_late_does_not_bring_back_a_revoked_key<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for (change, name) in [
        (put("gone", "{}"), "gone"),
        (put("there", "{}"), "there"),
        (delete("gone"), "gone"),
    ] {
        let change = SettingChange {
            kind: SettingKind::Key,
            ..change
        };
        assert_eq!(written(&store, change).await.name, name);
    }
    for name in ["gone", "there", "never"] {
        store.note_key_use(name, KeySource::Store);
    }
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    let asked = ["gone", "there", "never"].map(str::to_owned).to_vec();
    let found: Vec<_> = store.key_uses(asked).await.unwrap().into_keys().collect();
    assert_eq!(found, ["there"]);
    // A file may have a key of that name by now.
    store.note_key_use("gone", KeySource::File);
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    assert_eq!(store.key_uses(vec!["gone".to_owned()]).await.unwrap().len(), 1);
    store.close(true).await.unwrap();
}

pub(super) async fn a_clean_stop_writes_all_uses_that_wait<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let names: Vec<_> = (0..3000).map(|number| format!("key {number}")).collect();
    names
        .iter()
        .for_each(|name| store.note_key_use(name, KeySource::File));
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    assert_eq!(store.key_uses(names).await.unwrap().len(), 3000);
    store.close(true).await.unwrap();
}
