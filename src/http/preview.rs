//! `POST /customers/{id}/preview`: what a proposed setting would have made of the last events, without touching
//! anything.

use std::sync::Arc;

use actix_web::web::{self, Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

use super::auth::{self, Caller, Scope};
use super::decision::{self, Decided};
use super::document_bodies::{self, Document, refuse};
use super::gateway::{Gateway, Intake};
use super::problem::{Code, Problem, shown};
use crate::domain::{Customer, EventId, NotificationId, State, Timestamp};
use crate::envelope::{Envelope, Limits};
use crate::policy::{CustomerSettings, SettingFault};
use crate::store::{Directory, Filter, KnownCustomer, Narrowing, Page, Record};

/// How many events are looked at where the request does not say, and at most.
const LAST: (u64, u64) = (100, 500);

/// Events that are found at a time.
const PAGE: u32 = 50;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreviewOut {
    looked_at: u64,
    same: u64,
    newly_filtered: u64,
    newly_sent: u64,
    other_application: u64,
    other_account: u64,
    /// Events that would be refused, because their customer would not be known.
    refused: u64,
    /// Events whose bytes are not there any more or cannot be read.
    unreadable: u64,
    /// Those that would fare otherwise, the newest first.
    changed: Vec<ChangedOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangedOut {
    id: NotificationId,
    event_id: EventId,
    event_type: String,
    accepted_at: Timestamp,
    was: FateOut,
    /// None where it would be refused.
    would_be: Option<FateOut>,
}

/// Where an event went, or would go.
#[derive(Clone, PartialEq, Serialize)]
struct FateOut {
    filtered: bool,
    /// What the filter said, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    account: String,
    application: String,
}

/// What is asked.
struct Asked {
    settings: CustomerSettings,
    last: u64,
}

pub(super) async fn preview(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Operate)?;
    let customer = Customer::parse(&path)
        .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(&path))))?;
    let asked = Asked::read(document_bodies::object(&request, payload, &gateway).await?)?;
    let proposed = Arc::new(KnownCustomer::proposed(asked.settings));
    let mut seen = PreviewOut::default();
    let mut filter = Filter {
        narrowing: Narrowing {
            customer: Some(customer.clone()),
            ..Narrowing::default()
        },
        limit: PAGE,
        ..Filter::default()
    };
    while seen.looked_at < asked.last {
        let Page { records, next } = gateway.store.list(filter.clone()).await?;
        for record in records {
            if seen.looked_at == asked.last {
                break;
            }
            let fate = judge(&gateway, &record, customer.clone(), proposed.clone()).await?;
            seen.note(record, fate);
        }
        let Some(cursor) = next else { break };
        filter.cursor = Some(cursor);
    }
    Ok(HttpResponse::Ok().json(seen))
}

/// What would become of an event.
enum Fate {
    Goes(FateOut),
    Refused,
    Unreadable,
}

/// Decides about one event as if it came now; not on the thread that serves others, because a filter may take long.
async fn judge(
    gateway: &Gateway,
    record: &Record,
    customer: Customer,
    proposed: Arc<KnownCustomer>,
) -> Result<Fate, Problem> {
    let Some(event) = gateway.store.event(record).await? else {
        return Ok(Fate::Unreadable);
    };
    let _held = gateway.hold(event.len())?;
    let (intake, directory) = (gateway.intake(), gateway.store.directory().clone());
    let judged = web::block(move || fate(&event.into(), &customer, &proposed, &intake, &directory)).await;
    judged.map_err(|_| Problem::new(Code::Stopping, "the service is stopping").retry_after(1))
}

fn fate(
    event: &Bytes,
    customer: &Customer,
    proposed: &KnownCustomer,
    intake: &Intake,
    directory: &Directory,
) -> Fate {
    let Ok(envelope) = Envelope::read(event, Limits::default()) else {
        return Fate::Unreadable;
    };
    let Ok(named) = decision::find_application(&envelope, intake, &Caller::default()) else {
        return Fate::Refused;
    };
    match decision::decide(&envelope, event, customer, Some(proposed), named, intake, directory) {
        Ok(Decided { route, verdict }) => Fate::Goes(FateOut {
            filtered: verdict.as_ref().is_some_and(|verdict| !verdict.passes),
            filter: verdict.map(|verdict| verdict.clause.to_string()),
            account: route.account.to_string(),
            application: route.application.to_string(),
        }),
        Err(_) => Fate::Refused,
    }
}

impl PreviewOut {
    fn note(&mut self, record: Record, fate: Fate) {
        self.looked_at += 1;
        let was = FateOut {
            filtered: record.state == State::Filtered,
            filter: record.origin.filter.clone(),
            account: record.account.to_string(),
            application: record.application.clone(),
        };
        let would_be = match fate {
            Fate::Unreadable => {
                self.unreadable += 1;
                return;
            }
            Fate::Refused => {
                self.refused += 1;
                None
            }
            Fate::Goes(fate) => Some(fate),
        };
        if let Some(would_be) = &would_be {
            let moves = would_be.account != was.account;
            let turns = would_be.application != was.application;
            match (was.filtered, would_be.filtered) {
                (false, true) => self.newly_filtered += 1,
                (true, false) => self.newly_sent += 1,
                (false, false) if moves => self.other_account += 1,
                (false, false) if turns => self.other_application += 1,
                _ => {
                    self.same += 1;
                    return;
                }
            }
        }
        self.changed.push(ChangedOut {
            id: record.id,
            event_id: record.event_id,
            event_type: record.event_type,
            accepted_at: record.accepted_at,
            was,
            would_be,
        });
    }
}

impl Asked {
    fn read(mut members: Document) -> Result<Self, Problem> {
        let fault = |pointer: &str, detail: &str| SettingFault {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
        };
        let settings = members.remove("settings");
        let last = members.remove("last");
        let mut faults: Vec<_> = members
            .keys()
            .map(|name| fault(&format!("/{}", shown(name)), "is not known here; known are settings and last"))
            .take(8)
            .collect();
        let last = last.map_or(Some(LAST.0), |last| last.as_u64().filter(|last| (1..=LAST.1).contains(last)));
        if last.is_none() {
            faults.push(fault("/last", "must be a whole number from 1 to 500"));
        }
        let settings = match settings {
            Some(Value::Object(mut document)) => {
                document_bodies::leave_out_read_only(&mut document);
                CustomerSettings::check(&document).map_err(|found| {
                    let found = found.into_iter();
                    found
                        .map(|found| fault(&format!("/settings{}", found.pointer), &found.detail))
                        .collect()
                })
            }
            _ => Err(vec![fault(
                "/settings",
                "must be an object: all that would be set for the customer",
            )]),
        };
        match (settings, last) {
            (Ok(settings), Some(last)) if faults.is_empty() => Ok(Self { settings, last }),
            (settings, _) => {
                faults.extend(settings.err().unwrap_or_default());
                Err(refuse(faults))
            }
        }
    }
}
