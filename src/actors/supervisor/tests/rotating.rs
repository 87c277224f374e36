//! Tokens that another takes the place of while something is retried.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;

use super::pools::start_pool;
use super::world::{MakePool, Stored, answer, answer_with, settings};
use crate::actors::messages::{Batch, Settings};
use crate::domain::{AccountName, Answer, CredentialId, State};
use crate::policy::GateState;
use crate::store::examples::eventually;
use crate::svix::Account;

/// What a pool was given.
#[derive(Clone, Default)]
struct Given {
    /// The first batch, which waits for the test to answer it.
    first: Arc<Mutex<Option<Batch>>>,
    /// With which tokens requests were made, in their order.
    tokens: Arc<Mutex<Vec<CredentialId>>>,
}

fn with_token(mut settings: Settings, token: &str) -> Settings {
    let (url, token) = ("http://localhost".to_owned(), SecretString::from(token));
    let account = Account::new(AccountName::new("default"), url, token, Duration::from_secs(5));
    settings.accounts[0].account = Arc::new(account.unwrap());
    settings
}

/// A pool that holds its first batch. Later requests are refused with the token `refused`, and taken with any other.
fn pool(given: &Given, refused: CredentialId) -> MakePool {
    let given = given.clone();
    Box::new(move |number, settings, supervisor| {
        let (given, to) = (given.clone(), supervisor.clone());
        start_pool(number, settings, supervisor, move |batch| {
            let mut tokens = given.tokens.lock().unwrap();
            let is_first = tokens.is_empty();
            tokens.extend(batch.jobs.iter().map(|job| job.account.credential()));
            if is_first {
                *given.first.lock().unwrap() = Some(batch);
                return;
            }
            for job in &batch.jobs {
                match job.account.credential() == refused {
                    true => answer_with(&to, job, Answer::Refused, Duration::ZERO),
                    false => answer(&to, job),
                }
            }
        })
    })
}

#[actix::test]
async fn a_retry_keeps_the_token_of_its_first_request_while_that_works() {
    let (old, new) = (CredentialId::of("old"), CredentialId::of("new"));
    for (refused, made_with) in [
        (CredentialId::of("another"), vec![old, old]),
        (old, vec![old, old, new]),
    ] {
        let given = Given::default();
        let stored = Stored::empty().await.with("acme", 1).await;
        let world = stored.start(with_token(settings(1, 8, 8), "old"), 100, pool(&given, refused));
        let mut held = None;
        eventually("the first request is made", async || {
            held = given.first.lock().unwrap().take();
            held.is_some()
        })
        .await;
        world.reconfigure(with_token(settings(1, 8, 8), "new"));
        let held = held.unwrap();
        answer_with(
            &world.supervisor,
            &held.jobs[0],
            Answer::Unavailable {
                retry_after: None,
                may_hold: false,
            },
            Duration::ZERO,
        );
        drop(held);
        world.eventually_delivered(1).await;
        assert_eq!(*given.tokens.lock().unwrap(), made_with);
        let record = world.records(State::Delivered).await.remove(0);
        let (attempts, spent) = (record.progress.attempts as usize, record.progress.spent);
        assert_eq!((attempts, spent), (made_with.len(), 1), "a refusal of an earlier token costs no attempt");
        assert_eq!(record.progress.credential, made_with.last().copied());
        world
            .eventually_counted("nothing speaks against the account", |counts| {
                counts
                    .accounts
                    .iter()
                    .all(|account| account.gate == GateState::Open)
            })
            .await;
    }
}
