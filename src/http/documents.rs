//! Settings as documents: read, written, patched, deleted, and brought back, each change as a version.
//!
//! What they may say is the business of the resource that they belong to.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use log::{info, warn};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::auth::Caller;
use super::document_bodies::{Document, read};
use super::document_shapes::{DocumentOut, VersionOut, parse};
use super::gateway::Gateway;
use super::moves::{self, Move};
use super::problem::{Code, Problem, shown};
use super::{body, condition};
use crate::actors::messages::FollowSettings;
use crate::policy::merge;
use crate::secrets::Sealed;
use crate::store::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingKind, SettingQuery, SettingVersion,
};

/// How often a patch is tried anew where others change the same meanwhile.
const TRIES: usize = 8;

/// What `POST …/rollback` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: i64,
}

/// What a resource makes of a document.
pub(super) struct Checked {
    /// In the one form that is kept.
    pub(super) document: Value,
    /// The secrets from now on, where they change.
    pub(super) sealed: Option<Sealed>,
    /// Customers whose events would go elsewhere; none of them may be there.
    pub(super) moves: Vec<Move>,
}

/// Reads what a resource may say, in place of what is there.
pub(super) type Check<'a> = Box<dyn Fn(&Document, Option<&Setting>) -> Result<Checked, Problem> + 'a>;

/// One document of a resource, and who asks for it.
pub(super) struct Place<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) kind: SettingKind,
    pub(super) name: &'a str,
    pub(super) caller: Caller,
    pub(super) check: Check<'a>,
}

/// What was written.
pub(super) struct Written {
    pub(super) now: DocumentOut,
    /// Whether nothing was there before.
    created: bool,
}

impl Written {
    pub(super) fn respond(&self) -> HttpResponse {
        self.now.respond(self.created)
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
    pub(super) async fn put(&self, request: &HttpRequest, payload: Payload) -> Result<Written, Problem> {
        let expected = condition::expected(request)?;
        let document = read(request, payload, self.gateway).await?;
        self.rewrite(SettingCause::Put, expected, |_| Ok(document.clone()))
            .await
    }

    /// Writes some of it.
    pub(super) async fn patch(&self, request: &HttpRequest, payload: Payload) -> Result<Written, Problem> {
        let expected = condition::expected(request)?;
        let patch = Value::Object(read(request, payload, self.gateway).await?);
        self.apply(&patch, expected, false).await
    }

    /// Applies a patch to what is there, or with `create` to nothing where nothing is there.
    pub(super) async fn apply(
        &self,
        patch: &Value,
        expected: Expected,
        create: bool,
    ) -> Result<Written, Problem> {
        self.rewrite(SettingCause::Patch, expected, |there| {
            let mut document = match there.and_then(|there| there.document.as_deref()) {
                Some(document) => parse(document),
                None if create => Value::Object(Map::new()),
                None => return Err(self.absent()),
            };
            merge(&mut document, patch);
            match document {
                Value::Object(document) => Ok(document),
                _ => Err(self.absent()),
            }
        })
        .await
    }

    /// Deletes it.
    pub(super) async fn delete(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let change = self.change_to(None, SettingCause::Delete, expected);
        match self.gateway.store.change_setting(change).await? {
            SettingChanged::Refused(there) => Err(self.failed(there.as_ref())),
            changed => {
                self.written(changed).await?;
                Ok(HttpResponse::NoContent().finish())
            }
        }
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
            .map(|(version, before)| VersionOut::new(version, before, self.caller.shown(version.key.clone())))
            .collect();
        Ok(HttpResponse::Ok().json(serde_json::json!({ "data": versions })))
    }

    /// Makes it what it was in an earlier version.
    pub(super) async fn roll_back(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Written, Problem> {
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
        self.rewrite(SettingCause::Rollback, expected, |_| Ok(document.clone()))
            .await
    }

    async fn kept(&self, before: i64) -> Result<Vec<SettingVersion>, Problem> {
        let kept = self
            .gateway
            .store
            .setting_versions(self.kind, self.name.to_owned(), before);
        Ok(kept.await?)
    }

    /// Writes what is made of what is there.
    async fn rewrite(
        &self,
        cause: SettingCause,
        expected: Expected,
        make: impl Fn(Option<&Setting>) -> Result<Document, Problem>,
    ) -> Result<Written, Problem> {
        // It may name what has just been written elsewhere.
        follow(self.gateway).await;
        for _ in 0..TRIES {
            let there = self.look().await?;
            if !expected.holds(there.as_ref()) {
                return Err(self.failed(there.as_ref()));
            }
            let document = make(there.as_ref())?;
            let checked = (self.check)(&document, there.as_ref())?;
            moves::refuse(self.gateway, &checked.moves).await?;
            let seen = there
                .as_ref()
                .map_or(Expected::Absent, |there| Expected::Version(there.version));
            let change = self.change_to(Some(checked), cause, seen);
            let changed = self.gateway.store.change_setting(change).await?;
            if !matches!(changed, SettingChanged::Refused(_)) {
                return self.written(changed).await;
            }
        }
        let detail = "others change the same all the time; try again";
        Err(Problem::new(Code::PreconditionFailed, detail))
    }

    fn change_to(&self, checked: Option<Checked>, cause: SettingCause, expected: Expected) -> SettingChange {
        let (document, sealed) = match checked {
            Some(Checked { document, sealed, .. }) => (Some(document.to_string()), sealed),
            None => (None, None),
        };
        SettingChange {
            kind: self.kind,
            name: self.name.to_owned(),
            cause,
            document,
            sealed: sealed.map(|sealed| sealed.as_bytes().to_vec()),
            expected,
            key: self.caller.key.clone(),
        }
    }

    /// Says what was written, once it is in force here.
    async fn written(&self, changed: SettingChanged) -> Result<Written, Problem> {
        let (setting, created) = match changed {
            SettingChanged::Written { now, created } => (now, created),
            SettingChanged::Unchanged(setting) => (setting, false),
            SettingChanged::Refused(there) => return Err(self.failed(there.as_ref())),
        };
        let (name, version, by) = (shown(&setting.name), setting.version, self.caller.key.as_deref());
        match setting.kind {
            SettingKind::Account => info!(account:% = name, version, by; "an account was written"),
            _ => info!(customer:% = name, version, by; "settings were written"),
        }
        follow(self.gateway).await;
        let now = DocumentOut::stored(setting);
        Ok(Written {
            now: DocumentOut {
                by: self.caller.shown(now.by),
                ..now
            },
            created,
        })
    }

    pub(super) fn absent(&self) -> Problem {
        Problem::new(Code::NotFound, format!("nothing is set for the {} {}", self.kind, shown(self.name)))
    }

    /// Says what is there in place of what was expected.
    fn failed(&self, there: Option<&Setting>) -> Problem {
        let Some(Setting { version, .. }) = there else {
            return self.absent();
        };
        let detail = format!("version {version} is there, which is not what the request is for");
        Problem::new(Code::PreconditionFailed, detail)
    }
}

/// Has what was written taken in here, so that it is in force when the answer comes. Where that fails, it is as soon
/// as the store can be read again.
pub(super) async fn follow(gateway: &Gateway) {
    if let Ok(Err(error)) = gateway.follower.send(FollowSettings).await {
        warn!(error:%; "settings were written and are not in force here yet");
    }
}
