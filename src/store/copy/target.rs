//! The side that is written.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use super::CopyError;
use super::counts::{self, Counts};
use super::error::{foreign, of_target};
use super::rows::Rows;
use super::source::{Batch, Source};
use super::table::{AT_THE_END, BELONGINGS, KEY_USES, WORDS};
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
        let rows = there.values().map(|of_state| of_state.rows).sum::<i64>();
        let complete = self.is_complete().await?;
        if complete {
            self.check_complete(source).await?;
        } else {
            self.check_incomplete().await?;
        }
        Ok(Begun {
            after,
            rows: u64::try_from(rows).unwrap_or_default(),
            complete,
        })
    }

    /// Tells whether it has anything of what comes at the end, all of it in one transaction.
    async fn is_complete(&mut self) -> Result<bool, CopyError> {
        for table in AT_THE_END.iter().filter(|table| table.name != KEY_USES) {
            if self.database.number(table.count_all()).await.map_err(of_target)? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes sure that it has what the source has. Where as many settings say something else, a key that was revoked
    /// may be good here.
    async fn check_complete(&mut self, source: &mut Source) -> Result<(), CopyError> {
        let ledger = counts::ledger(&mut self.database).await.map_err(of_target)?;
        let settings = counts::settings(&mut self.database).await.map_err(of_target)?;
        if ledger != source.ledger().await?
            || settings != source.settings().await?
            || self.counts().await? != source.counts().await?
        {
            return Err(foreign("it is complete, and not equal to the source"));
        }
        Ok(())
    }

    /// Makes sure that there is nothing but notifications with what belongs to them.
    async fn check_incomplete(&mut self) -> Result<(), CopyError> {
        let shared = self.database.is_shared();
        for table in BELONGINGS.iter() {
            let orphans = self.database.number(table.count_orphans(shared)).await;
            if orphans.map_err(of_target)? > 0 {
                return Err(foreign(format!("{} without notifications", table.name)));
            }
        }
        Ok(())
    }

    /// Inserts a batch, or nothing of it.
    pub(super) async fn insert(&mut self, batch: &Batch) -> Result<(), CopyError> {
        self.begin().await?;
        self.insert_rows(&batch.notifications).await?;
        for rows in &batch.belongings {
            self.insert_rows(rows).await?;
        }
        let derived = match &mut self.database {
            Database::Sqlite { connection, .. } => make_searchable(connection, batch).await,
            Database::Postgres(connection) => queue(connection, &batch.notifications).await,
        };
        derived.map_err(of_target)?;
        self.execute("COMMIT").await
    }

    /// Writes the ledger and what else makes a store of the rows, of which `last` is the last.
    pub(super) async fn finish(&mut self, source: &mut Source, last: i64) -> Result<(), CopyError> {
        self.begin().await?;
        self.execute("DELETE FROM key_uses").await?;
        for table in AT_THE_END.iter() {
            source
                .hand_on(table, async |rows| self.insert_rows(&rows).await)
                .await?;
        }
        let made = match &mut self.database {
            Database::Sqlite { connection, .. } => note_run(connection, source.suspect_until().await?).await,
            Database::Postgres(connection) => {
                let suspect_until = source.all_suspect_until();
                prepare_server(connection, last, suspect_until).await
            }
        };
        made.map_err(of_target)?;
        self.execute("COMMIT").await
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

    /// Begins a transaction. Whatever fails in it fails the copy, and takes the transaction with it.
    async fn begin(&mut self) -> Result<(), CopyError> {
        let begin = if self.database.is_shared() {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        };
        self.execute(begin).await
    }

    async fn insert_rows(&mut self, rows: &Rows) -> Result<(), CopyError> {
        let inserted = match &mut self.database {
            Database::Sqlite { connection, .. } => rows.insert_into_file(connection).await,
            Database::Postgres(connection) => rows.insert_into_server(connection).await,
        };
        inserted.map_err(of_target)
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), CopyError> {
        let done = either!(&mut self.database, connection => {
            sqlx::query(statement).execute(connection).await.map(drop)
        });
        done.map_err(of_target)
    }
}

/// Makes the words by which a file finds what was not delivered.
async fn make_searchable(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    // Nothing but fixed text is in it.
    let statement = AssertSqlSafe(format!(
        "INSERT INTO undelivered_words (rowid, words) SELECT u.seq, {WORDS} \
         FROM undelivered AS u JOIN notifications AS n ON n.seq = u.seq WHERE u.seq > $1 AND u.seq <= $2"
    ));
    let query = sqlx::query(statement).bind(batch.after).bind(batch.last);
    query.execute(connection).await.map(drop)
}

/// Puts what waits into the queue.
async fn queue(connection: &mut PgConnection, notifications: &Rows) -> Result<(), sqlx::Error> {
    let statement = "INSERT INTO queue (customer, seq, due_at) SELECT customer, seq, due_at \
                     FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[]) \
                       AS n (customer, seq, due_at, state) WHERE state = 'queued'";
    let query = notifications.bound(statement, ["customer", "seq", "due_at", "state"]);
    query.execute(connection).await.map(drop)
}

/// Notes a run that stopped cleanly, and hands on until when rows are suspect.
async fn note_run(connection: &mut SqliteConnection, suspect_until: Option<i64>) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO runs (started_at, stopped_at, suspect_until) VALUES ($1, $1, $2)")
        .bind(machine_now().as_millis())
        .bind(suspect_until)
        .execute(connection)
        .await
        .map(drop)
}

/// Sees to it that the next row gets the next number. With `suspect_until`, the source's last run ended
/// badly, be it after some rows were copied.
async fn prepare_server(
    connection: &mut PgConnection,
    last: i64,
    suspect_until: Option<i64>,
) -> Result<(), sqlx::Error> {
    if let Some(until) = suspect_until {
        sqlx::query(
            "UPDATE notifications SET suspect_at = $1 \
             WHERE state = 'queued' AND suspect_at IS DISTINCT FROM $1",
        )
        .bind(until)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query("SELECT setval('notification_seq', greatest($1, 1), $1 > 0)")
        .bind(last)
        .execute(connection)
        .await
        .map(drop)
}
