//! What the work under way is about, so that whatever is told meanwhile can name it: a log line that knows nothing
//! of a request, or a panic.

use std::future::Future;

use crate::domain::{AccountName, Customer, Notification, NotificationId, RequestId};

/// What work is about.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// The request of a caller.
    pub request: Option<RequestId>,
    /// The notification.
    pub notification: Option<NotificationId>,
    /// Whose it is.
    pub customer: Option<Customer>,
    /// The account that it goes through.
    pub account: Option<AccountName>,
    /// Which request to Svix it is.
    pub attempt: Option<u32>,
}

impl Subject {
    /// Makes that of a caller's request.
    pub fn of_request(request: RequestId) -> Self {
        Self {
            request: Some(request),
            ..Self::default()
        }
    }

    /// Makes that of a notification.
    pub fn of_notification(notification: &Notification, attempt: u32) -> Self {
        Self {
            request: notification.call.as_ref().map(|call| call.request.clone()),
            notification: Some(notification.id),
            customer: Some(notification.customer.clone()),
            account: Some(notification.account.clone()),
            attempt: Some(attempt),
        }
    }

    /// Returns what it says, each by the name of its field in a log line.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        [
            ("request", text(self.request.as_ref().map(|id| id as _))),
            ("notification", text(self.notification.as_ref().map(|id| id as _))),
            ("customer", text(self.customer.as_ref().map(|name| name as _))),
            ("account", text(self.account.as_ref().map(|name| name as _))),
            ("attempt", text(self.attempt.as_ref().map(|number| number as _))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

tokio::task_local! {
    static SUBJECT: Subject;
}

/// Does work that is about something.
pub fn about<F: Future>(subject: Subject, work: F) -> impl Future<Output = F::Output> {
    SUBJECT.scope(subject, work)
}

/// Returns what the work under way on this thread is about.
pub fn subject() -> Subject {
    SUBJECT.try_with(Clone::clone).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_what_it_is_about_and_what_follows_does_not() {
        let id: RequestId = "r-1".parse().unwrap();
        let fields = about(Subject::of_request(id), async { subject().fields().collect::<Vec<_>>() }).await;
        assert_eq!(fields, [("request", "r-1".to_owned())]);
        assert_eq!(subject().fields().count(), 0);
    }
}
