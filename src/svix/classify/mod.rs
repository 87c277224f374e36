//! Judges Svix's answers: from status, headers and body to what they mean for a notification.

use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};

use super::retry_after;
use super::wire::{AttemptOut, EndpointOut, ExpiredPayload, ListOf, MessageOut, Problem};
use crate::domain::{Answer, ContentMatch, Notification, Step, Timestamp};
use crate::envelope::same_content;

/// An answer as it came over the wire.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'a str>,
    pub(super) date: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// Judges an answer to `step`.
pub(super) fn reply(step: &Step, notification: &Notification, reply: &Reply<'_>) -> Answer {
    let asked = || {
        reply
            .retry_after
            .and_then(|value| retry_after::parse(value, reply.date))
    };
    match reply.status {
        200..=299 => success(step, notification, reply),
        429 => Answer::Limited { retry_after: asked() },
        401 | 403 => Answer::Refused,
        409 if *step == Step::Send => Answer::Conflict,
        // A 404 that is not in Svix's own words comes from something that stands in its place.
        404 if Problem::read(reply.body).is_some_and(|problem| problem.is_not_found()) => Answer::NotFound,
        400 | 413 | 422 => Answer::Rejected,
        // 5xx, and what Svix itself does not say: redirects, which are not followed, and the 4xx of
        // proxies and of servers that are not Svix. A wrong address must not cost a backlog.
        _ => Answer::Unavailable { retry_after: asked() },
    }
}

/// Judges a request that got no answer.
pub(super) fn failure(error: &SendRequestError) -> Answer {
    match error {
        // The name is misleading: the connection ended after the request had been written.
        SendRequestError::Connect(ConnectError::Disconnected) => Answer::Ambiguous,
        SendRequestError::Connect(_) | SendRequestError::Url(_) => Answer::Unavailable { retry_after: None },
        _ => Answer::Ambiguous,
    }
}

fn success(step: &Step, notification: &Notification, reply: &Reply<'_>) -> Answer {
    let unreadable = Answer::Unavailable { retry_after: None };
    match step {
        Step::Send => {
            // Without a message in it, the answer may have broken off, or come from somebody else.
            serde_json::from_slice(reply.body).map_or(Answer::Ambiguous, |message: MessageOut<'_>| {
                Answer::Accepted {
                    age: age(&message, reply.date),
                    message_id: message.id,
                }
            })
        }
        Step::FetchMessage => {
            serde_json::from_slice(reply.body).map_or(unreadable, |message: MessageOut<'_>| Answer::Message {
                content: compare(&message, notification),
                message_id: message.id,
            })
        }
        Step::FetchAttempts => {
            serde_json::from_slice(reply.body).map_or(unreadable, |page: ListOf<AttemptOut>| {
                Answer::Attempts {
                    any: !page.data.is_empty(),
                }
            })
        }
        Step::ListEndpoints { .. } => serde_json::from_slice(reply.body)
            .map_or(unreadable, |page: ListOf<EndpointOut>| endpoints(page, notification)),
        Step::Resend { .. } => Answer::Resent,
    }
}

fn endpoints(page: ListOf<EndpointOut>, notification: &Notification) -> Answer {
    // Ids and iterators go into addresses; what is not of an id's form does not come from Svix.
    let is_id = |id: &String| crate::domain::fits_svix_id(id);
    let next = page.iterator.filter(|iterator| !page.done && is_id(iterator));
    let wanted = page
        .data
        .into_iter()
        .filter(|endpoint| endpoint.wants(&notification.event_type));
    Answer::Endpoints {
        matching: wanted.map(|endpoint| endpoint.id).filter(is_id).collect(),
        next,
    }
}

/// Returns how old the message was when Svix answered, by Svix's own clock.
fn age(message: &MessageOut<'_>, date: Option<&str>) -> Option<Duration> {
    let created = Timestamp::parse(message.timestamp.as_deref()?).ok()?;
    let date = httpdate::parse_http_date(date?).ok()?;
    let now = Timestamp::default().after(date.duration_since(std::time::UNIX_EPOCH).ok()?);
    Some(now.since(created))
}

fn compare(message: &MessageOut<'_>, notification: &Notification) -> ContentMatch {
    let Some(payload) = message.payload else {
        return ContentMatch::Unknown;
    };
    if message.event_type.as_deref() != Some(notification.event_type.as_str()) {
        return ContentMatch::Different;
    }
    let payload = payload.get().as_bytes();
    if same_content(payload, notification.payload()) {
        return ContentMatch::Same;
    }
    let dropped = serde_json::from_slice(payload).is_ok_and(|payload: ExpiredPayload| payload.expired);
    if dropped {
        ContentMatch::Unknown
    } else {
        ContentMatch::Different
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
