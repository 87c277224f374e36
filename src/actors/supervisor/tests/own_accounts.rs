//! Accounts beside the operator's own, which come and go while something goes through them.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::silence::{Silence, is_of};
use super::world::{Stored, World, accept_for, settings};
use crate::actors::messages::{Settings, SettingsChanged};
use crate::domain::AccountName;
use crate::policy::GateRules;
use crate::secrets::{KeyRing, MasterKey, Owner, Tokens};
use crate::store::examples::{customer, eventually};
use crate::store::{Expected, SettingCause, SettingChange, SettingKind};

fn with_key(mut settings: Settings, key: &MasterKey) -> Settings {
    settings.own.ring = Arc::new(KeyRing::new(vec![key.clone()]).unwrap());
    settings
}

/// Writes an account, or deletes it, and has the supervisor hear of it.
async fn set(world: &World, token: Option<(&str, &MasterKey)>) {
    let seal = |(token, key): (&str, &MasterKey)| {
        let tokens = Tokens::new(SecretString::from(token));
        let ring = KeyRing::new(vec![key.clone()]).unwrap();
        let sealed = ring.seal(Owner::account("acme"), &tokens.to_secret()).unwrap();
        sealed.as_bytes().to_vec()
    };
    let change = SettingChange {
        kind: SettingKind::Account,
        name: "acme".to_owned(),
        cause: SettingCause::Put,
        document: token.map(|_| r#"{"serverUrl":"http://localhost"}"#.to_owned()),
        sealed: token.map(seal),
        expected: Expected::Anything,
        key: None,
    };
    world.store.change_setting(change).await.unwrap();
    world.store.follow_settings().await.unwrap();
    world.supervisor.send(SettingsChanged).await.unwrap();
}

async fn eventually_missing(world: &World, why: &str) {
    world
        .eventually_counted("it is told of as missing", |counts| {
            let missing = counts
                .accounts
                .iter()
                .find(|account| account.missing_since.is_some());
            let said = missing.and_then(|missing| missing.last_failure.as_deref());
            said.is_some_and(|said| said.contains(why))
        })
        .await;
}

#[actix::test]
async fn what_is_under_way_when_its_account_is_deleted_is_recorded_and_the_rest_waits() {
    let key = MasterKey::generate().unwrap();
    let silence = Silence::default();
    let stored = Stored::empty().await;
    accept_for(&stored.store, "acme", "acme", 3).await;
    let world = stored.start(with_key(settings(1, 1, 1), &key), 100, silence.make_pool(is_of("acme")));
    eventually_missing(&world, "no account of this name is set").await;
    set(&world, Some(("testsk_1", &key))).await;
    eventually("one is under way, the others wait", async || {
        silence.count() == 1 && world.room.places(&customer("acme")).1 == 3
    })
    .await;
    set(&world, None).await;
    assert!(silence.end_one(&world, false));
    eventually("it is recorded", async || world.totals().await.delivered == 1).await;
    eventually("the others are in nobody's way", async || world.room.places(&customer("acme")).1 == 0).await;
    eventually_missing(&world, "no account of this name is set").await;
    assert_eq!((silence.count(), world.totals().await.queued), (0, 2));
    set(&world, Some(("testsk_2", &key))).await;
    eventually("they are delivered once it is there again", async || {
        silence.end_one(&world, false);
        world.totals().await.delivered == 3
    })
    .await;
}

#[actix::test]
async fn a_token_that_does_not_open_here_leaves_in_force_what_stood_before() {
    let (key, other) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let silence = Silence::default();
    let stored = Stored::empty().await;
    let world = stored.start(with_key(settings(1, 8, 8), &key), 100, silence.make_pool(is_of("nobody")));
    set(&world, Some(("testsk_1", &key))).await;
    accept_for(&world.store, "acme", "acme", 1).await;
    world.announce("acme");
    world.eventually_delivered(1).await;
    set(&world, Some(("testsk_2", &other))).await;
    accept_for(&world.store, "acme", "acme", 1).await;
    world.announce("acme");
    world.eventually_delivered(2).await;
    let known = world
        .store
        .directory()
        .account(&AccountName::new("acme"))
        .unwrap();
    assert_eq!(known.version, 2, "it is known, and cannot be opened");
}

#[actix::test]
async fn what_waits_for_an_account_that_does_not_open_is_told_of() {
    let (key, other) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let silence = Silence::default();
    let stored = Stored::empty().await;
    let world = stored.start(with_key(settings(1, 8, 8), &key), 100, silence.make_pool(is_of("nobody")));
    set(&world, Some(("testsk_1", &other))).await;
    accept_for(&world.store, "acme", "acme", 1).await;
    world.announce("acme");
    eventually_missing(&world, "its tokens cannot be opened: it was sealed under master key").await;
    assert_eq!(world.totals().await.queued, 1);
    set(&world, Some(("testsk_1", &key))).await;
    world.eventually_delivered(1).await;
    world
        .eventually_counted("it is told of no more", |counts| {
            counts
                .accounts
                .iter()
                .all(|account| account.missing_since.is_none())
        })
        .await;
}

#[actix::test]
async fn who_is_parked_behind_an_account_goes_on_where_it_is_deleted() {
    let key = MasterKey::generate().unwrap();
    let silence = Silence::default();
    let stored = Stored::empty().await;
    accept_for(&stored.store, "acme", "acme", 20).await;
    let mut settings = with_key(settings(1, 8, 8), &key);
    let hour = Duration::from_secs(3600);
    settings.own.gate = GateRules {
        circuit_threshold: 1,
        probe_interval: hour,
        max_probe_interval: hour,
        ..settings.own.gate
    };
    let world = stored.start(settings, 100, silence.make_pool(is_of("acme")));
    set(&world, Some(("testsk_1", &key))).await;
    eventually("its requests hang", async || silence.count() > 0).await;
    while silence.end_one(&world, true) {}
    eventually("a few are kept to try it with", async || world.room.places(&customer("acme")).1 == 2).await;
    accept_for(&world.store, "default", "acme", 3).await;
    world.announce("acme");
    world.two_ticks().await;
    assert_eq!(world.totals().await.delivered, 0, "the customer is parked");
    set(&world, None).await;
    eventually("what goes another way is delivered", async || world.totals().await.delivered == 3).await;
}
