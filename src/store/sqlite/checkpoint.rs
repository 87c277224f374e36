//! Folds the write-ahead log into the database beside the writer, so that no commit has to wait for it.
//!
//! The writer folds what is left only once the log has reached its bound; by then that is little.

use std::sync::Arc;

use log::warn;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Notify, oneshot};

use crate::store::StoreError;

/// How much is written between two rounds, in bytes of events.
const ROUND: usize = 512 * 1024;

/// The thread that folds the log, as the writer holds it. Ends when it is dropped.
pub(super) struct Checkpointer {
    wake: Arc<Notify>,
    written: usize,
    /// Says that the end has come, and whether it has been reached.
    end: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own.
    pub(super) async fn start(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let connection = SqliteConnection::connect_with(&options).await?;
        let wake = Arc::new(Notify::new());
        let (end, ending) = oneshot::channel();
        let (ended, at_end) = oneshot::channel();
        let failed = |source: std::io::Error| StoreError::from(sqlx::Error::Io(source));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(failed)?;
        let woken = wake.clone();
        std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                runtime.block_on(run(connection, woken, ending));
                // A writer that is gone need not know.
                let _ = ended.send(());
            })
            .map_err(failed)?;
        Ok(Self {
            wake,
            written: 0,
            end: Some((end, at_end)),
        })
    }

    /// Notes that so many bytes of events were committed.
    pub(super) fn written(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= ROUND {
            self.written = 0;
            self.wake.notify_one();
        }
    }

    /// Ends the thread and waits until its connection is closed.
    pub(super) async fn close(mut self) {
        if let Some((end, at_end)) = self.end.take() {
            drop(end);
            // A thread that is gone has closed it.
            let _ = at_end.await;
        }
    }
}

async fn run(mut connection: SqliteConnection, wake: Arc<Notify>, mut ending: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            _ = &mut ending => break,
            () = wake.notified() => {}
        }
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(&mut connection)
            .await
        {
            // The writer meets the same trouble, and tells of it where it matters.
            warn!(error:err; "the store's log could not be folded into the database");
        }
    }
    // It served its time; what it has to say about its end helps nobody.
    let _ = connection.close().await;
}
