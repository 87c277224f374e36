//! Secrets in the store open under the master keys of the configuration, or the service does not start.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use svix_hooks::secrets::{KeyRing, MasterKey, Owner, Sealed};
use svix_hooks::store::{
    Expected, Retention, Setting, SettingCause, SettingChange, SettingKind, SettingQuery, Store,
    StoreOptions, Unwatched,
};

use crate::support::World;

const TOKEN: &str = "sk_of_acme_itself.eu";

async fn open(world: &World) -> Store {
    let options = StoreOptions {
        url: world.store.url(),
        lease: Duration::from_secs(15),
        max_batch: 512,
        max_waiting: 100,
        retention: Retention::default(),
        watch: Arc::new(Unwatched),
    };
    Store::open(options).await.unwrap()
}

/// Seals the token of an account into the store, as it is written over HTTP.
async fn seal(store: &Store, name: &str, key: &MasterKey) {
    let ring = KeyRing::new(vec![key.clone()]).unwrap();
    let sealed = ring.seal(Owner::account(name), &TOKEN.into()).unwrap();
    let change = SettingChange {
        kind: SettingKind::Account,
        name: name.to_owned(),
        cause: SettingCause::Put,
        document: Some("{}".to_owned()),
        sealed: Some(sealed.as_bytes().to_vec()),
        expected: Expected::Absent,
        key: None,
    };
    store.change_setting(change).await.unwrap();
}

async fn accounts(world: &World) -> Vec<Setting> {
    let store = open(world).await;
    let all = SettingQuery::Page(SettingKind::Account, None, 100);
    let accounts = store.settings(all).await.unwrap();
    store.close(true).await.unwrap();
    accounts
}

#[actix_web::test]
async fn nothing_starts_without_the_keys_of_what_is_sealed_and_nothing_is_overwritten() {
    let world = World::new();
    let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let text = |key: &MasterKey| key.text().expose_secret().to_owned();
    let store = open(&world).await;
    seal(&store, "acme", &old).await;
    seal(&store, "globex", &old).await;
    store.close(true).await.unwrap();
    let before = accounts(&world).await;
    for (keys, why) in [(String::new(), "no key"), (text(&new), "another key")] {
        let output = world.output(&[("SECRETS__KEYS", &keys)]);
        assert_eq!(output.status.code(), Some(1), "{why}");
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        let right = format!(
            "the secrets of 2 accounts (acme, globex) were sealed under master key {}, which is not among secrets.keys",
            old.id()
        );
        assert!(said.contains(&right), "{why}: {said}");
        for secret in [TOKEN.to_owned(), text(&old), text(&new)] {
            assert!(!said.contains(&secret), "{why}: {said}");
        }
        if world.store.file().is_some() {
            let unclean = "SELECT count(*) FROM runs WHERE stopped_at IS NULL";
            assert_eq!(world.store.number(unclean).await, 0, "{why}: what waits is not made suspect");
        }
        assert_eq!(accounts(&world).await, before, "{why}");
    }
    let both = format!("{}, {}", text(&new), text(&old));
    let process = world.start(&[("SECRETS__KEYS", &both)]).await;
    assert_eq!(process.client.get("/health/live").await.status, 200);
    drop(process);
    let contents = world.store.contents().await;
    assert!(!contents.contains(TOKEN) && !contents.contains(&text(&old)));
}

#[test]
fn a_new_key_is_printed_as_the_environment_takes_it() {
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        let output = command.args(["secrets", "new-key"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run();
    let entry = said
        .lines()
        .find_map(|line| line.strip_prefix("SVIX_HOOKS__SECRETS__KEYS="));
    let key = MasterKey::parse(&entry.unwrap().into()).unwrap();
    assert!(said.contains(&key.id().to_string()), "{said}");
    assert!(!run().contains(entry.unwrap()), "no two are the same");
}

#[actix_web::test]
async fn after_a_rotation_the_old_key_can_leave() {
    let world = World::new();
    let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let text = |key: &MasterKey| key.text().expose_secret().to_owned();
    let store = open(&world).await;
    for name in ["acme", "globex"] {
        seal(&store, name, &old).await;
    }
    seal(&store, "initech", &new).await;
    store.close(true).await.unwrap();
    let process = world
        .start(&[("SECRETS__KEYS", &format!("{},{}", text(&new), text(&old)))])
        .await;
    let rotate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        let output = command
            .args(["secrets", "rotate"])
            .env("SVIX_HOOKS_URL", &process.client.url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = rotate();
    assert!(
        said.starts_with("2 sealed anew, 1 sealed under the first key already, 0 could not be"),
        "{said}"
    );
    let said = rotate();
    assert!(said.starts_with("0 sealed anew, 3 sealed"), "{said}");
    let versions = process.client.get("/accounts/acme/versions").await.body;
    assert_eq!(versions["data"][0]["change"], "secret", "{versions}");
    process.signal("TERM");
    let mut process = process;
    assert!(process.ended().await.success());
    for account in accounts(&world).await {
        let sealed = Sealed::from_bytes(account.sealed.unwrap());
        let ring = KeyRing::new(vec![new.clone()]).unwrap();
        let opened = ring.open(Owner::account(&account.name), &sealed).unwrap();
        assert_eq!(opened.expose_secret(), TOKEN);
    }
    world.start(&[("SECRETS__KEYS", &text(&new))]).await;
}
