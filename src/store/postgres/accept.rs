//! Stores new notifications, and tells which of them are known already.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::domain::{ApplicationRule, EventId, Timestamp};
use crate::store::changes::Changes;
use crate::store::known::{self, Known};
use crate::store::lease::LeasedRow;
use crate::store::port::{Accept, AcceptReceipt};
use crate::store::{Existing, NewNotification, StoreError, rows};

/// What an accept has come to before the database has its last word.
enum Verdict {
    New(EventId),
    Known(Existing),
}

/// Stores what is new. Answers in the order of `accepts`.
pub(super) async fn run(
    connection: &mut PgConnection,
    accepts: &[Accept<'_>],
    run: i64,
    changes: &mut Changes,
) -> Result<Vec<AcceptReceipt>, StoreError> {
    if accepts.is_empty() {
        return Ok(Vec::new());
    }
    let (keys, digests) = known::keys(accepts);
    let found = look_up(connection, &keys, &digests).await?;
    let mut known = Known::read(&found, accepts);
    loop {
        let digests = known.digests(accepts);
        if digests.is_empty() {
            break;
        }
        let ids: Vec<&str> = digests.iter().map(EventId::as_str).collect();
        let found = look_up(connection, &ids, &ids).await?;
        known.note(digests, &found);
    }
    let mut verdicts = Vec::with_capacity(accepts.len());
    let mut candidates = Vec::with_capacity(accepts.len());
    for accept in accepts {
        verdicts.push(match known.find(accept.new)? {
            Some(existing) => Verdict::Known(existing),
            None => {
                let event_id = known.add(accept.new);
                candidates.push((*accept, event_id.clone()));
                Verdict::New(event_id)
            }
        });
    }
    let mut leases = insert(connection, &candidates, run).await?.into_iter();
    let receipts = accepts.iter().zip(verdicts).map(|(accept, verdict)| {
        let customer = &accept.new.customer;
        match verdict {
            Verdict::New(event_id) => {
                changes.accepted(customer, accept.new.accepted_at, accept.new.state());
                AcceptReceipt::Stored {
                    event_id,
                    lease: leases.next().flatten(),
                }
            }
            Verdict::Known(existing) => {
                if existing.other_event.is_none() {
                    changes.duplicate(customer, accept.new.accepted_at);
                }
                AcceptReceipt::Known(existing)
            }
        }
    });
    Ok(receipts.collect())
}

/// Finds the rows with these keys, or with these ids at Svix in place of their keys. Until the transaction ends, no
/// other replica stores any of these keys: each sees what the other has stored, and no id at Svix is given to two
/// notifications. Digests are locked after the keys that they stand for, so that none is waited for in a circle.
async fn look_up(
    connection: &mut PgConnection,
    keys: &[&str],
    ids: &[&str],
) -> Result<Vec<PgRow>, StoreError> {
    // In order, so that no two replicas wait for each other.
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hash) FROM ( \
           SELECT DISTINCT hashtextextended(key, 0) AS hash FROM unnest($1::TEXT[]) AS key ORDER BY hash) AS keys",
    )
    .bind(keys)
    .execute(&mut *connection)
    .await?;
    let columns = known::COLUMNS;
    let statement = format!(
        "SELECT {columns} FROM notifications WHERE event_key = ANY ($1) \
         UNION ALL SELECT {columns} FROM notifications WHERE event_id <> event_key AND event_id = ANY ($2)"
    );
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(statement).into_sql_str());
    Ok(query.bind(keys).bind(ids).fetch_all(connection).await?)
}

