//! `GET /dead-letters/groups`: kinds of dead letters, the largest first; `DELETE /dead-letters`: the end of some.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use log::info;
use serde::Serialize;
use serde_json::json;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::parameters;
use super::problem::{Code, Problem};
use crate::domain::Timestamp;
use crate::store::{DeadGroup, DeadQuery, GroupBy};

/// How many groups there are where the query does not say, and at most.
const LIMIT: (u32, u32) = (100, 1000);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// 0 where Svix gave no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    count: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl From<DeadGroup> for GroupOut {
    fn from(group: DeadGroup) -> Self {
        Self {
            customer: group.customer,
            reason: group.reason,
            status: group.status,
            outcome: group.outcome,
            event_type: group.event_type,
            count: group.dead,
            first_at: group.first_at,
            last_at: group.last_at,
        }
    }
}

#[derive(Serialize)]
struct GroupsOut {
    by: Vec<GroupBy>,
    data: Vec<GroupOut>,
}

pub(super) async fn groups(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let mut by = GroupBy::ALL.to_vec();
    let mut limit = LIMIT.0;
    let mut narrowing = parameters::read(&query, "by and limit", |name, value| {
        Some(match name {
            "by" => read_by(value).map(|names| by = names),
            "limit" => parameters::number(value, 1, LIMIT.1).map(|number| limit = number),
            "q" | "from" | "to" => Err("does not narrow groups; look at /dead-letters with it".to_owned()),
            _ => return None,
        })
    })?;
    caller.narrow(&mut narrowing.customer)?;
    let groups = gateway.store.dead_groups(narrowing, by.clone(), limit).await?;
    Ok(HttpResponse::Ok().json(GroupsOut {
        by,
        data: groups.into_iter().map(GroupOut::from).collect(),
    }))
}

/// Dead letters of one transaction.
const PART: u32 = 500;

/// Dead letters that one request deletes at most.
const PURGED: u64 = 20_000;

/// `DELETE /dead-letters`: deletes those that a filter finds, where that is confirmed.
pub(super) async fn purge(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Operate)?;
    let mut confirmed = false;
    let mut narrowing = parameters::read(&query, "confirm", |name, value| {
        (name == "confirm").then(|| match value {
            "true" => {
                confirmed = true;
                Ok(())
            }
            _ => Err("must be true".to_owned()),
        })
    })?;
    if narrowing.is_empty() {
        let detail =
            "say which dead letters are to go, such as ?reason=rejected; `to` with the present time is all";
        return Err(Problem::new(Code::FilterRequired, detail));
    }
    // Only now: all of one customer's is not what anybody deletes without saying so.
    caller.narrow(&mut narrowing.customer)?;
    let mut dead = DeadQuery {
        narrowing,
        died_by: gateway.store.now(),
        after: None,
        newest_first: false,
        limit: PART,
        unreadable: true,
    };
    if !confirmed {
        let total = gateway.store.count_dead(dead).await?;
        let detail = format!("{total} dead letters would be deleted for ever; repeat it with confirm=true");
        return Err(Problem::new(Code::ConfirmationRequired, detail).member("total", json!(total)));
    }
    let (mut deleted, mut more) = (0, true);
    while more && deleted < PURGED {
        let letters = gateway.store.dead_letters(dead.clone()).await?;
        more = letters.more;
        dead.after = letters.cursor.or(dead.after);
        deleted += gateway.store.purge(letters).await?;
    }
    let by = caller.key.as_deref();
    let filter = serde_json::to_string(&dead.narrowing).unwrap_or_default();
    info!(deleted, filter = filter.as_str(), by; "an operator deleted dead letters");
    Ok(HttpResponse::Ok().json(json!({"deleted": deleted, "more": more})))
}

/// Reads names separated by commas, each once.
fn read_by(value: &str) -> Result<Vec<GroupBy>, String> {
    let mut names: Vec<GroupBy> = Vec::new();
    for name in value.split(',') {
        let name = name.parse().map_err(|error: crate::domain::UnknownName| {
            format!("has a name that {error}; several are separated by commas")
        })?;
        if names.contains(&name) {
            return Err("names the same more than once".to_owned());
        }
        names.push(name);
    }
    Ok(names)
}
