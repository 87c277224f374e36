//! Counts what is queued along the index of what is queued.

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use crate::domain::{AccountName, Customer, Timestamp};
use crate::store::StoreError;
use crate::store::survey::{SurveyPart, SurveyPlace, Waiting, WaitingGroup, name};

/// One customer's rows for one account: how many, the oldest, the first that is due.
type Group = (Vec<u8>, Vec<u8>, i64, Option<i64>, Option<i64>);

/// Counts up to `limit` rows after `after`, as of one moment.
pub(super) async fn run(
    snapshot: &mut SqliteConnection,
    after: &SurveyPlace,
    limit: u32,
) -> Result<SurveyPart, StoreError> {
    let mut last = last_place(after, limit);
    let last = last.build_query_as().fetch_optional(&mut *snapshot);
    let next = last.await?.map(|(customer, due_at, row)| SurveyPlace {
        customer,
        due_at,
        row,
    });
    let groups: Vec<Group> = groups(after, next.as_ref())
        .build_query_as()
        .fetch_all(snapshot)
        .await?;
    let groups = groups.into_iter().map(group).collect();
    Ok(SurveyPart { groups, next })
}

/// Asks for the last of the rows. It is one by which the next can be found: a name that was made a blob, or a
/// time that was made a text, comes after all others.
pub(super) fn last_place(after: &SurveyPlace, limit: u32) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT CAST(customer AS BLOB), due_at, seq");
    push_from(&mut query, after);
    query.push(
        " AND customer < x'' AND typeof(due_at) = 'integer' ORDER BY customer, due_at, seq LIMIT 1 OFFSET ",
    );
    query.push_bind(limit.saturating_sub(1));
    query
}

/// Asks for what there is up to a place, or to the end.
pub(super) fn groups(after: &SurveyPlace, up_to: Option<&SurveyPlace>) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT CAST(customer AS BLOB), CAST(account AS BLOB), count(*), \
         min(CASE typeof(accepted_at) WHEN 'integer' THEN accepted_at END), \
         min(CASE typeof(due_at) WHEN 'integer' THEN due_at END)",
    );
    push_from(&mut query, after);
    if let Some(place) = up_to {
        query.push(" AND (customer, due_at, seq) <= ");
        push_place(&mut query, place);
    }
    query.push(" GROUP BY customer, account ORDER BY customer");
    query
}

fn push_from(query: &mut QueryBuilder<Sqlite>, after: &SurveyPlace) {
    query.push(
        " FROM notifications INDEXED BY notifications_due \
         WHERE state = 'queued' AND (customer, due_at, seq) > ",
    );
    push_place(query, after);
}

fn push_place(query: &mut QueryBuilder<Sqlite>, place: &SurveyPlace) {
    query.push("(CAST(").push_bind(place.customer.clone());
    query.push(" AS TEXT), ").push_bind(place.due_at).push(", ");
    query.push_bind(place.row).push(")");
}

fn group((customer, account, queued, oldest_at, due_at): Group) -> WaitingGroup {
    WaitingGroup {
        customer: name(&customer).and_then(|name| Customer::parse(name).ok()),
        account: name(&account).map(AccountName::new),
        waiting: Waiting {
            queued: u64::try_from(queued).unwrap_or_default(),
            oldest_at: oldest_at.map(Timestamp::from_millis),
        },
        due_at: due_at.map(Timestamp::from_millis),
    }
}
