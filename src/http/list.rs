//! `GET /notifications`: a page of notifications, newest first.

use std::str::FromStr;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::problem::{Detail, Problem, shown};
use super::shapes::NotificationOut;
use crate::domain::{Customer, EventId, Timestamp};
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
    auth::require(&request, &gateway, Scope::Read)?;
    let Page { records, next } = gateway.store.list(read(&query)?).await?;
    let data = records.into_iter().map(NotificationOut::from).collect();
    Ok(HttpResponse::Ok().json(PageOut {
        data,
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

fn read(query: &[(String, String)]) -> Result<Filter, Problem> {
    let mut filter = Filter {
        limit: DEFAULT_LIMIT,
        ..Filter::default()
    };
    let mut errors = Vec::new();
    for (name, value) in query {
        let outcome = match name.as_str() {
            "eventId" => {
                filter.event_id = Some(EventId::of_caller(value).as_str().to_owned());
                Ok(())
            }
            "customer" => Customer::parse(value)
                .map(|customer| filter.customer = Some(customer))
                .map_err(says),
            "state" => parse(value, &mut filter.state),
            "type" => {
                filter.event_type = Some(value.clone());
                Ok(())
            }
            "from" => Timestamp::parse(value)
                .map(|from| filter.from = Some(from))
                .map_err(says),
            "to" => Timestamp::parse(value)
                .map(|to| filter.to = Some(to))
                .map_err(says),
            "cursor" => parse(value, &mut filter.cursor),
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => {
                    filter.limit = limit;
                    Ok(())
                }
                _ => Err(format!("is no number from 1 to {MAX_LIMIT}")),
            },
            _ => {
                Err("is not known here; known are eventId, customer, state, type, from, to, limit and cursor"
                    .to_owned())
            }
        };
        if let Err(detail) = outcome {
            let detail = format!("{} {detail}", shown(value));
            errors.push(Detail {
                code: "invalid_parameter",
                pointer: shown(name),
                detail,
            });
        }
        if errors.len() == 8 {
            break;
        }
    }
    if errors.is_empty() {
        Ok(filter)
    } else {
        Err(Problem::parameters(errors))
    }
}

fn parse<T: FromStr<Err: std::error::Error>>(value: &str, to: &mut Option<T>) -> Result<(), String> {
    *to = Some(value.parse().map_err(says)?);
    Ok(())
}

fn says(error: impl std::error::Error) -> String {
    error.to_string()
}
