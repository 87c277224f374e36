//! The closed set of what a caller can be told went wrong, with the status of each.

use actix_web::http::StatusCode;

use crate::envelope::EnvelopeCode;

/// What a caller can be told went wrong. The names never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Something in the event is wrong; the event's own code says what.
    Event(EnvelopeCode),
    /// Several things in the event are wrong; `errors` lists them.
    InvalidEvent,
    /// A query parameter is wrong; `errors` lists them.
    InvalidParameter,
    /// The body is larger than it may be.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body broke off.
    BodyBroken,
    /// The body is of a type that is not taken.
    UnsupportedMediaType,
    /// The id is known with other content.
    ContentConflict,
    /// The customer is not known, and unknown ones are refused.
    UnknownCustomer,
    /// Settings cannot be like that; `errors` says why.
    InvalidSettings,
    /// A header cannot be used.
    InvalidHeader,
    /// What is there is not what the request is for.
    PreconditionFailed,
    /// A file says what is set here; it cannot be changed over HTTP.
    SetByFile,
    /// Customers' notifications go through the account.
    AccountInUse,
    /// Another customer's events go to the application.
    ApplicationInUse,
    /// The account cannot be used as it stands.
    AccountUnusable,
    /// There is a key of this name.
    KeyExists,
    /// Without this key nobody could change keys any more.
    LastAdminKey,
    /// The customer has as many tokens for its page as it may have.
    TooManyPortalTokens,
    /// A redrive cannot be made like that; `errors` says why.
    InvalidRedrive,
    /// The redrive is in another state than it must be.
    RedriveConflict,
    /// As many redrives as there may be have not come to their end.
    TooManyRedrives,
    /// The notification is no dead letter.
    NotDead,
    /// What is to be deleted must be narrowed.
    FilterRequired,
    /// What cannot be undone must be confirmed.
    ConfirmationRequired,
    /// No key was shown, or one that is not known.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// There is no such notification.
    NotFound,
    /// There is no such path.
    NoSuchPath,
    /// The path does not take this method.
    MethodNotAllowed,
    /// It cannot be stored now.
    StorageUnavailable,
    /// More is under way than the service has room for.
    Overloaded,
    /// The customer has as much queued as is set for it.
    BacklogFull,
    /// What is set for the customer cannot be read, so nothing can be decided for it.
    SettingsUnreadable,
    /// The service is stopping.
    Stopping,
    /// A fault of the service.
    Internal,
}

impl Code {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Event(code) => code.as_str(),
            Self::InvalidEvent => "invalid_event",
            Self::InvalidParameter => "invalid_parameter",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ContentConflict => "content_conflict",
            Self::UnknownCustomer => "unknown_customer",
            Self::InvalidSettings => "invalid_settings",
            Self::InvalidHeader => "invalid_header",
            Self::PreconditionFailed => "precondition_failed",
            Self::SetByFile => "set_by_file",
            Self::AccountInUse => "account_in_use",
            Self::ApplicationInUse => "application_in_use",
            Self::AccountUnusable => "account_unusable",
            Self::KeyExists => "key_exists",
            Self::LastAdminKey => "last_admin_key",
            Self::TooManyPortalTokens => "too_many_portal_tokens",
            Self::InvalidRedrive => "invalid_redrive",
            Self::RedriveConflict => "redrive_conflict",
            Self::TooManyRedrives => "too_many_redrives",
            Self::NotDead => "not_dead",
            Self::FilterRequired => "filter_required",
            Self::ConfirmationRequired => "confirmation_required",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::NoSuchPath => "no_such_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::StorageUnavailable => "storage_unavailable",
            Self::Overloaded => "overloaded",
            Self::BacklogFull => "backlog_full",
            Self::SettingsUnreadable => "settings_unreadable",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Event(EnvelopeCode::EmptyBody | EnvelopeCode::InvalidUtf8 | EnvelopeCode::InvalidJson)
            | Self::InvalidParameter
            | Self::InvalidHeader
            | Self::FilterRequired
            | Self::ConfirmationRequired
            | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::Event(_)
            | Self::InvalidEvent
            | Self::UnknownCustomer
            | Self::InvalidSettings
            | Self::InvalidRedrive => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ContentConflict
            | Self::SetByFile
            | Self::AccountInUse
            | Self::ApplicationInUse
            | Self::AccountUnusable
            | Self::KeyExists
            | Self::LastAdminKey
            | Self::TooManyPortalTokens
            | Self::RedriveConflict
            | Self::TooManyRedrives
            | Self::NotDead => StatusCode::CONFLICT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::StorageUnavailable
            | Self::Overloaded
            | Self::BacklogFull
            | Self::SettingsUnreadable
            | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
