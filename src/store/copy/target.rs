//! The side that is written.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::counts::{self, Counts, Ledger};
use super::error::{foreign, of_target};
use super::row::Moved;
use super::source::Source;
use super::{CopyError, server};
use crate::store::check::{Database, either};
use crate::store::clock::machine_now;

/// What a target had at the start.
pub(super) struct Begun {
    /// The number of its last row, or 0.
    pub(super) after: i64,
    pub(super) rows: u64,
    /// Whether it has everything, and the ledger that says so.
    pub(super) complete: bool,
}

/// The store that is made.
pub(super) struct Target {
    database: Database,
}

impl Target {
    pub(super) async fn open(url: &str) -> Result<Self, CopyError> {
        let database = Database::for_writing(url).await.map_err(CopyError::Target)?;
        Ok(Self { database })
    }

    /// Finds how much of the source is there already, and refuses what is not of the source.
    pub(super) async fn compare(&mut self, source: &mut Source) -> Result<Begun, CopyError> {
        let number = "SELECT coalesce(max(seq), 0) FROM notifications";
        let after = self.database.number(number).await.map_err(of_target)?;
        if self.id(after).await? != source.id(after).await? {
            return Err(foreign(format!("its last row, {after}, is not the source's")));
        }
        let there = counts::prefix(&mut self.database, after)
            .await
            .map_err(of_target)?;
        if there != source.prefix(after).await? {
            let text = format!("up to row {after}, it has not what the source has by now");
            return Err(foreign(text));
        }
        let begun = Begun {
            after,
            rows: there
                .values()
                .map(|(rows, _)| u64::try_from(*rows).unwrap_or_default())
                .sum(),
            complete: false,
        };
        let ledger = counts::ledger(&mut self.database).await.map_err(of_target)?;
        if !ledger.is_empty() {
            if ledger != source.ledger().await? || self.counts().await? != source.counts().await? {
                return Err(foreign("it is complete, and not equal to the source"));
            }
            return Ok(Begun {
                complete: true,
                ..begun
            });
        }
        for (query, what) in [
            (
                "SELECT count(*) FROM events AS e WHERE NOT EXISTS ( \
                   SELECT 1 FROM notifications AS n WHERE n.seq = e.seq)",
                "events without notifications",
            ),
            (
                "SELECT count(*) FROM attempts AS a WHERE NOT EXISTS ( \
                   SELECT 1 FROM notifications AS n WHERE n.seq = a.seq)",
                "attempts without notifications",
            ),
        ] {
            if self.database.number(query).await.map_err(of_target)? > 0 {
                return Err(foreign(what));
            }
        }
        Ok(begun)
    }

    /// Inserts a batch, or nothing of it.
    pub(super) async fn insert(&mut self, batch: &[Moved]) -> Result<(), CopyError> {
        let inserted = match &mut self.database {
            Database::Sqlite { connection, .. } => insert_into_file(connection, batch).await,
            Database::Postgres(connection) => server::insert(connection, batch).await,
        };
        inserted.map_err(of_target)
    }

    /// Writes the ledger and what else makes a store of the rows, of which `last` is the last.
    pub(super) async fn finish(&mut self, source: &mut Source, last: i64) -> Result<(), CopyError> {
        let ledger = source.ledger().await?;
        let finished = match &mut self.database {
            Database::Sqlite { connection, .. } => {
                let suspect_until = source.suspect_until().await?;
                finish_file(connection, &ledger, suspect_until).await
            }
            Database::Postgres(connection) => {
                server::finish(connection, &ledger, last, source.all_suspect_until()).await
            }
        };
        finished.map_err(of_target)
    }

    pub(super) async fn counts(&mut self) -> Result<Counts, CopyError> {
        counts::counts(&mut self.database).await.map_err(of_target)
    }

    /// Closes the database, which folds an embedded one's log into the file.
    pub(super) async fn close(self) -> Result<(), CopyError> {
        self.database.close().await.map_err(of_target)
    }

    async fn id(&mut self, seq: i64) -> Result<Option<Vec<u8>>, CopyError> {
        let query = "SELECT id FROM notifications WHERE seq = $1";
        either!(&mut self.database, connection => {
            sqlx::query_scalar(query).bind(seq).fetch_optional(connection).await
        })
        .map_err(of_target)
    }
}

async fn insert_into_file(connection: &mut SqliteConnection, batch: &[Moved]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for row in batch {
        insert_notification(&mut transaction, row).await?;
        if let Some(event) = &row.event {
            sqlx::query("INSERT INTO events (seq, body) VALUES ($1, $2)")
                .bind(row.seq)
                .bind(&event[..])
                .execute(&mut *transaction)
                .await?;
        }
        for attempt in &row.made {
            sqlx::query(
                "INSERT INTO attempts (seq, number, step, started_at, duration_ms, answer, status, detail) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(row.seq)
            .bind(attempt.number)
            .bind(&attempt.step[..])
            .bind(attempt.started_at)
            .bind(attempt.duration_ms)
            .bind(&attempt.answer[..])
            .bind(attempt.status)
            .bind(&attempt.detail[..])
            .execute(&mut *transaction)
            .await?;
        }
    }
    transaction.commit().await
}

async fn insert_notification(connection: &mut SqliteConnection, row: &Moved) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notifications (seq, id, customer, event_key, event_id, account, application, \
           create_application, event_type, occurred_at, payload_start, payload_end, digest, accepted_at, \
           state, due_at, stage, stage_since, resends, attempts, spent, ambiguous, message_id, reason, \
           detail, status, settled_at, sent_at, sent_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
           $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)",
    )
    .bind(row.seq)
    .bind(&row.id[..])
    .bind(&row.customer[..])
    .bind(&row.event_key[..])
    .bind(&row.event_id[..])
    .bind(&row.account[..])
    .bind(&row.application[..])
    .bind(row.create_application)
    .bind(&row.event_type[..])
    .bind(row.occurred_at)
    .bind(row.payload_start)
    .bind(row.payload_end)
    .bind(&row.digest[..])
    .bind(row.accepted_at)
    .bind(&row.state[..])
    .bind(row.due_at)
    .bind(&row.stage[..])
    .bind(row.stage_since)
    .bind(row.resends)
    .bind(row.attempts)
    .bind(row.spent)
    .bind(row.ambiguous)
    .bind(row.message_id.as_deref())
    .bind(row.reason.as_deref())
    .bind(row.detail.as_deref())
    .bind(row.status)
    .bind(row.settled_at)
    .bind(row.sent_at)
    .bind(row.sent_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn finish_file(
    connection: &mut SqliteConnection,
    ledger: &Ledger,
    suspect_until: Option<i64>,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (customer, totals) in ledger {
        sqlx::query(
            "INSERT INTO ledger (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, \
               retries, failed_attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&customer[..])
        .bind(totals.accepted)
        .bind(totals.duplicates)
        .bind(totals.queued)
        .bind(totals.delivered)
        .bind(totals.filtered)
        .bind(totals.dead)
        .bind(totals.expired)
        .bind(totals.retries)
        .bind(totals.failed_attempts)
        .execute(&mut *transaction)
        .await?;
    }
    // A run that stopped cleanly, and hands on until when rows are suspect.
    sqlx::query("INSERT INTO runs (started_at, stopped_at, suspect_until) VALUES ($1, $1, $2)")
        .bind(machine_now().as_millis())
        .bind(suspect_until)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
