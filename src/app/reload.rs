//! Reads the configuration again, on SIGHUP and when a file has changed, and applies what can be.

use std::sync::Arc;
use std::time::Duration;

use log::{error, info, warn};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::instruments::machine_now;
use super::{ConfigSource, applications, settings};
use crate::actors::Pipeline;
use crate::config::{Config, Level};
use crate::http::Intake;
use crate::store::Directory;
use crate::telemetry::{self, Metrics};

/// How often the files are looked at. They are read, not watched for events: mounted configuration
/// is swapped in ways of which not every file system tells.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Holds the configuration that the process was started with, and applies later ones.
pub(super) struct Watcher {
    started: Config,
    source: ConfigSource,
    intake: watch::Sender<Arc<Intake>>,
    directory: Arc<Directory>,
    metrics: Arc<Metrics>,
    digest: Option<[u8; 32]>,
}

impl Watcher {
    pub(super) fn new(
        started: Config,
        source: ConfigSource,
        intake: watch::Sender<Arc<Intake>>,
        directory: Arc<Directory>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let digest = digest(&source);
        Self {
            started,
            source,
            intake,
            directory,
            metrics,
            digest,
        }
    }

    /// Reloads where a file has changed.
    pub(super) fn look(&mut self, pipeline: &Pipeline) {
        let digest = digest(&self.source);
        // A file that cannot be read is being replaced; its return is a change.
        if digest.is_some() && digest != self.digest {
            self.reload(pipeline);
        }
    }

    /// Loads the configuration and applies it; one that cannot be used changes nothing.
    pub(super) fn reload(&mut self, pipeline: &Pipeline) {
        self.digest = digest(&self.source);
        if let Err(error) = self.try_reload(pipeline) {
            self.metrics.reload_refused();
            error!(error:% = format!("{error:#}"), whose = "operator"; "the configuration was not reloaded; the one before stays in force");
        }
    }

    fn try_reload(&mut self, pipeline: &Pipeline) -> anyhow::Result<()> {
        let new = (self.source.load)()?;
        // The address stays what it is: keys that guard it must not go because another one is asked for.
        let mut in_place = new.clone();
        in_place.server.listen.clone_from(&self.started.server.listen);
        in_place.secrets.clone_from(&self.started.secrets);
        in_place.idempotency.clone_from(&self.started.idempotency);
        let missing = in_place.missing_for_serve();
        if !missing.is_empty() {
            anyhow::bail!("{}", missing.join("; "));
        }
        let (settings, intake) = (settings::pipeline(&in_place)?, settings::intake(&in_place)?);
        applications::check(&new.customers, &intake.routing)?;
        let later = self.started.changes_needing_restart(&new);
        self.directory.lay_over(new.customers.clone());
        applications::warn_of_moved(&new.customers, &intake.routing, &self.directory);
        pipeline.reconfigure(Arc::new(settings));
        self.intake.send_replace(Arc::new(intake));
        telemetry::set_level(level(new.log.level));
        self.metrics.reloaded(machine_now());
        info!("the configuration was reloaded");
        if !later.is_empty() {
            warn!(keys:% = later.join(", "); "some changes take effect only after a restart");
        }
        Ok(())
    }
}

/// Translates a level of the configuration.
pub(crate) fn level(level: Level) -> log::LevelFilter {
    match level {
        Level::Off => log::LevelFilter::Off,
        Level::Error => log::LevelFilter::Error,
        Level::Warn => log::LevelFilter::Warn,
        Level::Info => log::LevelFilter::Info,
        Level::Debug => log::LevelFilter::Debug,
        Level::Trace => log::LevelFilter::Trace,
    }
}

fn digest(source: &ConfigSource) -> Option<[u8; 32]> {
    let mut digest = Sha256::new();
    for file in &source.files {
        digest.update(Sha256::digest(std::fs::read(file).ok()?));
    }
    Some(digest.finalize().into())
}
