//! Judges Svix's answers: from status, headers and body to what they mean for a notification.

use std::time::Duration;

use super::retry_after;
use super::wire::{AttemptOut, EndpointOut, ListOf, MessageOut, Problem, SvixId};
use crate::domain::{Age, Answer, ContentMatch, Notification, Step, Timestamp};
use crate::envelope::{is_expired_marker, same_after_reserialising};

/// How far the middle of the second that Svix's `Date` says may be from this machine's time where both clocks agree.
const CLOCKS_AGREE: Duration = Duration::from_millis(1500);

/// An answer as it came over the wire.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'a str>,
    pub(super) date: Option<&'a str>,
    /// When it came, for servers that send no date.
    pub(super) received_at: Timestamp,
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
        401 => Answer::Refused,
        // Any other 403 is a firewall's, which may have stumbled over this one event.
        403 if Problem::read(reply.body).is_some_and(|problem| problem.is_in_svix_words()) => Answer::Refused,
        409 if *step == Step::Send => Answer::Conflict,
        // A 404 that is not in Svix's own words comes from something that stands in its place.
        404 if Problem::read(reply.body).is_some_and(|problem| problem.is_not_found()) => Answer::NotFound,
        400 | 413 | 422 => Answer::Rejected,
        // 5xx, and what Svix itself does not say: redirects, which are not followed, and the 4xx of
        // proxies and of servers that are not Svix. A wrong address must not cost a backlog.
        status => Answer::Unavailable {
            retry_after: asked(),
            // Svix can fail after it has stored the message, and a proxy while Svix goes on. A 4xx came before that.
            may_hold: status == 408 || !(400..500).contains(&status),
        },
    }
}

/// Judges a 2xx. What cannot be read may have broken off, or come from another server.
fn success(step: &Step, notification: &Notification, reply: &Reply<'_>) -> Answer {
    let read = match step {
        Step::Send => message(notification, reply).map(|message| Answer::Accepted {
            age: age(&message, reply),
            message_id: Some(message.id.0),
        }),
        Step::FetchMessage => message(notification, reply).map(|message| Answer::Message {
            content: compare(&message, notification),
            age: age(&message, reply),
            message_id: Some(message.id.0),
        }),
        Step::FetchAttempts(_) => serde_json::from_slice(reply.body)
            .ok()
            .and_then(|page| attempts(page, notification)),
        Step::ListEndpoints { .. } => serde_json::from_slice(reply.body)
            .ok()
            .filter(ListOf::says_where_it_goes_on)
            .map(|page| endpoints(page, notification)),
        Step::Resend { .. } => Some(Answer::Resent),
    };
    read.unwrap_or(match step {
        Step::Send => Answer::Ambiguous,
        _ => Answer::Unavailable {
            retry_after: None,
            may_hold: false,
        },
    })
}

/// Reads the message of an answer, where it is the notification's.
fn message<'a>(notification: &Notification, reply: &Reply<'a>) -> Option<MessageOut<'a>> {
    let message: MessageOut<'a> = serde_json::from_slice(reply.body).ok()?;
    let names_ours =
        |SvixId(id): &SvixId| id == notification.event_id.as_str() && message.id.0.starts_with("msg_");
    message
        .event_id
        .as_ref()
        .is_some_and(names_ours)
        .then_some(message)
}

fn attempts(page: ListOf<AttemptOut>, notification: &Notification) -> Option<Answer> {
    let message = notification.progress.message_id.as_deref();
    let dispatched = page.data.iter().any(AttemptOut::is_scheduled);
    let is_whole = dispatched || page.says_where_it_goes_on();
    if !is_whole || !page.data.iter().all(|attempt| attempt.is_of(message)) {
        return None;
    }
    Some(Answer::Attempts {
        dispatched,
        next: page.next(),
        reached: page.data.into_iter().filter_map(AttemptOut::reached).collect(),
    })
}

fn endpoints(page: ListOf<EndpointOut>, notification: &Notification) -> Answer {
    let next = page.next();
    let wanted = page
        .data
        .into_iter()
        .filter(|endpoint| endpoint.wants(&notification.event_type));
    Answer::Endpoints {
        matching: wanted.map(|endpoint| endpoint.id.0).collect(),
        next,
    }
}

/// Returns how old the message was when Svix answered.
fn age(message: &MessageOut<'_>, reply: &Reply<'_>) -> Option<Age> {
    let created = Timestamp::parse(message.timestamp.as_deref()?).ok()?;
    let date = reply.date.and_then(|date| httpdate::parse_http_date(date).ok());
    let date = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let date = date.map(|date| Timestamp::default().after(date));
    let apart = date.map_or(Duration::ZERO, |date| {
        // A date says only the second, and some servers renew it late.
        let middle = date.after(Duration::from_millis(500));
        middle
            .since(reply.received_at)
            .max(reply.received_at.since(middle))
    });
    let exact = apart <= CLOCKS_AGREE;
    let now = date.filter(|_| !exact).unwrap_or(reply.received_at);
    Some(Age {
        passed: now.since(created),
        exact,
    })
}

fn compare(message: &MessageOut<'_>, notification: &Notification) -> ContentMatch {
    let Some(payload) = message.payload else {
        return ContentMatch::Unknown;
    };
    if message.event_type.as_deref() != Some(notification.event_type.as_str()) {
        return ContentMatch::Different;
    }
    let payload = payload.get().as_bytes();
    if same_after_reserialising(payload, notification.payload()) {
        ContentMatch::Same
    } else if is_expired_marker(payload) {
        ContentMatch::Unknown
    } else {
        ContentMatch::Different
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
