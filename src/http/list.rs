//! `GET /notifications` and `GET /dead-letters`: pages of notifications, newest first.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Caller, Scope};
use super::gateway::Gateway;
use super::parameters;
use super::problem::Problem;
use super::shapes::NotificationOut;
use crate::domain::{EventId, State, fits_svix_id};
use crate::store::{Filter, Page};

/// How many a page has where the query does not say.
const DEFAULT_LIMIT: u32 = 50;

/// How many a page may have.
const MAX_LIMIT: u32 = 250;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageOut {
    data: Vec<NotificationOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    respond(&gateway, read(&query, None)?, &caller).await
}

/// The same of those that are dead.
pub(super) async fn dead_letters(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    respond(&gateway, read(&query, Some(State::Dead))?, &caller).await
}

async fn respond(gateway: &Gateway, mut filter: Filter, caller: &Caller) -> Result<HttpResponse, Problem> {
    caller.narrow(&mut filter.narrowing.customer)?;
    let asked = filter.event_ids.clone();
    let Page {
        mut records,
        mut next,
    } = gateway.store.list(filter).await?;
    if caller.customer.is_some() && !asked.is_empty() {
        // One by its id at Svix would tell that another customer has posted the id which that was made for.
        records.retain(|record| asked.iter().any(|asked| record.event_key.as_str() == asked));
        next = None;
    }
    Ok(HttpResponse::Ok().json(PageOut {
        data: records
            .into_iter()
            .map(|record| NotificationOut::new(record, caller))
            .collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

/// Returns what stands in the store for an id that may be a caller's or one at Svix.
fn ids(value: &str) -> Vec<String> {
    let mut ids = vec![EventId::of_caller(value).as_str().to_owned()];
    // No caller's own id looks like a digest, but one that was made for it does.
    if EventId::from_stored(value).is_digest() && fits_svix_id(value) {
        ids.push(value.to_owned());
    }
    ids
}

/// Reads which page is asked for; with `state`, of that state alone.
fn read(query: &[(String, String)], state: Option<State>) -> Result<Filter, Problem> {
    let mut filter = Filter {
        limit: DEFAULT_LIMIT,
        state,
        ..Filter::default()
    };
    let names = match state {
        Some(_) => "eventId, limit and cursor",
        None => "eventId, state, limit and cursor",
    };
    let narrowing = parameters::read(query, names, |name, value| {
        Some(match name {
            "eventId" => {
                filter.event_ids = ids(value);
                Ok(())
            }
            "state" if state.is_none() => parameters::parse(value, &mut filter.state),
            "cursor" => parameters::parse(value, &mut filter.cursor),
            "limit" => parameters::number(value, 1, MAX_LIMIT).map(|limit| filter.limit = limit),
            _ => return None,
        })
    })?;
    Ok(Filter { narrowing, ..filter })
}
