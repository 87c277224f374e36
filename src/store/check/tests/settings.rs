//! Faults of what is set.

use super::{Place, assert_found, check, faults, filled, on_both};
use crate::store::check::Fault;
use crate::store::{Expected, SettingCause, SettingChange, SettingKind, Store};

const KEY: &str =
    r#"{"scopes":["read"],"hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}"#;

async fn write(store: &Store, kind: SettingKind, name: &str, document: Option<&str>) {
    let change = SettingChange {
        kind,
        name: name.to_owned(),
        cause: SettingCause::Put,
        document: document.map(str::to_owned),
        sealed: matches!(kind, SettingKind::Account).then(|| b"sealed".to_vec()),
        expected: Expected::Anything,
        key: None,
    };
    store.change_setting(change).await.unwrap();
}

/// A sound store in which something is set, with a key that was revoked.
struct Set<P>(P);

impl<P: Place> Place for Set<P> {
    const IS_SHARED: bool = P::IS_SHARED;

    async fn fresh() -> Self {
        let place = P::fresh().await;
        let store = place.open().await;
        for document in [r#"{"maxQueued":7}"#, r#"{"paused":true}"#] {
            write(&store, SettingKind::Customer, "acme", Some(document)).await;
        }
        write(&store, SettingKind::Key, "ci", Some(KEY)).await;
        write(&store, SettingKind::Account, "acme-eu", Some(r#"{"burst":7}"#)).await;
        write(&store, SettingKind::Key, "old", Some(KEY)).await;
        write(&store, SettingKind::Key, "old", None).await;
        write(&store, SettingKind::Portal, "portal-1", Some(KEY)).await;
        write(&store, SettingKind::Portal, "portal-2", Some(KEY)).await;
        write(&store, SettingKind::Portal, "portal-2", None).await;
        store.close(true).await.unwrap();
        Self(place)
    }

    fn url(&self) -> String {
        self.0.url()
    }

    async fn tamper(&self, statement: &'static str) -> u64 {
        self.0.tamper(statement).await
    }

    async fn number(&self, query: &'static str) -> i64 {
        self.0.number(query).await
    }
}

async fn each_fault_of_a_setting_is_found<P: Place>() {
    let sound = check(&filled::<Set<P>>().await.url()).await.unwrap();
    assert_eq!(sound.findings, [], "nothing was done to it");
    let unreadable_version = &[(Fault::Unreadable, 1), (Fault::SettingVersion, 1)][..];
    let table = [
        (
            "UPDATE settings SET kind = 'later' WHERE name = 'acme'",
            &[(Fault::Unreadable, 1), (Fault::SettingVersion, 2)][..],
            "a kind of which nothing is known",
        ),
        ("UPDATE settings SET document = 'nonsense' WHERE name = 'acme'", unreadable_version, "no JSON"),
        (
            "UPDATE settings SET document = '{\"maxQueued\":\"all\"}' WHERE name = 'acme'",
            unreadable_version,
            "nothing that a customer can have",
        ),
        (
            "UPDATE settings SET document = '{\"scopes\":[\"read\"]}' WHERE name = 'ci'",
            unreadable_version,
            "a key that opens nothing",
        ),
        (
            "UPDATE settings SET document = '{\"burst\":0}' WHERE name = 'acme-eu'",
            unreadable_version,
            "an account that may send nothing",
        ),
        (
            "UPDATE settings SET sealed = NULL WHERE name = 'acme-eu'",
            &[(Fault::Unreadable, 1)],
            "an account without a token",
        ),
        (
            "UPDATE settings SET name = '' WHERE name = 'acme'",
            &[(Fault::Unreadable, 1), (Fault::SettingVersion, 2)],
            "no customer",
        ),
        (
            "UPDATE settings SET document = '{}' WHERE name = 'acme'",
            &[(Fault::SettingVersion, 1)],
            "something that no version says",
        ),
        (
            "UPDATE settings SET document = NULL WHERE name = 'acme'",
            &[(Fault::SettingVersion, 1)],
            "a deletion that no version says",
        ),
        (
            "UPDATE settings SET version = 1 WHERE name = 'acme'",
            &[(Fault::SettingVersion, 1)],
            "an earlier version than the newest",
        ),
        ("DELETE FROM settings WHERE name = 'ci'", &[(Fault::SettingVersion, 1)], "a lost key"),
        (
            "DROP INDEX settings_by_revision; UPDATE settings SET revision = 9",
            &[(Fault::RevisionTwice, 1)],
            "changes that nobody can tell apart",
        ),
    ];
    assert_found::<Set<P>>(&table).await;
}

async fn uses_of_revoked_keys_are_untidy<P: Place>() {
    let place = Set::<P>::fresh().await;
    let uses = "INSERT INTO key_uses (name, used_at) VALUES ('old', 5), ('ci', 5), ('configured', 5)";
    assert_eq!(place.tamper(uses).await, 3);
    let report = check(&place.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::KeyUseOrphaned, 1)], "{:?}", report.findings);
    assert_eq!(report.findings[0].examples, ["old"]);
    assert!(report.is_sound());
}

on_both!(each_fault_of_a_setting_is_found, uses_of_revoked_keys_are_untidy);
