//! The words of the service and the laws between them: no I/O, no clock, no actors.

mod answer;
mod call;
mod credential;
mod customer;
mod event_id;
mod key;
mod notification;
mod origin;
mod portal;
mod progress;
mod redrive;
mod state;
mod time;

pub use answer::{Age, Answer, AnswerKind, Attempt, ContentMatch, Look, Step};
pub use call::{Call, RequestId, RequestIdError, TraceParent, TraceParentError};
pub use credential::CredentialId;
pub use customer::{AccountName, Customer, CustomerError};
pub use event_id::{EventId, SVIX_ID_MAX, fits_svix_id};
pub use key::{KEY_NAME_MAX, KeyDigest, KeyDigestError, KeyText, Scope, fits_key_name};
pub use notification::{Notification, NotificationId, NotificationIdError};
pub use origin::{ApplicationRule, Origin};
pub use portal::{PORTAL_LIFE_S, is_portal_name, portal_family, portal_name};
pub use progress::{Doubt, Progress, Stage};
pub use redrive::{RedriveId, RedriveIdError, RedriveState};
pub(crate) use state::named;
pub use state::{Reason, Shut, State, UnknownName};
pub use time::{Timestamp, TimestampError};
