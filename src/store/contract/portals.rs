//! Tokens for the pages of customers.

use super::Fixture;
use super::pruning::Sides;
use super::setting::{delete, put, refused, written};
use crate::domain::{Customer, KeyDigest, portal_name};
use crate::store::clock::machine_now;
use crate::store::examples::customer;
use crate::store::port::WriteSide;
use crate::store::{Expected, Retention, SettingChange, SettingKind, SettingQuery, Store};

const ENDS: &str = "2100-01-01T00:00:00Z";

fn token(customer: &Customer, ends_at: &str) -> SettingChange {
    let name = portal_name(customer);
    let hash = KeyDigest::of(&name);
    let document =
        format!(r#"{{"scopes": ["read"], "customer": "acme", "expiresAt": "{ends_at}", "hash": "{hash}"}}"#);
    SettingChange {
        kind: SettingKind::Portal,
        expected: Expected::PortalRoom,
        ..put(&name, &document)
    }
}

async fn names(store: &Store) -> Vec<String> {
    let page = SettingQuery::Page(SettingKind::Portal, None, 250);
    let found = store.settings(page).await.unwrap();
    found.into_iter().map(|token| token.name).collect()
}

pub(super) async fn tokens_that_are_over_make_room_and_no_revision_comes_twice<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (acme, globex) = (customer("acme"), customer("globex"));
    let over = written(&store, token(&acme, "2020-01-01T00:00:00Z")).await;
    let first = written(&store, token(&acme, "2090-01-01T00:00:00Z")).await;
    assert_eq!(
        names(&store).await.len(),
        2,
        "the newest change of all stays, or the next would be taken for it"
    );
    let mut last = first.revision;
    for _ in 1..100 {
        let made = written(&store, token(&acme, ENDS)).await;
        assert!(made.revision > last, "{} after {last}", made.revision);
        last = made.revision;
    }
    let kept = names(&store).await;
    assert!(kept.len() == 100 && !kept.contains(&over.name), "{}", kept.len());
    let full = refused(&store, token(&acme, ENDS)).await;
    assert_eq!(full.as_ref(), Some(&first), "the one that ends first");
    written(&store, token(&globex, ENDS)).await;
    let revoke = SettingChange {
        kind: SettingKind::Portal,
        expected: Expected::Present,
        ..delete(&first.name)
    };
    written(&store, revoke.clone()).await;
    assert_eq!(refused(&store, revoke).await, None, "once only");
    written(&store, token(&acme, ENDS)).await;
    let kept = store
        .setting_versions(SettingKind::Portal, first.name, i64::MAX)
        .await;
    assert_eq!(kept.unwrap(), [], "they have no versions");
    store.close(true).await.unwrap();
}

pub(super) async fn old_tokens_leave_with_what_is_left_of_revoked_ones<P: Sides>() {
    let place = P::fresh().await;
    let store = place.open().await;
    let acme = customer("acme");
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(written(&store, token(&acme, ENDS)).await.name);
    }
    let revoke = SettingChange {
        kind: SettingKind::Portal,
        ..delete(&made[0])
    };
    written(&store, revoke).await;
    written(&store, put("acme", "{}")).await;
    written(&store, token(&acme, ENDS)).await;
    store.close(true).await.unwrap();
    place
        .tamper("UPDATE settings SET changed_at = changed_at - 86500000 WHERE revision < 8")
        .await;
    let (mut side, _) = place.sides(Retention::default()).await;
    let cutoffs = Retention::default().cutoffs(machine_now());
    let left = "SELECT count(*) FROM settings WHERE kind = 'portal'";
    while side.prune_counts(2, &cutoffs).await.unwrap() {}
    assert_eq!(place.number(left).await, 1, "a day after they were made none is good any more");
    place
        .tamper("UPDATE settings SET changed_at = changed_at - 86500000")
        .await;
    while side.prune_counts(2, &cutoffs).await.unwrap() {}
    assert_eq!(place.number(left).await, 1, "the newest change of all stays");
    let newer = put("acme", r#"{"paused": true}"#);
    side.change_setting(&newer, machine_now()).await.unwrap();
    while side.prune_counts(2, &cutoffs).await.unwrap() {}
    assert_eq!(place.number(left).await, 0, "until there is a newer one");
    assert_eq!(place.number("SELECT count(*) FROM settings").await, 1, "nothing else leaves");
}
