//! Counts what is queued along the queue.

use sqlx::postgres::PgConnection;

use crate::domain::{AccountName, Customer, Timestamp};
use crate::store::survey::{SurveyPart, SurveyPlace, Waiting, WaitingGroup, name};
use crate::store::{Disk, StoreError};

/// One customer's rows for one account: how many, the oldest, the first that is due, the last number.
type Group = (String, Option<String>, i64, Option<i64>, i64, i64);

/// Counts up to `limit` rows after `after`.
pub(super) async fn run(
    connection: &mut PgConnection,
    after: &SurveyPlace,
    limit: u32,
) -> Result<SurveyPart, StoreError> {
    // Each row of `notifications` is looked up by its key, whatever the server thinks of their number.
    let found: Vec<Group> = sqlx::query_as(
        "WITH part AS MATERIALIZED ( \
           SELECT customer, seq, due_at FROM queue WHERE (customer, seq) > ($1, $2) \
           ORDER BY customer, seq LIMIT $3) \
         SELECT p.customer, n.account, count(*), min(n.accepted_at), min(p.due_at), max(p.seq) \
         FROM part AS p LEFT JOIN LATERAL ( \
           SELECT account, accepted_at FROM notifications AS n \
           WHERE n.customer = p.customer AND n.seq = p.seq OFFSET 0) AS n ON TRUE \
         GROUP BY p.customer, n.account ORDER BY p.customer",
    )
    .bind(name(&after.customer).unwrap_or_default())
    .bind(after.row)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let next = next(&found, limit);
    let groups = found.into_iter().map(group).collect();
    Ok(SurveyPart { groups, next })
}

/// Returns the last row that was counted, unless it is the last that there is.
fn next(found: &[Group], limit: u32) -> Option<SurveyPlace> {
    let counted: i64 = found.iter().map(|group| group.2).sum();
    let (customer, ..) = found.last().filter(|_| counted >= i64::from(limit))?;
    let last = found.iter().filter(|group| group.0 == *customer);
    Some(SurveyPlace {
        customer: customer.clone().into_bytes(),
        due_at: 0,
        row: last.map(|group| group.5).max()?,
    })
}

fn group((customer, account, queued, oldest_at, due_at, _): Group) -> WaitingGroup {
    WaitingGroup {
        customer: Customer::parse(&customer).ok(),
        account: account.as_deref().map(AccountName::new),
        waiting: Waiting {
            queued: u64::try_from(queued).unwrap_or_default(),
            oldest_at: oldest_at.map(Timestamp::from_millis),
        },
        due_at: Some(Timestamp::from_millis(due_at)),
    }
}

/// Measures the database; of the server's disk nothing is known.
pub(super) async fn disk(connection: &mut PgConnection) -> Result<Disk, StoreError> {
    let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await?;
    Ok(Disk {
        bytes: u64::try_from(bytes).unwrap_or_default(),
        space: None,
    })
}
