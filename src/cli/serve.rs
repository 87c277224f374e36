//! `serve`: runs the service until a signal ends it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use anyhow::Context;
use log::{LevelFilter, error, info, warn};
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::{say, sources};
use crate::app::{self, App, ConfigSource, EndedByItself, Signal};
use crate::config::{Config, LogFormat, StoreUrl};
use crate::sandbox::{DEFAULT_APPLICATION, DEFAULT_TOKEN, Sandbox, SandboxOptions};
use crate::telemetry::{self, ReportOptions, Reports};

/// How long a service that was told to stop waits for what has not been reported yet.
const CALM_WAIT: Duration = Duration::from_secs(2);

/// How long one does that must be started again soon.
const HASTY_WAIT: Duration = Duration::from_millis(500);

/// Everything that it takes to build the service.
struct Prepared {
    config: Config,
    source: ConfigSource,
    sandbox: Option<Sandbox>,
}

/// Whose fault it is that the service cannot run is said like this where it is not the service's own.
const OPERATOR: Option<&str> = Some("operator");

pub(super) fn run(files: Vec<PathBuf>, sandbox: bool) -> ExitCode {
    let prepared = prepare(files, sandbox);
    let as_json = match &prepared {
        Ok(prepared) => prepared.config.log.format == LogFormat::Json,
        Err(_) => sources::ask_for_json(),
    };
    let served = prepared.and_then(|prepared| {
        start_log(app::level(prepared.config.log.level), as_json)?;
        serve(prepared)
    });
    telemetry::tell_all_repeats();
    let Err(error) = served else {
        return ExitCode::SUCCESS;
    };
    if as_json {
        // Whoever reads the lines of a log reads nothing else. Where it was started already, it stays.
        let _ = start_log(LevelFilter::Error, as_json);
        telemetry::set_level(log::max_level().max(LevelFilter::Error));
        let whose = OPERATOR.filter(|_| !error.is::<EndedByItself>());
        error!(error:% = format!("{error:#}"), whose; "the service ended with an error");
    } else {
        say(&format!("{error:#}"));
    }
    ExitCode::FAILURE
}

fn prepare(files: Vec<PathBuf>, sandbox: bool) -> anyhow::Result<Prepared> {
    sources::read_dotenv()?;
    let sandbox = if sandbox {
        Some(Sandbox::start(SandboxOptions::default()).context("cannot start the Svix stand-in")?)
    } else {
        None
    };
    let load = {
        let (files, svix_url) = (files.clone(), sandbox.as_ref().map(Sandbox::url));
        move || sources::load(&files).map(|config| forward_to(config, svix_url.as_deref()))
    };
    Ok(Prepared {
        config: load()?,
        source: ConfigSource {
            files,
            load: Box::new(load),
        },
        sandbox,
    })
}

fn start_log(level: LevelFilter, as_json: bool) -> anyhow::Result<()> {
    let format = if as_json {
        telemetry::LogFormat::Json
    } else {
        telemetry::LogFormat::Text
    };
    telemetry::init(level, format)?;
    telemetry::watch_panics();
    Ok(())
}

fn serve(prepared: Prepared) -> anyhow::Result<()> {
    let Prepared {
        config,
        source,
        sandbox,
    } = prepared;
    let reports = reports(&config)?;
    let outcome = actix_rt::System::new().block_on(async {
        let signals = signals()?;
        let app = App::build(config, source).await?;
        let address = app.address();
        info!(url:% = format!("http://{address}"); "listening; post events to /notifications");
        if let Some(sandbox) = &sandbox {
            let url = sandbox.url();
            warn!(
                svix:% = url, messages:% = format!("{url}/sandbox/messages"), faults:% = format!("{url}/sandbox/faults");
                "this is a sandbox: events go to a stand-in inside this process, not to Svix, and to nobody's endpoints"
            );
        }
        app.run_until_stopped(signals).await
    });
    if let Some(reports) = reports {
        reports.flush(if outcome.is_ok() { CALM_WAIT } else { HASTY_WAIT });
    }
    outcome
}

/// Reports faults from now on, where it is said to whom.
fn reports(config: &Config) -> anyhow::Result<Option<Reports>> {
    let Some(dsn) = config.sentry.plain_dsn() else {
        return Ok(None);
    };
    let reports = Reports::start(&ReportOptions {
        dsn,
        environment: &config.sentry.environment,
        server_name: &app::replica(config),
    })?;
    Ok(Some(reports))
}

/// Points the configuration at the stand-in, where there is one.
fn forward_to(mut config: Config, sandbox: Option<&str>) -> Config {
    if let Some(url) = sandbox {
        config.svix.server_url = Some(url.to_owned());
        config.svix.token = Some(SecretString::from(DEFAULT_TOKEN));
        config.svix.app_id = Some(DEFAULT_APPLICATION.to_owned());
        // What waits for Svix must not end up at a stand-in.
        let file = config.store.url.file().unwrap_or("svix-hooks.db");
        let file = file.strip_suffix(".db").unwrap_or(file);
        config.store.url = StoreUrl::of_file(&format!("{file}-sandbox.db"));
    }
    config
}

/// Passes on what the system tells the process.
fn signals() -> anyhow::Result<mpsc::UnboundedReceiver<Signal>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let meanings = [
        (SignalKind::terminate(), Signal::Stop),
        (SignalKind::interrupt(), Signal::Stop),
        (SignalKind::hangup(), Signal::Reload),
    ];
    for (kind, meaning) in meanings {
        let mut stream = signal(kind).context("cannot listen for signals")?;
        let sender = sender.clone();
        actix_rt::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(meaning).is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}
