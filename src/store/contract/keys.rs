//! The keys that callers show.

use super::Fixture;
use super::setting::{delete, put, refused, written};
use crate::domain::KeyDigest;
use crate::store::{Expected, SettingCause, SettingChange, SettingChanged, SettingKind, Store};

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
    written(&store, key("three", r#""scopes": ["admin"], "expiresAt": "2100-01-01T00:00:00Z""#)).await;
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
    for name in ["ops", "ci", "ci"] {
        store.note_key_use(name);
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
    fixture
        .tamper("UPDATE key_uses SET used_at = 9000000000000000 WHERE name = 'ops'")
        .await;
    let store = fixture.open().await;
    ["ops", "ci"].iter().for_each(|name| store.note_key_use(name));
    store.close(true).await.unwrap();
    let store = fixture.open().await;
    let second = uses(&store).await;
    assert_eq!(second["ops"].as_millis(), 9_000_000_000_000_000, "what another wrote later stays");
    assert!(second["ci"] >= first["ci"]);
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
