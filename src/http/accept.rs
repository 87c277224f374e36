//! `POST /notifications`: reads an event, stores it, and says so only after the commit.

use std::sync::Arc;

use actix::prelude::SendError;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use log::debug;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::auth::{self, Caller, Scope};
use super::backlog::Slot;
use super::body;
use super::decision::{self, Decided};
use super::gateway::{Gateway, PayloadForm};
use super::problem::{self, Code, Problem};
use super::request;
use super::told::Told;
use crate::actors::messages::{Notify, Reservation};
use crate::domain::{Call, Customer, EventId, NotificationId, Origin, State, Timestamp};
use crate::envelope::{Envelope, EnvelopeErrors, Limits, content_digest, same_content};
use crate::policy::Verdict;
use crate::store::{Accepted, Existing, KnownCustomer, Leased, NewNotification};

/// Seconds after which to come again where what is set cannot be read: somebody must write it anew.
const HELD_S: u32 = 30;

/// What the caller is told of an accepted event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt<'a> {
    id: NotificationId,
    event_id: &'a EventId,
    customer: &'a Customer,
    state: State,
    duplicate: bool,
}

pub(super) async fn accept(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut told = Told::begin(&gateway.metrics, &gateway.traces);
    let answer = take(&request, payload, &gateway, &mut told).await;
    told.end(&answer);
    answer
}

/// Takes what a caller posts.
async fn take(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
    told: &mut Told<'_>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(request, gateway, Scope::Ingest)?;
    // Not before: who may post nothing gets no traces either.
    let mut call = request::of(request);
    told.trace(call.as_mut());
    let is_bound = caller.customer.is_some();
    if gateway.is_stopping() {
        return Err(Problem::new(Code::Stopping, "the service is stopping").retry_after(1));
    }
    let body = body::read(request, payload, gateway).await?;
    let header_key = request
        .headers()
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok());
    let Posted { new, set, verdict } = read(&body.bytes, header_key, call, gateway, caller)?;
    told.of(&new.customer, &new.event_type);
    let customer = new.customer.clone();
    let event_key = new.event_key.clone();
    let (state, bytes) = (new.state(), new.event.len());
    let slot = match set.as_ref().and_then(|set| set.settings.max_queued) {
        Some(most) if state == State::Queued => {
            match gateway.backlogs.admit(&gateway.store, &customer, most).await {
                Ok(slot) => Some(slot),
                Err(full) => return repeat(gateway, new, is_bound, full, told).await,
            }
        }
        _ => None,
    };
    // What is paused waits in the store.
    let goes_out = state == State::Queued && !set.as_ref().is_some_and(|set| set.settings.paused);
    let reservation = goes_out.then(|| gateway.room.admit(&customer, bytes)).flatten();
    let commit = told.commit();
    let accepted = gateway.store.accept(new, reservation.is_some()).await;
    Told::committed(commit, &accepted);
    match accepted? {
        Accepted::New { notification, lease } => {
            let (id, event_id) = (notification.id, notification.event_id.clone());
            let account = notification.account.clone();
            debug!(notification:% = id, customer:%, account:%, attempt = 0, state:%, event_id:%; "accepted");
            slot.into_iter().for_each(Slot::stored);
            if let Some((set, verdict)) = set.zip(verdict) {
                set.note(&customer, &verdict, notification.accepted_at);
            }
            let leased = lease.map(|lease| Leased {
                notification: *notification,
                lease,
            });
            if state == State::Queued {
                let announced = announce(gateway, customer.clone(), leased, reservation);
                if let Err(error) = announced {
                    debug!(
                        notification:% = id, customer:%, account:%, attempt = 0, error:err;
                        "the supervisor is busy; the notification waits in the store"
                    );
                }
            }
            let receipt = Receipt {
                id,
                event_id: if is_bound { &event_key } else { &event_id },
                customer: &customer,
                state,
                duplicate: false,
            };
            Ok(respond(&receipt, told))
        }
        Accepted::Known(existing) => {
            let existing = shown(existing, is_bound, event_key);
            known(gateway, existing, customer, body.bytes.clone(), told).await
        }
    }
}

/// What was posted, and what was decided about it.
struct Posted {
    new: NewNotification,
    /// What is set for its customer; asked for once, so that all is decided by the same version.
    set: Option<Arc<KnownCustomer>>,
    /// What the customer's filter says of it.
    verdict: Option<Verdict>,
}

