//! A server that takes no writes for a while, and one that falls silent.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::ConnectOptions;
use sqlx::postgres::PgPoolOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{TestDatabase, execute};
use crate::domain::State;
use crate::store::examples::{accept, accept_leased, customer, delivered, eventually, find, new};
use crate::store::postgres::pool::Pool;
use crate::store::{Condition, StoreError, Trouble};

#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while_loses_nothing() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let kept = accept(&store, new("acme", "evt_1")).await;
    let (sent, lease) = accept_leased(&store, new("acme", "evt_2")).await;
    database.set_read_only(true).await;
    eventually("it is noticed", async || {
        let refused = store.accept(new("acme", "evt_3"), true).await;
        matches!(
            refused,
            Err(StoreError::Unavailable {
                trouble: Trouble::ReadOnly,
                ..
            })
        )
    })
    .await;
    assert!(matches!(
        store.condition(),
        Condition::Failing {
            trouble: Trouble::ReadOnly,
            ..
        }
    ));
    let mut settling = Box::pin(store.settle(delivered(&sent), lease));
    assert!(settling.as_mut().now_or_never().is_none(), "it is kept");
    assert_eq!(find(&store, kept.id).await.state, State::Queued, "it can be looked at");
    assert!(store.claim(customer("acme"), 10).await.is_err());

    database.set_read_only(false).await;
    settling.await.unwrap();
    eventually("the store works again", async || store.condition() == Condition::Working).await;
    assert_eq!(find(&store, sent.id).await.state, State::Delivered);
    accept(&store, new("acme", "evt_3")).await;
    assert_eq!(store.claim(customer("acme"), 10).await.unwrap().len(), 2);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.delivered, totals.difference()), (3, 1, 0));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_asked_again() {
    let database = TestDatabase::new().await;
    let (silence, silent) = watch::channel(false);
    let way = way_to(&database, silent).await;
    let options = database.options().port(way);
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let pool = Pool::new(pool, Duration::from_millis(300));
    let ask = async || {
        let question = pool.ask(|connection| {
            async move {
                Ok(sqlx::query_scalar::<_, i64>("SELECT now_ms() * 0 + 7")
                    .fetch_one(connection)
                    .await?)
            }
            .boxed()
        });
        question.await
    };
    drop(database.open().await);
    assert_eq!(ask().await.unwrap(), 7);
    silence.send(true).unwrap();
    for _ in 0..2 {
        let refused = ask().await;
        let given_up = matches!(
            refused,
            Err(StoreError::Unavailable {
                trouble: Trouble::Unreachable,
                ..
            })
        );
        assert!(given_up, "{refused:?}");
    }
    silence.send(false).unwrap();
    eventually("it answers again", async || ask().await.is_ok()).await;
}

/// Opens a port that leads to the server of a database, and nowhere while it is silent.
async fn way_to(database: &TestDatabase, silent: watch::Receiver<bool>) -> u16 {
    let server = format!("{}:{}", database.server.get_host(), database.server.get_port());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, mut silent) = (server.clone(), silent.clone());
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(server).await else {
                    return;
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                    _ = silent.wait_for(|silent| *silent) => {}
                }
                // Neither side hears that the other is not there any more.
                let _ = silent.wait_for(|silent| !*silent).await;
            });
        }
    });
    port
}

impl TestDatabase {
    /// Lets new transactions write or not, and ends all connections.
    async fn set_read_only(&self, read_only: bool) {
        let mut connection = self.server.connect().await.unwrap();
        let name = &self.name;
        let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = {read_only}");
        execute(&mut connection, statement).await;
        if read_only {
            let end =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            execute(&mut connection, end).await;
        }
    }
}
