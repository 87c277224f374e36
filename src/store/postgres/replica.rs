//! This process among the replicas that share a database.
//!
//! A replica has a number, its *run*, for as long as it keeps its row in `replicas` alive. Rows of
//! the queue that carry the number are leased to it. Where it does not renew in time, another takes
//! its row away and frees what it held; what it writes after that finds its number gone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::{info, warn};
use sqlx::postgres::PgConnection;

use super::hints;
use crate::domain::Timestamp;
use crate::store::StoreError;
use crate::store::clock::{Clock, machine_now};
use crate::store::lease::{LeasedRow, Term};

/// Replicas take and give back their numbers one at a time, under this lock.
pub(in crate::store) const REGISTRY_LOCK: i64 = 0x7376_6978_0001;

/// What may pass between a look at the clock and a request to Svix, by which leases end early.
const MARGIN: Duration = Duration::from_millis(500);

/// This replica, and what it holds.
pub(super) struct Replica {
    run: i64,
    slot: i64,
    term: Term,
    lasts: Duration,
    clock: Clock,
    renewed: Instant,
    /// The fence of each row that is leased, by the row's number.
    held: HashMap<i64, i64>,
}

impl Replica {
    /// Joins the others.
    pub(super) async fn join(
        connection: &mut PgConnection,
        lasts: Duration,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mut replica = Self {
            run: 0,
            slot: 0,
            term: Term::default(),
            lasts,
            clock,
            renewed: Instant::now(),
            held: HashMap::new(),
        };
        replica.register(connection).await?;
        Ok(replica)
    }