/// Makes a notification of an event.
fn read(
    body: &Bytes,
    header_key: Option<&str>,
    call: Option<Call>,
    gateway: &Gateway,
    caller: Caller,
) -> Result<Posted, Problem> {
    let (intake, now) = (gateway.intake(), gateway.store.now());
    let envelope = Envelope::read(body, Limits::default())?;
    let event_key = envelope
        .event_id(&intake.key, header_key)
        .map_err(EnvelopeErrors::from)?;
    let (customer, customer_rule) = decision::find_customer(&envelope, &intake, &caller)?;
    let directory = gateway.store.directory();
    let set = directory.customer(&customer);
    if set.as_ref().is_some_and(|set| set.is_held()) {
        return Err(unreadable(&customer));
    }
    let named = decision::find_application(&envelope, &intake, &caller)?;
    let Decided { route, verdict } =
        decision::decide(&envelope, body, &customer, set.as_deref(), named, &intake, directory)?;
    let payload = match intake.payload {
        PayloadForm::Event => 0..body.len(),
        PayloadForm::Data => envelope.payload.clone(),
    };
    let new = NewNotification {
        id: NotificationId::generate(now),
        customer,
        account: route.account,
        application: route.application,
        create_application: route.create_as,
        event_key,
        event_type: envelope.event_type.to_string(),
        occurred_at: envelope
            .time
            .as_deref()
            .and_then(|time| Timestamp::parse(time).ok()),
        payload,
        event: body.clone(),
        digest: Sha256::digest(body).into(),
        accepted_at: now,
        expires_at: envelope.expires_at,
        origin: Origin {
            call,
            key: caller.key,
            customer_rule,
            application_rule: Some(route.rule),
            settings_version: set.as_ref().map(|set| set.version),
            filter: verdict.as_ref().map(|verdict| verdict.clause.to_string()),
        },
        filtered: verdict.as_ref().is_some_and(|verdict| !verdict.passes),
    };
    Ok(Posted { new, set, verdict })
}

/// Refuses what nobody can decide about: the filter might hold it back, and it might go elsewhere.
fn unreadable(customer: &Customer) -> Problem {
    let name = problem::shown(customer.as_str());
    let detail = format!("what is set for customer {name} cannot be read here, so nothing of it is accepted");
    Problem::new(Code::SettingsUnreadable, detail).retry_after(HELD_S)
}

/// Answers a post for which there is no room: where it is a repeat, it needs none.
async fn repeat(
    gateway: &Gateway,
    new: NewNotification,
    is_bound: bool,
    full: Problem,
    told: &mut Told<'_>,
) -> Result<HttpResponse, Problem> {
    if !full.is(Code::BacklogFull) {
        return Err(full);
    }
    let Some(existing) = gateway.store.find_known(&new).await? else {
        return Err(full);
    };
    if existing.other_event.is_none() {
        gateway.store.note_duplicate(new.customer.clone());
    }
    known(gateway, shown(existing, is_bound, new.event_key), new.customer, new.event, told).await
}

/// Tells the supervisor. Where that fails, the lease goes back and the notification is found in the store.
fn announce(
    gateway: &Gateway,
    customer: Customer,
    leased: Option<Leased>,
    reservation: Option<Reservation>,
) -> Result<(), SendError<Notify>> {
    let notify = match (leased, reservation) {
        (Some(leased), Some(reservation)) => Notify::Here {
            leased: Box::new(leased),
            reservation,
        },
        _ if gateway.room.announce(&customer) => Notify::InStore { customer },
        _ => return Ok(()),
    };
    gateway.notify.try_send(notify)
}

/// Leaves out what a key of one customer is not to see: the id at Svix would tell whether another customer has posted
/// the same one.
fn shown(existing: Existing, is_bound: bool, event_key: EventId) -> Existing {
    Existing {
        event_id: if is_bound { event_key } else { existing.event_id },
        ..existing
    }
}

/// Answers a post of an id that is known: the same content is the same notification.
async fn known(
    gateway: &Gateway,
    existing: Existing,
    customer: Customer,
    body: Bytes,
    told: &mut Told<'_>,
) -> Result<HttpResponse, Problem> {
    let Existing {
        id,
        event_id,
        state,
        other_event,
    } = existing;
    if let Some(other) = other_event {
        let stored = gateway.store.other_event(customer.clone(), other).await?;
        let _held = gateway.hold(stored.len())?;
        // Rare, and for a large event slow: not on the thread that serves others.
        let digests = web::block(move || {
            (!same_content(&stored, &body)).then(|| (content_digest(&stored), content_digest(&body)))
        });
        let digests = digests
            .await
            .map_err(|_| Problem::new(Code::Stopping, "the service is stopping").retry_after(1))?;
        if let Some((stored, posted)) = digests {
            let detail = format!("the id is known with other content, as notification {id}");
            return Err(Problem::new(Code::ContentConflict, detail)
                .member("id", json!(id))
                .member("storedDigest", json!(stored))
                .member("postedDigest", json!(posted)));
        }
        gateway.store.note_duplicate(customer.clone());
    }
    debug!(duplicate_of:% = id, customer:%; "posted again");
    let receipt = Receipt {
        id,
        event_id: &event_id,
        customer: &customer,
        state,
        duplicate: true,
    };
    Ok(respond(&receipt, told))
}

fn respond(receipt: &Receipt<'_>, told: &mut Told<'_>) -> HttpResponse {
    told.became(receipt.id, receipt.state, receipt.duplicate);
    HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/notifications/{}", receipt.id)))
        .json(receipt)
}
