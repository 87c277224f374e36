//! From what the operator says to what the parts are set to.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::actors::messages::{AccountSettings, OwnAccounts, Settings};
use crate::config::{self, Config, UnknownCustomer};
use crate::domain::{AccountName, Customer};
use crate::http::{ApiKey, HealthRules, Intake, PayloadForm};
use crate::policy::{
    Backoff, GateRules, Pace, Patience, RetryBounds, Routing, Rules, Share, SvixAccount, UnknownCustomers,
};
use crate::secrets::last_four;
use crate::store::Retention;
use crate::svix::{Account, ClientOptions, Roots};

/// The operator's own account.
const ACCOUNT: &str = "default";

/// Works out what the pipeline is set to.
pub(super) fn pipeline(config: &Config) -> anyhow::Result<Settings> {
    Ok(Settings {
        own: own_accounts(config)?,
        accounts: vec![account(&config.svix)?],
        rules: rules(config),
        replica: replica(config).into(),
        actors: config.delivery.actors,
        batch: config.delivery.batch,
        max_in_flight: config.delivery.max_in_flight,
        patience: Patience::default(),
        client: client(config)?,
    })
}

/// Works out how Svix is reached.
fn client(config: &Config) -> anyhow::Result<ClientOptions> {
    Ok(ClientOptions {
        connect_timeout: Duration::from_millis(config.svix.connect_timeout_ms),
        networks: config.accounts.networks(),
        roots: roots(config.svix.ca_file.as_deref())?,
    })
}

/// Reads the authorities that the operator names.
fn roots(file: Option<&str>) -> anyhow::Result<Roots> {
    let Some(file) = file else {
        return Ok(Roots::default());
    };
    let pem = std::fs::read(file).with_context(|| format!("svix.ca_file: {file} cannot be read"))?;
    Roots::read(&pem).with_context(|| format!("svix.ca_file: {file} cannot be used"))
}

/// Works out how accounts beside the operator's own are made.
fn own_accounts(config: &Config) -> anyhow::Result<OwnAccounts> {
    let svix = &config.svix;
    Ok(OwnAccounts {
        ring: Arc::new(config.secrets.ring().context("secrets.keys")?),
        request_timeout: Duration::from_millis(svix.request_timeout_ms),
        requests_per_second: svix.requests_per_second,
        burst: svix.burst,
        gate: gate(svix),
    })
}

/// Works out what is told of the operator's own account.
fn operators_account(config: &Config) -> SvixAccount {
    let svix = &config.svix;
    SvixAccount {
        server_url: svix.base_url(),
        requests_per_second: Some(svix.requests_per_second),
        burst: Some(svix.burst),
        request_timeout_ms: Some(svix.request_timeout_ms),
        token: svix.token.as_ref().map(last_four),
    }
}

/// Works out what customers may set of their own retries: as much as holds for all.
fn retry_bounds(config: &Config) -> RetryBounds {
    let retry = &config.retry;
    RetryBounds {
        max_attempts: retry.max_attempts,
        max_backoff_ms: retry.max_backoff_ms,
        max_age_s: (retry.max_age_s > 0).then_some(retry.max_age_s),
        request_timeout_ms: config.svix.request_timeout_ms,
    }
}

/// Works out how long what has come to an end is kept.
pub(super) fn retention(store: &config::Store) -> Retention {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    Retention {
        settled: days(store.retention_days),
        dead: days(store.dead_retention_days),
        attempts: days(store.attempts_retention_days),
        minutes: days(store.ledger_retention_days),
    }
}