/// Inserts notifications with their events, and queues them. Returns the leases in the order of the candidates.
async fn insert(
    connection: &mut PgConnection,
    candidates: &[Candidate<'_>],
    run: i64,
) -> Result<Vec<Option<LeasedRow>>, StoreError> {
    let mut leases = Vec::new();
    leases.resize_with(candidates.len(), || None);
    if candidates.is_empty() {
        return Ok(leases);
    }
    let trace = |(accept, _): &Candidate<'_>| {
        let call = accept.new.origin.call.as_ref();
        call.and_then(|call| call.trace).map(|trace| trace.to_string())
    };
    let traces: Vec<Option<String>> = candidates.iter().map(trace).collect();
    // The replica's own row is locked, so that nobody can find it expired meanwhile. Where it has
    // gone, nothing is leased.
    let leased: Vec<(i64, i64, i64)> = sqlx::query_as(
        "WITH me AS MATERIALIZED ( \
           SELECT run FROM replicas WHERE run = $1 AND ends_at > now_ms() FOR KEY SHARE), \
         new AS MATERIALIZED ( \
           SELECT nextval('notification_seq') AS seq, given.*, \
             CASE WHEN lease AND EXISTS (SELECT 1 FROM me) THEN nextval('lease_fence') END AS fence \
           FROM unnest($2::TEXT[], $3::BYTEA[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::TEXT[], $8::BOOLEAN[], \
             $9::TEXT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::BYTEA[], $14::BIGINT[], \
             $15::BOOLEAN[], $16::BYTEA[], $17::BIGINT[], $18::TEXT[], $19::TEXT[], $20::TEXT[], \
             $21::TEXT[], $22::BIGINT[], $23::TEXT[], $24::BIGINT[], $25::TEXT[], $26::TEXT[], $27::TEXT[]) WITH ORDINALITY \
             AS given (customer, id, event_key, event_id, account, application, create_application, event_type, \
               occurred_at, payload_start, payload_end, digest, accepted_at, lease, body, expires_at, accepted_by, \
               customer_rule, application_rule, application_name, settings_version, filter, settled_at, state, \
               request, trace, place)), \
         stored AS ( \
           INSERT INTO notifications (customer, seq, id, event_key, event_id, account, application, \
             create_application, event_type, occurred_at, payload_start, payload_end, digest, accepted_at, due_at, \
             expires_at, accepted_by, customer_rule, application_rule, application_name, settings_version, filter, \
             settled_at, state, request, trace) \
           SELECT customer, seq, id, event_key, event_id, account, application, create_application, event_type, \
             occurred_at, payload_start, payload_end, digest, accepted_at, accepted_at, expires_at, accepted_by, \
             customer_rule, application_rule, application_name, settings_version, filter, settled_at, state, \
             request, trace \
           FROM new), \
         kept AS (INSERT INTO events (customer, seq, body) SELECT customer, seq, body FROM new), \
         queued AS ( \
           INSERT INTO queue (customer, seq, due_at, owner, fence) \
           SELECT customer, seq, accepted_at, CASE WHEN fence IS NOT NULL THEN $1 END, coalesce(fence, 0) \
           FROM new WHERE state = 'queued') \
         SELECT place, seq, fence FROM new WHERE fence IS NOT NULL",
    )
    .bind(run)
    .bind(texts(candidates, |new| new.customer.as_str()))
    .bind(bytes(candidates, |new| new.id.as_bytes()))
    .bind(texts(candidates, |new| new.event_key.as_str()))
    .bind(candidates.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
    .bind(texts(candidates, |new| new.account.as_str()))
    .bind(texts(candidates, |new| &new.application))
    .bind(candidates.iter().map(|(accept, _)| accept.new.create_application.is_some()).collect::<Vec<_>>())
    .bind(texts(candidates, |new| &new.event_type))
    .bind(numbers(candidates, |new| new.occurred_at.map(Timestamp::as_millis)))
    .bind(numbers(candidates, |new| Some(rows::index(new.payload.start))))
    .bind(numbers(candidates, |new| Some(rows::index(new.payload.end))))
    .bind(bytes(candidates, |new| &new.digest))
    .bind(numbers(candidates, |new| Some(new.accepted_at.as_millis())))
    .bind(candidates.iter().map(|(accept, _)| accept.leases()).collect::<Vec<_>>())
    .bind(bytes(candidates, |new| &new.event))
    .bind(numbers(candidates, |new| new.expires_at.map(Timestamp::as_millis)))
    .bind(names(candidates, |new| new.origin.key.as_deref()))
    .bind(names(candidates, |new| new.origin.customer_rule.as_deref()))
    .bind(names(candidates, |new| new.origin.application_rule.map(ApplicationRule::as_str)))
    .bind(names(candidates, |new| new.create_application.as_deref()))
    .bind(numbers(candidates, |new| new.origin.settings_version))
    .bind(names(candidates, |new| new.origin.filter.as_deref()))
    .bind(numbers(candidates, |new| new.settled_at().map(Timestamp::as_millis)))
    .bind(texts(candidates, |new| new.state().as_str()))
    .bind(names(candidates, |new| new.origin.call.as_ref().map(|call| call.request.as_str())))
    .bind(traces)
    .fetch_all(connection)
    .await?;
    for (place, row, fence) in leased {
        let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
        if let Some(((accept, _), lease)) = candidates.get(index).zip(leases.get_mut(index)) {
            *lease = Some(LeasedRow {
                customer: accept.new.customer.clone(),
                row,
                fence,
            });
        }
    }
    Ok(leases)
}

type Candidate<'a> = (Accept<'a>, EventId);

fn texts<'a>(candidates: &[Candidate<'a>], of: impl Fn(&'a NewNotification) -> &'a str) -> Vec<&'a str> {
    candidates.iter().map(|(accept, _)| of(accept.new)).collect()
}

fn names<'a>(
    candidates: &[Candidate<'a>],
    of: impl Fn(&'a NewNotification) -> Option<&'a str>,
) -> Vec<Option<&'a str>> {
    candidates.iter().map(|(accept, _)| of(accept.new)).collect()
}

fn bytes<'a>(candidates: &[Candidate<'a>], of: impl Fn(&'a NewNotification) -> &'a [u8]) -> Vec<&'a [u8]> {
    candidates.iter().map(|(accept, _)| of(accept.new)).collect()
}

fn numbers<'a>(
    candidates: &[Candidate<'a>],
    of: impl Fn(&'a NewNotification) -> Option<i64>,
) -> Vec<Option<i64>> {
    candidates.iter().map(|(accept, _)| of(accept.new)).collect()
}
