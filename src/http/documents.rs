//! Settings as documents: read, written, patched, deleted, and brought back, each change as a version.
//!
//! What they may say is the business of the resource that they belong to.

use actix_web::http::header::ETAG;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use log::{info, warn};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::auth::Caller;
use super::gateway::Gateway;
use super::problem::{Code, Detail, Problem, shown};
use super::{body, condition};
use crate::actors::messages::FollowSettings;
use crate::domain::Timestamp;
use crate::policy::{SettingFault, difference, merge};
use crate::store::{
    Expected, FilterFailures, Setting, SettingCause, SettingChange, SettingChanged, SettingKind,
    SettingQuery, SettingVersion,
};

/// The largest document, in bytes.
const LARGEST: usize = 64 * 1024;

/// How often a patch is tried anew where others change the same meanwhile.
const TRIES: usize = 8;

/// Members of an answer that a request may repeat, and that change nothing.
const READ_ONLY: [&str; 8] = [
    "id",
    "version",
    "createdAt",
    "changedAt",
    "by",
    "source",
    "filterFailures",
    "held",
];

pub(super) type Document = Map<String, Value>;

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

/// One version as it is answered.
#[derive(Serialize)]
struct VersionOut {
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

/// What `POST …/rollback` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: i64,
}

/// Reads what a resource may say, and writes it in the one form that is kept.
pub(super) type Check = fn(&Document) -> Result<Value, Vec<SettingFault>>;

/// One document of a resource, and who asks for it.
pub(super) struct Place<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) kind: SettingKind,
    pub(super) name: &'a str,
    pub(super) caller: Caller,
    pub(super) check: Check,
}

