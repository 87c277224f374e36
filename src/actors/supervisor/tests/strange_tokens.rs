//! Tokens of another organisation: Svix knows none of the account's applications, which is no fault of the notifications.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;

use super::pools::start_pool;
use super::world::{MakePool, Stored, World, answer, answer_with, settings};
use crate::actors::messages::{Batch, Job, Settings};
use crate::domain::{AccountName, Answer, CredentialId, NotificationId, Reason, State};
use crate::policy::GateState;
use crate::store::examples::{accept, eventually, new};
use crate::store::{NewNotification, Store};
use crate::svix::Account;

/// Which requests are answered with a 404.
type Unknown = Arc<Mutex<Box<dyn Fn(&Job) -> bool + Send>>>;

fn unknown(is_so: impl Fn(&Job) -> bool + Send + 'static) -> Unknown {
    Arc::new(Mutex::new(Box::new(is_so)))
}

fn make_pool(unknown: &Unknown) -> MakePool {
    let unknown = unknown.clone();
    Box::new(move |number, settings, supervisor| {
        let (unknown, to) = (unknown.clone(), supervisor.clone());
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            for job in &jobs {
                if (unknown.lock().unwrap())(job) {
                    answer_with(&to, job, Answer::NotFound, Duration::ZERO);
                } else {
                    answer(&to, job);
                }
            }
            drop(ticket);
        })
    })
}

/// Settings of an account whose default application is so called.
fn with_default(application: &str) -> Settings {
    let mut settings = settings(1, 8, 64);
    settings.accounts[0].default_application = Some(application.into());
    settings
}

async fn accept_in(store: &Store, application: &str, count: usize) {
    for _ in 0..count {
        let id = NotificationId::generate(store.now()).to_string();
        let new = NewNotification {
            application: application.into(),
            ..new(application, &id)
        };
        accept(store, new).await;
    }
}

async fn eventually_held(world: &World) {
    world
        .eventually_counted("the account is held", |counts| {
            let account = &counts.accounts[0];
            matches!(account.gate, GateState::Refused { .. }) && account.last_failure.is_some()
        })
        .await;
}

#[actix::test]
async fn an_unknown_default_application_holds_the_account_and_kills_nothing() {
    let unknown = unknown(|_| true);
    let stored = Stored::empty().await;
    accept_in(&stored.store, "main", 50).await;
    let world = stored.start(with_default("main"), 1000, make_pool(&unknown));
    eventually_held(&world).await;
    eventually("it is tried now and then", async || world.totals().await.retries > 20).await;
    *unknown.lock().unwrap() = Box::new(|_| false);
    world.eventually_delivered(50).await;
    let spent = world.records(State::Delivered).await;
    assert!(spent.iter().all(|record| record.progress.spent == 0));
}

#[actix::test]
async fn under_the_right_token_everything_goes_out_also_what_was_tried_under_the_wrong_one() {
    let wrong = CredentialId::of("testsk_1");
    let unknown = unknown(move |job| job.account.credential() == wrong);
    let stored = Stored::empty().await;
    accept_in(&stored.store, "main", 50).await;
    let world = stored.start(with_default("main"), 1000, make_pool(&unknown));
    eventually_held(&world).await;
    let mut right = with_default("main");
    let (base_url, token) = ("http://localhost".to_owned(), SecretString::from("testsk_2"));
    let account = Account::new(AccountName::new("default"), base_url, token, Duration::from_secs(5));
    right.accounts[0].account = Arc::new(account.unwrap());
    world.reconfigure(right);
    world.eventually_delivered(50).await;
}

#[actix::test]
async fn the_third_unknown_application_in_a_row_holds_the_account() {
    let unknown = unknown(|_| true);
    let stored = Stored::empty().await;
    for number in 0..10 {
        accept_in(&stored.store, &format!("app {number}"), 1).await;
    }
    let world = stored.start(settings(1, 8, 64), 1000, make_pool(&unknown));
    eventually_held(&world).await;
    eventually("it is tried now and then", async || world.totals().await.retries > 20).await;
    *unknown.lock().unwrap() = Box::new(|_| false);
    eventually("the others are delivered", async || world.totals().await.delivered == 8).await;
    let dead = world.records(State::Dead).await;
    assert!(
        dead.len() == 2
            && dead
                .iter()
                .all(|record| record.reason == Some(Reason::Unroutable))
    );
}

#[actix::test]
async fn beside_applications_that_work_an_unknown_one_is_its_notifications_own_matter() {
    let unknown = unknown(|job| job.notification.customer.as_str() != "fine");
    let stored = Stored::empty().await;
    accept_in(&stored.store, "fine", 1).await;
    let world = stored.start(with_default("main"), 1000, make_pool(&unknown));
    eventually("one works", async || world.totals().await.delivered == 1).await;
    accept_in(&world.store, "main", 5).await;
    accept_in(&world.store, "gone", 5).await;
    world.announce("main");
    world.announce("gone");
    eventually("they are dead", async || world.totals().await.dead == 10).await;
    let dead = world.records(State::Dead).await;
    assert!(
        dead.iter()
            .all(|record| record.reason == Some(Reason::Unroutable))
    );
}