/// Works out what requests are read by.
pub(super) fn intake(config: &Config) -> anyhow::Result<Intake> {
    let routing = &config.routing;
    Ok(Intake {
        customer_pointers: routing.customer_pointers.clone(),
        application_pointers: routing.application_pointers.clone(),
        routing: Routing {
            account: AccountName::new(ACCOUNT),
            default_application: config.svix.app_id.as_deref().map(Into::into),
            default_customer: Customer::parse(&routing.default_customer)
                .context("routing.default_customer")?,
            unknown_customers: match routing.unknown_customer {
                UnknownCustomer::DefaultApp => UnknownCustomers::ToDefault,
                UnknownCustomer::AppPerCustomer => UnknownCustomers::EachItsOwn,
                UnknownCustomer::Reject => UnknownCustomers::Refused,
            },
            application_name: routing.application_name.clone(),
        },
        operators_account: operators_account(config),
        own_accounts: own_accounts(config)?,
        retry_bounds: retry_bounds(config),
        client: client(config)?,
        redrive_rate: config.svix.requests_per_second,
        health: health(&config.health),
        key: config.idempotency.key.clone(),
        payload: match config.svix.payload {
            config::PayloadForm::Event => PayloadForm::Event,
            config::PayloadForm::Data => PayloadForm::Data,
        },
        keys: config
            .auth
            .keys
            .iter()
            .map(api_key)
            .collect::<anyhow::Result<_>>()?,
    })
}

/// Works out when health is degraded.
fn health(health: &config::Health) -> HealthRules {
    HealthRules {
        max_backlog_age: Duration::from_secs(health.max_backlog_age_s),
        min_free_ratio: health.min_free_percent / 100.0,
    }
}

fn account(svix: &config::Svix) -> anyhow::Result<AccountSettings> {
    let base_url = svix
        .base_url()
        .ok_or_else(|| anyhow!("svix.server_url is not set and no token tells it"))?;
    let token = svix
        .token
        .clone()
        .ok_or_else(|| anyhow!("svix.token is not set"))?;
    let request_timeout = Duration::from_millis(svix.request_timeout_ms);
    let account = Account::new(AccountName::new(ACCOUNT), base_url, token, request_timeout)?;
    Ok(AccountSettings {
        account: Arc::new(account),
        earlier: Vec::new(),
        pace: Pace::new(svix.requests_per_second, svix.burst),
        share: Share::new(svix.requests_per_second, svix.burst),
        gate: gate(svix),
        default_application: svix.app_id.as_deref().map(Into::into),
    })
}

fn gate(svix: &config::Svix) -> GateRules {
    GateRules {
        circuit_threshold: svix.circuit_threshold,
        probe_interval: Duration::from_millis(svix.probe_interval_ms),
        max_probe_interval: Duration::from_millis(svix.max_probe_interval_ms),
        max_retry_after: Duration::from_millis(svix.max_retry_after_ms),
    }
}

fn rules(config: &Config) -> Rules {
    let (retry, svix) = (&config.retry, &config.svix);
    Rules {
        max_attempts: retry.max_attempts,
        max_age: (retry.max_age_s > 0).then(|| Duration::from_secs(retry.max_age_s)),
        backoff: Backoff {
            initial: Duration::from_millis(retry.initial_backoff_ms),
            multiplier: retry.multiplier,
            max: Duration::from_millis(retry.max_backoff_ms),
            jitter: retry.jitter,
        },
        max_retry_after: Duration::from_millis(svix.max_retry_after_ms),
        verify: svix.verify_ambiguous,
        settle: Duration::from_millis(svix.settle_ms),
        max_resends: svix.max_resends,
        resend_backoff: Duration::from_millis(svix.resend_backoff_ms),
        confirm_after: Duration::from_secs(svix.confirm_after_s),
    }
}

fn api_key(key: &config::Key) -> anyhow::Result<ApiKey> {
    let digest = key
        .digest()
        .ok_or_else(|| anyhow!("the hash of key {} is not well formed", key.name))?;
    Ok(ApiKey {
        name: key.name.clone(),
        digest,
        scopes: key.scopes.clone(),
    })
}

/// Returns what this process is called: as configured, or as the machine is.
pub(crate) fn replica(config: &Config) -> String {
    if !config.server.name.is_empty() {
        return config.server.name.clone();
    }
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}
