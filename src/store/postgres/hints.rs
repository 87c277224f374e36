//! Hints between replicas that something has become free. Only hints: losing one delays work until the
//! next regular look at the store.

use std::time::Duration;

use log::debug;
use sqlx::postgres::{PgConnection, PgListener, PgPool};
use tokio::sync::mpsc;

use crate::domain::Customer;
use crate::store::StoreError;

/// The channel on which they are given.
const CHANNEL: &str = "svix_hooks_free";

/// Hints that wait to be followed; more are dropped.
const WAITING: usize = 1024;

/// Customers that one transaction names at most.
const NAMED: usize = 100;

/// The first and the longest wait before another try to listen.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Lets all replicas know, once the transaction commits.
pub(super) async fn give(
    connection: &mut PgConnection,
    mut customers: Vec<String>,
) -> Result<(), StoreError> {
    customers.sort_unstable();
    customers.dedup();
    customers.truncate(NAMED);
    if customers.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT pg_notify($1, customer) FROM unnest($2::TEXT[]) AS customer")
        .bind(CHANNEL)
        .bind(customers)
        .execute(connection)
        .await?;
    Ok(())
}

/// Listens for hints until nobody wants them any more.
pub(super) fn listen(pool: PgPool) -> mpsc::Receiver<Customer> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        tokio::select! {
            () = keep_listening(&pool, &sender) => {}
            () = sender.closed() => {}
        }
    });
    receiver
}

async fn keep_listening(pool: &PgPool, sender: &mpsc::Sender<Customer>) {
    let mut wait = BACKOFF.0;
    while !pool.is_closed() {
        match listen_on(pool, sender, &mut wait).await {
            Ok(()) => return,
            Err(error) => debug!(error:err; "hints of other replicas cannot be heard; tried again later"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

async fn listen_on(
    pool: &PgPool,
    sender: &mpsc::Sender<Customer>,
    wait: &mut Duration,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    *wait = BACKOFF.0;
    loop {
        let hint = listener.recv().await?;
        if let Ok(customer) = Customer::parse(hint.payload()) {
            // Where too many wait already, the regular look finds it.
            let _ = sender.try_send(customer);
        }
    }
}
