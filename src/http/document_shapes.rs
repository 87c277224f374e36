//! Settings as they are answered: what is set now, and its versions.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde::Serialize;
use serde_json::{Map, Value};

use super::condition;
use crate::domain::Timestamp;
use crate::policy::difference;
use crate::store::{FilterFailures, Setting, SettingCause, SettingVersion};
use crate::svix::Findings;

/// Members of an answer that a request may repeat, and that change nothing.
pub(super) const READ_ONLY: [&str; 9] = [
    "id",
    "version",
    "createdAt",
    "changedAt",
    "by",
    "source",
    "filterFailures",
    "held",
    "check",
];

/// Settings as they are answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DocumentOut {
    pub(super) id: String,
    pub(super) version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// Whether the store or a file says so.
    pub(super) source: &'static str,
    /// How often a filter could not decide, where it ever could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_failures: Option<FilterFailuresOut>,
    /// Why nothing goes out, where that is because the settings cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<&'static str>,
    /// What Svix said of an account's token, where it has just been asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<Findings>,
    #[serde(flatten)]
    pub(super) settings: Value,
}

/// How often a filter could not decide, in the process that answers and since it was set.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterFailuresOut {
    count: u64,
    last_at: Timestamp,
    last: String,
}

impl From<FilterFailures> for FilterFailuresOut {
    fn from(failures: FilterFailures) -> Self {
        let FilterFailures { count, last_at, last } = failures;
        Self { count, last_at, last }
    }
}

impl DocumentOut {
    pub(super) fn stored(setting: Setting) -> Self {
        let settings = setting.document.as_deref().map(parse);
        Self {
            created_at: Some(setting.created_at),
            changed_at: Some(setting.changed_at),
            by: setting.key,
            version: setting.version,
            source: "store",
            // Only of an object can the members stand beside the others.
            ..Self::of_file(setting.name, settings.filter(Value::is_object).unwrap_or_default())
        }
    }

    pub(super) fn of_file(id: String, settings: Value) -> Self {
        Self {
            id,
            version: 0,
            created_at: None,
            changed_at: None,
            by: None,
            source: "file",
            filter_failures: None,
            held: None,
            check: None,
            settings,
        }
    }

    pub(super) fn respond(&self, created: bool) -> HttpResponse {
        let mut response = if created {
            HttpResponse::Created()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((ETAG, condition::tag(self.version)))
            .json(self)
    }
}

/// One version as it is answered.
#[derive(Serialize)]
pub(super) struct VersionOut {
    version: i64,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    change: SettingCause,
    /// What they were from then on; none where they were deleted.
    settings: Option<Value>,
    /// The merge patch from the version before, where that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Value>,
}

impl VersionOut {
    /// Shows a version with what differs from the one before, and whose key wrote it.
    pub(super) fn new(version: &SettingVersion, before: Option<&SettingVersion>, by: Option<String>) -> Self {
        let document = |of: &SettingVersion| of.document.as_deref().map(parse);
        let settings = document(version);
        let nothing = || Value::Object(Map::new());
        let old = match before {
            Some(before) => Some(document(before).unwrap_or_else(nothing)),
            None => (version.version == 1).then(nothing),
        };
        Self {
            version: version.version,
            at: version.at,
            by,
            change: version.cause,
            diff: old
                .zip(settings.as_ref())
                .map(|(old, settings)| difference(&old, settings)),
            settings,
        }
    }
}

/// What the store keeps is JSON.
pub(super) fn parse(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_default()
}