impl DocumentOut {
    pub(super) fn stored(setting: Setting) -> Self {
        let settings = setting.document.as_deref().map(parse);
        Self {
            // Only of an object can the members stand beside the others.
            settings: settings.filter(Value::is_object).unwrap_or_default(),
            id: setting.name,
            version: setting.version,
            created_at: Some(setting.created_at),
            changed_at: Some(setting.changed_at),
            by: setting.key,
            source: "store",
            filter_failures: None,
            held: None,
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

impl Place<'_> {
    /// Finds what is there.
    pub(super) async fn find(&self) -> Result<Setting, Problem> {
        self.look().await?.ok_or_else(|| self.absent())
    }

    async fn look(&self) -> Result<Option<Setting>, Problem> {
        let which = SettingQuery::One(self.kind, self.name.to_owned());
        let found = self.gateway.store.settings(which).await?.pop();
        Ok(found.filter(|setting| setting.document.is_some()))
    }

    /// Writes all of it.
    pub(super) async fn put(&self, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let document = read(request, payload, self.gateway).await?;
        let changed = self.change(SettingCause::Put, Some(&document), expected).await?;
        self.written(changed).await
    }

    /// Writes some of it.
    pub(super) async fn patch(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let patch = read(request, payload, self.gateway).await?;
        self.apply(&Value::Object(patch), expected, false).await
    }

    /// Applies a patch to what is there, or with `create` to nothing where nothing is there.
    pub(super) async fn apply(
        &self,
        patch: &Value,
        expected: Expected,
        create: bool,
    ) -> Result<HttpResponse, Problem> {
        for _ in 0..TRIES {
            let there = self.look().await?;
            if there.is_none() && !create {
                return Err(self.absent());
            }
            let mut document = there
                .as_ref()
                .and_then(|there| there.document.as_deref())
                .map_or_else(|| Value::Object(Map::new()), parse);
            merge(&mut document, patch);
            let Value::Object(document) = document else {
                return Err(self.absent());
            };
            // The patch is for what has just been read, and for what the caller has seen.
            let seen = there.map_or(Expected::Absent, |there| Expected::Version(there.version));
            if !matches!(expected, Expected::Anything | Expected::Present) && expected != seen {
                return Err(self.failed(seen));
            }
            let changed = self.change(SettingCause::Patch, Some(&document), seen).await?;
            if !matches!(changed, SettingChanged::Refused(_)) {
                return self.written(changed).await;
            }
        }
        let detail = "others change the same all the time; try again";
        Err(Problem::new(Code::PreconditionFailed, detail))
    }

    /// Deletes it.
    pub(super) async fn delete(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let changed = self.change(SettingCause::Delete, None, expected).await?;
        self.written(changed).await?;
        Ok(HttpResponse::NoContent().finish())
    }

    /// Lists its versions, the newest first.
    pub(super) async fn versions(&self) -> Result<HttpResponse, Problem> {
        let found = self.kept(i64::MAX).await?;
        if found.is_empty() {
            return Err(self.absent());
        }
        let before = found.iter().skip(1).map(Some).chain([None]);
        let versions: Vec<VersionOut> = found
            .iter()
            .zip(before)
            .map(|(version, before)| VersionOut {
                by: self.caller.shown(version.key.clone()),
                ..VersionOut::new(version, before)
            })
            .collect();
        Ok(HttpResponse::Ok().json(serde_json::json!({ "data": versions })))
    }

    /// Makes it what it was in an earlier version.
    pub(super) async fn roll_back(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let body = body::read(request, payload, self.gateway).await?;
        let Rollback { version } = serde_json::from_slice(&body.bytes).map_err(|error| {
            Problem::new(
                Code::InvalidSettings,
                format!("the body must be such as {{\"version\":3}}: {error}"),
            )
        })?;
        let kept = self.kept(version.saturating_add(1)).await?;
        let found = kept.first().filter(|kept| kept.version == version);
        let document = found.and_then(|found| found.document.as_deref()).map(parse);
        let Some(Value::Object(document)) = document else {
            let detail = format!("{} {} has no version {version} to go back to", self.kind, shown(self.name));
            return Err(Problem::new(Code::NotFound, detail));
        };
        let changed = self
            .change(SettingCause::Rollback, Some(&document), expected)
            .await?;
        self.written(changed).await
    }

    async fn kept(&self, before: i64) -> Result<Vec<SettingVersion>, Problem> {
        let kept = self
            .gateway
            .store
            .setting_versions(self.kind, self.name.to_owned(), before);
        Ok(kept.await?)
    }

    async fn change(
        &self,
        cause: SettingCause,
        document: Option<&Document>,
        expected: Expected,
    ) -> Result<SettingChanged, Problem> {
        let document = document.map(self.check).transpose().map_err(refuse)?;
        let change = SettingChange {
            kind: self.kind,
            name: self.name.to_owned(),
            cause,
            document: document.map(|document| document.to_string()),
            sealed: None,
            expected,
            key: self.caller.key.clone(),
        };
        Ok(self.gateway.store.change_setting(change).await?)
    }

    /// Answers a change, once it is in force here.
    async fn written(&self, changed: SettingChanged) -> Result<HttpResponse, Problem> {
        let (setting, created) = match changed {
            SettingChanged::Written { now, created } => (now, created),
            SettingChanged::Unchanged(setting) => return Ok(DocumentOut::stored(setting).respond(false)),
            SettingChanged::Refused(None) => return Err(self.absent()),
            SettingChanged::Refused(Some(there)) => {
                return Err(self.failed(Expected::Version(there.version)));
            }
        };
        let (kind, name, version) = (setting.kind, setting.name.as_str(), setting.version);
        info!(kind:%, name:% = shown(name), version, key = self.caller.key.as_deref().unwrap_or_default(); "settings were written");
        follow(self.gateway).await;
        Ok(DocumentOut::stored(setting).respond(created))
    }

    pub(super) fn absent(&self) -> Problem {
        Problem::new(Code::NotFound, format!("nothing is set for the {} {}", self.kind, shown(self.name)))
    }

    fn failed(&self, seen: Expected) -> Problem {
        let what = match seen {
            Expected::Version(version) => format!("version {version}"),
            _ => "nothing".to_owned(),
        };
        let detail = format!("{what} is there, which is not what the request is for");
        Problem::new(Code::PreconditionFailed, detail)
    }
}

impl VersionOut {
    fn new(version: &SettingVersion, before: Option<&SettingVersion>) -> Self {
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
            by: version.key.clone(),
            change: version.cause,
            diff: old
                .zip(settings.as_ref())
                .map(|(old, settings)| difference(&old, settings)),
            settings,
        }
    }
}

/// Has what was written taken in here, so that it is in force when the answer comes. Where that fails, it is as soon
/// as the store can be read again.
pub(super) async fn follow(gateway: &Gateway) {
    if let Ok(Err(error)) = gateway.follower.send(FollowSettings).await {
        warn!(error:%; "settings were written and are not in force here yet");
    }
}

/// Reads a body that is a document.
async fn read(request: &HttpRequest, payload: Payload, gateway: &Gateway) -> Result<Document, Problem> {
    let mut document = object(request, payload, gateway).await?;
    leave_out_read_only(&mut document);
    Ok(document)
}

/// Leaves out what an answer has beside the settings, so that an answer can be sent back as it came.
pub(super) fn leave_out_read_only(document: &mut Document) {
    READ_ONLY.iter().for_each(|name| drop(document.remove(*name)));
}

/// Reads a body that is an object.
pub(super) async fn object(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
) -> Result<Document, Problem> {
    let body = body::read(request, payload, gateway).await?;
    if body.bytes.len() > LARGEST {
        return Err(Problem::new(Code::BodyTooLarge, format!("settings have at most {LARGEST} bytes")));
    }
    serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::new(Code::InvalidSettings, format!("the body must be a JSON object: {error}"))
    })
}

/// What the store keeps is JSON.
fn parse(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_default()
}

pub(super) fn refuse(faults: Vec<SettingFault>) -> Problem {
    let words: Vec<_> = faults
        .iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.detail))
        .collect();
    let details = faults.into_iter().map(|fault| Detail {
        code: "invalid_member",
        pointer: fault.pointer,
        detail: fault.detail,
    });
    Problem::new(Code::InvalidSettings, words.join("; ")).with_errors(details.collect())
}
