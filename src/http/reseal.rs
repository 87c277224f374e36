//! `POST /secrets/rotate`: seals under the first master key what was sealed under another, so that the others can
//! leave the configuration.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use log::{info, warn};
use serde::Serialize;

use super::auth::{self, Scope};
use super::documents;
use super::gateway::Gateway;
use super::problem::Problem;
use crate::secrets::{KeyRing, Owner, Sealed, SecretError};
use crate::store::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingKind, SettingQuery,
};

/// Accounts that are read at a time.
const PAGE: u32 = 250;

/// How often one account is tried anew where others change it meanwhile.
const TRIES: usize = 8;

/// Failures that an answer names.
const NAMED: usize = 20;

/// What became of the secrets.
#[derive(Default, Serialize)]
struct RotationOut {
    /// How many were sealed anew.
    resealed: u64,
    /// How many were sealed under the first key already.
    current: u64,
    /// How many could not be.
    failed: u64,
    /// The first of those.
    failures: Vec<FailureOut>,
}

#[derive(Serialize)]
struct FailureOut {
    account: String,
    why: String,
}

/// What became of one.
enum Outcome {
    Resealed,
    Current,
    Failed(String),
}

pub(super) async fn rotate(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let caller = auth::require(&request, &gateway, Scope::Admin)?;
    let ring = gateway.intake().own_accounts.ring.clone();
    let (mut rotation, mut after) = (RotationOut::default(), None);
    loop {
        let page = SettingQuery::Page(SettingKind::Account, after, PAGE);
        let page = gateway.store.settings(page).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        for account in page {
            let name = account.name.clone();
            match reseal(&gateway, &ring, account, caller.key.as_deref()).await? {
                Outcome::Resealed => rotation.resealed += 1,
                Outcome::Current => rotation.current += 1,
                Outcome::Failed(why) => rotation.fail(name, why),
            }
        }
    }
    documents::follow(&gateway).await;
    let RotationOut { resealed, failed, .. } = rotation;
    info!(resealed, failed, by = caller.key.as_deref(); "secrets were sealed anew");
    Ok(HttpResponse::Ok().json(rotation))
}

/// Seals the secret of one account anew, whatever others do to it meanwhile.
async fn reseal(
    gateway: &Gateway,
    ring: &KeyRing,
    mut account: Setting,
    key: Option<&str>,
) -> Result<Outcome, Problem> {
    for _ in 0..TRIES {
        let Some(sealed) = account.sealed.take().map(Sealed::from_bytes) else {
            return Ok(Outcome::Current);
        };
        if ring.is_current(&sealed) {
            return Ok(Outcome::Current);
        }
        let sealed = match again(ring, &account.name, &sealed) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Outcome::Failed(error.to_string())),
        };
        let change = SettingChange {
            kind: SettingKind::Account,
            name: account.name.clone(),
            cause: SettingCause::Secret,
            document: account.document.clone(),
            sealed: Some(sealed.as_bytes().to_vec()),
            expected: Expected::Version(account.version),
            key: key.map(str::to_owned),
        };
        match gateway.store.change_setting(change).await? {
            SettingChanged::Refused(Some(there)) => account = there,
            // It was deleted.
            SettingChanged::Refused(None) => return Ok(Outcome::Current),
            _ => return Ok(Outcome::Resealed),
        }
    }
    Ok(Outcome::Failed("others change it all the time".to_owned()))
}

fn again(ring: &KeyRing, name: &str, sealed: &Sealed) -> Result<Sealed, SecretError> {
    ring.seal(Owner::account(name), &ring.open(Owner::account(name), sealed)?)
}

impl RotationOut {
    fn fail(&mut self, account: String, why: String) {
        warn!(account, error = why.as_str(); "a secret could not be sealed anew");
        self.failed += 1;
        if self.failures.len() < NAMED {
            self.failures.push(FailureOut { account, why });
        }
    }
}