    pub(super) fn run(&self) -> i64 {
        self.run
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn slot(&self) -> i64 {
        self.slot
    }

    pub(super) fn term(&self) -> Term {
        self.term.clone()
    }

    pub(super) fn hold(&mut self, leased: &LeasedRow) {
        self.held.insert(leased.row, leased.fence);
    }

    pub(super) fn let_go(&mut self, leased: &LeasedRow) {
        if self.held.get(&leased.row) == Some(&leased.fence) {
            self.held.remove(&leased.row);
        }
    }

    /// Tells whether it is time to renew.
    pub(super) fn is_due(&self) -> bool {
        self.renewed.elapsed() >= self.lasts / 4
    }

    /// Takes a number and the lowest free slot.
    async fn register(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let (asked, machine) = (Instant::now(), machine_now());
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(REGISTRY_LOCK)
            .execute(&mut *connection)
            .await?;
        let (run, slot, now): (i64, i64, i64) = sqlx::query_as(
            "INSERT INTO replicas (slot, started_at, ends_at) \
             SELECT min(free.slot), now_ms(), now_ms() + $1 \
             FROM generate_series(0, (SELECT count(*) FROM replicas)) AS free (slot) \
             WHERE NOT EXISTS (SELECT 1 FROM replicas AS r WHERE r.slot = free.slot) \
             RETURNING run, slot, started_at",
        )
        .bind(millis(self.lasts))
        .fetch_one(&mut *connection)
        .await?;
        (self.run, self.slot) = (run, slot);
        self.held.clear();
        self.term.begin_anew(self.end(asked));
        self.renewed = asked;
        self.note_clock(now, asked, machine);
        info!(run, slot; "this process is a replica of the shared store");
        Ok(())
    }

    /// Makes the leases last longer. Where another has taken over already, begins anew.
    pub(super) async fn renew(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let (asked, machine) = (Instant::now(), machine_now());
        let now: Option<i64> = sqlx::query_scalar(
            "UPDATE replicas SET ends_at = now_ms() + $1 WHERE run = $2 RETURNING now_ms()",
        )
        .bind(millis(self.lasts))
        .bind(self.run)
        .fetch_optional(&mut *connection)
        .await?;
        match now {
            Some(now) => {
                self.term.extend(self.end(asked));
                self.renewed = asked;
                self.note_clock(now, asked, machine);
                Ok(())
            }
            None => {
                warn!(run = self.run, held = self.held.len(); "the leases of this process ran out; others deliver what it held");
                self.register(connection).await
            }
        }
    }

    /// Finds its footing after trouble: what it holds stays, what it may have leased without hearing
    /// of it is freed.
    pub(super) async fn come_back(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.renew(connection).await?;
        let held: Vec<i64> = self.held.keys().copied().collect();
        sqlx::query("UPDATE queue SET owner = NULL WHERE owner = $1 AND seq <> ALL ($2)")
            .bind(self.run)
            .bind(held)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Ends leases without an outcome.
    pub(super) async fn release(
        &mut self,
        connection: &mut PgConnection,
        rows: &[LeasedRow],
    ) -> Result<(), StoreError> {
        let customers: Vec<&str> = rows.iter().map(|row| row.customer.as_str()).collect();
        let numbers: Vec<i64> = rows.iter().map(|row| row.row).collect();
        let fences: Vec<i64> = rows.iter().map(|row| row.fence).collect();
        sqlx::query(
            "UPDATE queue AS q SET owner = NULL \
             FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[]) AS r (customer, seq, fence) \
             WHERE q.customer = r.customer AND q.seq = r.seq AND q.fence = r.fence AND q.owner + 0 = $4",
        )
        .bind(&customers)
        .bind(numbers)
        .bind(fences)
        .bind(self.run)
        .execute(&mut *connection)
        .await?;
        hints::give(connection, customers.into_iter().map(str::to_owned).collect()).await
    }

    /// Leaves the others, with nothing under way.
    pub(super) async fn leave(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let freed: Vec<String> =
            sqlx::query_scalar("UPDATE queue SET owner = NULL WHERE owner = $1 RETURNING customer")
                .bind(self.run)
                .fetch_all(&mut *connection)
                .await?;
        sqlx::query("DELETE FROM replicas WHERE run = $1")
            .bind(self.run)
            .execute(&mut *connection)
            .await?;
        hints::give(connection, freed).await
    }

    /// Returns when leases that were asked for at that moment end, by this machine's own measure.
    fn end(&self, asked: Instant) -> Instant {
        asked + self.lasts.saturating_sub(MARGIN.min(self.lasts / 4))
    }

    /// The database looked at its clock between the question and the answer.
    fn note_clock(&self, database: i64, asked: Instant, machine: Timestamp) {
        let between = machine.after(asked.elapsed() / 2);
        self.clock.set(Timestamp::from_millis(database), between);
    }
}

/// Frees what replicas held whose leases have run out. They may have sent it without recording that. Returns how many
/// they were.
pub(super) async fn take_over(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let gone: Vec<i64> = sqlx::query_scalar("DELETE FROM replicas WHERE ends_at < now_ms() RETURNING run")
        .fetch_all(&mut *connection)
        .await?;
    if gone.is_empty() {
        return Ok(0);
    }
    // A statement of its own: it sees what the replica committed until its row was gone.
    let freed: Vec<String> = sqlx::query_scalar(
        "WITH freed AS (UPDATE queue SET owner = NULL WHERE owner = ANY ($1) RETURNING customer, seq) \
         UPDATE notifications AS n SET suspect_at = now_ms() FROM freed \
         WHERE n.customer = freed.customer AND n.seq = freed.seq RETURNING n.customer",
    )
    .bind(&gone)
    .fetch_all(&mut *connection)
    .await?;
    warn!(runs:? = gone, freed = freed.len(); "replicas are gone; what they held is free");
    hints::give(connection, freed).await?;
    Ok(gone.len() as u64)
}

/// Makes sure that the database takes writes; one that follows another does not.
pub(super) async fn writable(connection: &mut PgConnection) -> Result<(), StoreError> {
    // Takes a row's place without keeping anything.
    sqlx::query("SELECT nextval('notification_seq')")
        .execute(connection)
        .await?;
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
